"""QueryAdMetrics: what ads brought and cost, as the vendor reports it now.

Owns which of our names the vendor's ids stand for. Stores nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.ads import accounts, tree
from gateway.domain.ads.tree import Place, Target
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid
from providers.models.ads import ReportPage, ReportQuery
from storage import ads
from storage.ad_accounts import AdAccountRow

MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Report:
    """One page of a report, its ad account, and our names by the vendor's ids."""

    page: ReportPage
    account: AdAccountRow
    names: Mapping[str, str]


async def query(
    domain: Domain, place: Place, wanted: ReportQuery, below: Sequence[Place], *, cursor: str, limit: int
) -> Report:
    """Return one page of a report, of what is `below` alone if anything is: one read.

    Raises storage's NotFound, FieldInvalid, ProviderError.
    """
    account = await accounts.get(domain, place.location, place.ad_account)
    accounts.require_reachable(account)
    ids = [each.row.provider_id for each in await targets(domain, below)]
    facet, access = accounts.facet_of(domain, account), accounts.access_to(domain, account)
    page = await facet.report(
        access, account.provider_ad_account_id, replace(wanted, ids=tuple(ids)), cursor=cursor, limit=limit
    )
    async with domain.db.read() as tx:
        rows = await ads.by_provider_id(tx, place.location, place.ad_account, {row.id for row in page.rows})
    return Report(page, account, {row.provider_id: tree.name_of(row) for row in rows})


async def targets(domain: Domain, below: Sequence[Place]) -> list[Target]:
    """Return what a report is restricted to; raises storage's NotFound, FieldInvalid."""
    if len(below) > MAX_NAMES:
        raise FieldInvalid("names", f"has more than {MAX_NAMES} entries")
    return [await tree.load(domain, each) for each in below]
