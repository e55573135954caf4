"""Consent: from a signed one-time state to a grant that is kept, verified and told of.

Owns the walk through a vendor's consent page. The RPC and the browser's callback are two doors to `complete`. Knows no
transport; tokens are handed to `gateway/domain/credentials/tokens.py` as soon as they are there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway import reasons
from gateway.domain import idempotency, oauth_state
from gateway.domain.connections import agencies, grants, verify
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, FieldInvalid
from gateway.failpoints import reach
from providers.errors import Ambiguous, Misconfigured, ProviderError, Rejected, Temporary, Unavailable
from providers.models.grants import Grant, GrantKind
from providers.models.secret import Secret
from storage import authorizations, connections, events, posts
from storage.authorizations import AuthorizationRow
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable, Transaction
from storage.keys import LocationSealer

log = structlog.get_logger(__name__)

MAX_CODE = 4096
MAX_SAID = 300
SAVE_RETRY_SECONDS = 1.0
FIRST_CALL_SECONDS = 60.0
FIRST_CALL_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Completed:
    """A consent that led to a grant, where its caller wanted the browser to go afterwards, and whose pages may have
    opened the consent page.
    """

    connection: ConnectionRow
    return_uri: str
    openers: Sequence[str] = ()


Admit = Callable[[str], Awaitable[RequestKey | None]]
"""Raises unless the caller may use the location, and gives the key of its request; the browser's callback has no
caller and is let in by the state.
"""


async def complete(
    domain: Domain,
    *,
    state: str,
    code: str = "",
    error: str = "",
    error_description: str = "",
    provider: str = "",
    admit: Admit | None = None,
) -> Completed:
    """Finish a consent: one vendor call for the grant, and up to three to verify it.

    `provider` is whose callback was called, empty when nobody knows.

    A caller that goes away in the middle loses nothing. Raises AuthorizationStateInvalid (unknown, used, expired, not
    ours, or not this caller's: nothing changes), FieldInvalid (neither code nor error), AuthorizationDenied,
    StateForbids (another user, or another place, of the vendor than the connection's), ProviderError. An error that is
    raised after the state was found carries `connection` (a resource name), `return_uri` and `openers`.
    """
    id = oauth_state.verify(domain.oauth_secret, state)
    async with domain.db.read() as tx:
        row = await authorizations.find(tx, id)
    if row is None or provider not in ("", row.provider):
        raise AuthorizationStateInvalid()
    key = None if admit is None else await admit(row.location)
    if (not code and not error) or len(code) > MAX_CODE:
        raise FieldInvalid("code", "is required unless the consent was refused, which `error` says")
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, id, domain.clock())
        used = await authorizations.consume(tx, id, domain.clock())
        if first is None and used is None:
            raise AuthorizationStateInvalid()
    if used is None:
        return await _first_answer(domain, row)
    try:
        if error:
            await _denied(domain, used, error, error_description)
            raise AuthorizationDenied(metadata=_said(used, error, error_description), resource=_name(used))
        return await domain.tokens.guard(_finish(domain, used, code))
    except Exception as refusal:
        # For the browser's page: whoever asked wants to know where the person came from.
        refusal.connection, refusal.return_uri = _name(used), used.return_uri  # type: ignore[attr-defined]
        refusal.openers = used.openers  # type: ignore[attr-defined]
        raise


def _name(row: AuthorizationRow) -> str:
    return f"locations/{row.location}/connections/{row.connection}"


def _said(row: AuthorizationRow, code: str, message: str) -> dict[str, str]:
    told = {"provider": row.provider, "providerCode": code[:100], "providerMessage": message[:MAX_SAID]}
    return {key: value for key, value in told.items() if value}


async def _first_answer(domain: Domain, row: AuthorizationRow) -> Completed:
    """Return the result of the first call with this request id, waiting for it while it runs."""
    waited = 0.0
    while True:
        async with domain.db.read() as tx:
            row = await authorizations.find(tx, row.id) or row
        if row.outcome or row.consume_time is None or waited >= FIRST_CALL_SECONDS:
            break
        await asyncio.sleep(FIRST_CALL_POLL_SECONDS)
        waited += FIRST_CALL_POLL_SECONDS
    if row.outcome == "denied":
        raise AuthorizationDenied(metadata={"provider": row.provider})
    if row.outcome != "completed":
        raise AuthorizationStateInvalid("An earlier call with this request_id failed: consent again.")
    async with domain.db.read() as tx:
        return Completed(await connections.get(tx, row.location, row.connection), row.return_uri, row.openers)


async def _denied(domain: Domain, row: AuthorizationRow, code: str, said: str) -> None:
    """Keep the refusal with the connection and in an event; the connection stays what it was."""
    now, code, said = domain.clock(), code[:100], said[:MAX_SAID]
    payload = {"connection_id": row.connection, "error": code, "error_description": said}
    async with domain.db.transaction() as tx:
        await authorizations.finish(tx, row.id, "denied", row.connection)
        await connections.change(tx, row.location, row.connection, now, last_error_code=code, last_error_message=said)
        await events.append(tx, row.location, type="CONNECTION_DENIED", subject=_name(row), payload=payload, now=now)


async def _finish(domain: Domain, row: AuthorizationRow, code: str) -> Completed:
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, row.location)
    grant = await _exchange(domain, row, code, seal)
    reach("consent.after-exchange")
    try:
        connection = await _claim_surely(domain, row, grant)
        await domain.tokens.adopt(seal, connection.id, grant)
        reach("consent.after-save")
        verified = await _served(domain, row, connection)
    except Exception:
        await _end(domain, row, "failed", row.connection)
        raise
    await _end(domain, row, "completed", verified.id)
    return Completed(verified, row.return_uri, row.openers)


async def _served(domain: Domain, row: AuthorizationRow, holder: ConnectionRow) -> ConnectionRow:
    """Verify the connection that was consented for, after getting its own grant where an agency's came.

    The agency's connection is verified by the sweeper, which then serves the agency's other places too.
    """
    mine = holder
    if holder.grant_kind == GrantKind.COMPANY and await _is_place(domain, row):
        mine = await agencies.serve(domain, holder, row.location, row.connection)
    if not mine.grant_origin:
        return mine
    return await verify.probe(domain, mine.location, mine.id)


async def _is_place(domain: Domain, row: AuthorizationRow) -> bool:
    """Return whether the consent was opened for a place, and not for an agency."""
    async with domain.db.read() as tx:
        asked = await connections.find(tx, row.location, row.connection)
    return asked is not None and grants.kind_of(domain, asked) is not GrantKind.COMPANY


async def _end(domain: Domain, row: AuthorizationRow, outcome: str, connection: str) -> None:
    async with domain.db.transaction() as tx:
        await authorizations.finish(tx, row.id, outcome, connection)
        if outcome == "completed":
            await posts.wake_connection(tx, row.location, connection, domain.clock())


async def _exchange(domain: Domain, row: AuthorizationRow, code: str, seal: LocationSealer) -> Grant:
    verifier = Secret(seal.open("authorizations", row.id, "verifier", 1, row.verifier_sealed).decode())
    provider = domain.providers[row.provider]
    reach("consent.before-exchange")
    try:
        return await provider.authorization.exchange(code, verifier=verifier, redirect_uri=row.redirect_uri)
    except Temporary:
        # Nothing was sent, so the code is still good: the same page may be loaded again.
        async with domain.db.transaction() as tx:
            await authorizations.release(tx, row.id)
        raise
    except ProviderError as error:
        await _end(domain, row, "failed", row.connection)
        raise await _refused(domain, row, error) from None


async def _refused(domain: Domain, row: AuthorizationRow, error: ProviderError) -> Exception:
    """Say in our words what the vendor said to the code, and keep it with the connection."""
    async with domain.db.transaction() as tx:
        await connections.change(
            tx,
            row.location,
            row.connection,
            domain.clock(),
            last_error_code=error.code,
            last_error_message=error.message,
        )
    if isinstance(error, Ambiguous):
        text = "The answer to the exchange was lost, and a code works once: consent again."
        return Unavailable(text, provider=error.provider, code=error.code, log_id=error.log_id)
    if isinstance(error, Rejected) and not isinstance(error, Misconfigured):
        return AuthorizationDenied(metadata=reasons.metadata_of(error), resource=_name(row))
    return error


async def _claim_surely(domain: Domain, row: AuthorizationRow, grant: Grant) -> ConnectionRow:
    """Find whose grant it is, however long the database is away: the vendor gives this grant only once."""
    while True:
        try:
            async with domain.db.transaction() as tx:
                return await _claim(domain, tx, row, grant)
        except DatabaseUnavailable:
            log.error("consent.save_failed", location=row.location, connection=row.connection)
            await asyncio.sleep(SAVE_RETRY_SECONDS)


async def _claim(domain: Domain, tx: Transaction, row: AuthorizationRow, grant: Grant) -> ConnectionRow:
    mine = await connections.get(tx, row.location, row.connection)
    if agencies.is_agencys(domain, mine, grant):
        return await agencies.claim(domain, tx, mine, grant)
    return await grants.claim(domain, tx, mine, grant)
