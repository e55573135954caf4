"""The journal: each write is committed before the vendor is called, and again when it is known what came of it.

Owns the transactions, and that of two writes to one thing only one is made. Does not know what a write does.
"""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain import idempotency, vendor_errors
from gateway.domain.ads import tree
from gateway.domain.ads.tree import Target
from gateway.domain.concurrency import Superseded, backoff, until_free
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import EtagMismatch
from gateway.failpoints import reach
from providers.errors import ProviderError
from storage import ad_operations, ads
from storage.ad_operations import AdOperationRow
from storage.ads import AdRow
from storage.states import AdOperationKind, AdOperationState

LEASE = timedelta(minutes=5)
"""Longer than a call can take: after that another process looks what came of a write."""

LOOK_FIRST, LOOK_MAX = timedelta(seconds=5), timedelta(minutes=10)
GIVE_UP = timedelta(minutes=10)
"""After so long a request that was on its way has arrived, or never will."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One write that is under way: its row in the journal, and what it is to change."""

    operation: AdOperationRow
    target: Target

    @property
    def domain(self) -> Domain:
        """The dependencies."""
        return self.target.domain

    @property
    def is_old(self) -> bool:
        """Whether its request has arrived by now, or never will."""
        sent = self.operation.sent_time
        return sent is not None and self.domain.clock() >= sent + GIVE_UP

    @property
    def key(self) -> str:
        """The key by which the vendor tells it from any other write."""
        row = self.operation
        return hashlib.sha256(f"{row.location}|{row.id}".encode()).hexdigest()


def new(domain: Domain, kind: AdOperationKind, ad: AdRow, payload: dict[str, Any]) -> AdOperationRow:
    """Return a write that nothing is committed of yet."""
    now = domain.clock()
    return AdOperationRow(
        location=ad.location,
        id=domain.new_id(),
        kind=kind,
        ad=ad.id,
        payload=payload,
        due_at=now + LEASE,
        create_time=now,
        update_time=now,
    )


async def begin(
    target: Target, kind: AdOperationKind, payload: dict[str, Any], key: RequestKey | None, *, agency: str
) -> Write | str:
    """Commit the intent to change the target's lowest row, which gets a new etag; return the write, or the id of that
    which an earlier call with the same key made.

    Raises EtagMismatch if somebody else changed the row since it was read, LocationForbidden, RequestIdReused.
    """
    domain, row = target.domain, target.row
    operation = new(domain, kind, row, payload)
    async with domain.db.transaction() as tx:
        await keep_own(tx, row.location, agency)
        first = await idempotency.claim(tx, key, operation.id, domain.clock())
        if first is not None:
            return first
        changed = await ads.change(tx, row, domain.clock(), operation=operation.id, error=None)
        if changed is None:
            raise EtagMismatch(resource=tree.name_of(row))
        await ad_operations.insert(tx, operation)
    reach("ads.after-commit.INTENT")
    return Write(operation, target.with_row(changed))


async def sent(write: Write) -> Write:
    """Commit that the vendor is called now. Raises Superseded if another process has taken the write up."""
    now = write.domain.clock()
    moved = await move(write, state=AdOperationState.SENT, sent_time=now, due_at=now + LEASE)
    reach("ads.after-commit.SENT")
    return replace(moved, target=replace(moved.target, until=now + LEASE))


async def finished(write: Write, sending: Coroutine[Any, Any, AdRow]) -> AdRow:
    """Return what `sending` returns, or how the row is if another process has taken the write up meanwhile."""
    try:
        return await sending
    except Superseded:
        async with write.domain.db.read() as tx:
            return await ads.get(tx, write.operation.location, write.operation.ad)


@until_free
async def move(write: Write, **values: Any) -> Write:
    """Change the journal's row alone; raises Superseded if another process has moved it on."""
    async with write.domain.db.transaction() as tx:
        moved = await ad_operations.move(tx, write.operation, write.domain.clock(), **values)
    if moved is None:
        raise Superseded
    return replace(write, operation=moved)


