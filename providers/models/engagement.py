"""Engagement with what an account publishes: its metrics over a span of days, and comments.

Owns the dataclasses of engagement. Absent numbers are None, never 0; times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class AccountRef:
    """One account of a grant, as the vendor lists it.

    `platform` is our name of the network (`tiktok_business`), `kind` is page, profile, business…, `data` holds further
    ids of the vendor under the provider's own keys.
    """

    id: str
    platform: str
    kind: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


class Metric(StrEnum):
    """What is counted."""

    POSTS = "posts"
    FOLLOWERS = "followers"
    IMPRESSIONS = "impressions"
    REACH = "reach"
    LIKES = "likes"
    COMMENTS = "comments"
    SHARES = "shares"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over the span; `change` is in percent of the previous span, `days` has one number a day, or none."""

    metric: Metric
    total: int | None = None
    change: float | None = None
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """An account's metrics; those that the vendor does not report are left out.

    `span` is None if the vendor chose it and does not report its ends.
    """

    series: tuple[Series, ...]
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; `own` means that the account itself wrote it, as far as the vendor's ids show.

    `post_id` is the vendor's id of the post; `depth` is 1 directly below it, 0 if the vendor does not report it.
    """

    id: str
    post_id: str = ""
    text: str = ""
    author_name: str = ""
    author_avatar_uri: str = ""
    own: bool = False
    depth: int = 0
    like_count: int | None = None
    reply_count: int | None = None
    uri: str = ""
    attachment_uris: tuple[str, ...] = ()
    edited: bool = False
    publish_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommentPage:
    """One page of comments; `next_cursor` is empty on the last, `total` is None if the vendor does not count."""

    comments: tuple[Comment, ...]
    next_cursor: str = ""
    total: int | None = None
