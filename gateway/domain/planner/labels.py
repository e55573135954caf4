"""Categories and tags of the planner behind a connection, as the vendor gives them now.

Owns how a connection's planner is reached. Nothing is kept.
"""

from dataclasses import dataclass

from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from providers.interface import Planner
from providers.models.planner import LabelPage
from storage import connections


@dataclass(frozen=True, slots=True)
class Reached:
    """The planner behind a connection."""

    access: ConnectionAccess
    facet: Planner


async def connected(domain: Domain, location: str, connection: str) -> Reached:
    """Return the planner of a connection; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
    return reached(domain, row.provider, location, connection)


def reached(domain: Domain, provider: str, location: str, connection: str) -> Reached:
    """Return the planner of a connection whose provider is known."""
    return Reached(ConnectionAccess(domain, provider, location, connection), domain.providers[provider].planner)


async def categories(
    domain: Domain, location: str, connection: str, *, search: str, cursor: str, limit: int
) -> LabelPage:
    """List one page of categories: one vendor call. Raises storage's NotFound, ProviderError."""
    planner = await connected(domain, location, connection)
    return await planner.facet.list_categories(planner.access, search=search, cursor=cursor, limit=limit)


async def tags(domain: Domain, location: str, connection: str, *, search: str, cursor: str, limit: int) -> LabelPage:
    """List one page of tags: one vendor call. Raises storage's NotFound, ProviderError."""
    planner = await connected(domain, location, connection)
    return await planner.facet.list_tags(planner.access, search=search, cursor=cursor, limit=limit)
