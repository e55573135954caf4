"""Insights of an account by the day, and the comments below its own posts.

Owns the daily values of `/business/get/` and `/business/comment/…`. Daily values and totals are never mixed: the totals
of posts are in videos.py. Only accounts that a grant of an account holder reaches have any of this.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from providers import comment_length
from providers.capabilities import Capability
from providers.errors import ContentRefused, OptionUnsupported
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.engagement import (
    AccountRef,
    AudienceShare,
    Comment,
    CommentPage,
    Dimension,
    Figures,
    Metric,
    Series,
    Span,
)
from providers.text_units import TextUnit
from providers.tiktok_business import wire
from providers.tiktok_business.capabilities import PLATFORM, missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

INSIGHTS_PATH = "/business/get/"
INSIGHTS_SCOPE = "user.insights"
LIST_PATH, REPLIES_PATH = "/business/comment/list/", "/business/comment/reply/list/"
CREATE_PATH, REPLY_PATH = "/business/comment/create/", "/business/comment/reply/create/"
LIKE_PATH, HIDE_PATH, DELETE_PATH = (f"/business/comment/{action}/" for action in ("like", "hide", "delete"))
DAILY: Mapping[str, Metric] = {
    "video_views": Metric.VIEWS,
    "unique_video_views": Metric.UNIQUE_VIEWS,
    "profile_views": Metric.PROFILE_VIEWS,
    "likes": Metric.LIKES,
    "comments": Metric.COMMENTS,
    "shares": Metric.SHARES,
    "daily_total_followers": Metric.FOLLOWERS,
    "daily_new_followers": Metric.NEW_FOLLOWERS,
    "daily_lost_followers": Metric.LOST_FOLLOWERS,
    "engaged_audience": Metric.ENGAGED_AUDIENCE,
    "bio_link_clicks": Metric.LINK_CLICKS,
}
AUDIENCE: Mapping[str, tuple[Dimension, str]] = {
    "audience_ages": (Dimension.AGE, "age"),
    "audience_genders": (Dimension.GENDER, "gender"),
    "audience_countries": (Dimension.COUNTRY, "country"),
    "audience_cities": (Dimension.CITY, "city_name"),
}
STANDING = frozenset({Metric.FOLLOWERS})
"""What is a level at the end of a day: its total is that of the last day, not a sum."""

LOOK_BACK = timedelta(days=60)
DEFAULT_DAYS = 7
MAX_PAGE = 30
# 1,200 since 2026-08-07; accounts on which the older 150 is still in force refuse with 40002, which names the text.
MAX_TEXT = 1_200
_NEEDS = "TikTok's user API has no {0}: connect the account with GRANT_KIND_BUSINESS_ACCOUNT."


class BusinessEngagement:
    """Insights and comments at TikTok for Business."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Read the daily values of an account and who follows it; see the interface.

        TikTok counts a day one or two days later: the span that is answered ends where its counting does. It looks back
        60 days.
        """
        _require(account, Capability.ACCOUNT_METRICS, "figures of a span of days")
        span = span or _usual(self._client.clock())
        _check(span, self._client.clock())
        days = {"start_date": f"{span.start:%Y-%m-%d}", "end_date": f"{span.end - timedelta(days=1):%Y-%m-%d}"}
        envelope = await self._client.read(access, INSIGHTS_PATH, {"fields": [*DAILY, *AUDIENCE], **days})
        rows = {
            date: row
            for row in values.items(envelope.data, "metrics")
            if isinstance(row, dict) and (date := _date(row)) is not None and span.start <= date < span.end
        }
        end = max(rows, default=span.start - timedelta(days=1)) + timedelta(days=1)
        counted = Span(span.start, max(end, span.start))
        return Figures(_series(rows, counted), counted, _audience(envelope.data))

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
        """List comments below one post, or the answers to one comment of the post `post`; see the interface."""
        _require(account, Capability.COMMENT_LIST, "comments")
        if not (parent or post):
            raise missing(Capability.COMMENT_LIST, "TikTok lists the comments of one post at a time.")
        video, comment = (post or parent), (parent if post and parent != post else "")
        query: dict[str, Any] = {
            "video_id": video,
            "sort_field": "likes" if top else "create_time",
            "sort_order": "desc",
            "max_count": str(max(1, min(limit, MAX_PAGE))),
            "cursor": _cursor(cursor),
        }
        query |= {"comment_id": comment} if comment else {"include_replies": True}
        envelope = await self._client.read(access, REPLIES_PATH if comment else LIST_PATH, query)
        found = envelope.data.get("comments")
        if not isinstance(found, list):
            raise contract("TikTok's answer has no list of comments.", envelope)
        rows = [row for row in found if isinstance(row, dict) and values.identifier(row.get("comment_id"))]
        return CommentPage(tuple(read_comment(row, video, comment) for row in rows), _next(envelope.data, cursor))

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Refuse, without a call, a comment that is empty or too long."""
        _require(account, Capability.COMMENT_REPLY, "comments")
        unit = TextUnit.CODE_POINT
        comment_length.check(text, MAX_TEXT, unit, network="TikTok", provider=PROVIDER, called="characters")

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool, post: str = ""
    ) -> Comment:
        """Write a comment below the post `parent`, or an answer to the comment `parent` of the post `post`."""
        self.check_comment(account, text)
        video = post if reply else parent
        body = {"video_id": video, "text": text, **({"comment_id": parent} if reply else {})}
        envelope = await self._client.write(access, REPLY_PATH if reply else CREATE_PATH, body)
        if not values.identifier(envelope.data.get("comment_id")):
            raise contract("TikTok's answer names no comment.", envelope, write=True)
        return read_comment(envelope.data, video, parent if reply else "")

    async def set_liked(
        self, access: Access, account: AccountRef, comment: str, *, liked: bool, post: str = ""
    ) -> None:
        """Like or unlike a comment; see the interface."""
        _require(account, Capability.COMMENT_MODERATE, "comments")
        body = {"video_id": post, "comment_id": comment, "action": "LIKE" if liked else "UNLIKE"}
        await self._client.write(access, LIKE_PATH, body)

    async def set_hidden(
        self, access: Access, account: AccountRef, comment: str, *, hidden: bool, post: str = ""
    ) -> None:
        """Hide a comment from everybody but its author, or show it again; see the interface."""
        _require(account, Capability.COMMENT_HIDE, "comments")
        body = {"video_id": post, "comment_id": comment, "action": "HIDE" if hidden else "UNHIDE"}
        await self._client.write(access, HIDE_PATH, body)

    async def delete_comment(self, access: Access, account: AccountRef, comment: str, *, post: str = "") -> None:
        """Delete a comment that the account itself wrote; see the interface."""
        _require(account, Capability.COMMENT_DELETE, "comments")
        await self._client.write(access, DELETE_PATH, {"comment_id": comment})


