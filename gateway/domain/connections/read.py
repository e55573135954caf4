"""Connections as callers see them: read, authorised again, verified, disconnected, deleted.

Owns what may be done with a connection and when. How one is made is `new_connections`, the consent itself
`authorization`, its health `health` and `verification`, its tokens `tokens`.
"""

from collections.abc import Sequence
from typing import Any

from gateway.domain.connections import consent
from gateway.domain.context import ConnectionView, Domain
from gateway.errors import ResourceNotFound
from storage import authorizations, connections, tokens
from storage.connections import ConnectionRow
from storage.database import Transaction


async def get(domain: Domain, location: str, connection: str) -> ConnectionView:
    """Return a connection; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        return (await _views(domain, tx, [row]))[0]


async def status(domain: Domain, location: str, provider: str) -> ConnectionView:
    """Return the connection that speaks for a provider in a location; raises ResourceNotFound."""
    async with domain.db.read() as tx:
        row = await connections.current(tx, location, provider)
        if row is None:
            raise _not_connected(location, provider)
        return (await _views(domain, tx, [row]))[0]


def _not_connected(location: str, provider: str) -> ResourceNotFound:
    """Say that the location has none, with the code that pages show for it."""
    error = ResourceNotFound(f"locations/{location}/connections?provider={provider}")
    error.metadata["reasonCode"] = "CONNECTION_NOT_FOUND"
    return error


async def page(domain: Domain, **filters: Any) -> list[ConnectionView]:
    """List connections: see `storage.connections.page`."""
    async with domain.db.read() as tx:
        return await _views(domain, tx, await connections.page(tx, **filters))


async def _views(domain: Domain, tx: Transaction, rows: Sequence[ConnectionRow]) -> list[ConnectionView]:
    """Put beside each row what its caller sees with it: two queries, however many rows."""
    if not rows:
        return []
    keys = [(row.location, row.id) for row in rows]
    expiries = await tokens.expiries(tx, keys)
    consents = await authorizations.open_among(tx, keys, domain.clock())
    views = []
    for row, key in zip(rows, keys, strict=True):
        access, refresh = expiries.get(key, (None, None))
        if row.grant_origin == connections.STATIC_TOKEN:
            # It lives until somebody ends it.
            access = None
        page = await consent.page_of(domain, tx, consents[key]) if key in consents else None
        views.append(ConnectionView(row, access, refresh, page))
    return views
