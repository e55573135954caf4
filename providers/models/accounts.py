"""A social account's profile, what its creator may post now, and the accounts of a grant that holds several.

Owns the dataclasses of accounts. Absent numbers are None, never 0.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class ProfilePart(StrEnum):
    """Groups of profile fields that need different scopes."""

    BASIC = "basic"
    PROFILE = "profile"
    STATS = "stats"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as fetched; `missing` lists the parts that were left out because their scope was not granted."""

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
    """Whether posts can be published through an account of a grant."""

    USABLE = "usable"
    EXPIRED = "expired"
    INACTIVE = "inactive"


ORIGIN_ID = "origin_id"
"""The key in `LinkedAccount.data` of an account's id on its network, which stays when the vendor gives the account
another id of its own.
"""


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """One account of a grant that holds several, as the vendor lists it.

    `platform` is our name of the network (`tiktok_business`), or the vendor's if we have none. `kind` is page, group,
    profile, location or business. An EXPIRED account must be reconnected by its owner on the network, whatever
    `expire_time` says. `data` holds further ids under the provider's own keys.
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
        """Return a Profile from the list entry: names and a picture; every part but BASIC is in `missing`."""
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
    """One account behind a network's consent. `provider_account_id` is the network's own id, not the grant's."""

    provider_account_id: str
    display_name: str = ""
    username: str = ""
    avatar_uri: str = ""
    kind: str = ""
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """An account that was attached, and all accounts of the grant as listed afterwards."""

    account: LinkedAccount
    accounts: tuple[LinkedAccount, ...]


@dataclass(frozen=True, slots=True)
class ConsentSignal:
    """The message (`postMessage`) by which a network's consent page tells its opener that it is done.

    It comes over https from one of `hosts` or a subdomain, with `loopback` also from this machine, and is an object in
    which each of `fields` has one of the listed values. `id_field` holds the id of the consent and is not
    trustworthy: any page can write it.
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
    """What the creator may post at `fetch_time`.

    If `can_post` is False, `cannot_post_reason` is the vendor's code and `daily_cap` says whether waiting a day helps;
    `cap` is then the metric of the quota and `cap_reset` the time it is free again, if known. Privacy options that we
    do not know are kept in `raw` and left out of `privacy_levels`.
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
