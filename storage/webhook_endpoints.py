"""Webhook endpoints: where the events of a location are delivered, and which of them wait to be tried again.

Owns the tables `webhook_endpoints` and `webhook_retries`. Does not know how an event is delivered, nor when a failed
one is tried again.

`delivered` is the number of the newest event whose first try has been made. An event that was not taken then has a row
in `webhook_retries`, until it is taken or given up. `due_at` is when a worker has to look at the endpoint, NULL when
there is nothing to do. A worker that looks has a lease until `lease_until`; what it found is stored only while it still
has that lease and no caller has changed the endpoint since.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Text,
    and_,
    any_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.types import String
from sqlmodel import Field, SQLModel, col

from storage import direct, rows
from storage.database import Transaction, advisory_lock
from storage.due_rows import DueRows
from storage.events import EventCounterTable
from storage.fair import Tenant
from storage.locations import locations_of
from storage.states import DisableReason, EndpointState
from storage.types import agency_field, state_field, time_field

KIND = "webhook endpoint"
DUE = DueRows("webhook_endpoints", "due_at")


class EndpointRow(SQLModel, table=True):
    """One endpoint; `version` grows with every change that callers see as one."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("webhook_endpoints_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    uri: str
    """What is shown of the address."""
    uri_sealed: bytes
    secret_sealed: bytes
    former_secret_sealed: bytes | None = None
    former_secret_expire_time: datetime | None = time_field(nullable=True)
    types: list[str] = Field(default_factory=list, sa_type=ARRAY(String))
    description: str = ""
    max_per_second: int
    state: EndpointState = state_field(EndpointState, default=EndpointState.ENABLED)
    disable_reason: DisableReason = state_field(DisableReason, default=DisableReason.NONE)
    delivered: int = Field(sa_type=BigInteger)
    failures: int = 0
    """How many tries in a row were not taken."""
    failing_since: datetime | None = time_field(nullable=True)
    last_success_time: datetime | None = time_field(nullable=True)
    last_error: str = ""
    due_at: datetime | None = time_field(nullable=True)
    lease_until: datetime | None = time_field(nullable=True)
    version: int = 1
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    agency: str = agency_field()

    @property
    def tenant(self) -> Tenant:
        """Whose endpoint it is."""
        return Tenant(self.agency, self.location)


class RetryRow(SQLModel, table=True):
    """An event that an endpoint has not taken; `tries` have been made."""

    __tablename__ = "webhook_retries"
    __table_args__ = (Index("webhook_retries_by_time", "location", "endpoint", "retry_at"),)

    location: str = Field(primary_key=True)
    endpoint: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    tries: int
    first_time: datetime = time_field()
    retry_at: datetime = time_field()


async def insert(tx: Transaction, row: EndpointRow) -> EndpointRow:
    """Add an endpoint; raises AlreadyExists."""
    await rows.insert_new(tx, KIND, row)
    return row


async def get(tx: Transaction, location: str, id: str, *, lock: bool = False) -> EndpointRow:
    """Return an endpoint as it is now; raises NotFound. `lock` locks its row until the transaction ends."""
    return await rows.get(tx, EndpointRow, KIND, location, id, lock=lock)


async def find(tx: Transaction, location: str, id: str, *, lock: bool = False) -> EndpointRow | None:
    """Return an endpoint as it is now, or None."""
    return await rows.find(tx, EndpointRow, location, id, lock=lock)


async def count(tx: Transaction, location: str) -> int:
    """Return how many endpoints a location has; until the transaction ends nobody else adds one."""
    await advisory_lock(tx, f"webhook endpoints|{location}")
    query = select(func.count()).where(col(EndpointRow.location) == location)
    return int((await tx.execute(query)).scalar_one())


