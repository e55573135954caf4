"""Categories and tags of the planner behind a connection, as the vendor returns them now.

Owns listing them, and how a connection's planner is reached. Stores nothing.
"""

from dataclasses import dataclass

from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from providers.interface import Planner
from providers.models.planner import LabelPage
from storage import connections


@dataclass(frozen=True, slots=True)
class ConnectedPlanner:
    """A connection's planner, and the access with which it is called."""

    access: ConnectionAccess
    facet: Planner


def planner_of(domain: Domain, provider: str, location: str, connection: str) -> ConnectedPlanner:
    """Return the planner of a connection to `provider`."""
    return ConnectedPlanner(
        ConnectionAccess(domain, provider, location, connection), domain.providers[provider].planner
    )


async def find_planner(domain: Domain, location: str, connection: str) -> ConnectedPlanner:
    """Return the planner of a connection; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
    return planner_of(domain, row.provider, location, connection)


async def categories(
    domain: Domain, location: str, connection: str, *, search: str, cursor: str, limit: int
) -> LabelPage:
    """List one page of categories: one vendor call. Raises storage's NotFound, ProviderError."""
    planner = await find_planner(domain, location, connection)
    return await planner.facet.list_categories(planner.access, search=search, cursor=cursor, limit=limit)


async def tags(domain: Domain, location: str, connection: str, *, search: str, cursor: str, limit: int) -> LabelPage:
    """List one page of tags: one vendor call. Raises storage's NotFound, ProviderError."""
    planner = await find_planner(domain, location, connection)
    return await planner.facet.list_tags(planner.access, search=search, cursor=cursor, limit=limit)
