"""Webhooks about grants: removed, installed in a new place, or of an unknown kind.

Owns what they change in connections. Webhooks about posts are `post_events`.
"""

from datetime import datetime

from gateway.domain.connections import agencies
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.webhooks import result
from gateway.domain.webhooks.result import APPLIED, KNOWN, NOT_OURS, SHOWN, STALE, UNKNOWN, Note, Result
from providers.errors import GrantRevoked, Rejected
from providers.models.grants import GrantKind
from providers.models.webhooks import Webhook
from storage import connections, tokens
from storage.connections import ConnectionRow
from storage.states import GrantOrigin
from storage.webhooks import UNKNOWN_AGENCY


async def grant_removed(domain: Domain, provider: str, webhook: Webhook, told: datetime) -> Result:
    """Make every live connection of the user EXPIRED, with the reason, unless it was authorised after `told`; and what
    came from an agency's grant with it.
    """
    rows = await result.live_connections(domain, provider, webhook)
    async with domain.db.read() as tx:
        children = [child for row in rows for child in await connections.of_parent(tx, row.location, row.id)]
    outcomes = {await _expire(domain, row, webhook, told) for row in (*rows, *children)}
    return Result("+".join(sorted(outcomes)) or NOT_OURS)


async def installed(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Return an agency's new place its grant: one vendor call for each of the agency's connections here. Without any
    the delivery is looked at again when one comes. Raises Temporary, Ambiguous, ContractBroken.
    """
    agencys = [
        row for row in await result.live_connections(domain, provider, webhook) if row.grant_kind == GrantKind.COMPANY
    ]
    outcomes = {await _install(domain, row, webhook.place) for row in agencys}
    return Result("+".join(sorted(outcomes)) or UNKNOWN_AGENCY)


async def _install(domain: Domain, agency: ConnectionRow, place: str) -> str:
    if not place:
        async with domain.db.transaction() as tx:
            await connections.change(tx, agency.location, agency.id, domain.clock(), verify_at=domain.clock())
        return APPLIED
    try:
        return APPLIED if await agencies.install(domain, agency, place) else KNOWN
    except GrantRevoked as error:
        # The agency's own grant may be the dead one: its next one will see this delivery again.
        return UNKNOWN_AGENCY if error.metadata.get("connection") else f"refused: {error.code}"
    except Rejected as error:
        return f"refused: {error.code}"


async def _expire(domain: Domain, told_of: ConnectionRow, webhook: Webhook, told: datetime) -> str:
    location, id, now = told_of.location, told_of.id, domain.clock()
    message = f"{webhook.reason} The account's owner must authorise it again."
    async with domain.db.transaction() as tx:
        row = await connections.find(tx, location, id, lock=True)
        pair = await tokens.find(tx, location, id)
        if row is None or row.status == "DISCONNECTED":
            return NOT_OURS
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            # It was not given to the application, and does not end with it.
            return KNOWN
        # The vendor tells whole seconds; a pair that it gave later than that proves that the grant lives.
        if pair is not None and pair.access_issue_time.replace(microsecond=0) > told:
            return STALE
        if row.status == "EXPIRED":
            values = {"last_error_code": webhook.event, "last_error_message": webhook.reason}
            await connection_status.move(tx, row, now, reason_code="TOKEN_REVOKED", reason_message=message, **values)
            return KNOWN
        error = GrantRevoked(webhook.reason, provider=row.provider, code=webhook.event)
        version = 0 if pair is None else pair.version
        await connection_status.expire(
            tx, location, id, "TOKEN_REVOKED", error, now, at_version=version, message=message
        )
    return APPLIED


async def unknown(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Show an event that nobody knows in each location where its user is connected."""
    first: dict[str, ConnectionRow] = {}
    for row in await result.live_connections(domain, provider, webhook):
        first.setdefault(row.location, row)
    payload = {"provider": provider, "event": webhook.event, "content": result.bounded(webhook.raw)}
    notes = [Note(row.location, UNKNOWN, connection_status.resource_name(row), payload) for row in first.values()]
    return Result(SHOWN if notes else NOT_OURS, notes)
