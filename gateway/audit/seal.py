"""Sealing: rows of the audit log get their places in the chain, some seconds after they were committed.

Owns the order, which one process at a time decides, and what is noted of days whose rows are dropped for their age. So
writers wait for nobody, and a row is sealed exactly if its transaction was committed.
"""

from datetime import datetime

import structlog

from gateway.audit import chain
from gateway.clock import Clock
from storage import audit
from storage.audit import AuditDayRow
from storage.database import Database, Transaction

log = structlog.get_logger(__name__)

BATCH = 1000


async def seal_all(db: Database, secret: bytes, clock: Clock) -> int:
    """Seal every row that is committed now; return how many were sealed here. Nothing if another process is at it."""
    sealed = 0
    while True:
        async with db.read() as tx:
            if not await audit.any_unsealed(tx):
                return sealed
        async with db.transaction() as tx:
            count = await _seal(tx, secret, clock()) if await audit.try_lock_chain(tx) else 0
        sealed += count
        if count < BATCH:
            return sealed


async def _seal(tx: Transaction, secret: bytes, now: datetime) -> int:
    """Seal a batch of rows, in one day; return how many."""
    found = await audit.unsealed(tx, BATCH)
    if not found:
        return 0
    last = await audit.last_day(tx)
    # A clock that was set back changes nothing in a day that is over.
    day = max(chain.midnight(now), last.day) if last else chain.midnight(now)
    begins = last is None or last.day < day
    number = 0 if last is None or begins else last.rows
    hash, hashes = last.hash if last else chain.BEGINNING, []
    for place, row in enumerate(found, number + 1):
        hash = chain.next_hash(hash, day, place, row.entry)
        hashes.append(hash)
    await audit.seal(tx, day, number + 1, [row.id for row in found], hashes)
    previous = (last.day if begins else last.previous) if last else None
    await _save(tx, secret, AuditDayRow(day=day, rows=number + len(found), hash=hash, previous=previous, mac=b""))
    if last is not None and begins:
        log.info("audit.day_closed", day=f"{last.day:%Y-%m-%d}", rows=last.rows, hash=last.hash.hex())
    return len(found)


async def drop_old(db: Database, secret: bytes, before: datetime) -> list[str]:
    """Drop the partitions with nothing but rows from before a time, note that in their days, and return their names."""

    async def mark(tx: Transaction, end: datetime) -> None:
        for day in await audit.days(tx):
            if day.day < end and not day.dropped:
                await _save(tx, secret, AuditDayRow(**{**day.model_dump(), "dropped": True}))

    return await audit.drop(db, before, mark)


async def _save(tx: Transaction, secret: bytes, day: AuditDayRow) -> None:
    day.mac = chain.mac(secret, day)
    await audit.save_day(tx, day)
