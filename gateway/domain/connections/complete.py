"""CompleteConnection: from the code and state of a consent to a grant that is saved and verified.

Owns the steps after a vendor's consent page, for the RPC and for the browser's callback alike. Knows no transport;
tokens are passed to `gateway/domain/credentials/tokens.py` at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.audit import acts
from gateway.domain import idempotency
from gateway.domain.accounts import oauth_state
from gateway.domain.concurrency import until_free, until_stored
from gateway.domain.connections import agencies, grants, outcome, revocation, verify
from gateway.domain.connections.agencies import Proof
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, FieldInvalid, StateForbids
from gateway.failpoints import reach
from providers.errors import (
    Ambiguous,
    Misconfigured,
    ProviderError,
    Rejected,
    Temporary,
    Unavailable,
)
from providers.interface import Authorization, authorization_of
from providers.models.grants import Grant
from providers.models.secret import Secret
from storage import authorizations, connections, events, locations, posts
from storage.authorizations import AuthorizationRow
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable
from storage.errors import NotFound
from storage.keys import LocationSealer
from storage.states import AuthorizationOutcome

log = structlog.get_logger(__name__)
T = TypeVar("T")

MAX_CODE_LENGTH = 4096
SAVE_RETRY = timedelta(seconds=1)


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
        # Not its text: an error may quote what a vendor said, which the log must not repeat under another name.
        super().__init__(type(error).__name__)
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

    A callback that is opened again ends as the first one did, without a vendor call. Raises what `complete` raises
    before the state is found, ConsentFailed afterwards.
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
        await acts.record(tx, domain.clock(), resource=_name(row), agency=row.agency)
        first = await idempotency.claim(tx, key, id, domain.clock())
        used = await authorizations.consume(tx, id, domain.clock())
        row = await authorizations.find(tx, id) or row
        # A caller repeats by its request id, a browser by opening the same address again.
        if used is None and first is None and (authorize is not None or row.consume_time is None):
            raise AuthorizationStateInvalid()
    try:
        if used is None:
            return Completed(await outcome.of_first_call(domain, row), row.return_uri, row.openers)
        if error:
            raise await _record_redirect_error(domain, used, error, error_description)
        return await domain.tokens.guard(_finish(domain, used, code, seal))
    except Exception as failure:
        raise ConsentFailed(failure, row) from failure


def _name(row: AuthorizationRow) -> str:
    return names.CONNECTION.format(row.location, row.connection)


async def _record_redirect_error(domain: Domain, row: AuthorizationRow, code: str, text: str) -> Exception:
    """Record, with the connection and in an event, what the vendor's consent page reported instead of a code, and
    return the error to raise; the connection's status does not change.

    After a temporary error the same consent page may be used again.
    """
    error = domain.providers[row.provider].authorization.redirect_error(code, text)
    now, said = domain.clock(), error.metadata.get("provider_message", "")
    payload = {"connection_id": row.connection, "error": error.code, "error_description": said}
    denied = not isinstance(error, Misconfigured | Temporary)
    payload["reason"] = AuthorizationDenied.reason if denied else reasons.reason_of(error)
    last: dict[str, Any] = {
        "last_error_code": error.code,
        "last_error_message": said or ("" if denied else error.message),
    }
    async with domain.db.transaction() as tx:
        if isinstance(error, Temporary):
            await authorizations.release(tx, row.id)
        else:
            await authorizations.finish(tx, row.id, outcome.of_error(error), row.connection)
        await connections.change(tx, row.location, row.connection, now, **last)
        await events.append(tx, row.location, type="CONNECTION_DENIED", subject=_name(row), payload=payload, now=now)
    return AuthorizationDenied(metadata=_metadata_of(error), resource=_name(row)) if denied else error


def _metadata_of(error: ProviderError) -> dict[str, str]:
    """Return the vendor's code and words of a denial; our own sentence is no word of the vendor's."""
    metadata = reasons.metadata_of(error)
    if "provider_message" not in error.metadata:
        metadata.pop("providerMessage", None)
    return metadata


async def _finish(domain: Domain, row: AuthorizationRow, code: str, seal: LocationSealer) -> Completed:
    grant = await _exchange(domain, row, code, seal)
    reach("consent.after-exchange")
    try:
        proof = await _prove(domain, row, grant)
        connection = await _claim(domain, row, grant, proof)
        await domain.tokens.adopt(seal, connection.id, grant)
        reach("consent.after-save")
        verified = await _verify(domain, row, connection, proof)
    except Exception as error:
        if isinstance(error, StateForbids | NotFound):
            await revocation.give_back(domain, row.provider, _name(row), grant)
        await _record_outcome(domain, row, outcome.of_error(error), row.connection)
        raise
    await _record_outcome(domain, row, AuthorizationOutcome.COMPLETED, verified.id)
    return Completed(verified, row.return_uri, row.openers)


async def _prove(domain: Domain, row: AuthorizationRow, grant: Grant) -> Proof | None:
    """Prove that an agency that consented has the connection's sub-account; None if nobody else's grant is derived."""

    async def read() -> tuple[ConnectionRow, str]:
        async with domain.db.read() as tx:
            requested = await connections.get(tx, row.location, row.connection)
            return requested, await grants.expected_place(domain, tx, requested)

    requested, place = await _until_stored(row, read)
    if not agencies.is_agency_grant(domain, requested, grant):
        return None
    return await agencies.prove(domain, requested, place, grant)


async def _verify(domain: Domain, row: AuthorizationRow, granted: ConnectionRow, proof: Proof | None) -> ConnectionRow:
    """Verify the connection for which the consent was opened; if an agency consented, save its own grant before.

    If an agency consented on the page of a sub-account's connection, derive that connection's grant and verify it
    instead: the sweeper verifies the agency's connection, and connects its other sub-accounts.
    """
    requested = granted
    if proof is not None:
        requested = await agencies.connect(domain, granted, row.location, row.connection, proof)
    if not requested.grant_origin:
        return requested
    return await verify.probe(domain, requested.location, requested.id)


@until_free
async def _record_outcome(domain: Domain, row: AuthorizationRow, ended: AuthorizationOutcome, connection: str) -> None:
    async with domain.db.transaction() as tx:
        await authorizations.finish(tx, row.id, ended, connection)
        if ended == AuthorizationOutcome.COMPLETED:
            await posts.wake_connection(tx, row.location, connection, domain.clock())


async def _exchange(domain: Domain, row: AuthorizationRow, code: str, seal: LocationSealer) -> Grant:
    verifier = Secret(seal.open("authorizations", row.id, "verifier", 1, row.verifier_sealed).decode())
    authorization = await _authorization(domain, row)
    reach("consent.before-exchange")
    try:
        return await authorization.exchange(code, verifier=verifier, redirect_uri=row.redirect_uri)
    except Temporary:
        # Nothing was sent, so the code is still valid: the same page may be loaded again.
        await _release(domain, row)
        raise
    except ProviderError as error:
        raised = await _record_exchange_error(domain, row, error)
        await _record_outcome(domain, row, outcome.of_error(raised), row.connection)
        raise raised from None


async def _authorization(domain: Domain, row: AuthorizationRow) -> Authorization:
    """Return how the grant of the connection's kind is obtained. Raises storage's NotFound if it is gone."""

    async def read() -> ConnectionRow:
        async with domain.db.read() as tx:
            return await connections.get(tx, row.location, row.connection)

    provider = domain.providers[row.provider]
    if not provider.authorizations:
        return provider.authorization
    return authorization_of(provider, (await _until_stored(row, read)).grant_kind)


@until_free
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
        return Unavailable(outcome.LOST, provider=error.provider, code=error.code, log_id=error.log_id)
    if isinstance(error, Rejected) and not isinstance(error, Misconfigured):
        return AuthorizationDenied(metadata=reasons.metadata_of(error), resource=_name(row))
    return error


@until_free
async def _release(domain: Domain, row: AuthorizationRow) -> None:
    async with domain.db.transaction() as tx:
        await authorizations.release(tx, row.id)


async def _claim(domain: Domain, row: AuthorizationRow, grant: Grant, proof: Proof | None) -> ConnectionRow:
    """Assign the grant to its connection."""

    async def claim() -> ConnectionRow:
        async with domain.db.transaction() as tx:
            await locations.keep(tx, row.location)
            requested = await connections.get(tx, row.location, row.connection)
            if proof is not None:
                return await agencies.claim(domain, tx, requested, grant, proof)
            return await grants.claim(domain, tx, requested, grant)

    return await _until_stored(row, claim)


async def _until_stored(row: AuthorizationRow, work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` returns, however long the database is unavailable: the vendor issues a grant only once."""

    def report(_: DatabaseUnavailable) -> None:
        log.error("consent.save_failed", location=row.location, connection=row.connection)

    return await until_stored(work, pause=SAVE_RETRY, report=report)
