"""The order of an agency's events over all of its locations.

Owns the tables `event_positions`, `event_progress` and `event_sequences`: what comes after what, and up to where a
location is ordered. A location's own order is that of `events.py`, which knows nothing of this one.

Events are written without a position, so that writers of different locations never wait for each other. Whoever streams
over several locations orders them afterwards: one transaction at a time for each agency, which sees committed events
only. So no event ever appears before a position that a reader has passed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Index, or_, select, text
from sqlmodel import Field, SQLModel, col

from storage import partitions
from storage.database import Database, Transaction, notify
from storage.events import COLUMNS, EventRow, EventTable
from storage.locations import locations_of
from storage.types import time_field

TOPIC = "event_order"
"""The topic of the notifications that an agency, which is their key, has events with new positions."""


class EventPositionTable(SQLModel, table=True):
    """The position of one event among all events of an agency."""

    __tablename__ = "event_positions"
    __table_args__ = (
        Index("event_positions_by_location", "location"),
        {"postgresql_partition_by": "RANGE (order_time)"},
    )

    agency: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    location: str
    number: int = Field(sa_type=BigInteger)
    order_time: datetime = time_field(primary_key=True)


class EventProgressTable(SQLModel, table=True):
    """The newest event of a location that has a position."""

    __tablename__ = "event_progress"

    location: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


class EventSequenceTable(SQLModel, table=True):
    """The newest position of an agency and the highest that was deleted; who holds the row's lock gives the next."""

    __tablename__ = "event_sequences"

    agency: str = Field(primary_key=True)
    last: int = Field(sa_type=BigInteger)
    pruned: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


# A statement of its own: what it locks was committed by the one before, whose positions the next statement must see.
_LOCK = "SELECT last FROM event_sequences WHERE agency = :agency FOR UPDATE"
_EXISTS = text("SELECT EXISTS (SELECT 1 FROM event_sequences WHERE agency = :agency)")
_BEGIN = text("""
INSERT INTO event_sequences (agency, last) VALUES (:agency, 0) ON CONFLICT (agency) DO NOTHING RETURNING last
""")

# Events of a location follow each other as they were numbered; the latest time so far compares those of two locations.
_ORDER = """
WITH behind AS (
    SELECT c.location, c.last, coalesce(p.number, 0) AS number
    FROM locations AS l JOIN event_counters AS c USING (location) LEFT JOIN event_progress AS p USING (location)
    WHERE l.agency = :agency AND c.last > coalesce(p.number, 0) {only}
), fresh AS (
    SELECT e.location, e.number, e.create_time FROM behind AS b
    JOIN events AS e ON e.location = b.location AND e.number > b.number AND e.number <= b.last
    ORDER BY e.location, e.number LIMIT :limit
), timed AS (
    SELECT location, number, max(create_time) OVER (PARTITION BY location ORDER BY number) AS time FROM fresh
), ordered AS (
    INSERT INTO event_positions (agency, position, location, number, order_time)
    SELECT :agency, :last + row_number() OVER (ORDER BY time, location, number), location, number, :now FROM timed
), advanced AS (
    INSERT INTO event_progress AS p (location, number)
    SELECT location, max(number) FROM fresh GROUP BY location ORDER BY location
    ON CONFLICT (location) DO UPDATE SET number = greatest(p.number, excluded.number)
)
UPDATE event_sequences SET last = :last + (SELECT count(*) FROM fresh) WHERE agency = :agency RETURNING last
"""
_ORDER_ALL = text(_ORDER.format(only=""))
_ORDER_SOME = text(_ORDER.format(only="AND c.location = ANY(:locations)"))

# Before the lock, because it reads the whole partition: into one that is so old nobody writes.
_GONE = """
CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT agency, max(position) AS position FROM {partition} GROUP BY agency
"""
_PRUNED = text("""
UPDATE event_sequences AS s SET pruned = greatest(s.pruned, gone.position) FROM gone WHERE s.agency = gone.agency
""")


async def order(
    tx: Transaction,
    agency: str,
    now: datetime,
    *,
    locations: Sequence[str] | None = None,
    wait: bool = False,
    limit: int = 10_000,
) -> int | None:
    """Assign the next positions to at most `limit` committed events of the agency without one, and return how many.

    With `locations` only events of these are looked for. Return None, unless `wait` is true, when another transaction
    is at it. Notifies topic `event_order`, key `agency`.
    """
    lock = text(_LOCK if wait else f"{_LOCK} SKIP LOCKED")
    last = (await tx.execute(lock, {"agency": agency})).scalar_one_or_none()
    if last is None and not (await tx.execute(_EXISTS, {"agency": agency})).scalar_one():
        # The new row is locked by this transaction, unless another one was faster.
        last = (await tx.execute(_BEGIN, {"agency": agency})).scalar_one_or_none()
    if last is None:
        return None
    await partitions.ensure(tx, "event_positions", now)
    values = {"agency": agency, "last": last, "now": now, "limit": limit}
    if locations is None:
        found = await tx.execute(_ORDER_ALL, values)
    else:
        found = await tx.execute(_ORDER_SOME, values | {"locations": list(locations)})
    count = int(found.scalar_one()) - int(last)
    if count:
        await notify(tx, TOPIC, agency)
    return count


async def last(tx: Transaction, agency: str) -> int:
    """Return the newest position of the agency, 0 when it has none."""
    return (await span(tx, agency))[0]


async def span(tx: Transaction, agency: str) -> tuple[int, int]:
    """Return the newest position of the agency and the highest that was deleted, 0 for none."""
    query = select(col(EventSequenceTable.last), col(EventSequenceTable.pruned)).where(
        col(EventSequenceTable.agency) == agency
    )
    found = (await tx.execute(query)).one_or_none()
    return (0, 0) if found is None else (found[0], found[1])


async def after(
    tx: Transaction,
    agency: str,
    position: int,
    upto: int,
    *,
    locations: Sequence[str] | None,
    types: Sequence[str],
    limit: int,
) -> list[tuple[int, EventRow | None]]:
    """Return at most `limit` events after `position`, up to and including `upto`, each with its position, in order;
    None in place of one that was deleted.

    Only of locations that the agency owns now, and among `locations` if given; without `types` of every type.
    """
    table = EventPositionTable
    query = (
        select(col(table.position), *COLUMNS)
        .outerjoin(
            EventTable,
            (col(EventTable.location) == col(table.location)) & (col(EventTable.number) == col(table.number)),
        )
        .where(col(table.agency) == agency, col(table.position) > position, col(table.position) <= upto)
        .where(col(table.location).in_(locations_of(agency)))
        .order_by(col(table.position))
        .limit(limit)
    )
    if locations is not None:
        query = query.where(col(table.location).in_(locations))
    if types:
        query = query.where(or_(col(EventTable.number).is_(None), col(EventTable.type).in_(types)))
    found = (await tx.execute(query)).all()
    return [(row[0], None if row[1] is None else EventRow(*row[1:])) for row in found]


async def drop(db: Database, before: datetime) -> list[str]:
    """Drop the partitions with nothing but positions from before a time, and return their names."""
    return await partitions.drop(db, "event_positions", before, _mark_pruned)


async def _mark_pruned(tx: Transaction, partition: str) -> None:
    """Record what goes with a partition, while nobody gives positions.

    In the order of those who do: the agencies' rows first, then the table.
    """
    await tx.execute(text(_GONE.format(partition=partition)))
    await tx.execute(text("LOCK TABLE event_sequences IN EXCLUSIVE MODE"))
    await tx.execute(_PRUNED)
