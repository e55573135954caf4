"""Request ids: the same change asked twice is made once.

Owns the rule of the contract: same id and same body give the first call's resource as it is today, another body is
refused. A key belongs to an agency, not to an API key: one that was rotated in the middle of a retry must not double
a post.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.errors import RequestIdReused
from storage import idempotency
from storage.database import Transaction


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's `request_id` with all that it is unique within, and the hash of the request's body."""

    agency: str
    location: str
    method: str
    request_id: str
    body_hash: bytes


async def claim(tx: Transaction, key: RequestKey | None, resource: str, now: datetime) -> str | None:
    """Claim the key for `resource` with this transaction: None when the change is ours to make, else the first
    resource.

    Waits while another transaction makes the same change. Raises RequestIdReused for another body.
    """
    if key is None:
        return None
    row = idempotency.IdempotencyRow(
        agency=key.agency,
        location=key.location,
        method=key.method,
        request_id=key.request_id,
        body_hash=key.body_hash,
        resource=resource,
        create_time=now,
    )
    return _first(key, await idempotency.claim(tx, row))


async def seen(tx: Transaction, key: RequestKey | None) -> str | None:
    """Return the resource that an earlier call with this key made, without claiming anything; raises
    RequestIdReused.
    """
    if key is None:
        return None
    return _first(key, await idempotency.find(tx, key.agency, key.location, key.method, key.request_id))


async def release(tx: Transaction, key: RequestKey | None) -> None:
    """Free the key with this transaction: the change was committed as begun, and certainly did not happen."""
    if key is not None:
        await idempotency.release(tx, key.agency, key.location, key.method, key.request_id)


def _first(key: RequestKey, row: idempotency.IdempotencyRow | None) -> str | None:
    if row is None:
        return None
    if row.body_hash != key.body_hash:
        raise RequestIdReused(metadata={"requestId": key.request_id})
    return row.resource
