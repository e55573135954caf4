"""Reading the planner's posts: the list of a period, and the record in an answer about one post.

Owns `posts/list` and the paths of posts. Does not know what a state means.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.highlevel import wire
from providers.highlevel.client import Call, Client, parse_envelope, path
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.publish_body import format_time
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.publishing import FoundPost
from providers.models.secret import Secret

READ_SCOPE = "socialplanner/post.readonly"
PAGE = 50
MAX_PAGES = 20
# v3 returns the original URL beside those it derived from it (its specification, read 2026-11-20).
_URL_FIELDS = ("url", "originalUrl", "watermarkedUrl", "optimizedUrl")


async def posts_path(access: Access, *parts: str) -> str:
    """Return the path of the posts of the grant's location, or with an id the path of one post."""
    return path("social-media-posting", (await location_ids_of(access)).location_id, "posts", *parts)


async def list_posts(
    client: Client, access: Access, *, since: datetime, until: datetime, kind: str = "all", account: str = ""
) -> list[Mapping[str, Any]]:
    """List the posts between two times, of one account or of all: one call per 50 posts.

    It is not documented which of a post's dates is compared; all of them lie between its creation and its publication.
    Numbers must be sent as strings (issue 178 of GoHighLevel/highlevel-api-docs, read 2026-11-20). Raises
    ContractBroken for more than a thousand posts and for an incomplete list, because callers draw conclusions from a
    post's absence.
    """
    where = await posts_path(access, "list")
    found: list[Mapping[str, Any]] = []
    for _ in range(MAX_PAGES):
        body = {
            "type": kind,
            "accounts": account or None,
            "skip": str(len(found)),
            "limit": str(PAGE),
            "fromDate": format_time(since),
            "toDate": format_time(until),
            "includeUsers": "false",
        }
        call = Call("POST", where, READ_SCOPE, body=wire.allowed(body, body), write=False, again=True)
        response = await client.execute(access, call, parse_envelope)
        rows = _rows(response)
        found += rows
        if _is_last(len(rows), len(found), wire.integer(response.results.get("count"))):
            return found
    raise contract("HighLevel lists more posts than can be searched.")


def _rows(response: wire.Envelope) -> list[dict[str, Any]]:
    """Return the rows of a page; raises ContractBroken if one of them is not a post."""
    rows = response.results.get("posts")
    if not isinstance(rows, list) or not all(
        isinstance(each, dict) and wire.identifier(each, "_id", "id") for each in rows
    ):
        raise contract("HighLevel's answer has no list of posts, or lists something else.", log_id=response.log_id)
    return rows


def _is_last(rows: int, found: int, total: int | None) -> bool:
    """Return whether a page is the last; a short page alone is no proof, as HighLevel's page size is undocumented."""
    if not rows and total is not None and found < total:
        raise contract("HighLevel counts more posts than it shows.")
    return not rows or (rows < PAGE and total is not None and found >= total)


def record_of(response: wire.Envelope) -> Mapping[str, Any]:
    """Return the post in an answer: `results.post`, `post`, or the answer itself; all three were reported."""
    in_results, in_body = (strict_json.mapping(each, "post") for each in (response.results, response.body))
    candidates = (in_results, in_body, response.body)
    return next((each for each in candidates if wire.identifier(each, "_id", "id")), {})


def sightings(rows: Iterable[Mapping[str, Any]]) -> tuple[FoundPost, ...]:
    """Return each post of a list once, as a candidate for a post whose answer was lost.

    A scheduled post may be split into children, which name their parent; status and cancellation use the parent's id
    (report of a live user, read 2026-11-20). A list that changes while it is paged shows a row twice.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(wire.identifier(row, "parentPostId", "_id", "id"), []).append(row)
    return tuple(_sighting(id, group) for id, group in groups.items())


def _sighting(id: str, rows: Iterable[Mapping[str, Any]]) -> FoundPost:
    rows = list(rows)
    uris = (wire.text(each, name) for row in rows for each in wire.rows(row, "media") for name in _URL_FIELDS)
    return FoundPost(
        publish_id=id,
        texts=tuple(dict.fromkeys(wire.text(row, "summary") for row in rows)),
        uris=tuple(Secret(uri) for uri in dict.fromkeys(uris) if uri),
        create_time=min(filter(None, (wire.instant(row, "createdAt") for row in rows)), default=None),
    )
