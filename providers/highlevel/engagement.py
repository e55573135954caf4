"""Figures of accounts and comments below posts: what people do with what was published.

Owns the calls to …/statistics and …/comments. Comments exist in API version v3 only; their ids are HighLevel's own, of
24 hexadecimal digits, never the network's. How figures are read is in statistics.py.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from providers import comment_length
from providers.capabilities import Capability, Support
from providers.errors import CapabilityMissing, NotFound, Rejected
from providers.highlevel import account_oauth, statistics, wire
from providers.highlevel.capabilities import TABLE
from providers.highlevel.client import Call, Client, expect_success, parse_envelope, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.network_limits import COMMENT_UNITS, COMMENTS
from providers.highlevel.paging import skip_of
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.engagement import AccountRef, Comment, CommentPage, Figures, Span
from providers.text_units import TextUnit

STATISTICS_PATH = "/social-media-posting/statistics"
STATISTICS_SCOPE = "socialplanner/statistics.readonly"
# v3's specification declares no scope for comments (read 2026-11-20).
_NO_SCOPE = ""
MAX_PAGE = 100
LIKEABLE = frozenset({"facebook", "linkedin", "community", "tiktok", "bluesky"})
# A comment that is already (un)liked is refused with 400. The message is not documented; these words come from the
# specification's description.
_ALREADY_DONE = {True: ("already liked",), False: ("not liked", "not currently liked", "already unliked")}
_SAME_NETWORK = {"tiktok-business": "tiktok"}


class HighLevelEngagement:
    """Figures and comments at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Read the figures of one account; see the interface.

        API version 2021-07-28 returns the seven days before today; the time zone of "today" is not documented.
        """
        platform = statistics.platform_of(account)
        span = statistics.span_to_request(span, self._client.clock(), v3=self._client.config.v3)
        body = statistics.request_body(account, platform, span)
        query = await _location_query(access)
        call = Call("POST", STATISTICS_PATH, STATISTICS_SCOPE, query, body, write=False, again=True)
        response = await self._client.execute(access, call, parse_envelope)
        if not response.results:
            raise contract("HighLevel's answer has no figures.", log_id=response.log_id)
        return Figures(statistics.read_series(response.results, platform), span)

    async def list_comments(
        self,
        access: Access,
        account: AccountRef,
        *,
        parent: str = "",
        post: str = "",
        top: bool = False,
        cursor: str = "",
        limit: int = 20,
    ) -> CommentPage:
        """List comments; see the interface. Deleted comments, and the row of the post itself, are left out."""
        skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
        body: dict[str, Any] = {
            "originIds": [_origin_id(account)],
            "sortBy": "top" if top else "latest",
            "skip": skip,
            "limit": size,
        }
        if parent:
            body["parentId"] = parent
        where = path("social-media-posting", "comments", comment_network(account), "list")
        call = Call("POST", where, _NO_SCOPE, await _location_query(access), body, write=False, again=True)
        response = await self._client.execute(access, call, parse_envelope)
        if not isinstance(response.results.get("comments"), list):
            raise contract("HighLevel's answer has no list of comments.", log_id=response.log_id)
        return _read_page(response.results, skip)

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Refuse, without a call, a comment that is empty or too long for its network."""
        network = comment_network(account)
        unit, allowed = COMMENT_UNITS.get(network, TextUnit.UTF16_UNIT), COMMENTS[network]
        comment_length.check(text, allowed, unit, network=network, provider=PROVIDER)

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool, post: str = ""
    ) -> Comment:
        """Write a comment; see the interface."""
        self.check_comment(account, text)
        where = path("social-media-posting", "comments", comment_network(account))
        body = {"parentId": parent, "isParentThread": not reply, "content": text}
        query = await _location_query(access)
        try:
            response = await self._client.write(
                access, "POST", where, scope=_NO_SCOPE, query=query, body=body, creates=True
            )
        except NotFound as error:
            # Below a parent that does not exist nothing can have been written.
            error.unproven = False
            raise
        if not wire.identifier(response.results, "_id"):
            raise contract("HighLevel's answer names no comment.", write=True, log_id=response.log_id)
        return read_comment(response.results)

    async def set_liked(
        self, access: Access, account: AccountRef, comment: str, *, liked: bool, post: str = ""
    ) -> None:
        """Like or unlike a comment; see the interface."""
        network = comment_network(account)
        if network not in LIKEABLE:
            raise _missing(Capability.COMMENT_MODERATE, f"HighLevel cannot like comments on {network}.")
        where = path("social-media-posting", "comments", network, comment, "like")
        call = Call("POST" if liked else "DELETE", where, _NO_SCOPE, await _location_query(access))
        try:
            await self._client.execute(access, call, expect_success)
        except Rejected as error:
            message = error.metadata.get("provider_message", "").lower()
            if error.http_status != 400 or not any(words in message for words in _ALREADY_DONE[liked]):
                raise

    async def set_hidden(
        self, access: Access, account: AccountRef, comment: str, *, hidden: bool, post: str = ""
    ) -> NoReturn:
        """Raise CapabilityMissing: see the table."""
        raise _missing(Capability.COMMENT_HIDE, TABLE.cell(Capability.COMMENT_HIDE).note)

    async def delete_comment(self, access: Access, account: AccountRef, comment: str, *, post: str = "") -> NoReturn:
        """Raise CapabilityMissing: see the table."""
        raise _missing(Capability.COMMENT_DELETE, TABLE.cell(Capability.COMMENT_DELETE).note)


def comment_network(account: AccountRef) -> str:
    """Return the name of the account's network in paths of comments; raises CapabilityMissing if there are none."""
    name = account_oauth.vendor_name(account.platform)
    network = _SAME_NETWORK.get(name, name)
    if network not in COMMENTS:
        raise _missing(Capability.COMMENT_LIST, f"HighLevel has no comments of {network[:40]!r}.")
    return network


def _read_page(results: Mapping[str, Any], skip: int) -> CommentPage:
    rows, meta = wire.rows(results, "comments"), strict_json.mapping(results, "meta")
    more = bool(rows) and strict_json.flag(meta, "hasMore")
    comments = tuple(read_comment(row) for row in rows if wire.identifier(row, "_id") and not _hidden(row))
    return CommentPage(comments, str(skip + len(rows)) if more else "", wire.integer(meta.get("total")))


def read_comment(row: Mapping[str, Any]) -> Comment:
    """Read a comment; its author and its time are optional (specification of v3, read 2026-11-20)."""
    author = strict_json.mapping(row, "author")
    author_id, origin_id = wire.identifier(author, "id"), wire.identifier(row, "originId")
    return Comment(
        id=wire.identifier(row, "_id"),
        post_id=wire.identifier(row, "postId"),
        text=wire.text(row, "content"),
        author_name=wire.text(author, "name"),
        author_avatar_uri=wire.text(author, "profilePic"),
        own=bool(author_id) and author_id == origin_id,
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


def _origin_id(account: AccountRef) -> str:
    origin_id = account.data.get("origin_id", "")
    if not origin_id:
        raise _missing(Capability.COMMENT_LIST, "HighLevel did not report this account's id on its network.")
    return origin_id


def _missing(capability: Capability, note: str) -> CapabilityMissing:
    return CapabilityMissing(capability, Support.IMPOSSIBLE, note, provider=PROVIDER)


async def _location_query(access: Access) -> dict[str, str]:
    return {"locationId": (await location_ids_of(access)).location_id}
