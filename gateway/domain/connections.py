"""Connections as callers see them: read, authorised again, verified, disconnected, deleted.

Owns what may be done with a connection and when. How one is made is `new_connections`, the consent itself
`authorization`, its health `health` and `verification`, its tokens `tokens`.
"""

from collections.abc import Sequence
from typing import Any

from gateway.caller import Caller
from gateway.domain import consent, health, idempotency, verification
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.errors import (
    CapabilityMissing,
    Conflict,
    EtagMismatch,
    ResourceNotFound,
    StateForbids,
)
from gateway.domain.idempotency import RequestKey
from providers.capabilities import Capability, Support
from providers.errors import Ambiguous, GrantRevoked, ProviderError, Rejected, Unavailable
from storage import accounts, authorizations, connections, events, network_consents, posts, tokens, videos
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import AccountState, GrantOrigin

NO_PAGE = "A static token has no consent page: create the connection again with the new token, and it is replaced."
NOT_REVOCABLE = (
    "GRANT_REMAINS",
    "The connection was disconnected here; the provider has no call that ends a grant: end it there, too.",
)
DISCONNECT_TRIES = 5
"""How often a pair that came in the middle of a disconnect is given back too, before the caller is told."""


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
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            # It lives until somebody ends it.
            access = None
        page = await consent.page_of(domain, tx, consents[key]) if key in consents else None
        views.append(ConnectionView(row, access, refresh, page))
    return views


async def reauthorize(
    domain: Domain,
    caller: Caller,
    location: str,
    connection: str,
    key: RequestKey | None,
    *,
    redirect_uri: str = "",
    return_uri: str = "",
) -> ConnectionView:
    """Open a new consent for a connection in any state; nothing else changes until that is completed.

    Raises storage's NotFound, CapabilityMissing (a static token has no page), FieldInvalid, Misconfigured.
    """
    now = domain.clock()
    async with domain.db.transaction() as tx:
        row = await connections.get(tx, location, connection, lock=True)
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            raise CapabilityMissing(Capability.OAUTH.value, Support.IMPOSSIBLE.value, NO_PAGE)
        consent.check_uris(domain, caller, row.provider, return_uri=return_uri, redirect_uri=redirect_uri)
        if await idempotency.claim(tx, key, connection, now) is None:
            await consent.start(domain, tx, row, caller, redirect_uri=redirect_uri, return_uri=return_uri)
            # Nothing of the row changes, but what callers see beside it does.
            await connections.change(tx, location, connection, now)
    return await get(domain, location, connection)


