"""How a consent ended, for whoever completes it a second time: with the same request id, or by reloading the callback.

Owns what is stored of the end of an authorization, and the error that it stands for. Calls no vendor.
"""

import asyncio
from datetime import timedelta

from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, StateForbids
from providers.errors import Ambiguous, ContractBroken, Misconfigured, Rejected, Temporary, Unavailable
from storage import authorizations, connections
from storage.authorizations import AuthorizationRow
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable
from storage.states import AuthorizationOutcome

TIMEOUT = timedelta(seconds=60)
POLL_SECONDS = 0.05
REFUSED = "The consent was given for another account or place than this connection is for."
LOST = "The provider's answer was lost, and a code works once: consent again."


def of_error(error: Exception) -> AuthorizationOutcome:
    """Return how an authorization ended that failed with this error."""
    if isinstance(error, StateForbids):
        return AuthorizationOutcome.REFUSED
    if isinstance(error, Misconfigured):
        return AuthorizationOutcome.MISCONFIGURED
    if isinstance(error, AuthorizationDenied | Rejected):
        return AuthorizationOutcome.DENIED
    unknown = isinstance(error, Temporary | Ambiguous | ContractBroken | DatabaseUnavailable)
    return AuthorizationOutcome.LOST if unknown else AuthorizationOutcome.FAILED


async def of_first_call(domain: Domain, row: AuthorizationRow) -> ConnectionRow:
    """Return the connection that the first use of this state led to, or raise what it failed with, waiting while that
    is under way. Raises storage's NotFound when the connection was deleted since.
    """
    waited = timedelta(0)
    while True:
        async with domain.db.read() as tx:
            row = await authorizations.find(tx, row.id) or row
        since = domain.clock() - row.consume_time if row.consume_time else TIMEOUT
        if row.outcome or max(since, waited) >= TIMEOUT:
            break
        await asyncio.sleep(POLL_SECONDS)
        waited += timedelta(seconds=POLL_SECONDS)
    async with domain.db.read() as tx:
        if row.outcome == AuthorizationOutcome.COMPLETED:
            return await connections.get(tx, row.location, row.connection)
        raise _error(row, await connections.find(tx, row.location, row.connection))


def _error(row: AuthorizationRow, connection: ConnectionRow | None) -> Exception:
    match row.outcome:
        case AuthorizationOutcome.DENIED:
            return AuthorizationDenied(metadata={"provider": row.provider})
        case AuthorizationOutcome.REFUSED if connection is not None:
            return StateForbids(connection.status, REFUSED, resource=connection_status.resource_name(connection))
        case AuthorizationOutcome.MISCONFIGURED:
            return Misconfigured(provider=row.provider)
        case AuthorizationOutcome.LOST:
            return Unavailable(LOST, provider=row.provider)
    if row.consume_time is None:
        return Unavailable("The provider could not answer: the same consent may be completed again.")
    return AuthorizationStateInvalid("An earlier call with this request_id failed: consent again.")
