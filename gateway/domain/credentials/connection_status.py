"""The status of a connection, and the changes that tokens and verification make to it.

Owns the documented model: PENDING, VALID, LIMITED, ERROR, EXPIRED, DISCONNECTED, each with its reason. Every change
of status writes its event in the same transaction. The provider's table knows which scopes a capability needs.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.aip import names
from providers.errors import ProviderError
from storage import connections, events, posts, tokens
from storage.connections import ConnectionRow
from storage.database import Transaction, notify
from storage.states import ConnectionStatus

# The first missing capability determines the reason; comments and ads are optional for every connection.
REASONS = {
    "can_read_profile": ("MISSING_PROFILE_SCOPE", "The profile cannot be read: its scope was not granted."),
    "can_list_videos": ("MISSING_VIDEO_LIST_SCOPE", "Videos cannot be listed: their scope was not granted."),
    "can_read_video_metrics": (
        "MISSING_VIDEO_METRICS_SCOPE",
        "Video metrics cannot be read: their scope was not granted.",
    ),
    "can_publish": ("MISSING_PUBLISH_SCOPE", "Posts cannot be published: the scope was not granted."),
    "can_upload_drafts": (
        "MISSING_PUBLISH_SCOPE",
        "Drafts cannot be sent to the creator's inbox: the scope was not granted.",
    ),
}
OK = ("VERIFICATION_OK", "The connection was verified.")
GRANT_EXPIRED = "The provider no longer accepts the grant: the account's owner must authorise it again."
GRANT_REFUSED = (
    "The provider has refused to renew the grant for a day, in words that name no cause: see the last error. The "
    "account's owner must authorise it again."
)
STATIC_TOKEN_EXPIRED = "The provider no longer accepts the token: create the connection again with a new one."  # noqa: S105
UNUSABLE = frozenset({ConnectionStatus.EXPIRED, ConnectionStatus.DISCONNECTED})
"""The statuses of a connection that must be authorised again before anything can be done with it."""


def resource_name(row: ConnectionRow) -> str:
    """Return the connection's resource name."""
    return names.CONNECTION.format(row.location, row.id)


def usable_capabilities(row: ConnectionRow) -> dict[str, bool]:
    """Return the connection's capabilities, none while it must be authorised again."""
    return {} if row.status in UNUSABLE else dict(row.capabilities)


def assess(
    capabilities: Mapping[str, bool], wanted: Mapping[str, bool] | None = None
) -> tuple[ConnectionStatus, str, str]:
    """Return (status, reason code, reason message) of a verified connection with these capabilities.

    Only a missing capability that is `wanted` limits the connection; None means that all are.
    """
    for name, (code, message) in REASONS.items():
        if not capabilities.get(name) and (wanted is None or wanted.get(name)):
            return ConnectionStatus.LIMITED, code, message
    return ConnectionStatus.VALID, *OK


async def _record_event(tx: Transaction, row: ConnectionRow, before: ConnectionStatus, now: datetime) -> None:
    """Write the event of a changed status; nothing if it is the same as before."""
    if row.status == before:
        return
    disconnected = row.status == ConnectionStatus.DISCONNECTED
    kind = "CONNECTION_DISCONNECTED" if disconnected else "CONNECTION_STATUS_CHANGED"
    payload: dict[str, Any] = {"connection": row.model_dump(mode="json"), "previous_status": before}
    await events.append(tx, row.location, type=kind, subject=resource_name(row), payload=payload, now=now)


async def move(tx: Transaction, row: ConnectionRow, now: datetime, **values: Any) -> ConnectionRow:
    """Change a connection that `tx` has locked, and write an event if the status changes."""
    before = row.status
    changed = await connections.change(tx, row.location, row.id, now, **values)
    if changed is None:
        return row
    await _record_event(tx, changed, before, now)
    return changed


async def expire(
    tx: Transaction,
    location: str,
    connection: str,
    reason: str,
    error: ProviderError,
    now: datetime,
    *,
    at_version: int,
    message: str = GRANT_EXPIRED,
) -> bool:
    """Set the connection to EXPIRED: only a human can authorise it again; its token pair is kept, its posts wait.

    Return False, and change nothing, when the stored pair is not `at_version`: the vendor refused an older one.
    """
    row = await connections.find(tx, location, connection, lock=True)
    pair = await tokens.find(tx, location, connection)
    if pair is not None and pair.version != at_version:
        return False
    if row is None or row.status in UNUSABLE:
        return True
    await move(
        tx,
        row,
        now,
        status=ConnectionStatus.EXPIRED,
        reason_code=reason,
        reason_message=message,
        last_error_code=error.code,
        last_error_message=error.message,
        verify_at=None,
    )
    await tokens.stop_refreshing(tx, location, connection)
    await notify(tx, tokens.TOPIC, tokens.cache_key(location, connection))
    return True


async def reactivate(tx: Transaction, location: str, connection: str, scopes: Iterable[str], now: datetime) -> None:
    """Update a connection for which a new pair was saved.

    An EXPIRED one becomes usable and its posts continue; one that is PENDING, or whose scopes changed, is verified
    soon.
    """
    row = await connections.find(tx, location, connection, lock=True)
    if row is None:
        return
    values: dict[str, Any] = {}
    granted = sorted(scopes)
    if granted and granted != sorted(row.granted_scopes):
        values |= {"granted_scopes": granted, "verify_at": now}
    if row.status == ConnectionStatus.PENDING:
        values["verify_at"] = now
    if row.status == ConnectionStatus.EXPIRED:
        # VALID if all requested scopes were granted, otherwise what the known capabilities amount to.
        complete = bool(row.requested_scopes) and set(row.requested_scopes) <= set(granted or row.granted_scopes)
        status, code, message = (ConnectionStatus.VALID, *OK) if complete else assess(row.capabilities)
        values |= {"status": status, "reason_code": code, "reason_message": message, "verify_at": now}
        await posts.wake_connection(tx, location, connection, now)
    if values:
        await move(tx, row, now, **values)
    else:
        await notify(tx, connections.TOPIC, connections.cache_key(location, row.provider))
