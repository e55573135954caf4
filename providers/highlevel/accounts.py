"""A location at HighLevel and its social accounts: reading, health, deletion.

Owns the list of accounts and the location's own profile. The calls that attach an account are in account_oauth.py;
`HighLevelAccounts` offers both, call by call. The handling of lost answers is in networks.py.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, NotFound, Rejected, ScopeNotGranted
from providers.highlevel import account_oauth, wire
from providers.highlevel.account_oauth import AttachRecord, Choice, our_name
from providers.highlevel.capabilities import LIST_SCOPE, TABLE
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.users import LOCATION_SCOPE
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.accounts import ORIGIN_ID, AccountHealth, LinkedAccount, Profile, ProfilePart

DELETE_SCOPE = "socialplanner/account.write"
# By the specification a location's token may use it too, without naming the location.
SEARCH_PATH = "/locations/search"
# A location has a name and none of the other parts.
PARTS = frozenset({ProfilePart.BASIC})


@dataclass(frozen=True, slots=True)
class SocialAccount:
    """One attached account. Posts refer to it by `id` (opaque), statistics by `profile_id`.

    `active`, `deleted`, `origin_id` and `avatar_uri` are in no specification but in reported live answers (2026-11-20).
    """

    id: str
    platform: str
    kind: str = ""
    name: str = ""
    avatar_uri: str = ""
    origin_id: str = ""
    oauth_id: str = ""
    profile_id: str = ""
    expire_time: datetime | None = None
    expired: bool = False
    active: bool = True
    deleted: bool = False
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    def usable(self, now: datetime) -> bool:
        """Return whether posts can be published through it; the owner must reconnect an expired account."""
        return self.health(now) is AccountHealth.USABLE and not self.deleted

    def health(self, now: datetime) -> AccountHealth:
        """Return what prevents publishing; what only the owner can fix takes precedence."""
        # HighLevel's own flag decides, if it has one: the date beside `isExpired: false` may be an old one.
        vouched = self.raw.get("isExpired") is False
        if self.expired or (self.expire_time is not None and self.expire_time <= now and not vouched):
            return AccountHealth.EXPIRED
        return AccountHealth.USABLE if self.active else AccountHealth.INACTIVE

    def linked(self, now: datetime, username: str = "") -> LinkedAccount:
        """Return it as a LinkedAccount; `username` comes from a consent, as the list has none."""
        ids = {"profile_id": self.profile_id, "oauth_id": self.oauth_id, ORIGIN_ID: self.origin_id}
        return LinkedAccount(
            provider_account_id=self.id,
            platform=our_name(self.platform),
            display_name=self.name,
            username=username,
            avatar_uri=self.avatar_uri,
            kind=self.kind,
            health=self.health(now),
            expire_time=self.expire_time,
            data={name: value for name, value in ids.items() if value},
            raw=self.raw,
        )


def accounts_path(location_id: str) -> str:
    """Return the path of a location's accounts."""
    return path("social-media-posting", location_id, "accounts")