async def verify(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Verify a connection now: up to three vendor calls, none when the key's first call made them already.

    Raises storage's NotFound, StateForbids when there is no grant that could be verified.
    """
    async with domain.db.read() as tx:
        seen = await idempotency.seen(tx, key)
    if seen is None:
        await verification.verify(domain, location, connection)
        async with domain.db.transaction() as tx:
            await idempotency.claim(tx, key, connection, domain.clock())
    return await get(domain, location, connection)


async def disconnect(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Revoke the grant at the vendor, wipe the tokens, keep the history; a second call changes nothing.

    A vendor that cannot answer now makes this fail with nothing changed: wiped tokens could never be revoked. One that
    refuses for good does not keep the tokens here; the connection then says that the vendor was not told. A caller
    that goes away in the middle stops nothing. Raises storage's NotFound, Temporary, ContractBroken, Conflict.
    """
    async with domain.db.read() as tx:
        seen = await idempotency.seen(tx, key)
    if seen is None:
        await domain.tokens.guard(_disconnect(domain, location, connection, key))
    return await get(domain, location, connection)


async def _disconnect(domain: Domain, location: str, connection: str, key: RequestKey | None = None) -> None:
    for _ in range(DISCONNECT_TRIES):
        async with domain.db.read() as tx:
            row = await connections.get(tx, location, connection)
            pair = await tokens.find(tx, location, connection)
        version, refused = (0, None) if pair is None else await _revoke(domain, row, pair.version)
        async with domain.db.transaction() as tx:
            held = await connections.get(tx, location, connection, lock=True)
            newer = await tokens.find(tx, location, connection)
            if newer is not None and newer.version > version:
                # A consent brought another pair meanwhile, which nobody has given back yet.
                continue
            if await idempotency.claim(tx, key, connection, domain.clock()) is None and held.status != "DISCONNECTED":
                await _wipe(domain, tx, held, refused)
            return
    raise Conflict(resource=health.subject(row))


async def _revoke(domain: Domain, row: ConnectionRow, version: int) -> tuple[int, ProviderError | None]:
    """Revoke, after renewing an expired token: a vendor may refuse to revoke by one. Gives the version of the pair that
    is given back, and a refusal that will last. A vendor that has no call for it is not asked.
    """
    if not domain.providers[row.provider].table.can(Capability.REVOKE):
        return version, None
    try:
        token = await ConnectionAccess(domain, row.provider, row.location, row.id).token()
        version = token.version
        await domain.providers[row.provider].authorization.revoke(token.value)
    except GrantRevoked:
        return version, None
    except Rejected as error:
        return version, error
    except Ambiguous as error:
        # Revoking twice does no harm, so the caller may simply try again.
        raise Unavailable(error.message, provider=error.provider, code=error.code, log_id=error.log_id) from None
    return version, None


async def _wipe(domain: Domain, tx: Transaction, row: ConnectionRow, refused: ProviderError | None) -> None:
    now = domain.clock()
    await domain.tokens.forget(tx, row.location, row.id)
    await authorizations.remove_for(tx, row.location, row.id)
    await network_consents.remove_for(tx, row.location, row.id)
    await _detach(tx, row, domain)
    told = "TOKEN_REVOKED", "The connection was disconnected and its grant given back."
    if not domain.providers[row.provider].table.can(Capability.REVOKE):
        told = NOT_REVOCABLE
    if refused is not None:
        told = "UNKNOWN_ERROR", "The connection was disconnected; the provider refused to take the grant back."
    await health.move(
        tx,
        row,
        now,
        status="DISCONNECTED",
        capabilities={},
        granted_scopes=[],
        reason_code=told[0],
        reason_message=told[1],
        last_error_code=refused.code if refused else "",
        last_error_message=refused.message if refused else "",
        verify_at=None,
    )


async def _detach(tx: Transaction, row: ConnectionRow, domain: Domain) -> None:
    now = domain.clock()
    for account in await accounts.of_connection(tx, row.location, row.id):
        if account.state == "DETACHED":
            continue
        name = f"locations/{row.location}/accounts/{account.id}"
        payload = {"account": account.model_dump(mode="json") | {"state": "DETACHED"}}
        await events.append(tx, row.location, type="ACCOUNT_DETACHED", subject=name, payload=payload, now=now)
        await videos.remove(tx, row.location, account.id)
    await accounts.set_state_of_connection(tx, row.location, row.id, AccountState.DETACHED, now)


async def delete(domain: Domain, location: str, connection: str, key: RequestKey | None, *, etag: str = "") -> None:
    """Disconnect, then remove the connection and the accounts that no post refers to.

    Raises storage's NotFound, EtagMismatch, StateForbids while posts of it are unfinished, what `disconnect` raises.
    """
    async with domain.db.read() as tx:
        if await idempotency.seen(tx, key) is not None:
            return
        row = await connections.get(tx, location, connection)
        await _check_free(tx, row)
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=health.subject(row))
    await domain.tokens.guard(_disconnect(domain, location, connection))
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, connection, domain.clock()) is None:
            await _remove(tx, location, connection)


async def _check_free(tx: Transaction, row: ConnectionRow) -> None:
    if await posts.any_unfinished(tx, row.location, row.id):
        raise StateForbids(row.status, "Posts of this connection are under way.", resource=health.subject(row))


async def _remove(tx: Transaction, location: str, connection: str) -> None:
    row = await connections.find(tx, location, connection, lock=True)
    if row is None:
        return
    for account in await accounts.of_connection(tx, location, connection):
        if not await posts.any_of_account(tx, location, account.id):
            await videos.remove(tx, location, account.id)
            await accounts.remove(tx, location, account.id)
    await connections.remove(tx, row)
