"""Reading connections: one by name, a location's current one, a page of them.

Owns what callers see beside the row: token expiries and the open consent. Changes nothing.
"""

from collections.abc import Sequence
from typing import Any

from gateway.domain.connections import consent
from gateway.domain.context import ConnectionView, Domain
from gateway.errors import ResourceNotFound
from storage import authorizations, connections, tokens
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import GrantOrigin


async def get(domain: Domain, location: str, connection: str) -> ConnectionView:
    """Return a connection; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        return (await _views(domain, tx, [row]))[0]


async def status(domain: Domain, location: str, provider: str) -> ConnectionView:
    """Return the connection that a location currently uses for a provider; raises ResourceNotFound."""
    async with domain.db.read() as tx:
        row = await connections.current(tx, location, provider)
        if row is None:
            raise _not_connected(location, provider)
        return (await _views(domain, tx, [row]))[0]


def _not_connected(location: str, provider: str) -> ResourceNotFound:
    """Return the error that the location has no connection, with the reason code that pages show for it."""
    error = ResourceNotFound(f"locations/{location}/connections?provider={provider}")
    error.metadata["reasonCode"] = "CONNECTION_NOT_FOUND"
    return error


async def page(domain: Domain, **filters: Any) -> list[ConnectionView]:
    """List connections: see `storage.connections.page`."""
    async with domain.db.read() as tx:
        return await _views(domain, tx, await connections.page(tx, **filters))


async def _views(domain: Domain, tx: Transaction, rows: Sequence[ConnectionRow]) -> list[ConnectionView]:
    """Return the views of the rows: two queries, however many rows."""
    if not rows:
        return []
    keys = [(row.location, row.id) for row in rows]
    expiries = await tokens.expiries(tx, keys)
    consents = await authorizations.open_among(tx, keys, domain.clock())
    views = []
    for row, key in zip(rows, keys, strict=True):
        access, refresh = expiries.get(key, (None, None))
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            # A static token has no expiry; it is valid until somebody revokes it.
            access = None
        page = await consent.page_of(domain, tx, consents[key]) if key in consents else None
        views.append(ConnectionView(row, access, refresh, page))
    return views
