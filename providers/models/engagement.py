"""What people do with what an account publishes: its figures over a span of days, and comments.

Owns the values of engagement. Absent numbers are None, never 0; times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class AccountRef:
    """One account inside a grant, as its list told it: `platform` is the network by our name (`tiktok_business`),
    `kind` page, profile, business…, `data` the vendor's further ids by names of its provider.
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
    """Whole days: from `start` (included) to `end` (not)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over the span; `change` is in percent against the span before, `days` one number a day, or none."""

    metric: Metric
    total: int | None = None
    change: float | None = None
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """An account's figures; metrics that the vendor does not give are not there.

    `span` is None where the vendor chose it and does not name its ends.
    """

    series: tuple[Series, ...]
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. `own` says that the account itself wrote it, as far as the vendor's ids tell.

    `post_id` is the vendor's id of the post, `depth` 1 directly below it, 0 where that is not told.
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
    """One page of comments; `next_cursor` is empty on the last, `total` is None where the vendor does not count."""

    comments: tuple[Comment, ...]
    next_cursor: str = ""
    total: int | None = None