async def postponed(write: Write) -> Write:
    """Commit that nothing of a write was sent, and when to try again."""
    tries, now = write.operation.tries + 1, write.domain.clock()
    due_at = now + backoff(LOOK_FIRST, tries - 1, LOOK_MAX)
    return await move(write, state=AdOperationState.INTENT, sent_time=None, tries=tries, due_at=due_at)


async def done(write: Write, values: Values) -> AdRow:
    """Commit that a write was made, and what the vendor has now."""
    row = await _end(write, AdOperationState.DONE, values, None)
    reach("ads.after-commit.DONE")
    return row


async def refused(write: Write, values: Values, error: dict[str, Any] | None = None) -> AdRow:
    """Commit that a write was certainly not made; callers see `error` with the row."""
    return await _end(write, AdOperationState.REFUSED, {**values, "error": error}, error)


@until_free
async def _end(write: Write, state: AdOperationState, values: Values, error: dict[str, Any] | None) -> AdRow:
    domain, now = write.domain, write.domain.clock()
    async with domain.db.transaction() as tx:
        moved = await ad_operations.move(tx, write.operation, now, state=state, error=error, due_at=None)
        if moved is None:
            raise Superseded
        row = await ads.get(tx, write.operation.location, write.operation.ad, lock=True)
        mine = row.operation == write.operation.id
        changed = await ads.write(tx, row, now, **{**values, **({"operation": ""} if mine else {})})
        await ads.release(tx, row.location, write.operation.id)
        await tree.tell(tx, write.target.row, changed, now)
    return changed


@until_free
async def in_doubt(write: Write, error: ProviderError | None, values: Values | None = None) -> AdRow:
    """Commit that it is not known what came of a write, and when to look next."""
    domain, now = write.domain, write.domain.clock()
    tries = write.operation.tries + 1
    stored = write.operation.error if error is None else vendor_errors.as_stored(error, "OUTCOME_UNKNOWN")
    async with domain.db.transaction() as tx:
        moved = await ad_operations.move(
            tx,
            write.operation,
            now,
            state=AdOperationState.INDETERMINATE,
            error=stored,
            tries=tries,
            due_at=now + backoff(LOOK_FIRST, tries - 1, LOOK_MAX),
        )
        row = await ads.get(tx, write.operation.location, write.operation.ad, lock=True)
        if moved is not None and values:
            row = await ads.change(tx, row, now, **values) or row
            await tree.tell(tx, write.target.row, row, now)
    return row


@until_free
async def forget(write: Write, key: RequestKey | None) -> None:
    """Commit that a write whose caller is told so was certainly not made: the same request may be made again.

    What it was to create is removed; everything else keeps its new etag.
    """
    domain, operation = write.domain, write.operation
    async with domain.db.transaction() as tx:
        if not await ad_operations.remove(tx, operation):
            return
        await idempotency.release(tx, key)
        if operation.kind == AdOperationKind.CREATE:
            await ads.remove(tx, operation.location, operation.ad)
            return
        await ads.release(tx, operation.location, operation.id)


async def resumed(domain: Domain, location: str, id: str, resume: Callable[[Write], Any]) -> AdRow | None:
    """Return what an earlier call's write was about as it is now, after looking what came of it if that is not known
    and nobody works on it; None if it was deleted.
    """
    async with domain.db.read() as tx:
        operation = await ad_operations.find(tx, location, id)
        row = None if operation is None else await ads.find(tx, location, operation.ad)
    if operation is None or row is None:
        return None
    in_doubt_now = operation.state == AdOperationState.INDETERMINATE and operation.due_at is not None
    if in_doubt_now or is_due(operation, domain.clock()):
        target = await tree.load_row(domain, location, row.id)
        # Whoever repeats a call learns how it stands, also if that cannot be looked at now.
        with suppress(ProviderError, Superseded):
            await resume(Write(operation, target))
        async with domain.db.read() as tx:
            return await ads.find(tx, location, row.id)
    return row


def is_due(operation: AdOperationRow, now: datetime) -> bool:
    """Return whether a write is not over, and nobody works on it."""
    return operation.due_at is not None and operation.due_at <= now
