"""CreateAudience, GetAudience, ListAudiences, DeleteAudience.

Owns what an audience is before and after it has members. How they come in is `audience_members.py`, how the vendor gets
them `audience_sending.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.ads import accounts
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import Conflict, FieldInvalid, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous
from providers.interface.audiences import Audiences
from storage import ad_accounts, audiences
from storage.ad_accounts import AdAccountRow
from storage.audiences import AudienceRow
from storage.states import AudienceStep

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class AudiencePlace:
    """The name of an audience."""

    location: str
    ad_account: str
    id: str

    @property
    def name(self) -> str:
        """The resource name."""
        return names.AUDIENCE.format(self.location, self.ad_account, self.id)


@dataclass(frozen=True, slots=True)
class Target:
    """An audience, and what is needed to call its vendor; no call starts after `until`."""

    domain: Domain
    account: AdAccountRow
    row: AudienceRow
    until: datetime | None = None

    @property
    def facet(self) -> Audiences:
        """The facet that is called."""
        return self.domain.providers[self.account.provider].audiences

    @property
    def access(self) -> ConnectionAccess:
        """The access that the connection gives, behind callers."""
        return accounts.access_to(self.domain, self.account, background=True, until=self.until)


async def create(
    domain: Domain, location: str, ad_account: str, display_name: str, key: RequestKey | None, *, agency: str
) -> AudienceRow:
    """Create an audience without members: no vendor call, because no vendor has an empty one.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ReauthorizationRequired.
    """
    if not 1 <= len(display_name.strip()) <= MAX_NAME:
        raise FieldInvalid("audience.display_name", f"must have 1 to {MAX_NAME} characters")
    account = await accounts.get(domain, location, ad_account)
    accounts.require_reachable(account)
    vendor_errors.require(domain.providers[account.provider].table, Capability.AUDIENCES)
    now = domain.clock()
    row = AudienceRow(
        location=location,
        id=domain.new_id(),
        ad_account=ad_account,
        display_name=display_name.strip(),
        create_time=now,
        update_time=now,
    )
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, agency)
        first = await idempotency.claim(tx, key, row.id, now)
        if first is not None:
            return await audiences.get(tx, location, ad_account, first)
        await audiences.insert(tx, row)
    return row


async def get(domain: Domain, place: AudiencePlace) -> AudienceRow:
    """Return an audience as it was last read; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await audiences.get(tx, place.location, place.ad_account, place.id)


async def page(
    domain: Domain, location: str, ad_account: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AudienceRow]:
    """Return one page of an ad account's audiences, newest first; raises storage's NotFound (the ad account)."""
    async with domain.db.read() as tx:
        await ad_accounts.get(tx, location, ad_account)
        return await audiences.page(tx, location, ad_account, after=after, limit=limit)


async def delete(domain: Domain, place: AudiencePlace, key: RequestKey | None) -> None:
    """Delete an audience at the vendor, if it has it, and here with every digest that was kept: one vendor call.

    Raises storage's NotFound, StateForbids while it is not known what the vendor has, Conflict, ProviderError.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    row = await get(domain, place)
    if row.step == AudienceStep.SUBMITTED:
        text = "The vendor is getting its members in this moment: try again when `sending` is false."
        raise StateForbids(row.state, text, resource=place.name)
    if row.provider_id:
        account = await accounts.get(domain, place.location, place.ad_account)
        target = Target(domain, account, row)
        try:
            await target.facet.delete(target.access, account.provider_ad_account_id, row.provider_id)
        except Ambiguous as error:
            raise vendor_errors.safe_to_repeat(error) from None
    async with domain.db.transaction() as tx:
        if await audiences.change(tx, row, domain.clock()) is None:
            raise Conflict("It got members meanwhile.", resource=place.name)
        await idempotency.claim(tx, key, place.id, domain.clock())
        keys = await audiences.remove(tx, row)
    await domain.blobs.delete(keys)
