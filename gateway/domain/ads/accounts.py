"""Ad accounts: found when an advertiser's connection is verified, and again every day.

Owns that an account keeps its name here, and that one which its connection no longer reaches stays, unreachable.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.ads import specs
from gateway.domain.context import Domain
from gateway.errors import ReauthorizationRequired
from providers.interface.ads import Ads
from providers.models.ads import AdAccount
from storage import ad_accounts
from storage.ad_accounts import AdAccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction


async def save(
    domain: Domain, tx: Transaction, connection: ConnectionRow, found: Sequence[AdAccount], fetch_time: datetime
) -> None:
    """Store the ad accounts that a connection reaches; those that it does not reach any more become unreachable."""
    for each in found:
        row = AdAccountRow(
            location=connection.location,
            id=domain.new_id(),
            connection=connection.id,
            provider=connection.provider,
            provider_ad_account_id=each.id,
            payload=specs.dump_account(each),
            fetch_time=fetch_time,
            create_time=fetch_time,
        )
        await ad_accounts.save(tx, row)
    await detach(tx, connection, besides=[each.id for each in found])


async def detach(tx: Transaction, connection: ConnectionRow, *, besides: Sequence[str] = ()) -> None:
    """Mark the ad accounts of a connection as unreachable, except those with these ids of the vendor's."""
    await ad_accounts.set_unreachable(tx, connection.location, connection.id, besides=besides)


async def get(domain: Domain, location: str, id: str) -> AdAccountRow:
    """Return an ad account; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await ad_accounts.get(tx, location, id)


async def page(
    domain: Domain, location: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AdAccountRow]:
    """Return one page of a location's ad accounts, oldest first."""
    async with domain.db.read() as tx:
        return await ad_accounts.page(tx, location, after=after, limit=limit)


def require_reachable(row: AdAccountRow) -> None:
    """Raise ReauthorizationRequired if the account's connection no longer reaches it."""
    if not row.reachable:
        name = names.CONNECTION.format(row.location, row.connection)
        text = "The connection no longer reaches this ad account."
        raise ReauthorizationRequired(text, metadata={"connection": name}, resource=name)


def facet_of(domain: Domain, row: AdAccountRow) -> Ads:
    """Return the facet through which an account is reached."""
    return domain.providers[row.provider].ads


def access_to(
    domain: Domain, row: AdAccountRow, *, background: bool = False, until: datetime | None = None
) -> ConnectionAccess:
    """Return the access that the account's connection gives; no call starts after `until`."""
    return ConnectionAccess(domain, row.provider, row.location, row.connection, background=background, until=until)
