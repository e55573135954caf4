"""DisconnectConnection and DeleteConnection: revoke at the vendor, wipe the tokens here, keep the history.

Owns the order of revoking and wiping. Does not know how a grant was obtained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain import idempotency, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import sync
from gateway.domain.accounts.forget import forget
from gateway.domain.ads import accounts as ad_accounts
from gateway.domain.concurrency import until_free
from gateway.domain.connections import read, revocation
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import Conflict, EtagMismatch, StateForbids
from providers.errors import Ambiguous, GrantRevoked, ProviderError, Rejected
from storage import (
    accounts,
    authorizations,
    connections,
    network_consents,
    posts,
    tokens,
)
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import AccountState, ConnectionStatus

NOT_REVOCABLE = (
    "GRANT_REMAINS",
    "The connection was disconnected here; the provider has no call that ends a grant: end it there, too.",
)
REFUSED = "UNKNOWN_ERROR", "The connection was disconnected; the provider refused to take the grant back."
REVOKED = "TOKEN_REVOKED", "The connection was disconnected and its grant given back."
SHARED = (
    "GRANT_REMAINS",
    "The connection was disconnected here. Its grant was not revoked: the provider ends all grants of a user at once.",
)
DISCONNECT_TRIES = 5
"""How often a pair that was saved during a disconnect is revoked too, before the caller gets a Conflict."""


@dataclass(frozen=True, slots=True)
class _Revoked:
    """The version of the pair that was revoked, 0 for none, and the vendor's error if it refused permanently."""

    version: int
    refused: ProviderError | None = None


