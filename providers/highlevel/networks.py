"""The accounts of a location on the networks: list, attach and detach them, also when an answer is lost.

Owns the recovery from lost answers, and the signal of the consent page. The calls themselves are in accounts.py and
account_oauth.py.
"""

from collections.abc import Iterable

from providers.errors import Ambiguous, ContractBroken, Misconfigured, NotFound, OptionUnsupported, Temporary
from providers.highlevel import account_oauth
from providers.highlevel.account_oauth import ATTACH_FIELDS, NETWORKS, NOT_ATTACHED, OUR_NAMES, AttachRecord, Choice
from providers.highlevel.accounts import HighLevelAccounts, SocialAccount, find_attached, has_origin
from providers.highlevel.client import Client
from providers.highlevel.config import PROVIDER
from providers.highlevel.location_ids import location_ids_of
from providers.interface.access import Access
from providers.models.accounts import AttachableAccount, Attached, ConsentSignal, LinkedAccount

# The only value of the parameter in the specifications of both versions (read 2026-11-20).
PAGE = "integration"
# The documentation's code compares with the first value, its example shows the second (read 2026-11-20); a page may
# also return the value it was started with.
_PAGES = ("social_media_posting", "social-media-posting", PAGE)
_IN_DOUBT = "The account may be attached. Attach it again: that is safe."


class HighLevelNetworks:
    """Accounts on networks, inside one location."""

    def __init__(self, client: Client, accounts: HighLevelAccounts) -> None:
        """Use the calls of `accounts`."""
        self._client = client
        self._accounts = accounts

    @property
    def signal(self) -> ConsentSignal:
        """The message that HighLevel's page posts to its opener after a consent."""
        config = self._client.config
        fields = {"actionType": ("close",), "page": _PAGES}
        return ConsentSignal(config.popup_hosts, fields, "accountId", loopback=config.allow_loopback)

    async def linked(self, access: Access) -> tuple[LinkedAccount, ...]:
        """List the location's accounts: one call."""
        return self._linked(await self._list(access))

    async def start(self, access: Access, platform: str, *, reconnect: bool = False) -> str:
        """Return a network's consent page; raises Misconfigured if the acting user is unknown."""
        network, ids = self._vendor_name(platform), await location_ids_of(access)
        if not ids.user_id:
            text = "The connection's provider_settings name no user_id, and HighLevel's planner acts for a user only."
            raise Misconfigured(text, provider=PROVIDER, code="user_unknown")
        return await self._accounts.start(
            access, ids.location_id, network, user_id=ids.user_id, page=PAGE, reconnect=reconnect
        )

    async def choices(self, access: Access, platform: str, authorization_id: str) -> tuple[AttachableAccount, ...]:
        """List the accounts behind a consent."""
        found = await self._choices(access, self._vendor_name(platform), authorization_id)
        return tuple(_attachable(each) for each in found)

    async def attach(self, access: Access, platform: str, authorization_id: str, provider_account_id: str) -> Attached:
        """Attach the chosen account, and find it in the list: three calls."""
        network = self._vendor_name(platform)
        if network not in ATTACH_FIELDS:
            raise OptionUnsupported(NOT_ATTACHED, field="platform", provider=PROVIDER)
        found = await self._choices(access, network, authorization_id)
        choice = next((each for each in found if each.origin_id == provider_account_id), None)
        if choice is None:
            raise NotFound("The account is not behind this consent.", provider=PROVIDER, code="choice_unknown")
        location_id = (await location_ids_of(access)).location_id
        try:
            record = await self._accounts.attach(access, location_id, network, authorization_id, choice)
        except Ambiguous as lost:
            return await self._recover(access, network, choice, lost)
        return await self._attached(access, choice, record)

    async def detach(self, access: Access, provider_account_id: str) -> None:
        """Delete an account; after a lost answer, check the list."""
        ids = await location_ids_of(access)
        try:
            await self._accounts.delete(access, ids.location_id, provider_account_id, user_id=ids.user_id)
        except NotFound:
            return
        except Ambiguous as lost:
            try:
                remaining = await self.linked(access)
            except (Temporary, ContractBroken):
                raise lost from None
            if any(each.provider_account_id == provider_account_id for each in remaining):
                raise

    async def _attached(self, access: Access, choice: Choice, record: AttachRecord) -> Attached:
        try:
            accounts = await self._list(access)
        except (Temporary, ContractBroken) as error:
            raise _in_doubt(error.code, error.log_id) from None
        account = find_attached(accounts, record)
        if account is None:
            raise _in_doubt("not_listed")
        return self._result(account, choice, accounts)

    async def _recover(self, access: Access, network: str, choice: Choice, lost: Ambiguous) -> Attached:
        """Return the one usable account in the list that is the choice, whether or not it was attached just now."""
        try:
            accounts = await self._list(access)
        except (Temporary, ContractBroken):
            accounts = ()
        now = self._client.clock()
        same = [
            each
            for each in accounts
            if each.platform == network and has_origin(each, choice.origin_id) and each.usable(now)
        ]
        if len(same) != 1:
            raise _in_doubt(lost.code, lost.log_id)
        return self._result(same[0], choice, accounts)

    def _result(self, account: SocialAccount, choice: Choice, accounts: Iterable[SocialAccount]) -> Attached:
        linked = self._linked(accounts, {account.id: choice.username})
        return Attached(next(each for each in linked if each.provider_account_id == account.id), linked)

    def _linked(
        self, accounts: Iterable[SocialAccount], usernames: dict[str, str] | None = None
    ) -> tuple[LinkedAccount, ...]:
        now, names = self._client.clock(), usernames or {}
        return tuple(each.linked(now, names.get(each.id, "")) for each in accounts if not each.deleted)

    async def _list(self, access: Access) -> tuple[SocialAccount, ...]:
        return await self._accounts.social_accounts(access, (await location_ids_of(access)).location_id)

    async def _choices(self, access: Access, network: str, authorization_id: str) -> tuple[Choice, ...]:
        location_id = (await location_ids_of(access)).location_id
        return await self._accounts.choose(access, location_id, network, authorization_id)

    def _vendor_name(self, platform: str) -> str:
        """Return HighLevel's name of a network; raises OptionUnsupported for one that it does not connect."""
        name = account_oauth.vendor_name(platform)
        if platform in OUR_NAMES or name not in NETWORKS[self._client.config.v3]:
            raise account_oauth.unsupported(self._client.config, platform)
        return name


def _in_doubt(code: str, log_id: str = "") -> Ambiguous:
    return Ambiguous(_IN_DOUBT, provider=PROVIDER, code=code, log_id=log_id)


def _attachable(choice: Choice) -> AttachableAccount:
    return AttachableAccount(
        provider_account_id=choice.origin_id,
        display_name=choice.name,
        username=choice.username,
        avatar_uri=choice.avatar_uri,
        kind=choice.kind,
        attached=choice.connected,
    )
