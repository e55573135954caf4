"""Tables that are partitioned by time: partitions are created ahead of time, and dropped whole when they are old.

Owns the names, the bounds and the locks. Does not know what the rows mean, nor how long they are kept.

A partition's name carries its bounds (`events_20261130_20261207`: the first day, and the day after the last, in UTC),
so that neither the date style nor the time zone of a session decides how they are read. There is no default partition:
its rows would be in the way of the partition that is created later for the same time.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from storage.database import Database, DatabaseBusy, Transaction, advisory_lock, try_advisory_lock

log = logging.getLogger(__name__)

WEEK = timedelta(days=7)
AHEAD = timedelta(days=14)
"""How long before its first row a partition is created."""

TABLES: dict[str, timedelta] = {"events": WEEK, "event_positions": WEEK, "idempotency": WEEK, "audit": WEEK}
"""The partitioned tables, and how much time one partition of each has."""

DROP_LOCK = "1500ms"
"""How long a drop waits for its locks: whoever else needs the table waits behind it. Longer than `deadlock_timeout`
(1 s), after which PostgreSQL ends an autovacuum that is in the way.
"""

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_NAME = re.compile(r"_(\d{8})_(\d{8})$")
_CHILDREN = text("""
SELECT child.relname FROM pg_inherits AS i JOIN pg_class AS child ON child.oid = i.inhrelid
WHERE i.inhparent = CAST(:parent AS regclass)
""")
_NAMES = text("SELECT relname FROM pg_class WHERE relispartition")

Mark = Callable[[Transaction, str], Awaitable[None]]
"""Called with a partition's name right before it is dropped, in the same transaction."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: rows from `start` on and before `end`."""

    name: str
    start: datetime
    end: datetime


def of(table: str, time: datetime) -> Partition:
    """Return the partition in which a new row of that time belongs."""
    period = TABLES[table]
    start = _MONDAY + (time - _MONDAY) // period * period
    end = start + period
    return Partition(f"{table}_{start:%Y%m%d}_{end:%Y%m%d}", start, end)


async def ensure(tx: Transaction, table: str, time: datetime) -> None:
    """Make sure that a row of that time can be stored by this transaction.

    Costs nothing while this process writes into the partition that it wrote into last. One that is missing is created
    here and now, which should not happen: `keep` creates them ahead.
    """
    known: dict[str, Partition] = tx.info["partitions"]
    last = known.get(table)
    if last is not None and last.start <= time < last.end:
        return
    found = _covering(await existing(tx, table), time)
    if found is not None:
        known[table] = found
    elif await _create(tx, table, of(table, time)):
        # Not noted as known: this transaction may be rolled back, and the partition with it.
        log.error("the partition of %s for %s was missing, and has been created late", table, time.isoformat())


async def keep(db: Database, now: datetime) -> list[str]:
    """Create the partitions that are missing from now until `AHEAD`, and return their names."""
    async with db.read() as tx:
        wanted = await missing(tx, now, now + AHEAD)
    created: list[str] = []
    for table, partition in wanted:
        async with db.transaction() as tx:
            if await _create(tx, table, partition):
                created.append(partition.name)
    return created


async def missing(tx: Transaction, first: datetime, last: datetime) -> list[tuple[str, Partition]]:
    """Return the tables and the partitions that rows of any time between these two need and that do not exist."""
    wanted: list[tuple[str, Partition]] = []
    for table in TABLES:
        found, time = await existing(tx, table), first
        while (partition := of(table, time)).start <= last:
            if _covering(found, time) is None:
                wanted.append((table, partition))
            time = partition.end
    return wanted


async def existing(tx: Transaction, table: str) -> list[Partition]:
    """Return the partitions of a table, oldest first."""
    names = (await tx.execute(_CHILDREN, {"parent": table})).scalars()
    return sorted((_parsed(name) for name in names), key=lambda partition: partition.start)


async def drop(db: Database, table: str, before: datetime, mark: Mark | None = None) -> list[str]:
    """Drop the partitions with nothing but rows from before a time, and return their names.

    One replica at a time. Stops when a lock is not free in time, or another replica is at it: a later call goes on.
    """
    dropped: list[str] = []
    async with db.read() as tx:
        old = [partition for partition in await existing(tx, table) if partition.end <= before]
    for partition in old:
        try:
            async with db.transaction() as tx:
                if not await try_advisory_lock(tx, f"drop partitions|{table}"):
                    break
                if partition not in await existing(tx, table):
                    continue
                await tx.execute(text(f"SET LOCAL lock_timeout = '{DROP_LOCK}'"))
                if mark is not None:
                    await mark(tx, partition.name)
                await tx.execute(text(f"DROP TABLE {partition.name}"))
                tx.info["partitions"].pop(table, None)
        except DatabaseBusy:
            log.warning("the partition %s was in use and has not been dropped yet", partition.name)
            break
        dropped.append(partition.name)
    return dropped


def end_of(name: str) -> datetime:
    """Return the time before which all rows of a partition are."""
    return _parsed(name).end


def names(connection: Connection) -> frozenset[str]:
    """Return the names of all partitions and of their indexes: no migration creates or removes them."""
    return frozenset(connection.scalars(_NAMES))


def _covering(found: list[Partition], time: datetime) -> Partition | None:
    return next((partition for partition in found if partition.start <= time < partition.end), None)


def _parsed(name: str) -> Partition:
    match = _NAME.search(name)
    if match is None:
        raise ValueError(f"{name} is no partition of ours")
    start, end = (datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) for day in match.groups())
    return Partition(name, start, end)


async def _create(tx: Transaction, table: str, wanted: Partition) -> bool:
    """Create a partition unless another transaction has just done so; return whether this one did.

    A table that is attached locks its parent against other partitions only; CREATE … PARTITION OF locks readers out.
    """
    await advisory_lock(tx, f"partitions|{table}")
    if _covering(await existing(tx, table), wanted.start) is not None:
        return False
    await tx.execute(text(f"CREATE TABLE {wanted.name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    bounds = f"FROM ('{wanted.start:%Y-%m-%d} 00:00+00') TO ('{wanted.end:%Y-%m-%d} 00:00+00')"
    await tx.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {wanted.name} FOR VALUES {bounds}"))
    return True
