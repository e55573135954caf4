"""The planner's posts as they are listed and shown: pages of them, and one record in any of its three places.

Owns `posts/list`. Knows not what a state means.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.highlevel import wire
from providers.highlevel.client import Call, Client, opened, path
from providers.highlevel.errors import contract
from providers.highlevel.orders import instant
from providers.highlevel.places import place_of
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
    """Give the address of a location's posts."""
    return path("social-media-posting", location_id, "posts")


async def listed(
    client: Client, access: Access, *, since: datetime, until: datetime, kind: str = "all", account: str = ""
) -> list[Mapping[str, Any]]:
    """List the posts between two times, of one account or of all: a call for 50 of them.

    Which of a post's dates is meant is not documented: a post has all of its own between being made and going out.
    Numbers are strings here: others are refused (issue 178 of GoHighLevel/highlevel-api-docs, read 2026-11-20). Raises
    ContractBroken for more than a thousand.
    """
    where = posts_path((await place_of(access)).location_id) + "/list"
    found: list[Mapping[str, Any]] = []
    for page in range(MAX_PAGES):
        body = {
            "type": kind,
            "accounts": account or None,
            "skip": str(page * PAGE),
            "limit": str(PAGE),
            "fromDate": instant(since),
            "toDate": instant(until),
            "includeUsers": "false",
        }
        call = Call("POST", where, SCOPE, body=wire.allowed(body, body), write=False, again=True)
        said = await client.ask(access, call, opened)
        if not isinstance(said.results.get("posts"), list):
            raise contract("HighLevel's answer has no list of posts.", log_id=said.log_id)
        rows = wire.rows(said.results, "posts")
        found += rows
        total = wire.integer(said.results.get("count"))
        if len(rows) < PAGE or (total is not None and len(found) >= total):
            return found
    raise contract("HighLevel lists more posts than can be looked through.")


def record_of(said: wire.Envelope) -> Mapping[str, Any]:
    """Give the post of an answer: in `results.post`, in `post`, or the answer itself; all were reported."""
    for place in (strict_json.mapping(said.results, "post"), strict_json.mapping(said.body, "post"), said.body):
        if wire.identifier(place, "_id", "id"):
            return place
    return {}


def sighting(row: Mapping[str, Any]) -> Sighting:
    """Give a post of the list as one that may be ours."""
    uris = (wire.text(each, name) for each in wire.rows(row, "media") for name in _ADDRESSES)
    return Sighting(
        publish_id=wire.identifier(row, "_id", "id"),
        texts=(wire.text(row, "summary"),),
        uris=tuple(Secret(uri) for uri in uris if uri),
    )
