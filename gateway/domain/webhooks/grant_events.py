"""Webhooks about grants: one was removed or installed in a new place, or the event is of an unknown kind.

Owns what they change in connections. Webhooks about posts are handled in `post_events.py`.
"""

from datetime import datetime

from gateway.domain.connections import agencies
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.webhooks import result
from gateway.domain.webhooks.result import (
    APPLIED,
    NO_CHANGE,
    NO_CONNECTION,
    REPORTED,
    SUPERSEDED,
    UNKNOWN_EVENT,
    PendingEvent,
    Result,
)
from providers.errors import GrantRevoked, Rejected
from providers.models.grants import GrantKind
from providers.models.webhooks import Webhook
from storage import connections, tokens
from storage.connections import ConnectionRow
from storage.states import ConnectionStatus, GrantOrigin
from storage.webhooks import UNKNOWN_AGENCY


async def grant_removed(domain: Domain, provider: str, webhook: Webhook, removed_at: datetime) -> Result:
    """Move every live connection of the user, in every location, to EXPIRED, unless it was authorised after the time
    `removed_at`; likewise the connections that derive from an agency's grant, also of one that was disconnected.
    """
    async with domain.db.read() as tx:
        rows = await connections.of_subject(tx, provider, webhook.subject) if webhook.subject else []
        children = [child for row in rows for child in await connections.of_parent(tx, row.location, row.id)]
    live = [row for row in (*rows, *children) if row.status != ConnectionStatus.DISCONNECTED]
    outcomes = {await _expire(domain, row, webhook, removed_at) for row in live}
    return Result("+".join(sorted(outcomes)) or NO_CONNECTION)


async def installed(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Get the grant for an agency's new place: one vendor call for each connection of the agency here.

    Without such a connection the delivery is applied again when one is made. Raises Temporary, Ambiguous,
    ContractBroken.
    """
    agencies_here = [
        row for row in await result.live_connections(domain, provider, webhook) if row.grant_kind == GrantKind.COMPANY
    ]
    outcomes = {await _install(domain, row, webhook.place) for row in agencies_here}
    return Result("+".join(sorted(outcomes)) or UNKNOWN_AGENCY)


async def _install(domain: Domain, agency: ConnectionRow, place: str) -> str:
    if not place:
        async with domain.db.transaction() as tx:
            await connections.change(tx, agency.location, agency.id, domain.clock(), verify_at=domain.clock())
        return APPLIED
    try:
        return APPLIED if await agencies.install(domain, agency, place) else NO_CHANGE
    except GrantRevoked as error:
        # If it is the agency's own grant that was revoked, this delivery is applied again once there is a new one.
        return UNKNOWN_AGENCY if error.metadata.get("connection") else f"refused: {error.code}"
    except Rejected as error:
        return f"refused: {error.code}"


async def _expire(domain: Domain, connection: ConnectionRow, webhook: Webhook, removed_at: datetime) -> str:
    location, id, now = connection.location, connection.id, domain.clock()
    message = f"{webhook.reason} The account's owner must authorise it again."
    async with domain.db.transaction() as tx:
        row = await connections.find(tx, location, id, lock=True)
        pair = await tokens.find(tx, location, id)
        if row is None or row.status == ConnectionStatus.DISCONNECTED:
            return NO_CONNECTION
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            # A static token was not issued to the application: removing the application does not revoke it.
            return NO_CHANGE
        # The vendor reports whole seconds; a token pair that it issued later proves that there is a newer grant.
        if pair is not None and pair.access_issue_time.replace(microsecond=0) > removed_at:
            return SUPERSEDED
        if row.status == ConnectionStatus.EXPIRED:
            values = {"last_error_code": webhook.event, "last_error_message": webhook.reason}
            await connection_status.move(tx, row, now, reason_code="TOKEN_REVOKED", reason_message=message, **values)
            return NO_CHANGE
        error = GrantRevoked(webhook.reason, provider=row.provider, code=webhook.event)
        version = 0 if pair is None else pair.version
        await connection_status.expire(
            tx, location, id, "TOKEN_REVOKED", error, now, at_version=version, message=message
        )
    return APPLIED


async def unknown(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Report an event of an unknown kind in each location where its user is connected."""
    first: dict[str, ConnectionRow] = {}
    for row in await result.live_connections(domain, provider, webhook):
        first.setdefault(row.location, row)
    payload = {"provider": provider, "event": webhook.event, "content": result.truncated(webhook.raw)}
    events = [
        PendingEvent(row.location, UNKNOWN_EVENT, connection_status.resource_name(row), payload)
        for row in first.values()
    ]
    return Result(REPORTED if events else NO_CONNECTION, events)