async def page(
    tx: Transaction, location: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[EndpointRow]:
    """Return endpoints of a location, oldest first."""
    keys = (col(EndpointRow.create_time), col(EndpointRow.id))
    query = select(EndpointRow).where(col(EndpointRow.location) == location)
    return (await tx.execute(rows.keyset(query, keys, after, limit, ascending=True))).scalars().all()


async def page_of_agency(tx: Transaction, agency: str, *, after: tuple[str, str], limit: int) -> Sequence[EndpointRow]:
    """Return endpoints of an agency in order of their locations and ids, from the first one after `after`."""
    keys = (col(EndpointRow.location), col(EndpointRow.id))
    query = select(EndpointRow).where(col(EndpointRow.location).in_(locations_of(agency)))
    return (await tx.execute(rows.keyset(query, keys, after, limit, ascending=True))).scalars().all()


async def change(tx: Transaction, location: str, id: str, now: datetime, **values: Any) -> EndpointRow | None:
    """Set columns as a change that callers see, which ends a lease; return None when there is no such endpoint."""
    values = {**values, "lease_until": None}
    return await rows.change(tx, EndpointRow, rows.by_id(EndpointRow, location, id), now, **values)


async def leased(tx: Transaction, row: EndpointRow, *, lock: bool = False) -> bool:
    """Return whether the lease with which `row` was read still stands, and no caller has changed the endpoint since;
    `lock` keeps it so until the transaction ends.
    """
    query = select(col(EndpointRow.id)).where(_as_read(row))
    return (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none() is not None


async def record(tx: Transaction, row: EndpointRow, **values: Any) -> None:
    """Set columns that tell how deliveries go, and end the lease, if `leased` would return true."""
    statement = update(EndpointRow).where(_as_read(row)).values(lease_until=None, **values)
    await tx.execute(statement.execution_options(synchronize_session=False))


def _as_read(row: EndpointRow) -> ColumnElement[bool]:
    return and_(
        rows.by_id(EndpointRow, row.location, row.id),
        col(EndpointRow.lease_until) == row.lease_until,
        col(EndpointRow.version) == row.version,
    )


async def remove(tx: Transaction, location: str, id: str) -> None:
    """Delete an endpoint, and what waits for it."""
    await clear_retries(tx, location, id)
    await tx.execute(delete(EndpointRow).where(rows.by_id(EndpointRow, location, id)))


async def any_in(tx: Transaction, locations: Sequence[str] | None) -> bool:
    """Return whether any of these locations has an endpoint, or with None any location at all."""
    named = None if locations is None else list(locations)
    return bool(await direct.first(tx, _any_in(named is None), {"locations": named}))


@lru_cache
def _any_in(all_locations: bool) -> str:
    location = direct.table_of(EndpointRow).c.location
    where = [] if all_locations else [location == any_(bindparam("locations", type_=ARRAY(Text)))]
    return direct.compiled(select(exists(select(location).where(*where))))


async def wake(tx: Transaction, locations: Sequence[str] | None, now: datetime, *, most_failures: int) -> int:
    """Make the endpoints due that have events to deliver, and return how many; only those of these locations, or with
    None all. One with as many failures in a row waits for its time.

    An endpoint that another transaction has locked is left out: a later call finds it.
    """
    keys = (col(EndpointRow.location), col(EndpointRow.id))
    behind = (
        select(*keys)
        .join(EventCounterTable, col(EventCounterTable.location) == col(EndpointRow.location))
        .where(
            col(EndpointRow.state) == EndpointState.ENABLED,
            col(EndpointRow.failures) < most_failures,
            or_(col(EndpointRow.due_at).is_(None), col(EndpointRow.due_at) > now),
            col(EventCounterTable.last) > col(EndpointRow.delivered),
        )
        .order_by(*keys)
        .with_for_update(of=EndpointRow, skip_locked=True)
    )
    if locations is not None:
        behind = behind.where(col(EndpointRow.location).in_(locations))
    found = behind.cte("behind")
    statement = update(EndpointRow).where(tuple_(*keys).in_(select(*found.c))).values(due_at=now)
    done = await tx.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, lease_until: datetime
) -> list[EndpointRow]:
    """Lease those of the endpoints, given by location and id, that are still due and that nobody has a lease of."""
    keys = (col(EndpointRow.location), col(EndpointRow.id))
    free = or_(col(EndpointRow.lease_until).is_(None), col(EndpointRow.lease_until) <= now)
    chosen = tuple_(*keys).in_(ids)
    due = (
        select(*keys)
        .where(chosen, col(EndpointRow.due_at) <= now, free)
        .order_by(*keys)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(EndpointRow)
        .where(tuple_(*keys).in_(select(*due.c)))
        .values(lease_until=lease_until)
        .returning(EndpointRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list((await tx.execute(statement)).scalars())


async def next_due(tx: Transaction) -> datetime | None:
    """Return when the next endpoint is due, None when none is."""
    due: datetime | None = await direct.first(tx, _next_due(), {})
    return due


@lru_cache
def _next_due() -> str:
    return direct.compiled(select(func.min(direct.table_of(EndpointRow).c.due_at)))


async def retries(tx: Transaction, location: str, endpoint: str, limit: int) -> Sequence[RetryRow]:
    """Return the events that wait, those that are due first coming first."""
    query = (
        select(RetryRow)
        .where(col(RetryRow.location) == location, col(RetryRow.endpoint) == endpoint)
        .order_by(col(RetryRow.retry_at), col(RetryRow.number))
        .limit(limit)
    )
    return (await tx.execute(query)).scalars().all()


async def count_retries(tx: Transaction, location: str, endpoints: Sequence[str]) -> dict[str, int]:
    """Return how many events wait for each of these endpoints that any wait for."""
    query = (
        select(col(RetryRow.endpoint), func.count())
        .where(col(RetryRow.location) == location, col(RetryRow.endpoint).in_(endpoints))
        .group_by(col(RetryRow.endpoint))
    )
    return {row[0]: row[1] for row in (await tx.execute(query)).all()}


async def keep_retry(tx: Transaction, row: RetryRow) -> None:
    """Store that an event waits, and when it is tried again."""
    statement = pg_insert(RetryRow).values(**row.model_dump())
    again = {"tries": row.tries, "retry_at": row.retry_at}
    await tx.execute(statement.on_conflict_do_update(index_elements=["location", "endpoint", "number"], set_=again))


async def drop_retry(tx: Transaction, location: str, endpoint: str, number: int) -> None:
    """Forget an event that was taken or given up."""
    await tx.execute(
        delete(RetryRow).where(
            col(RetryRow.location) == location, col(RetryRow.endpoint) == endpoint, col(RetryRow.number) == number
        )
    )


async def clear_retries(tx: Transaction, location: str, endpoint: str, *, after: int = 0) -> None:
    """Forget what waits for an endpoint of the events after a number."""
    await tx.execute(
        delete(RetryRow).where(
            col(RetryRow.location) == location, col(RetryRow.endpoint) == endpoint, col(RetryRow.number) > after
        )
    )


async def trim_retries(tx: Transaction, location: str, endpoint: str, most: int) -> int:
    """Forget the oldest events that wait for an endpoint, beyond `most`, and return how many."""
    here = (col(RetryRow.location) == location, col(RetryRow.endpoint) == endpoint)
    kept = select(col(RetryRow.number)).where(*here).order_by(col(RetryRow.number).desc()).limit(most)
    gone = await tx.execute(delete(RetryRow).where(*here, col(RetryRow.number).not_in(kept)))
    return int(gone.rowcount)  # type: ignore[attr-defined]
