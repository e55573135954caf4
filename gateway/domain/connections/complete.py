"""CompleteConnection: from the code and state of a consent to a grant that is saved and verified.

Owns the steps after a vendor's consent page, for the RPC and for the browser's callback alike. Knows no transport;
tokens are passed to `gateway/domain/credentials/tokens.py` at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.domain import idempotency, oauth_state
from gateway.domain.concurrency import until_stored
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
from storage.database import DatabaseUnavailable
from storage.keys import LocationSealer
from storage.states import AuthorizationOutcome

log = structlog.get_logger(__name__)

MAX_CODE_LENGTH = 4096
MAX_DESCRIPTION_LENGTH = 300
SAVE_RETRY = timedelta(seconds=1)
FIRST_CALL_TIMEOUT_SECONDS = 60.0
FIRST_CALL_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Completed:
    """A consent that led to a grant: its connection, the URI to send the browser to, and those whose pages may have
    opened the consent page in a window.
    """

    connection: ConnectionRow
    return_uri: str
    openers: Sequence[str] = ()


class ConsentFailed(Exception):
    """A consent with a valid state that did not lead to a grant: the reason, and where its browser came from."""

    def __init__(self, error: Exception, row: AuthorizationRow) -> None:
        """`error` is the reason; `row` provides what the page shown to the person needs."""
        super().__init__(str(error))
        self.error = error
        self.connection = _name(row)
        self.return_uri = row.return_uri
        self.openers: Sequence[str] = row.openers


Authorize = Callable[[str], Awaitable[RequestKey | None]]
"""Raises unless the caller may use the location, and returns the key of its request."""


async def complete(
    domain: Domain, *, state: str, code: str, error: str, error_description: str, authorize: Authorize
) -> Completed:
    """Complete a consent for CompleteConnection: one vendor call for the grant, and up to three to verify it.

    Cancelling the caller does not cancel the exchange. Raises AuthorizationStateInvalid (unknown, used, expired, not
    ours, or not this caller's: nothing changes), FieldInvalid (neither code nor error), AuthorizationDenied,
    StateForbids (the vendor's user or sub-account is not the connection's), ProviderError.
    """
    try:
        return await _complete(domain, state, code, error, error_description, authorize=authorize)
    except ConsentFailed as failed:
        raise failed.error from failed.error.__cause__


async def complete_callback(
    domain: Domain, provider: str, *, state: str, code: str = "", error: str = "", error_description: str = ""
) -> Completed:
    """Complete a consent for a browser on the callback of `provider`, authorised by the state instead of an API key.

    Raises what `complete` raises before the state is found, ConsentFailed afterwards.
    """
    return await _complete(domain, state, code, error, error_description, provider=provider)


async def _complete(
    domain: Domain,
    state: str,
    code: str,
    error: str,
    error_description: str,
    *,
    provider: str = "",
    authorize: Authorize | None = None,
) -> Completed:
    id = oauth_state.verify(domain.oauth_secret, state)
    async with domain.db.read() as tx:
        row = await authorizations.find(tx, id)
    if row is None or provider not in ("", row.provider):
        raise AuthorizationStateInvalid()
    key = None if authorize is None else await authorize(row.location)
    if (not code and not error) or len(code) > MAX_CODE_LENGTH:
        raise FieldInvalid("code", "is required unless the consent was refused, which `error` says")
    async with domain.db.read() as tx:
        # Before the state is used: without the key that seals the location nothing could be kept, and nothing is lost.
        seal = await domain.sealer.for_location(tx, row.location)
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, id, domain.clock())
        used = await authorizations.consume(tx, id, domain.clock())
        if first is None and used is None:
            raise AuthorizationStateInvalid()
    if used is None:
        return await _result_of_first_call(domain, row)
    try:
        if error:
            await _record_denial(domain, used, error, error_description)
            raise AuthorizationDenied(metadata=_error_metadata(used, error, error_description), resource=_name(used))
        return await domain.tokens.guard(_finish(domain, used, code, seal))
    except Exception as failure:
        raise ConsentFailed(failure, used) from failure


def _name(row: AuthorizationRow) -> str:
    return names.CONNECTION.format(row.location, row.connection)


def _error_metadata(row: AuthorizationRow, code: str, message: str) -> dict[str, str]:
    metadata = {
        "provider": row.provider,
        "providerCode": code[:100],
        "providerMessage": message[:MAX_DESCRIPTION_LENGTH],
    }
    return {key: value for key, value in metadata.items() if value}


async def _result_of_first_call(domain: Domain, row: AuthorizationRow) -> Completed:
    """Return the result of the first call with this request id, waiting while that call runs."""
    waited = 0.0
    while True:
        async with domain.db.read() as tx:
            row = await authorizations.find(tx, row.id) or row
        if row.outcome or row.consume_time is None or waited >= FIRST_CALL_TIMEOUT_SECONDS:
            break
        await asyncio.sleep(FIRST_CALL_POLL_SECONDS)
        waited += FIRST_CALL_POLL_SECONDS
    if row.outcome == AuthorizationOutcome.DENIED:
        raise AuthorizationDenied(metadata={"provider": row.provider})
    if row.outcome != AuthorizationOutcome.COMPLETED:
        raise AuthorizationStateInvalid("An earlier call with this request_id failed: consent again.")
    async with domain.db.read() as tx:
        return Completed(await connections.get(tx, row.location, row.connection), row.return_uri, row.openers)


async def _record_denial(domain: Domain, row: AuthorizationRow, code: str, text: str) -> None:
    """Record the denial with the connection and in an event; the connection's status does not change."""
    now, code, text = domain.clock(), code[:100], text[:MAX_DESCRIPTION_LENGTH]
    payload = {"connection_id": row.connection, "error": code, "error_description": text}
    async with domain.db.transaction() as tx:
        await authorizations.finish(tx, row.id, AuthorizationOutcome.DENIED, row.connection)
        await connections.change(tx, row.location, row.connection, now, last_error_code=code, last_error_message=text)
        await events.append(tx, row.location, type="CONNECTION_DENIED", subject=_name(row), payload=payload, now=now)


async def _finish(domain: Domain, row: AuthorizationRow, code: str, seal: LocationSealer) -> Completed:
    grant = await _exchange(domain, row, code, seal)
    reach("consent.after-exchange")
    try:
        connection = await _claim(domain, row, grant)
        await domain.tokens.adopt(seal, connection.id, grant)
        reach("consent.after-save")
        verified = await _verify(domain, row, connection)
    except Exception:
        await _record_outcome(domain, row, AuthorizationOutcome.FAILED, row.connection)
        raise
    await _record_outcome(domain, row, AuthorizationOutcome.COMPLETED, verified.id)
    return Completed(verified, row.return_uri, row.openers)


async def _verify(domain: Domain, row: AuthorizationRow, granted: ConnectionRow) -> ConnectionRow:
    """Verify the connection for which the consent was opened; if an agency consented, derive its own grant before.

    The agency's connection, which is `granted` then, is verified by the sweeper, which also connects the agency's other
    sub-accounts.
    """
    requested = granted
    if granted.grant_kind == GrantKind.COMPANY and await _is_for_sub_account(domain, row):
        requested = await agencies.connect(domain, granted, row.location, row.connection)
    if not requested.grant_origin:
        return requested
    return await verify.probe(domain, requested.location, requested.id)


async def _is_for_sub_account(domain: Domain, row: AuthorizationRow) -> bool:
    """Return whether the consent was opened for a sub-account's connection, and not for an agency's."""
    async with domain.db.read() as tx:
        requested = await connections.find(tx, row.location, row.connection)
    return requested is not None and grants.kind_of(domain, requested) is not GrantKind.COMPANY


async def _record_outcome(
    domain: Domain, row: AuthorizationRow, outcome: AuthorizationOutcome, connection: str
) -> None:
    async with domain.db.transaction() as tx:
        await authorizations.finish(tx, row.id, outcome, connection)
        if outcome == AuthorizationOutcome.COMPLETED:
            await posts.wake_connection(tx, row.location, connection, domain.clock())


async def _exchange(domain: Domain, row: AuthorizationRow, code: str, seal: LocationSealer) -> Grant:
    verifier = Secret(seal.open("authorizations", row.id, "verifier", 1, row.verifier_sealed).decode())
    provider = domain.providers[row.provider]
    reach("consent.before-exchange")
    try:
        return await provider.authorization.exchange(code, verifier=verifier, redirect_uri=row.redirect_uri)
    except Temporary:
        # Nothing was sent, so the code is still valid: the same page may be loaded again.
        async with domain.db.transaction() as tx:
            await authorizations.release(tx, row.id)
        raise
    except ProviderError as error:
        await _record_outcome(domain, row, AuthorizationOutcome.FAILED, row.connection)
        raise await _record_exchange_error(domain, row, error) from None


async def _record_exchange_error(domain: Domain, row: AuthorizationRow, error: ProviderError) -> Exception:
    """Record the vendor's error with the connection, and return the error to raise for it."""
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


async def _claim(domain: Domain, row: AuthorizationRow, grant: Grant) -> ConnectionRow:
    """Assign the grant to its connection, however long the database is unavailable: the vendor issues it only once."""

    async def claim() -> ConnectionRow:
        async with domain.db.transaction() as tx:
            requested = await connections.get(tx, row.location, row.connection)
            if agencies.is_agency_grant(domain, requested, grant):
                return await agencies.claim(domain, tx, requested, grant)
            return await grants.claim(domain, tx, requested, grant)

    def report(_: DatabaseUnavailable) -> None:
        log.error("consent.save_failed", location=row.location, connection=row.connection)

    return await until_stored(claim, pause=SAVE_RETRY, report=report)