async def disconnect(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Revoke the grant at the vendor, wipe the tokens, keep the history; a second call changes nothing.

    While another connection, in any location, has a grant of the same user, only the tokens here are wiped: the vendor
    ends all grants of a user at once.

    A vendor that cannot answer now makes this fail with nothing changed: wiped tokens could never be revoked. If the
    vendor refuses permanently, the tokens are wiped anyway and the connection's reason states the refusal. Cancelling
    the caller does not cancel the disconnect. Raises storage's NotFound, Temporary, ContractBroken, Conflict.
    """
    earlier = await idempotency.earlier(domain.db, key)
    if earlier is None:
        await domain.tokens.guard(_disconnect(domain, location, connection, key))
    return await read.get(domain, location, connection)


async def _disconnect(domain: Domain, location: str, connection: str, key: RequestKey | None = None) -> None:
    for _ in range(DISCONNECT_TRIES):
        async with domain.db.read() as tx:
            row = await connections.get(tx, location, connection)
            pair = await tokens.find(tx, location, connection)
            shared = await revocation.others_with_grant(domain, tx, row)
        revoked = _Revoked(0) if pair is None or shared else await _revoke(domain, row, pair.version)
        if await _end(domain, row, revoked, key):
            return
    raise Conflict(resource=connection_status.resource_name(row))


@until_free
async def _end(domain: Domain, row: ConnectionRow, revoked: _Revoked, key: RequestKey | None) -> bool:
    """End a connection in one transaction, as `_end_with` does: the vendor may have revoked its grant already."""
    async with domain.db.transaction() as tx:
        return await _end_with(domain, tx, row, revoked, key)


async def _end_with(
    domain: Domain, tx: Transaction, row: ConnectionRow, revoked: _Revoked, key: RequestKey | None
) -> bool:
    """Wipe a connection whose grant is revoked, or remains because others have it; return False if neither is true yet.

    Both are decided under the lock on the grant: the last connection of a user always sees that it is the last.
    """
    await revocation.lock_grant(tx, row.provider, row.provider_subject)
    current = await connections.get(tx, row.location, row.id, lock=True)
    if current.provider_subject != row.provider_subject:
        return False
    pair = await tokens.find(tx, row.location, row.id)
    others = await revocation.others_with_grant(domain, tx, current)
    kept = pair is not None and pair.version > revoked.version
    if kept and not others:
        # A consent saved another pair meanwhile, or the last other connection was disconnected: revoke this one.
        return False
    first = await idempotency.claim(tx, key, row.id, domain.clock())
    if first is None and current.status != ConnectionStatus.DISCONNECTED:
        await _wipe(domain, tx, current, _reason(domain, current, revoked, kept=kept), revoked.refused)
        if revoked.version:
            await _verify_soon(domain, tx, others)
    return True


async def _verify_soon(domain: Domain, tx: Transaction, rows: Sequence[ConnectionRow]) -> None:
    """Let connections that got a grant during the revocation be verified: it may have ended theirs too."""
    for row in rows:
        await connections.change(tx, row.location, row.id, domain.clock(), verify_at=domain.clock())


async def _revoke(domain: Domain, row: ConnectionRow, version: int) -> _Revoked:
    """Revoke the grant, with a refreshed token because a vendor may refuse an expired one.

    Makes no call if the provider cannot revoke.
    """
    if not revocation.can_revoke(domain, row.provider):
        return _Revoked(version)
    try:
        token = await ConnectionAccess(domain, row.provider, row.location, row.id).token()
        version = token.version
        name = connection_status.resource_name(row)
        await revocation.revoke(domain, row.provider, row.grant_kind, name, token.value)
    except GrantRevoked:
        return _Revoked(version)
    except Rejected as error:
        return _Revoked(version, error)
    except Ambiguous as error:
        # Revoking twice does no harm, so the caller may simply retry.
        raise vendor_errors.safe_to_repeat(error, error.message) from None
    return _Revoked(version)


def _reason(domain: Domain, row: ConnectionRow, revoked: _Revoked, *, kept: bool) -> tuple[str, str]:
    """Return the reason code and message of a disconnected connection: never "revoked" when it was not."""
    if not revocation.can_revoke(domain, row.provider):
        return NOT_REVOCABLE
    if revoked.refused is not None:
        return REFUSED
    return SHARED if kept else REVOKED


async def _wipe(
    domain: Domain, tx: Transaction, row: ConnectionRow, reason: tuple[str, str], refused: ProviderError | None
) -> None:
    await domain.tokens.wipe(tx, row.location, row.id)
    await authorizations.remove_for(tx, row.location, row.id)
    await network_consents.remove_for(tx, row.location, row.id)
    await _detach_accounts(domain, tx, row)
    await ad_accounts.detach(tx, row)
    await connection_status.move(
        tx,
        row,
        domain.clock(),
        status=ConnectionStatus.DISCONNECTED,
        capabilities={},
        granted_scopes=[],
        reason_code=reason[0],
        reason_message=reason[1],
        last_error_code=refused.code if refused else "",
        last_error_message=refused.message if refused else "",
        verify_at=None,
    )


async def _detach_accounts(domain: Domain, tx: Transaction, row: ConnectionRow) -> None:
    now = domain.clock()
    for account in await accounts.of_connection(tx, row.location, row.id):
        if account.state == AccountState.DETACHED:
            continue
        detached = AccountRow(**account.model_dump() | {"state": AccountState.DETACHED})
        await sync.record_event(tx, detached, "ACCOUNT_DETACHED", now)
        await forget(tx, account, now)
    await accounts.set_state_of_connection(tx, row.location, row.id, AccountState.DETACHED, now)


async def delete(domain: Domain, location: str, connection: str, key: RequestKey | None, *, etag: str = "") -> None:
    """Disconnect, then remove the connection and the accounts that no post refers to.

    Raises storage's NotFound, EtagMismatch, StateForbids while posts of it are unfinished, what `disconnect` raises.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        await _check_no_unfinished_posts(tx, row)
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=connection_status.resource_name(row))
    await domain.tokens.guard(_disconnect(domain, location, connection))
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, connection, domain.clock()) is None:
            await _remove(tx, location, connection, domain.clock())


async def _check_no_unfinished_posts(tx: Transaction, row: ConnectionRow) -> None:
    if await posts.any_unfinished(tx, row.location, row.id):
        raise StateForbids(
            row.status, "Posts of this connection are under way.", resource=connection_status.resource_name(row)
        )


async def _remove(tx: Transaction, location: str, connection: str, now: datetime) -> None:
    row = await connections.find(tx, location, connection, lock=True)
    if row is None:
        return
    for account in await accounts.of_connection(tx, location, connection):
        await forget(tx, account, now)
        if not await posts.any_of_account(tx, location, account.id):
            await accounts.remove(tx, location, account.id)
    await connections.remove(tx, row)
