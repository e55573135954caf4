"""CreateAdReport, GetAdReport, StreamAdReport: long reports, which the vendor makes in the background.

Owns what may be asked for, and how its rows are read. How the vendor gets to hear of it is `report_tasks.py`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.ads import accounts, metrics, specs, tree
from gateway.domain.ads.tree import Place
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import StateForbids
from providers.capabilities import Capability
from providers.models.ads import ReportQuery, ReportRow
from storage import ad_reports, ads
from storage.ad_accounts import AdAccountRow
from storage.ad_reports import AdReportRow
from storage.states import AdReportState

KEPT = timedelta(days=30)
"""For how long a report can be read."""

AT_ONCE = 500
"""How many rows are held at once."""


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """The name of a report."""

    location: str
    ad_account: str
    id: str

    @property
    def name(self) -> str:
        """The resource name."""
        return names.AD_REPORT.format(self.location, self.ad_account, self.id)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a report, its ad account, and our names by the vendor's ids."""

    rows: Sequence[ReportRow]
    account: AdAccountRow
    names: Mapping[str, str]


async def create(
    domain: Domain, place: Place, wanted: ReportQuery, below: Sequence[Place], key: RequestKey | None, *, agency: str
) -> AdReportRow:
    """Ask for a report, of what is `below` alone if anything is: no vendor call, the background makes it.

    Raises storage's NotFound, FieldInvalid, OptionUnsupported, CapabilityMissing, ReauthorizationRequired.
    """
    account = await accounts.get(domain, place.location, place.ad_account)
    accounts.require_reachable(account)
    vendor_errors.require(domain.providers[account.provider].table, Capability.ADS)
    targets = await metrics.targets(domain, below)
    query = replace(wanted, ids=tuple(each.row.provider_id for each in targets))
    accounts.facet_of(domain, account).check_long_report(query)
    now = domain.clock()
    row = AdReportRow(
        location=place.location,
        id=domain.new_id(),
        ad_account=place.ad_account,
        query=specs.dump_query(query),
        names=[tree.name_of(each.row) for each in targets],
        create_time=now,
        update_time=now,
        due_at=now,
    )
    async with domain.db.transaction() as tx:
        await keep_own(tx, place.location, agency)
        first = await idempotency.claim(tx, key, row.id, now)
        if first is not None:
            return await ad_reports.get(tx, place.location, place.ad_account, first)
        await ad_reports.insert(tx, row)
    return row


async def get(domain: Domain, place: ReportPlace) -> AdReportRow:
    """Return a report as it was last read; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await ad_reports.get(tx, place.location, place.ad_account, place.id)


async def stream(domain: Domain, place: ReportPlace) -> AsyncIterator[Rows]:
    """Yield the rows of a report that the vendor has made, some at a time; at least once: one vendor call, streamed.

    Raises storage's NotFound, StateForbids, ReauthorizationRequired, ProviderError.
    """
    report = await get(domain, place)
    if report.state != AdReportState.SUCCEEDED:
        raise StateForbids(report.state, "Only a report that SUCCEEDED has rows.", resource=place.name)
    account = await accounts.get(domain, place.location, place.ad_account)
    accounts.require_reachable(account)
    facet, access = accounts.facet_of(domain, account), accounts.access_to(domain, account)
    query = specs.load_query(report.query)
    some: list[ReportRow] = []
    yielded = False
    async for row in facet.report_rows(access, account.provider_ad_account_id, report.provider_id, query):
        some.append(row)
        if len(some) == AT_ONCE:
            yield await _named(domain, account, some)
            some, yielded = [], True
    if some or not yielded:
        yield await _named(domain, account, some)


async def _named(domain: Domain, account: AdAccountRow, some: Sequence[ReportRow]) -> Rows:
    async with domain.db.read() as tx:
        found = await ads.by_provider_id(tx, account.location, account.id, {row.id for row in some})
    return Rows(some, account, {row.provider_id: tree.name_of(row) for row in found})
