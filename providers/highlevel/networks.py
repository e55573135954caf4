"""Networks inside a location of HighLevel's: their accounts by our names, and attaching and letting go without doubt.

Owns what becomes of an answer that is lost, and how the page of a consent signals. The calls themselves are accounts.py
and account_oauth.py; the location is the connection's (location_ids.py).
"""

from collections.abc import Iterable

from providers.errors import Ambiguous, ContractBroken, Misconfigured, NotFound, OptionUnsupported, Temporary
from providers.highlevel import account_oauth
from providers.highlevel.account_oauth import BODIES, NETWORKS, NOT_ATTACHED, OURS, Choice, Record
from providers.highlevel.accounts import HighLevelAccounts, SocialAccount, of_record
from providers.highlevel.client import Client
from providers.highlevel.config import PROVIDER
from providers.highlevel.location_ids import place_of
from providers.interface.access import Access
from providers.models.accounts import AttachableAccount, Attached, ConsentSignal, LinkedAccount

# The only value that the specifications of both generations show for the parameter (read 2026-11-20).
PAGE = "integration"
# The documentation compares with the first and shows the second (read 2026-11-20); a page may also say what it was
# started with.
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
        """What HighLevel's own page after a consent posts to its opener."""
        config = self._client.config
        fields = {"actionType": ("close",), "page": _PAGES}
        return ConsentSignal(config.popup_hosts, fields, "accountId", loopback=config.allow_loopback)

    async def linked(self, access: Access) -> tuple[LinkedAccount, ...]:
        """List the location's accounts: one call."""
        return self._known(await self._listed(access))

    async def start(self, access: Access, platform: str, *, reconnect: bool = False) -> str:
        """Return a network's consent page; raises Misconfigured while nobody knows the user who acts."""
        theirs, place = self._theirs(platform), await place_of(access)
        if not place.user_id:
            text = "The connection's provider_settings name no user_id, and HighLevel's planner acts for a user only."
            raise Misconfigured(text, provider=PROVIDER, code="user_unknown")
        return await self._accounts.start(
            access, place.location_id, theirs, user_id=place.user_id, page=PAGE, reconnect=reconnect
        )

    async def choices(self, access: Access, platform: str, authorization_id: str) -> tuple[AttachableAccount, ...]:
        """List who consented."""
        return tuple(
            _attachable(each) for each in await self._choices(access, self._theirs(platform), authorization_id)
        )

    async def attach(self, access: Access, platform: str, authorization_id: str, provider_account_id: str) -> Attached:
        """Attach who was chosen, and find the account in the list: three calls."""
        theirs = self._theirs(platform)
        if theirs not in BODIES:
            raise OptionUnsupported(NOT_ATTACHED, field="platform", provider=PROVIDER)
        found = await self._choices(access, theirs, authorization_id)
        choice = next((each for each in found if each.origin_id == provider_account_id), None)
        if choice is None:
            raise NotFound("The account is not behind this consent.", provider=PROVIDER, code="choice_unknown")
        where = (await place_of(access)).location_id
        try:
            record = await self._accounts.attach(access, where, theirs, authorization_id, choice)
        except Ambiguous as lost:
            return await self._looked(access, theirs, choice, lost)
        return await self._attached(access, choice, record)

    async def detach(self, access: Access, provider_account_id: str) -> None:
        """Take an account away; a lost answer is looked up in the list."""
        place = await place_of(access)
        try:
            await self._accounts.delete(access, place.location_id, provider_account_id, user_id=place.user_id)
        except NotFound:
            return
        except Ambiguous as lost:
            try:
                left = await self.linked(access)
            except (Temporary, ContractBroken):
                raise lost from None
            if any(each.provider_account_id == provider_account_id for each in left):
                raise

    async def _attached(self, access: Access, choice: Choice, record: Record) -> Attached:
        try:
            listed = await self._listed(access)
        except (Temporary, ContractBroken) as error:
            raise _in_doubt(error.code, error.log_id) from None
        account = of_record(listed, record)
        if account is None:
            raise _in_doubt("not_listed")
        return self._told(account, choice, listed)

    async def _looked(self, access: Access, theirs: str, choice: Choice, lost: Ambiguous) -> Attached:
        """Look whether the list shows an account that works as the choice: whether it came just now does not matter."""
        try:
            listed = await self._listed(access)
        except (Temporary, ContractBroken):
            listed = ()
        now = self._client.clock()
        same = [each for each in listed if _is(each, theirs, choice) and each.usable(now)]
        if len(same) != 1:
            raise _in_doubt(lost.code, lost.log_id)
        return self._told(same[0], choice, listed)

    def _told(self, account: SocialAccount, choice: Choice, listed: Iterable[SocialAccount]) -> Attached:
        known = self._known(listed, {account.id: choice.username})
        return Attached(next(each for each in known if each.provider_account_id == account.id), known)

    def _known(
        self, listed: Iterable[SocialAccount], usernames: dict[str, str] | None = None
    ) -> tuple[LinkedAccount, ...]:
        now, names = self._client.clock(), usernames or {}
        return tuple(each.linked(now, names.get(each.id, "")) for each in listed if not each.deleted)

    async def _listed(self, access: Access) -> tuple[SocialAccount, ...]:
        return await self._accounts.social_accounts(access, (await place_of(access)).location_id)

    async def _choices(self, access: Access, theirs: str, authorization_id: str) -> tuple[Choice, ...]:
        where = (await place_of(access)).location_id
        return await self._accounts.choose(access, where, theirs, authorization_id)

    def _theirs(self, platform: str) -> str:
        """Return HighLevel's name of a network; raises OptionUnsupported for one that it does not connect."""
        theirs = account_oauth.theirs(platform)
        if platform in OURS or theirs not in NETWORKS[self._client.config.v3]:
            raise account_oauth.unsupported(self._client.config, platform)
        return theirs


def _is(account: SocialAccount, theirs: str, choice: Choice) -> bool:
    """Return whether an account is who was chosen: where the list does not say the network's id, its own id
    holds it.
    """
    said = account.origin_id == choice.origin_id if account.origin_id else choice.origin_id in account.id
    return account.platform == theirs and said


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
