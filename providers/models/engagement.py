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
    VIEWS = "views"
    UNIQUE_VIEWS = "unique_views"
    PROFILE_VIEWS = "profile_views"
    NEW_FOLLOWERS = "new_followers"
    LOST_FOLLOWERS = "lost_followers"
    ENGAGED_AUDIENCE = "engaged_audience"
    LINK_CLICKS = "link_clicks"
    WEBSITE_CLICKS = "website_clicks"
    FAVORITES = "favorites"
    WATCH_SECONDS = "watch_seconds"
    AVERAGE_WATCH_SECONDS = "average_watch_seconds"
    COMPLETION_RATE = "completion_rate"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over the span; `change` is in percent of the previous span, `days` has one number a day, or none;
    None for a day that the vendor has no number of.
    """

    metric: Metric
    total: int | None = None
    change: float | None = None
    days: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """An account's metrics; those that the vendor does not report are left out.

    `span` is None if the vendor chose it and does not report its ends; it ends early where the vendor has not counted
    the last days yet. `audience` is who the account's followers are now, where the vendor says so.
    """

    series: tuple[Series, ...]
    span: Span | None = None
    audience: tuple["AudienceShare", ...] = ()


class Dimension(StrEnum):
    """By what an audience is broken down."""

    AGE = "age"
    GENDER = "gender"
    COUNTRY = "country"
    CITY = "city"


@dataclass(frozen=True, slots=True)
class AudienceShare:
    """The share, from 0 to 1, of an audience that has this `value` (the vendor's own name) of a dimension."""

    dimension: Dimension
    value: str
    share: float


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; `own` means that the account itself wrote it, as far as the vendor's ids show.

    `post_id` is the vendor's id of the post; `depth` is 1 directly below it, 0 if the vendor does not report it.
    `reply_to` is the vendor's id of the comment that it answers, empty for none or where the vendor does not report it.
    `author_id` is the vendor's stable id of the author. `hidden`, `liked` (by the account) and `pinned` are None where
    the vendor does not report them. `replies` are the first answers, where the vendor lists them with their comment.
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
    reply_to: str = ""
    author_id: str = ""
    hidden: bool | None = None
    liked: bool | None = None
    pinned: bool | None = None
    replies: tuple["Comment", ...] = ()


@dataclass(frozen=True, slots=True)
class CommentPage:
    """One page of comments; `next_cursor` is empty on the last, `total` is None if the vendor does not count."""

    comments: tuple[Comment, ...]
    next_cursor: str = ""
    total: int | None = None