def _require(account: AccountRef, capability: Capability, what: str) -> None:
    if account.platform != PLATFORM:
        raise missing(capability, _NEEDS.format(what))


def _usual(now: datetime) -> Span:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(today - timedelta(days=DEFAULT_DAYS), today)


def _check(span: Span, now: datetime) -> None:
    """Refuse a span that TikTok does not offer: it looks back 60 days, and ends with yesterday."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if span.start < today - LOOK_BACK:
        raise OptionUnsupported("TikTok has figures of the last 60 days.", field="start_time", provider=PROVIDER)
    if span.end > today:
        raise OptionUnsupported("TikTok has figures up to yesterday.", field="end_time", provider=PROVIDER)


def _date(row: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.strptime(values.text(row, "date"), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _series(rows: Mapping[datetime, Mapping[str, Any]], span: Span) -> tuple[Series, ...]:
    """Return one series for each metric that any day has."""
    dates = [span.start + timedelta(days=number) for number in range((span.end - span.start).days)]
    found = []
    for name, metric in DAILY.items():
        days = [values.count(rows[date], name) if date in rows else None for date in dates]
        known = [number for number in days if number is not None]
        if known:
            total = known[-1] if metric in STANDING else sum(known)
            found.append(Series(metric, total, days=tuple(days)))
    return tuple(found)


def _audience(data: Mapping[str, Any]) -> tuple[AudienceShare, ...]:
    shares = []
    for name, (dimension, key) in AUDIENCE.items():
        for row in values.items(data, name):
            if isinstance(row, dict) and (share := wire.decimal(row, "percentage")) is not None:
                shares.append(AudienceShare(dimension, values.text(row, key), share))
    return tuple(shares)


def read_comment(row: Mapping[str, Any], video: str, parent: str = "") -> Comment:
    """Parse a comment, with the answers that were listed with it."""
    id = values.identifier(row.get("comment_id"))
    reply_to = values.identifier(row.get("parent_comment_id")) or parent
    image, status = values.text(row, "image_url"), values.text(row, "status")
    below = [each for each in values.items(row, "reply_list") if isinstance(each, dict)]
    return Comment(
        id=id,
        post_id=values.identifier(row.get("video_id")) or video,
        text=values.text(row, "text"),
        author_name=values.text(row, "display_name") or values.text(row, "username"),
        author_avatar_uri=values.text(row, "profile_image"),
        author_id=values.text(row, "unique_identifier"),
        own=strict_json.flag(row, "owner"),
        depth=2 if reply_to else 1,
        like_count=values.count(row, "likes"),
        reply_count=values.count(row, "replies"),
        attachment_uris=(image,) if image else (),
        publish_time=values.seconds_time(row.get("create_time")),
        reply_to=reply_to,
        hidden=status == "HIDDEN" if status else None,
        liked=row["liked"] if isinstance(row.get("liked"), bool) else None,
        pinned=row["pinned"] if isinstance(row.get("pinned"), bool) else None,
        replies=tuple(read_comment(each, video, id) for each in below if values.identifier(each.get("comment_id"))),
    )


def _cursor(cursor: str) -> str:
    """Return a cursor from an earlier page, 0 for the first; raises ContentRefused if it is not one of TikTok's."""
    number = strict_json.integer(cursor or "0")
    if number is None or number < 0:
        raise ContentRefused("The cursor is not one of TikTok's.", provider=PROVIDER, code="cursor_invalid")
    return str(number)


def _next(data: Mapping[str, Any], sent: str) -> str:
    """Return the next cursor; empty at the end, or if the cursor does not advance, which would loop forever."""
    cursor = values.count(data, "cursor")
    moved = cursor is not None and cursor > (strict_json.integer(sent or "0") or 0)
    return str(cursor) if strict_json.flag(data, "has_more") and moved else ""
