"""The planner's posts as they are listed and shown: pages of them, and one record in any of its three places.

Owns `posts/list`. Knows not what a state means.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.highlevel import wire
from providers.highlevel.client import Call, Client, opened, path
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import place_of
from providers.highlevel.publish_body import instant
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.publishing import Sighting
from providers.models.secret import Secret

SCOPE = "socialplanner/post.readonly"
PAGE = 50
MAX_PAGES = 20
# v3 keeps the address that was given beside those that it made of it (its specification, read 2026-11-20).
_ADDRESSES = ("url", "originalUrl", "watermarkedUrl", "optimizedUrl")


def posts_path(location_id: str) -> str:
    """Return the address of a location's posts."""
    return path("social-media-posting", location_id, "posts")


async def listed(
    client: Client, access: Access, *, since: datetime, until: datetime, kind: str = "all", account: str = ""
) -> list[Mapping[str, Any]]:
    """List the posts between two times, of one account or of all: a call for 50 of them.

    Which of a post's dates is meant is not documented: a post has all of its own between being made and going out.
    Numbers are strings here: others are refused (issue 178 of GoHighLevel/highlevel-api-docs, read 2026-11-20). Raises
    ContractBroken for more than a thousand, and for a list that is not whole: whoever looks for a post there concludes
    from its absence.
    """
    where = posts_path((await place_of(access)).location_id) + "/list"
    found: list[Mapping[str, Any]] = []
    for _ in range(MAX_PAGES):
        body = {
            "type": kind,
            "accounts": account or None,
            "skip": str(len(found)),
            "limit": str(PAGE),
            "fromDate": instant(since),
            "toDate": instant(until),
            "includeUsers": "false",
        }
        call = Call("POST", where, SCOPE, body=wire.allowed(body, body), write=False, again=True)
        said = await client.ask(access, call, opened)
        rows = _whole(said)
        found += rows
        if _is_last(len(rows), len(found), wire.integer(said.results.get("count"))):
            return found
    raise contract("HighLevel lists more posts than can be looked through.")


def _whole(said: wire.Envelope) -> list[dict[str, Any]]:
    """Return the rows of a page; raises ContractBroken when one of them is no post."""
    rows = said.results.get("posts")
    if not isinstance(rows, list) or not all(
        isinstance(each, dict) and wire.identifier(each, "_id", "id") for each in rows
    ):
        raise contract("HighLevel's answer has no list of posts, or lists something else.", log_id=said.log_id)
    return rows


def _is_last(rows: int, found: int, total: int | None) -> bool:
    """Return whether a page ends the list: a short one proves nothing, the most that HighLevel gives is
    undocumented.
    """
    if not rows and total is not None and found < total:
        raise contract("HighLevel counts more posts than it shows.")
    return not rows or (rows < PAGE and total is not None and found >= total)


def record_of(said: wire.Envelope) -> Mapping[str, Any]:
    """Return the post of an answer: in `results.post`, in `post`, or the answer itself; all were reported."""
    for place in (strict_json.mapping(said.results, "post"), strict_json.mapping(said.body, "post"), said.body):
        if wire.identifier(place, "_id", "id"):
            return place
    return {}


def sightings(rows: Iterable[Mapping[str, Any]]) -> tuple[Sighting, ...]:
    """Return the posts of a list, each once, as ones that may be ours.

    A planned post may be split into children, which name it; it is their parent that is asked for and called back
    (report of a live user, read 2026-11-20). A list that moves while it is paged shows a row twice.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(wire.identifier(row, "parentPostId", "_id", "id"), []).append(row)
    return tuple(_sighting(id, group) for id, group in found.items())


def _sighting(id: str, rows: Iterable[Mapping[str, Any]]) -> Sighting:
    rows = list(rows)
    uris = (wire.text(each, name) for row in rows for each in wire.rows(row, "media") for name in _ADDRESSES)
    return Sighting(
        publish_id=id,
        texts=tuple(dict.fromkeys(wire.text(row, "summary") for row in rows)),
        uris=tuple(Secret(uri) for uri in dict.fromkeys(uris) if uri),
        made=min(filter(None, (wire.instant(row, "createdAt") for row in rows)), default=None),
    )
