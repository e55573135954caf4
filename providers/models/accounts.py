"""A social account's profile and what its creator may post now.

Owns the values of accounts. Absent numbers are None, never 0.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class ProfilePart(StrEnum):
    """Groups of profile fields that cost different scopes."""

    BASIC = "basic"
    PROFILE = "profile"
    STATS = "stats"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as fetched; `missing` names the parts left out because their scope was not granted."""

    provider_account_id: str
    platform: str
    display_name: str = ""
    username: str = ""
    bio: str = ""
    avatar_uri: str = ""
    avatar_uris: dict[str, str] = field(default_factory=dict)
    profile_uri: str = ""
    union_id: str = ""
    verified: bool = False
    follower_count: int | None = None
    following_count: int | None = None
    like_count: int | None = None
    video_count: int | None = None
    missing: frozenset[ProfilePart] = frozenset()
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


class PrivacyLevel(StrEnum):
    """Who may see a post."""

    PUBLIC = "public"
    FOLLOWERS = "followers"
    FRIENDS = "friends"
    ONLY_ME = "only_me"


@dataclass(frozen=True, slots=True)
class CreatorInfo:
    """What the creator may do at `fetch_time`; when `can_post` is False `cannot_post_reason` holds the vendor's code
    and `daily_cap` says whether a day's wait would help; `cap` is then the metric of the quota and
    `cap_reset` its end, if they are known.
    Unknown privacy options of the vendor are kept in `raw` and left out of `privacy_levels`.
    """

    nickname: str = ""
    username: str = ""
    avatar_uri: str = ""
    privacy_levels: tuple[PrivacyLevel, ...] = ()
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    max_video_duration: timedelta | None = None
    can_post: bool = True
    cannot_post_reason: str = ""
    cannot_post_message: str = ""
    daily_cap: bool = False
    cap: str = ""
    cap_reset: datetime | None = None
    fetch_time: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
