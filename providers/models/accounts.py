"""A social account's profile, what its creator may post now, and the accounts inside a grant that holds several.

Owns the values of accounts. Absent numbers are None, never 0.
"""

from collections.abc import Mapping, Set
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


class AccountHealth(StrEnum):
    """Whether posts could go out through an account inside a grant."""

    USABLE = "usable"
    EXPIRED = "expired"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """One account of a grant that holds several, as the vendor lists it.

    `platform` is the network by our name (`tiktok_business`), or by the vendor's when we have none. `kind` is page,
    group, profile, location or business. EXPIRED needs its owner on the network, whatever `expire_time` says. `data`
    holds further ids, by the provider's own names.
    """

    provider_account_id: str
    platform: str
    display_name: str = ""
    username: str = ""
    avatar_uri: str = ""
    kind: str = ""
    health: AccountHealth = AccountHealth.USABLE
    expire_time: datetime | None = None
    data: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    def profile(self, parts: Set[ProfilePart] = frozenset(ProfilePart)) -> Profile:
        """Return what the list says of it in the words of every profile: names and a picture, no part beyond."""
        return Profile(
            provider_account_id=self.provider_account_id,
            platform=self.platform,
            display_name=self.display_name,
            username=self.username,
            avatar_uri=self.avatar_uri,
            missing=frozenset(parts) - {ProfilePart.BASIC},
            raw=self.raw,
        )


@dataclass(frozen=True, slots=True)
class AttachableAccount:
    """One account behind a network's consent. `provider_account_id` is the network's own id: inside the grant the
    account has another one.
    """

    provider_account_id: str
    display_name: str = ""
    username: str = ""
    avatar_uri: str = ""
    kind: str = ""
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """An account that was attached, and all accounts of the grant as listed after that."""

    account: LinkedAccount
    accounts: tuple[LinkedAccount, ...]


@dataclass(frozen=True, slots=True)
class ConsentSignal:
    """How a network's consent page tells the window that opened it that it is done: by a message (`postMessage`).

    It comes over https from one of `hosts` or below, with `loopback` also from this machine, and is an object in which
    each of `fields` has one of these values. What stands under `id_field` names the consent; anybody may have written
    it.
    """

    hosts: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    id_field: str
    loopback: bool = False


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
