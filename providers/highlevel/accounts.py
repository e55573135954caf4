"""A location at HighLevel and the social accounts that are connected to it: reading, health, taking away.

Owns the list of accounts and the location's own profile. How an account gets connected is account_oauth.py;
`HighLevelAccounts` offers both, call by call. What becomes of an answer that is lost is networks.py.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, NotFound, Rejected, ScopeNotGranted
from providers.highlevel import account_oauth, wire
from providers.highlevel.account_oauth import Choice, Record, ours
from providers.highlevel.capabilities import LIST_SCOPE, TABLE
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import place_of
from providers.highlevel.users import LOCATION_SCOPE
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.accounts import AccountHealth, LinkedAccount, Profile, ProfilePart

DELETE_SCOPE = "socialplanner/account.write"
# The specification opens it to a location's token too, without naming the location.
SEARCH_PATH = "/locations/search"
# A location has a name, and nothing of the other parts.
PARTS = frozenset({ProfilePart.BASIC})


@dataclass(frozen=True, slots=True)
class SocialAccount:
    """One connected account. `id` is what posts name it by, opaque; `profile_id` is what statistics name it by.

    `active`, `deleted`, `origin_id` and `avatar_uri` are in no specification: live answers, reported by 2026-11-20.
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
        """Return whether a post could go out through it; one that expired is connected again by its owner."""
        return self.health(now) is AccountHealth.USABLE and not self.deleted

    def health(self, now: datetime) -> AccountHealth:
        """Say what stands in the way of a post; what its owner must do comes first."""
        if self.expired or (self.expire_time is not None and self.expire_time <= now):
            return AccountHealth.EXPIRED
        return AccountHealth.USABLE if self.active else AccountHealth.INACTIVE

    def linked(self, now: datetime, username: str = "") -> LinkedAccount:
        """Return it in the words of every provider's accounts; the list names no `username`, a consent may."""
        ids = {"profile_id": self.profile_id, "oauth_id": self.oauth_id, "origin_id": self.origin_id}
        return LinkedAccount(
            provider_account_id=self.id,
            platform=ours(self.platform),
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
    """Return the address of a location's accounts."""
    return path("social-media-posting", location_id, "accounts")


class HighLevelAccounts:
    """Locations and their social accounts at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the location of the grant, or one `account` of it from their list: one call. Either has a name, and
        every part but BASIC is missing.

        Raises ScopeNotGranted when no asked part can be had, Rejected for a company's grant, NotFound.
        """
        asked = parts & PARTS
        if account and asked:
            return (await self._one(access, account)).profile(parts)
        if not asked or LOCATION_SCOPE not in (await access.token()).scopes:
            raise ScopeNotGranted(
                "None of the asked profile parts is granted.", provider=PROVIDER, code="scope_not_granted"
            )
        query = wire.strings({"limit": 2})
        said = await self._client.read(access, SEARCH_PATH, scope=LOCATION_SCOPE, query=query)
        found = [row for row in wire.rows(said.body, "locations") if wire.identifier(row, "id", "_id")]
        if not found:
            raise contract("HighLevel's answer has no location.", log_id=said.log_id)
        if len(found) > 1:
            raise Rejected("The grant is not of one location.", provider=PROVIDER, code="wrong_token_class")
        return read_location(found[0], frozenset(parts - asked))

    async def _one(self, access: Access, account: str) -> LinkedAccount:
        listed = await self.social_accounts(access, (await place_of(access)).location_id)
        found = next((each for each in listed if each.id == account and not each.deleted), None)
        if found is None:
            raise NotFound("The location has no such account.", provider=PROVIDER, code="account_unknown")
        return found.linked(self._client.clock())

    async def creator_info(self, access: Access) -> NoReturn:
        """Refuse: see the table. Makes no call."""
        cell = TABLE.cell(Capability.CREATOR_INFO)
        raise CapabilityMissing(Capability.CREATOR_INFO, cell.support, cell.note, provider=PROVIDER)

    async def social_accounts(self, access: Access, location_id: str) -> tuple[SocialAccount, ...]:
        """List every account of a location, also the expired and the deleted ones; HighLevel knows no pages here."""
        said = await self._client.read(access, accounts_path(location_id), scope=LIST_SCOPE)
        if not isinstance(said.results.get("accounts"), list):
            raise contract("HighLevel's answer has no list of accounts.", log_id=said.log_id)
        return tuple(read_account(row) for row in wire.rows(said.results, "accounts") if wire.identifier(row, "id"))

    async def delete(self, access: Access, location_id: str, account_id: str, *, user_id: str = "") -> None:
        """Take an account away, also from its groups; the network's own consent is not touched.

        Raises NotFound, Ambiguous (asking again is safe).
        """
        where, query = accounts_path(location_id) + path(account_id), {"userId": user_id} if user_id else None
        await self._client.write(access, "DELETE", where, scope=DELETE_SCOPE, query=query)

    async def start(
        self, access: Access, location_id: str, platform: str, *, user_id: str, page: str = "", reconnect: bool = False
    ) -> str:
        """Return the page of a network where its owner consents; to be opened in a browser, never followed here."""
        return await account_oauth.start(
            self._client, access, location_id, platform, user_id=user_id, page=page, reconnect=reconnect
        )

    async def choose(self, access: Access, location_id: str, platform: str, account_id: str) -> tuple[Choice, ...]:
        """List who consented, to choose from; `account_id` is what the popup told, not to be believed before this."""
        return await account_oauth.choose(self._client, access, location_id, platform, account_id)

    async def tiktok_profile(self, access: Access, location_id: str, account_id: str) -> tuple[Choice, ...]:
        """Get the TikTok profile behind a consent, as HighLevel's call of that name gives it."""
        return await self.choose(access, location_id, "tiktok", account_id)

    async def attach(self, access: Access, location_id: str, platform: str, account_id: str, choice: Choice) -> Record:
        """Connect what was chosen; attaching the same again renews it. `of_record` finds it in the list."""
        return await account_oauth.attach(self._client, access, location_id, platform, account_id, choice)


def of_record(accounts: Iterable[SocialAccount], record: Record) -> SocialAccount | None:
    """Find in a list the account that was attached: it has the same consent, and the network's id, which its own holds
    where the list does not say it.
    """
    same = (each for each in accounts if each.oauth_id == record.oauth_id)
    return next((each for each in same if record.origin_id in ({each.origin_id} if each.origin_id else each.id)), None)


def read_account(row: Mapping[str, Any]) -> SocialAccount:
    """Read one account of the list; what is not said of its health is taken as good."""
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