class HighLevelAccounts:
    """Locations and their social accounts at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the location of the grant, or one `account` from its list: one call. Parts other than BASIC are always
        missing.

        Raises ScopeNotGranted if no requested part is available, Rejected for a company's grant, NotFound.
        """
        available = parts & PARTS
        if account and available:
            return (await self._account(access, account)).profile(parts)
        if not available or LOCATION_SCOPE not in (await access.token()).scopes:
            raise ScopeNotGranted(
                "None of the asked profile parts is granted.", provider=PROVIDER, code="scope_not_granted"
            )
        query = wire.strings({"limit": 2})
        response = await self._client.read(access, SEARCH_PATH, scope=LOCATION_SCOPE, query=query)
        found = [row for row in wire.rows(response.body, "locations") if wire.identifier(row, "id", "_id")]
        if not found:
            raise contract("HighLevel's answer has no location.", log_id=response.log_id)
        if len(found) > 1:
            raise Rejected("The grant is not of one location.", provider=PROVIDER, code="wrong_token_class")
        return read_location(found[0], frozenset(parts - available))

    async def _account(self, access: Access, account: str) -> LinkedAccount:
        listed = await self.social_accounts(access, (await location_ids_of(access)).location_id)
        found = next((each for each in listed if each.id == account and not each.deleted), None)
        if found is None:
            raise NotFound("The location has no such account.", provider=PROVIDER, code="account_unknown")
        return found.linked(self._client.clock())

    async def creator_info(self, access: Access) -> NoReturn:
        """Refuse: see the table. Makes no call."""
        cell = TABLE.cell(Capability.CREATOR_INFO)
        raise CapabilityMissing(Capability.CREATOR_INFO, cell.support, cell.note, provider=PROVIDER)

    async def social_accounts(self, access: Access, location_id: str) -> tuple[SocialAccount, ...]:
        """List every account of a location, including expired and deleted ones; HighLevel does not page this list."""
        response = await self._client.read(access, accounts_path(location_id), scope=LIST_SCOPE)
        if not isinstance(response.results.get("accounts"), list):
            raise contract("HighLevel's answer has no list of accounts.", log_id=response.log_id)
        return tuple(read_account(row) for row in wire.rows(response.results, "accounts") if wire.identifier(row, "id"))

    async def delete(self, access: Access, location_id: str, account_id: str, *, user_id: str = "") -> None:
        """Delete an account, also from its groups; the owner's consent on the network is not revoked.

        Raises NotFound, Ambiguous (repeating the call is safe).
        """
        where, query = accounts_path(location_id) + path(account_id), {"userId": user_id} if user_id else None
        await self._client.write(access, "DELETE", where, scope=DELETE_SCOPE, query=query)

    async def start(
        self, access: Access, location_id: str, platform: str, *, user_id: str, page: str = "", reconnect: bool = False
    ) -> str:
        """Return the network's consent page, for the owner's browser; it is never followed here."""
        return await account_oauth.start(
            self._client, access, location_id, platform, user_id=user_id, page=page, reconnect=reconnect
        )

    async def choose(self, access: Access, location_id: str, platform: str, account_id: str) -> tuple[Choice, ...]:
        """List the accounts behind a consent; `account_id` comes from the popup and is untrusted until this call."""
        return await account_oauth.choose(self._client, access, location_id, platform, account_id)

    async def tiktok_profile(self, access: Access, location_id: str, account_id: str) -> tuple[Choice, ...]:
        """Return the TikTok profile behind a consent."""
        return await self.choose(access, location_id, "tiktok", account_id)

    async def attach(
        self, access: Access, location_id: str, platform: str, account_id: str, choice: Choice
    ) -> AttachRecord:
        """Attach the chosen account, or renew it. `find_attached` finds the result in the list of accounts."""
        return await account_oauth.attach(self._client, access, location_id, platform, account_id, choice)


def find_attached(accounts: Iterable[SocialAccount], record: AttachRecord) -> SocialAccount | None:
    """Return the account of an attach record: it has the same consent and the same network id."""
    same_consent = (each for each in accounts if each.oauth_id == record.oauth_id)
    return next((each for each in same_consent if has_origin(each, record.origin_id)), None)


def has_origin(account: SocialAccount, origin_id: str) -> bool:
    """Return whether `origin_id` is the account's id on its network; its own id contains it if the list omits it."""
    return account.origin_id == origin_id if account.origin_id else origin_id in account.id


def read_account(row: Mapping[str, Any]) -> SocialAccount:
    """Read one account of the list; without information about its health it counts as healthy."""
    return SocialAccount(
        id=wire.identifier(row, "id"),
        platform=wire.text(row, "platform").lower(),
        kind=wire.text(row, "type").lower(),
        name=wire.text(row, "name"),
        avatar_uri=wire.text(row, "avatar"),
        origin_id=wire.identifier(row, "originId"),
        oauth_id=wire.identifier(row, "oauthId", "oAuthId"),
        profile_id=wire.identifier(row, "profileId"),
        expire_time=wire.instant(row, "expire"),
        expired=strict_json.flag(row, "isExpired"),
        active=row.get("active") is not False,
        deleted=strict_json.flag(row, "deleted"),
        raw=dict(row),
    )


def read_location(row: Mapping[str, Any], missing: frozenset[ProfilePart]) -> Profile:
    """Read a location as a profile."""
    return Profile(
        provider_account_id=wire.identifier(row, "id", "_id"),
        platform=PROVIDER,
        display_name=wire.text(row, "name"),
        missing=missing,
        raw=dict(row),
    )
