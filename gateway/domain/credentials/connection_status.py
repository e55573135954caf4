"""What a connection's status is, and the moves that tokens and verification make it do.

Owns the documented model: PENDING, VALID, LIMITED, ERROR, EXPIRED, DISCONNECTED, each with its reason. Every change
of status writes its event in the same transaction. Knows no vendor's scopes: the provider's table does.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.errors import ProviderError
from storage import connections, events, posts, tokens
from storage.connections import ConnectionRow
from storage.database import Transaction, notify

# The first missing capability names the reason; comments and ads are no part of what every connection should have.
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
GIVEN_UP = "The provider no longer accepts the grant: the account's owner must authorise it again."
NEW_ONE_NEEDED = "The provider no longer accepts the token: create the connection again with a new one."


def subject(row: ConnectionRow) -> str:
    """Return the connection's resource name."""
    return f"locations/{row.location}/connections/{row.id}"


def usable(row: ConnectionRow) -> dict[str, bool]:
    """Return what can be done with a connection now: nothing while it must be authorised again."""
    return {} if row.status in ("EXPIRED", "DISCONNECTED") else dict(row.capabilities)


def judge(capabilities: Mapping[str, bool], wanted: Mapping[str, bool] | None = None) -> tuple[str, str, str]:
    """Return (status, reason code, reason message) of a verified connection with these capabilities.

    `wanted` says which of them were asked for, None for all: who never asked for drafts misses nothing without them.
    """
    for name, (code, message) in REASONS.items():
        if not capabilities.get(name) and (wanted is None or wanted.get(name)):
            return "LIMITED", code, message
    return "VALID", *OK


async def announce(tx: Transaction, row: ConnectionRow, before: str, now: datetime) -> None:
    """Write the event of a status that changed; nothing when it did not."""
    if row.status == before:
        return
    kind = "CONNECTION_DISCONNECTED" if row.status == "DISCONNECTED" else "CONNECTION_STATUS_CHANGED"
    payload: dict[str, Any] = {"connection": row.model_dump(mode="json"), "previous_status": before}
    await events.append(tx, row.location, type=kind, subject=subject(row), payload=payload, now=now)


async def move(tx: Transaction, row: ConnectionRow, now: datetime, **values: Any) -> ConnectionRow:
    """Change a connection that this transaction holds, with its event when the status changes."""
    before = row.status
    changed = await connections.change(tx, row.location, row.id, now, **values)
    if changed is None:
        return row
    await announce(tx, changed, before, now)
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
    message: str = GIVEN_UP,
) -> bool:
    """Say that only a human can bring the connection back; its pair is kept until then, its posts wait.

    False, and nothing happens, when the pair is no longer the one of `at_version`: it is the old one that was refused.
    """
    row = await connections.find(tx, location, connection, lock=True)
    pair = await tokens.find(tx, location, connection)
    if pair is not None and pair.version != at_version:
        return False
    if row is None or row.status in ("EXPIRED", "DISCONNECTED"):
        return True
    await move(
        tx,
        row,
        now,
        status="EXPIRED",
        reason_code=reason,
        reason_message=message,
        last_error_code=error.code,
        last_error_message=error.message,
        verify_at=None,
    )
    await tokens.stop_refreshing(tx, location, connection)
    await notify(tx, tokens.TOPIC, tokens.cache_key(location, connection))
    return True


async def revive(tx: Transaction, location: str, connection: str, scopes: Iterable[str], now: datetime) -> None:
    """A new pair was saved: a connection given up for EXPIRED lives again and its posts go on; one that nobody
    verified yet, or whose permissions changed, is verified soon.
    """
    row = await connections.find(tx, location, connection, lock=True)
    if row is None:
        return
    values: dict[str, Any] = {}
    granted = sorted(scopes)
    if granted and granted != sorted(row.granted_scopes):
        values |= {"granted_scopes": granted, "verify_at": now}
    if row.status == "PENDING":
        values["verify_at"] = now
    if row.status == "EXPIRED":
        # Who has all that was asked for misses nothing; what was granted decides otherwise.
        asked = bool(row.requested_scopes) and set(row.requested_scopes) <= set(granted or row.granted_scopes)
        status, code, message = ("VALID", *OK) if asked else judge(row.capabilities)
        values |= {"status": status, "reason_code": code, "reason_message": message, "verify_at": now}
        await posts.wake_connection(tx, location, connection, now)
    if values:
        await move(tx, row, now, **values)
    else:
        await notify(tx, connections.TOPIC, connections.cache_key(location, row.provider))
