"""ReauthorizeConnection: a new consent for an existing connection.

Owns which connections may have one. The consent page itself is in `consent`.
"""

from gateway.caller import Caller
from gateway.domain import idempotency
from gateway.domain.accounts import oauth_state
from gateway.domain.connections import consent, read
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import CapabilityMissing
from providers.capabilities import Capability, Support
from storage import connections
from storage.states import GrantOrigin

NO_PAGE = "A static token has no consent page: create the connection again with the new token, and it is replaced."


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
    """Open a new consent for a connection in any state; nothing else changes until it is completed.

    Raises storage's NotFound, CapabilityMissing (a static token has no page), FieldInvalid, Misconfigured.
    """
    now = domain.clock()
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, caller.agency)
        row = await connections.get(tx, location, connection, lock=True)
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            raise CapabilityMissing(Capability.OAUTH.value, Support.IMPOSSIBLE.value, NO_PAGE)
        oauth_state.check_uris(domain, caller, row.provider, return_uri=return_uri, redirect_uri=redirect_uri)
        if await idempotency.claim(tx, key, connection, now) is None:
            await consent.start(domain, tx, row, caller, redirect_uri=redirect_uri, return_uri=return_uri)
            # No column changes, but callers see the new consent, so the version (their etag) must change.
            await connections.change(tx, location, connection, now)
    return await read.get(domain, location, connection)
