"""Encryption keys: which are in use, and rewrapping everything with the active one while the gateway serves.

Owns the job's steps. The keys themselves are in the configuration of each process and never here; wrapping is
`storage/key_rotation.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gateway.audit import acts
from gateway.domain.context import Domain
from gateway.errors import StateForbids
from storage import admin_jobs, key_rotation
from storage.admin_jobs import AdminJobRow
from storage.errors import NotFound
from storage.key_ring import KeyRing
from storage.states import AdminJobKind, AdminJobState
from storage.states import EncryptionKeyState as KeyState

log = structlog.get_logger(__name__)

KIND = "encryption key"
BATCHES = 5
"""How many batches a step rewraps, before its progress is stored."""

ELSEWHERE, LOCKED = timedelta(seconds=5), timedelta(seconds=1)
NOT_FIRST = "The process that looked does not have this key first in GATEWAY_ENCRYPTION_KEYS."
PREFIX = "encryptionKeys/"


@dataclass(frozen=True, slots=True)
class KeyView:
    """An encryption key: how many data keys and secrets it wraps, and how far rewrapping with it is."""

    id: str
    state: KeyState
    wrapped: int
    rewrap: AdminJobRow | None = None


async def all_keys(domain: Domain) -> Sequence[KeyView]:
    """Return every key that is configured in this process or wraps something, in order of their ids."""
    ring = domain.sealer.ring
    counts = await key_rotation.count_by_key(domain.db)
    ids = sorted({*counts, *ring.keys})
    async with domain.db.read() as tx:
        jobs = await admin_jobs.find_many(tx, [PREFIX + id for id in ids])
    return [KeyView(id, _state(ring, id, counts.get(id, 0)), counts.get(id, 0), jobs.get(PREFIX + id)) for id in ids]


def _state(ring: KeyRing, id: str, wrapped: int) -> KeyState:
    if id not in ring.keys:
        return KeyState.MISSING
    if id == ring.active:
        return KeyState.ACTIVE
    return KeyState.RETIRING if wrapped else KeyState.RETIRED


async def get(domain: Domain, id: str) -> KeyView:
    """Return one key; raises storage's NotFound."""
    found = next((key for key in await all_keys(domain) if key.id == id), None)
    if found is None:
        raise NotFound(KIND, id)
    return found


async def rotate(domain: Domain, id: str) -> KeyView:
    """Begin to wrap everything with the active key; nothing changes while that is under way.

    Raises storage's NotFound, StateForbids for a key that is not the active one, KeyMissing, KeyWrong.
    """
    key = await get(domain, id)
    if key.state != KeyState.ACTIVE:
        text = "Put it first in GATEWAY_ENCRYPTION_KEYS of every process, and restart them."
        raise StateForbids(key.state, text, resource=PREFIX + id)
    await key_rotation.verify_ring(domain.db, domain.sealer.ring, remember=False)
    now = domain.clock()
    total = await key_rotation.count_others(domain.db, domain.sealer.ring)
    row = AdminJobRow(
        resource=PREFIX + id,
        kind=AdminJobKind.REWRAP_KEYS,
        total=total,
        due_at=now,
        create_time=now,
        update_time=now,
    )
    async with domain.db.transaction() as tx:
        if await admin_jobs.begin_again(tx, row):
            await acts.record(tx, now, resource=row.resource)
    log.info("keys.rewrap_begun", key=id, rows=total)
    return await get(domain, id)


async def rewrap_step(domain: Domain, job: AdminJobRow) -> Mapping[str, Any]:
    """Wrap some more with the job's key, if it is this process's active one."""
    ring, now = domain.sealer.ring, domain.clock()
    if ring.active != job.resource.removeprefix(PREFIX):
        return {"due_at": now + ELSEWHERE, "last_error": NOT_FIRST}
    moved = await key_rotation.rewrap_some(domain.db, ring, BATCHES)
    left = await key_rotation.count_others(domain.db, ring)
    done = {"done": job.done + moved, "total": job.done + moved + left, "failures": 0, "last_error": ""}
    if left:
        return {**done, "due_at": domain.clock() if moved else now + LOCKED}
    log.info("keys.rewrapped", key=ring.active, rows=job.done + moved)
    return {**done, "state": AdminJobState.SUCCEEDED, "due_at": None}
