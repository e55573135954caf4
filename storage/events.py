"""Events of a location, in commit order.

Owns the tables `events`, which is partitioned by time, and `event_counters`: numbering, cursors, and what is no longer
kept. Does not know what the types mean, or who subscribes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, col

from storage import direct, partitions
from storage.database import CHANNEL, Database, Transaction, before_commit
from storage.locations import locations_of
from storage.types import json_field, time_field

TOPIC = "events"


class EventTable(SQLModel, table=True):
    """One event of one location; read it as `EventRow`."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_subject", "location", "subject", "number"),
        {"postgresql_partition_by": "RANGE (create_time)"},
    )

    location: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    type: str
    subject: str
    create_time: datetime = time_field(primary_key=True)
    payload: dict[str, Any] = json_field()
    provider_event_id: str | None = None


class EventCounterTable(SQLModel, table=True):
    """The newest event number of a location, and the highest that was pruned."""

    __tablename__ = "event_counters"

    location: str = Field(primary_key=True)
    last: int = Field(sa_type=BigInteger)
    pruned: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event. `number` grows by one per location, without gaps, in commit order."""

    location: str
    number: int
    type: str
    subject: str
    create_time: datetime
    payload: dict[str, Any]
    provider_event_id: str | None


COLUMNS = [col(getattr(EventTable, name)) for name in EventRow.__dataclass_fields__]

# One round trip: increment each location's counter (in a fixed order, so that no two transactions deadlock), number the
# events from there in the order in which they were appended, and notify. Other transactions that write events of these
# locations now wait for our commit, so the numbers are in commit order.
_FLUSH = """
WITH appended AS (
    SELECT * FROM jsonb_to_recordset(CAST(%(events)s AS jsonb)) AS e(
        position int, location text, type text, subject text, create_time timestamptz, payload jsonb,
        provider_event_id text)
), counters AS (
    INSERT INTO event_counters AS c (location, last)
    SELECT location, count(*) FROM appended GROUP BY location ORDER BY location
    ON CONFLICT (location) DO UPDATE SET last = c.last + excluded.last
    RETURNING c.location, c.last
), numbered AS (
    INSERT INTO events (location, number, type, subject, create_time, payload, provider_event_id)
    SELECT appended.location,
           counters.last - count(*) OVER (PARTITION BY appended.location)
               + row_number() OVER (PARTITION BY appended.location ORDER BY position),
           type, subject, create_time, payload, provider_event_id
    FROM appended JOIN counters USING (location)
)
SELECT pg_notify(%(channel)s, %(topic)s::text || ' ' || location) FROM counters
"""

# Before the lock, because it reads the whole partition: into one that is so old nobody writes.
_GONE = """
CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT location, max(number) AS number FROM {partition} GROUP BY location
"""
_PRUNED = text("""
UPDATE event_counters AS c SET pruned = greatest(c.pruned, gone.number) FROM gone WHERE c.location = gone.location
""")

# Nobody fetches from an event, so its addresses need no key: what had the secret is cut off.
_CUT_QUERIES = text("""
WITH page AS (
    SELECT location, number FROM events WHERE (location, number) > (:location, :number)
    ORDER BY location, number LIMIT :limit
), found AS (
    SELECT location, number FROM events JOIN page USING (location, number)
    WHERE payload @? '$.post.content.sources[*].uri ? (@ like_regex "[?#]")' FOR UPDATE OF events SKIP LOCKED
), cut AS (
    UPDATE events AS e SET payload = jsonb_set(payload, '{post,content,sources}', (
        SELECT jsonb_agg(CASE WHEN source ? 'uri'
            THEN jsonb_set(source, '{uri}', to_jsonb(regexp_replace(source->>'uri', '[?#].*$', ''))) ELSE source END
            ORDER BY position)
        FROM jsonb_array_elements(payload #> '{post,content,sources}') WITH ORDINALITY AS each (source, position)))
    FROM found WHERE e.location = found.location AND e.number = found.number RETURNING 1
)
SELECT location, number, (SELECT count(*) FROM cut) FROM page ORDER BY location DESC, number DESC LIMIT 1
""")


async def append(
    tx: Transaction,
    location: str,
    *,
    type: str,
    subject: str,
    payload: dict[str, Any],
    now: datetime,
    provider_event_id: str | None = None,
) -> None:
    """Write an event with this transaction; it is numbered right before the commit.

    `subject` is the name of the resource the event is about, `payload` JSON without secrets. Notifies topic `events`,
    key `location`. Must not be used inside a savepoint that may be rolled back: the event would remain.
    """
    if now.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    await partitions.ensure(tx, "events", now)
    appended: list[str] = tx.info.setdefault("events", [])
    event = {
        "position": len(appended),
        "location": location,
        "type": type,
        "subject": subject,
        "create_time": now.isoformat(),
        "payload": payload,
        "provider_event_id": provider_event_id,
    }
    # Serialised now, so that later changes of the payload do not alter the event.
    appended.append(json.dumps(event))
    before_commit(tx, "events", _flush)


async def after(
    tx: Transaction,
    location: str,
    number: int,
    *,
    upto: int | None = None,
    subject: str | None = None,
    types: Sequence[str] = (),
    owner: str = "",
    limit: int,
) -> list[EventRow]:
    """Return at most `limit` events of `location` after `number`, oldest first, optionally up to and including `upto`,
    of one subject, or of these types only, and only while the agency `owner` has the location.

    None up to the highest that was pruned: where clocks differ, some of these are in a partition that is still there.
    """
    gone = select(col(EventCounterTable.pruned)).where(col(EventCounterTable.location) == location).scalar_subquery()
    query = select(*COLUMNS).where(
        col(EventTable.location) == location, col(EventTable.number) > func.greatest(number, gone)
    )
    if upto is not None:
        query = query.where(col(EventTable.number) <= upto)
    if subject is not None:
        query = query.where(col(EventTable.subject) == subject)
    if types:
        query = query.where(col(EventTable.type).in_(types))
    if owner:
        query = query.where(col(EventTable.location).in_(locations_of(owner)))
    query = query.order_by(col(EventTable.number)).limit(limit)
    return [EventRow(*row) for row in (await tx.execute(query)).all()]


async def last(tx: Transaction, location: str) -> int:
    """Return the number of the newest event of `location`, 0 when there was none."""
    return (await span(tx, location))[0]


async def pruned(tx: Transaction, location: str) -> int:
    """Return the highest event number that was pruned: a cursor below it has missed events."""
    return (await span(tx, location))[1]


async def drop(db: Database, before: datetime) -> list[str]:
    """Drop the partitions with nothing but events from before a time, and return their names."""
    return await partitions.drop(db, "events", before, _mark_pruned)


async def cut_queries(tx: Transaction, after: tuple[str, int], limit: int) -> tuple[tuple[str, int], int] | None:
    """Cut the queries off addresses of media in the `limit` events after (location, number), which earlier versions
    stored so; return the last of these and in how many there were any, None if there is no event left.
    """
    values = {"location": after[0], "number": after[1], "limit": limit}
    row = (await tx.execute(_CUT_QUERIES, values)).one_or_none()
    return None if row is None else ((row[0], row[1]), row[2])


async def blank(tx: Transaction, location: str, *, type: str, below: str, key: str, values: dict[str, Any]) -> None:
    """Set `values` in the object `key` of the payloads of a location's events of one type, whose subjects begin with
    `below`.
    """
    changed = func.jsonb_build_object(key, col(EventTable.payload)[key].op("||")(cast(values, JSONB)))
    statement = update(EventTable).where(
        col(EventTable.location) == location,
        col(EventTable.type) == type,
        func.starts_with(col(EventTable.subject), below),
    )
    payload = col(EventTable.payload).op("||")(changed)
    await tx.execute(statement.values(payload=payload).execution_options(synchronize_session=False))


async def span(tx: Transaction, location: str) -> tuple[int, int]:
    """Return the number of the newest event of `location` and the highest that was pruned, 0 for none."""
    query = select(col(EventCounterTable.last), col(EventCounterTable.pruned)).where(
        col(EventCounterTable.location) == location
    )
    found = (await tx.execute(query)).one_or_none()
    return (0, 0) if found is None else (found[0], found[1])


async def _flush(tx: Transaction) -> None:
    appended = tx.info.pop("events", [])
    await direct.run(tx, _FLUSH, {"events": f"[{','.join(appended)}]", "channel": CHANNEL, "topic": TOPIC})


async def _mark_pruned(tx: Transaction, partition: str) -> None:
    """Record what goes with a partition, which nobody reads or writes meanwhile.

    In the order of those who write events: the table first, then the counters.
    """
    await tx.execute(text(_GONE.format(partition=partition)))
    await tx.execute(text("LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE"))
    await tx.execute(_PRUNED)
