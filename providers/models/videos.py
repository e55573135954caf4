"""A published video and its metrics. Ids are strings; absent metrics are None, never 0.

Owns the dataclasses of videos. Does not know the page tokens of our API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.models.engagement import Metric


@dataclass(frozen=True, slots=True)
class VideoMetrics:
    """Counts at the time of the fetch."""

    view_count: int | None = None
    like_count: int | None = None
    comment_count: int | None = None
    share_count: int | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """One video as the vendor lists it; `totals` is everything it counts of it since it was published."""

    provider_video_id: str
    title: str = ""
    description: str = ""
    share_uri: str = ""
    embed_uri: str = ""
    cover_uri: str = ""
    cover_expire_time: datetime | None = None
    duration: timedelta | None = None
    width: int = 0
    height: int = 0
    publish_time: datetime | None = None
    metrics: VideoMetrics | None = None
    totals: Mapping[Metric, float] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class VideoPage:
    """One page of videos, newest first; `next_cursor` is the vendor's own cursor, empty at the end."""

    videos: tuple[Video, ...]
    next_cursor: str = ""
