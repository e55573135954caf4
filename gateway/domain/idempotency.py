"""Request ids: a change that is requested twice is made once.

Owns the rule of the contract: the same id with the same body returns the first call's resource as it is today, with
another body it is refused. A key belongs to an agency, not to an API key: rotating the API key between a call and its
retry must not create a second post.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.audit import acts
from gateway.errors import RequestIdReused
from storage import idempotency
from storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's `request_id`, the scope in which it is unique, and the hash of the request's body.

    The hash is keyed, so that nobody can try out from the table what a request said. `earlier_hash` is the one without
    a key, as earlier versions stored it.
    """

    agency: str
    location: str
    method: str
    request_id: str
    body_hash: bytes
    earlier_hash: bytes = b""


async def claim(tx: Transaction, key: RequestKey | None, resource: str, now: datetime) -> str | None:
    """Claim the key for `resource` within `tx`; return None if this call is the first, else the first call's resource.

    The audit entry of the call is written here: this is called in the transaction of every change, with a key or not.
    Waits while another transaction makes the same change. Raises RequestIdReused for another body.
    """
    first = None if key is None else await _claim(tx, key, resource, now)
    if first is None:
        await acts.record(tx, now, result_id=resource)
    return first


async def _claim(tx: Transaction, key: RequestKey, resource: str, now: datetime) -> str | None:
    row = idempotency.IdempotencyRow(
        agency=key.agency,
        location=key.location,
        method=key.method,
        request_id=key.request_id,
        body_hash=key.body_hash,
        resource=resource,
        create_time=now,
    )
    return _resource_of(key, await idempotency.claim(tx, row))


async def earlier(db: Database, key: RequestKey | None) -> str | None:
    """Return the resource of an earlier call with this key, without claiming it; raises RequestIdReused."""
    if key is None:
        return None
    async with db.read() as tx:
        row = await idempotency.find(tx, key.agency, key.location, key.method, key.request_id)
    return _resource_of(key, row)


async def release(tx: Transaction, key: RequestKey | None) -> None:
    """Release the key within `tx`: the call that claimed it certainly made no change."""
    if key is not None:
        await idempotency.release(tx, key.agency, key.location, key.method, key.request_id)


def _resource_of(key: RequestKey, row: idempotency.IdempotencyRow | None) -> str | None:
    if row is None:
        return None
    if row.body_hash not in (key.body_hash, key.earlier_hash):
        raise RequestIdReused(metadata={"requestId": key.request_id})
    return row.resource
