"""TikTok's public videos with their metrics, newest first, and the public URL of a video.

Owns `video/list` and `video/query`. Ids are exact strings; a count that TikTok does not send is None.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from providers.errors import Rejected
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.videos import Video, VideoMetrics, VideoPage
from providers.tiktok import wire
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, contract
from providers.tiktok_common import values

PATH = "/v2/video/list/"
QUERY_PATH = "/v2/video/query/"
MAX_PAGE = 20
FIELDS = (
    "id",
    "create_time",
    "cover_image_url",
    "share_url",
    "video_description",
    "duration",
    "height",
    "width",
    "title",
    "embed_link",
)
METRIC_FIELDS = ("view_count", "like_count", "comment_count", "share_count")
# "Video Object": the cover's URL is valid for six hours.
COVER_LIFETIME = timedelta(hours=6)
_MAX_DURATION = 24 * 3600


class TikTokVideos:
    """Video reads at TikTok."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """List public videos; `cursor` is TikTok's (UTC milliseconds), `limit` is clamped to 1–20.

        Raises ScopeNotGranted, Rejected for a cursor that is no number, ContractBroken for a video without an id.
        """
        body: dict[str, Any] = {"max_count": max(1, min(limit, MAX_PAGE))}
        if cursor:
            body["cursor"] = _cursor(cursor)
        fields = ",".join(FIELDS + METRIC_FIELDS if metrics else FIELDS)
        start = self._client.clock()
        envelope = await self._client.read(access, PATH, fields=lambda _: fields, body=body)
        return VideoPage(_videos(envelope, start, metrics), _next(envelope.data, cursor))

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Look up 1 to 20 of the user's own public videos; TikTok leaves out the others.

        Raises ScopeNotGranted, Rejected for more ids, ContractBroken for a video without an id.
        """
        if not 1 <= len(ids) <= MAX_PAGE:
            raise Rejected(f"TikTok looks up 1 to {MAX_PAGE} videos.", provider=PROVIDER, code="ids_count")
        fields = ",".join(FIELDS + METRIC_FIELDS if metrics else FIELDS)
        start = self._client.clock()
        body = {"filters": {"video_ids": list(ids)}}
        envelope = await self._client.read(access, QUERY_PATH, fields=lambda _: fields, body=body)
        return _videos(envelope, start, metrics)


def _videos(envelope: wire.Envelope, fetched: datetime, metrics: bool) -> tuple[Video, ...]:
    found = values.items(envelope.data, "videos")
    if any(not isinstance(item, dict) or not values.identifier(item.get("id")) for item in found):
        raise contract("TikTok showed a video without an id.", envelope)
    return tuple(read_video(item, fetched, metrics) for item in found)


def read_video(item: Mapping[str, Any], fetched: datetime, metrics: bool) -> Video:
    """Parse TikTok's video object."""
    cover, seconds = values.text(item, "cover_image_url"), values.count(item, "duration")
    return Video(
        provider_video_id=values.identifier(item.get("id")),
        title=values.text(item, "title"),
        description=values.text(item, "video_description"),
        share_uri=values.text(item, "share_url"),
        embed_uri=values.text(item, "embed_link"),
        cover_uri=cover,
        cover_expire_time=fetched + COVER_LIFETIME if cover else None,
        duration=timedelta(seconds=seconds) if seconds is not None and seconds <= _MAX_DURATION else None,
        width=_pixels(item, "width"),
        height=_pixels(item, "height"),
        # Seconds here, milliseconds in the cursor.
        publish_time=values.seconds_time(item.get("create_time")),
        metrics=VideoMetrics(*(values.count(item, name) for name in METRIC_FIELDS)) if metrics else None,
        raw=dict(item),
    )


def video_uri(username: str, video_id: str, *, kind: str = "video") -> str:
    """Return the public URL of a video, or of photos if `kind` is `photo`; empty if username or id is unknown."""
    name = username.strip().removeprefix("@")
    if not name or not video_id:
        return ""
    return f"https://www.tiktok.com/@{quote(name, safe='')}/{kind}/{quote(video_id, safe='')}"


def _cursor(cursor: str) -> int:
    """Parse a cursor from an earlier page; raises Rejected if it is not one of TikTok's."""
    number = strict_json.integer(cursor)
    if number is None or number <= 0:
        raise Rejected("The cursor is not one of TikTok's.", provider=PROVIDER, code="cursor_invalid")
    return number


def _next(data: Mapping[str, Any], sent: str) -> str:
    """Return the next cursor; empty at the end, or if the cursor does not advance, which would loop forever."""
    cursor = values.count(data, "cursor")
    moved = cursor is not None and cursor > 0 and str(cursor) != sent
    return str(cursor) if strict_json.flag(data, "has_more") and moved else ""


def _pixels(item: Mapping[str, Any], key: str) -> int:
    """Return a number of pixels, 0 if it is missing or out of range."""
    pixels = values.count(item, key) or 0
    return pixels if pixels < 2**31 else 0
