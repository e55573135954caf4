"""Comments below posts, as v3 of HighLevel's API has them: listed, written, liked.

Owns /comments. Ids are HighLevel's own, of 24 hexadecimals, never the network's. The specification declares no scope
for these calls (read 2026-11-20).
"""

from collections.abc import Mapping
from typing import Any

from providers.capabilities import Capability, Support
from providers.errors import CapabilityMissing, ContentRefused, Rejected
from providers.highlevel import account_oauth, wire
from providers.highlevel.client import Call, Client, accepted, opened, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import place_of
from providers.highlevel.paging import skip_of
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.engagement import AccountRef, Comment, CommentPage

MAX_PAGE = 100
# v3's specification, read 2026-11-20: the longest comment of each network. Of what is not said; UTF-16 units are the
# stricter reading.
LONGEST: Mapping[str, int] = {
    "facebook": 8000,
    "instagram": 2200,
    "linkedin": 3000,
    "community": 8000,
    "tiktok": 150,
    "bluesky": 300,
    "youtube": 10000,
    "threads": 500,
}
LIKED = frozenset({"facebook", "linkedin", "community", "tiktok", "bluesky"})
# A 400 says this too. What it says is not documented; the words of the specification's description are looked for.
_SO_ALREADY = {True: ("already liked",), False: ("not liked", "not currently liked", "already unliked")}
_SAME_NETWORK = {"tiktok-business": "tiktok"}


async def listing(
    client: Client,
    access: Access,
    account: AccountRef,
    *,
    parent: str,
    top: bool,
    cursor: str,
    limit: int,
) -> CommentPage:
    """List comments; see the interface. Those that were deleted, and the post itself, are left out."""
    skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
    body: dict[str, Any] = {
        "originIds": [_origin(account)],
        "sortBy": "top" if top else "latest",
        "skip": skip,
        "limit": size,
    }
    if parent:
        body["parentId"] = parent
    where = path("social-media-posting", "comments", network_of(account), "list")
    call = Call("POST", where, "", await _place(access), body, write=False, again=True)
    said = await client.ask(access, call, opened)
    if not isinstance(said.results.get("comments"), list):
        raise contract("HighLevel's answer has no list of comments.", log_id=said.log_id)
    rows, meta = wire.rows(said.results, "comments"), strict_json.mapping(said.results, "meta")
    more = bool(rows) and strict_json.flag(meta, "hasMore")
    shown = (row for row in rows if wire.identifier(row, "_id") and not _hidden(row))
    found = tuple(read_comment(row) for row in shown)
    return CommentPage(found, str(skip + len(rows)) if more else "", wire.integer(meta.get("total")))


def check(account: AccountRef, text: str) -> None:
    """Refuse, without a call, a comment that its network does not take."""
    network = network_of(account)
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if not text.strip() or length > LONGEST[network]:
        raise ContentRefused(
            f"A comment on {network} has 1 to {LONGEST[network]} UTF-16 units, this one {length}.",
            provider=PROVIDER,
            code="comment_length",
            metadata={"rule": "commentLength", "value": str(length), "allowed": str(LONGEST[network])},
        )


async def create(
    client: Client, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool
) -> Comment:
    """Write a comment; see the interface."""
    check(account, text)
    where = path("social-media-posting", "comments", network_of(account))
    body = {"parentId": parent, "isParentThread": not reply, "content": text}
    said = await client.write(access, "POST", where, scope="", query=await _place(access), body=body)
    if not wire.identifier(said.results, "_id"):
        raise contract("HighLevel's answer names no comment.", write=True, log_id=said.log_id)
    return read_comment(said.results)


async def set_liked(client: Client, access: Access, account: AccountRef, comment: str, *, liked: bool) -> None:
    """Like a comment or take that back; see the interface."""
    network = network_of(account)
    if network not in LIKED:
        raise _missing(Capability.COMMENT_MODERATE, f"HighLevel likes no comments on {network}.")
    where = path("social-media-posting", "comments", network, comment, "like")
    call = Call("POST" if liked else "DELETE", where, "", await _place(access))
    try:
        await client.ask(access, call, accepted)
    except Rejected as refused:
        said = refused.metadata.get("provider_message", "").lower()
        if refused.http_status != 400 or not any(words in said for words in _SO_ALREADY[liked]):
            raise


def network_of(account: AccountRef) -> str:
    """Return what comments call the account's network; raises CapabilityMissing where they know none."""
    theirs = account_oauth.theirs(account.platform)
    network = _SAME_NETWORK.get(theirs, theirs)
    if network not in LONGEST:
        raise _missing(Capability.COMMENT_LIST, f"HighLevel has no comments of {network[:40]!r}.")
    return network


def read_comment(row: Mapping[str, Any]) -> Comment:
    """Read a comment; its author may be missing, and so may its time (specification of v3, read 2026-11-20)."""
    author = strict_json.mapping(row, "author")
    name, origin = wire.identifier(author, "id"), wire.identifier(row, "originId")
    return Comment(
        id=wire.identifier(row, "_id"),
        post_id=wire.identifier(row, "postId"),
        text=wire.text(row, "content"),
        author_name=wire.text(author, "name"),
        author_avatar_uri=wire.text(author, "profilePic"),
        own=bool(name) and name == origin,
        depth=max(0, min(wire.integer(row.get("level")) or 0, 99)),
        like_count=wire.integer(row.get("likeCount")),
        reply_count=wire.integer(row.get("replyCount")),
        uri=wire.text(row, "previewLink"),
        attachment_uris=tuple(filter(None, (wire.text(each, "url") for each in wire.rows(row, "attachments")))),
        edited=strict_json.flag(row, "isEdited"),
        publish_time=wire.instant(row, "publishedAt") or wire.instant(row, "createdAt"),
    )


def _hidden(row: Mapping[str, Any]) -> bool:
    return strict_json.flag(row, "isDeleted") or strict_json.flag(row, "isPost")


def _origin(account: AccountRef) -> str:
    origin = account.data.get("origin_id", "")
    if not origin:
        raise _missing(Capability.COMMENT_LIST, "HighLevel did not say what its network calls this account.")
    return origin


def _missing(capability: Capability, note: str) -> CapabilityMissing:
    return CapabilityMissing(capability, Support.IMPOSSIBLE, note, provider=PROVIDER)


async def _place(access: Access) -> dict[str, str]:
    return {"locationId": (await place_of(access)).location_id}
