"""The social accounts of the locations: ids, health, and how the API shows them.

Owns: accounts and groups. Knows nothing of HTTP or of how an account gets connected.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.tenants import BAKERY, GARAGE

LIFETIME = timedelta(days=365)
_SUFFIXES = {"page": "_page", "profile": "_profile"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimAccount:
    """A connected account. HighLevel's own pages may set `active` to False and `deleted` to True."""

    oauth_id: str
    record_id: str
    profile_id: str
    location_id: str
    origin_id: str
    platform: str
    type: str
    name: str
    username: str
    avatar: str
    expire: datetime
    created_at: datetime
    active: bool = True
    deleted: bool = False

    @property
    def id(self) -> str:
        """The id that posts use; callers should treat it as opaque."""
        return f"{self.oauth_id}_{self.location_id}_{self.origin_id}{_SUFFIXES.get(self.type, '')}"

    @property
    def tiktok(self) -> bool:
        """Whether TikTok's rules apply to it."""
        return self.platform in ("tiktok", "tiktok-business")

    @property
    def longest_caption(self) -> int | None:
        """The maximum length of a caption. Support article of 2025-07-29, read 2026-11-20: 150, business 2,200."""
        return {"tiktok": 2_200 if self.type == "business" else 150, "tiktok-business": 2_200}.get(self.platform)

    def expired(self, now: datetime) -> bool:
        """Return whether its owner has to reconnect it."""
        return self.expire <= now


@dataclass(slots=True)
class SocialAccounts:
    """Accounts by id, and groups by location."""

    entropy: Entropy
    now: datetime
    by_id: dict[str, SimAccount] = field(default_factory=dict)
    groups: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bakery = self.add(location_id=BAKERY, platform="tiktok", origin_id="-000SimBakeryTikTok", name="Sim Bakery")
        page = self.add(
            location_id=BAKERY, platform="facebook", origin_id="100000000000001", name="Bakery", type="page"
        )
        self.add(
            location_id=BAKERY,
            platform="tiktok-business",
            origin_id="7000000000000000001",
            name="Bakery GmbH",
            type="business",
        )
        self.add(location_id=GARAGE, platform="tiktok", origin_id="-000SimGarageTikTok", name="Sim Garage")
        group = {"id": ids.mongo(self.entropy), "name": "Everything", "accountIds": [bakery.id, page.id]}
        self.groups[BAKERY] = [group]

    def add(self, *, location_id: str, platform: str, origin_id: str, **values: Any) -> SimAccount:
        """Add a connected account with default values for missing fields."""
        name = values.get("name", origin_id)
        filled = {
            "oauth_id": ids.mongo(self.entropy),
            "record_id": ids.mongo(self.entropy),
            "profile_id": ids.mongo(self.entropy),
            "type": "profile",
            "name": name,
            "username": "_".join(name.lower().split()),
            "avatar": f"https://avatars.sim.example/{origin_id}.jpg",
            "expire": self.now + LIFETIME,
            "created_at": self.now,
        }
        made = SimAccount(location_id=location_id, platform=platform, origin_id=origin_id, **{**filled, **values})
        self.by_id[made.id] = made
        return made

    def change(self, account_id: str, **changes: Any) -> SimAccount:
        """Change fields of an account. Raise KeyError, TypeError."""
        self.by_id[account_id] = replace(self.by_id[account_id], **changes)
        return self.by_id[account_id]

    def of(self, location_id: str) -> list[SimAccount]:
        """Return the accounts of a location, including deleted ones."""
        return [each for each in self.by_id.values() if each.location_id == location_id]

    def remove(self, account: SimAccount) -> None:
        """Remove an account, also from its groups."""
        del self.by_id[account.id]
        for group in self.groups.get(account.location_id, []):
            group["accountIds"] = [each for each in group["accountIds"] if each != account.id]


def common_json(account: SimAccount) -> dict[str, Any]:
    """Return what every response shows of an account."""
    names = ("name", "platform", "type", "active", "deleted", "avatar")
    return {**{name: getattr(account, name) for name in names}, "originId": account.origin_id, "meta": {}}


def account_json(account: SimAccount, now: datetime) -> dict[str, Any]:
    """Return an account as the list shows it. `oauthId` here is `oAuthId` in the response of attach."""
    return {
        **common_json(account),
        "id": account.id,
        "oauthId": account.oauth_id,
        "profileId": account.profile_id,
        "expire": account.expire.isoformat(),
        "isExpired": account.expired(now),
    }
