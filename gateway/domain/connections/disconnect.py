"""DisconnectConnection and DeleteConnection: revoke at the vendor, wipe here, keep the history.

Owns the order of revoking and wiping. Knows no consent.
"""

from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.connections import read
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import Conflict, EtagMismatch, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous, GrantRevoked, ProviderError, Rejected
from storage import accounts, authorizations, connections, events, network_consents, posts, tokens, videos
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import AccountState

NOT_REVOCABLE = (
    "GRANT_REMAINS",
    "The connection was disconnected here; the provider has no call that ends a grant: end it there, too.",
)
DISCONNECT_TRIES = 5
"""How often a pair that came in the middle of a disconnect is given back too, before the caller is told."""


async def disconnect(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Revoke the grant at the vendor, wipe the tokens, keep the history; a second call changes nothing.

    A vendor that cannot answer now makes this fail with nothing changed: wiped tokens could never be revoked. One that
    refuses for good does not keep the tokens here; the connection then says that the vendor was not told. A caller
    that goes away in the middle stops nothing. Raises storage's NotFound, Temporary, ContractBroken, Conflict.
    """
    seen = await idempotency.earlier(domain.db, key)
    if seen is None:
        await domain.tokens.guard(_disconnect(domain, location, connection, key))
    return await read.get(domain, location, connection)


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
    raise Conflict(resource=connection_status.resource_name(row))


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
        raise vendor_errors.safe_to_repeat(error, error.message) from None
    return version, None


async def _wipe(domain: Domain, tx: Transaction, row: ConnectionRow, refused: ProviderError | None) -> None:
    now = domain.clock()
    await domain.tokens.wipe(tx, row.location, row.id)
    await authorizations.remove_for(tx, row.location, row.id)
    await network_consents.remove_for(tx, row.location, row.id)
    await _detach(tx, row, domain)
    told = "TOKEN_REVOKED", "The connection was disconnected and its grant given back."
    if not domain.providers[row.provider].table.can(Capability.REVOKE):
        told = NOT_REVOCABLE
    if refused is not None:
        told = "UNKNOWN_ERROR", "The connection was disconnected; the provider refused to take the grant back."
    await connection_status.move(
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
        name = names.ACCOUNT.format(row.location, account.id)
        payload = {"account": account.model_dump(mode="json") | {"state": "DETACHED"}}
        await events.append(tx, row.location, type="ACCOUNT_DETACHED", subject=name, payload=payload, now=now)
        await videos.remove(tx, row.location, account.id)
    await accounts.set_state_of_connection(tx, row.location, row.id, AccountState.DETACHED, now)


async def delete(domain: Domain, location: str, connection: str, key: RequestKey | None, *, etag: str = "") -> None:
    """Disconnect, then remove the connection and the accounts that no post refers to.

    Raises storage's NotFound, EtagMismatch, StateForbids while posts of it are unfinished, what `disconnect` raises.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        await _check_free(tx, row)
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=connection_status.resource_name(row))
    await domain.tokens.guard(_disconnect(domain, location, connection))
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, connection, domain.clock()) is None:
            await _remove(tx, location, connection)


async def _check_free(tx: Transaction, row: ConnectionRow) -> None:
    if await posts.unfinished(tx, row.location, row.id):
        raise StateForbids(
            row.status, "Posts of this connection are under way.", resource=connection_status.resource_name(row)
        )


async def _remove(tx: Transaction, location: str, connection: str) -> None:
    row = await connections.find(tx, location, connection, lock=True)
    if row is None:
        return
    for account in await accounts.of_connection(tx, location, connection):
        if not await posts.of_account(tx, location, account.id):
            await videos.remove(tx, location, account.id)
            await accounts.remove(tx, location, account.id)
    await connections.remove(tx, row)
