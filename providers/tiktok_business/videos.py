"""The public posts of an account with their insights, newest first.

Owns `/business/video/list/`. All its numbers are totals since the post was published; a number that TikTok does not
send is absent. A page can be shorter than asked for and not be the last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.errors import Rejected, ScopeNotGranted
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.engagement import Metric
from providers.models.videos import Video, VideoMetrics, VideoPage
from providers.tiktok_business import wire
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

PATH = "/business/video/list/"
MAX_PAGE = 20
INSIGHTS_SCOPE = "video.insights"
FIELDS = (
    "item_id",
    "media_type",
    "create_time",
    "thumbnail_url",
    "share_url",
    "embed_url",
    "caption",
    "video_duration",
)
INSIGHTS: Mapping[str, Metric] = {
    "video_views": Metric.VIEWS,
    "likes": Metric.LIKES,
    "comments": Metric.COMMENTS,
    "shares": Metric.SHARES,
    "favorites": Metric.FAVORITES,
    "reach": Metric.REACH,
    "total_time_watched": Metric.WATCH_SECONDS,
    "average_time_watched": Metric.AVERAGE_WATCH_SECONDS,
    "full_video_watched_rate": Metric.COMPLETION_RATE,
    "new_followers": Metric.NEW_FOLLOWERS,
    "profile_views": Metric.PROFILE_VIEWS,
    "website_clicks": Metric.WEBSITE_CLICKS,
}
# The thumbnail's URL carries its own expiry; this is how long one is shown at most without knowing it.
COVER_LIFETIME = timedelta(hours=6)
_MAX_DURATION = 24 * 3600


class BusinessVideos:
    """Video reads at TikTok for Business."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """List public posts; `cursor` is TikTok's (UTC milliseconds), `limit` is clamped to 1–20.

        Without the scope of insights the posts have no metrics. Raises ScopeNotGranted, Rejected for a cursor that is
        no number, ContractBroken for a post without an id.
        """
        query: dict[str, Any] = {"max_count": str(max(1, min(limit, MAX_PAGE)))}
        if cursor:
            query["cursor"] = _cursor(cursor)
        envelope, counted = await self._read(access, query, metrics)
        return VideoPage(self._videos(envelope, counted), _next(envelope.data, cursor))

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Look up 1 to 20 of the account's own public posts; TikTok leaves out the others."""
        if not 1 <= len(ids) <= MAX_PAGE:
            raise Rejected(f"TikTok looks up 1 to {MAX_PAGE} videos.", provider=PROVIDER, code="ids_count")
        query = {"filters": {"video_ids": list(ids)}, "max_count": str(MAX_PAGE)}
        return self._videos(*await self._read(access, query, metrics))

    async def _read(self, access: Access, query: Mapping[str, Any], metrics: bool) -> tuple[wire.Envelope, bool]:
        """Read with the insights if they are wanted and granted, and return whether they came; a grant that has lost
        them is read without.
        """
        wanted = metrics and INSIGHTS_SCOPE in (await access.token()).scopes
        if wanted:
            try:
                return await self._client.read(access, PATH, {"fields": [*FIELDS, *INSIGHTS], **query}), True
            except ScopeNotGranted:
                # It may be the insights alone; if it is the list, the next call is refused too.
                pass
        return await self._client.read(access, PATH, {"fields": list(FIELDS), **query}), False

    def _videos(self, envelope: wire.Envelope, counted: bool) -> tuple[Video, ...]:
        found = values.items(envelope.data, "videos")
        if any(not isinstance(item, dict) or not values.identifier(item.get("item_id")) for item in found):
            raise contract("TikTok showed a video without an id.", envelope)
        fetched = self._client.clock()
        return tuple(_read_video(item, fetched + COVER_LIFETIME, counted) for item in found)


def _read_video(item: Mapping[str, Any], cover_expires: datetime, counted: bool) -> Video:
    """Parse a post, with its counts if its insights came with it."""
    cover, seconds = values.text(item, "thumbnail_url"), values.count(item, "video_duration")
    counts = ("video_views", "likes", "comments", "shares")
    return Video(
        provider_video_id=values.identifier(item.get("item_id")),
        description=values.text(item, "caption"),
        share_uri=values.text(item, "share_url"),
        embed_uri=values.text(item, "embed_url"),
        cover_uri=cover,
        cover_expire_time=cover_expires if cover else None,
        duration=timedelta(seconds=seconds) if seconds is not None and seconds <= _MAX_DURATION else None,
        publish_time=values.seconds_time(item.get("create_time")),
        metrics=VideoMetrics(*(values.count(item, name) for name in counts)) if counted else None,
        totals=read_insights(item) if counted else {},
        raw=dict(item),
    )


def read_insights(item: Mapping[str, Any]) -> dict[Metric, float]:
    """Return the totals of a post; one that is absent, or no number, is left out."""
    found = {metric: wire.decimal(item, name) for name, metric in INSIGHTS.items()}
    return {metric: number for metric, number in found.items() if number is not None}


def _cursor(cursor: str) -> str:
    """Return a cursor from an earlier page; raises Rejected if it is not one of TikTok's."""
    number = strict_json.integer(cursor)
    if number is None or number <= 0:
        raise Rejected("The cursor is not one of TikTok's.", provider=PROVIDER, code="cursor_invalid")
    return str(number)


def _next(data: Mapping[str, Any], sent: str) -> str:
    """Return the next cursor; empty at the end, or if the cursor does not go back in time, which would loop forever."""
    cursor, before = values.count(data, "cursor"), strict_json.integer(sent) if sent else None
    moved = cursor is not None and cursor > 0 and (before is None or cursor < before)
    return str(cursor) if strict_json.flag(data, "has_more") and moved else ""
