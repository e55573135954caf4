"""Engagement syncs: the resource that callers see, how far each of its accounts is, and when the next one is due.

Owns the tables `engagement_syncs`, `engagement_runs` (one account of one sync) and `engagement_schedules`. What a sync
brings is in `storage/engagement.py`.

    ACCOUNT → VIDEOS → COMMENTS → DONE, or FAILED from any of them
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Index, and_, bindparam, delete, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, rows
from storage.database import Transaction, advisory_lock
from storage.due_rows import DueRows
from storage.states import SyncPhase, SyncState
from storage.types import agency_field, json_or_null, state_field, time_field

ENDED = (SyncPhase.DONE, SyncPhase.FAILED)
SEPARATOR = "/"
DUE = DueRows("engagement_runs", "due_at", id=f"sync || '{SEPARATOR}' || account")
"""The accounts to read, by their sync and their own id."""


class SyncRow(SQLModel, table=True):
    """One sync of one `account`, or of every account of the location if that is empty."""

    __tablename__ = "engagement_syncs"
    __table_args__ = (Index("engagement_syncs_by_time", "location", "create_time"),)

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    account: str = ""
    state: SyncState = state_field(SyncState, default=SyncState.RUNNING)
    create_time: datetime = time_field()
    end_time: datetime | None = time_field(nullable=True)


class RunRow(SQLModel, table=True):
    """One account of a sync: `cursor` is the vendor's in the present phase, `video` the one whose comments are read,
    `empty_pages` how many pages with nothing on them came in a row.

    Whoever takes a due run moves `due_at` beyond its own lease; each step moves it again, and the end clears it.
    """

    __tablename__ = "engagement_runs"
    __table_args__ = (
        Index("engagement_runs_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    sync: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    phase: SyncPhase = state_field(SyncPhase, default=SyncPhase.ACCOUNT)
    cursor: str = ""
    video: str = ""
    videos: int = Field(default=0, sa_type=BigInteger)
    comments: int = Field(default=0, sa_type=BigInteger)
    new_comments: int = Field(default=0, sa_type=BigInteger)
    tries: int = 0
    empty_pages: int = 0
    error: dict[str, Any] | None = json_or_null()
    due_at: datetime | None = time_field(nullable=True)
    update_time: datetime = time_field()
    agency: str = agency_field()


class ScheduleRow(SQLModel, table=True):
    """How often an account is synced by itself (0: never); `start_time` is when its first sync began."""

    __tablename__ = "engagement_schedules"
    __table_args__ = (Index("engagement_schedules_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),)

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    interval_seconds: int
    start_time: datetime = time_field()
    last_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)


async def insert(tx: Transaction, sync: SyncRow, runs: Sequence[RunRow]) -> None:
    """Add a sync with its accounts."""
    tx.add(sync)
    tx.add_all(runs)
    await tx.flush()


async def get(tx: Transaction, location: str, id: str) -> SyncRow:
    """Return a sync as it is now; raises NotFound."""
    return await rows.get(tx, SyncRow, "engagement sync", location, id)


async def runs_of(tx: Transaction, location: str, syncs: Sequence[str]) -> list[RunRow]:
    """Return the accounts of syncs."""
    query = select(RunRow).where(col(RunRow.location) == location, col(RunRow.sync).in_(syncs))
    return list((await tx.execute(query.order_by(col(RunRow.account)))).scalars())


async def page(
    tx: Transaction, location: str, *, account: str = "", after: tuple[datetime, str] | None, limit: int
) -> Sequence[SyncRow]:
    """Return one page of a location's syncs, newest first; those that have an `account`, if it is given."""
    query = select(SyncRow).where(col(SyncRow.location) == location)
    if account:
        has = exists().where(
            col(RunRow.location) == col(SyncRow.location),
            col(RunRow.sync) == col(SyncRow.id),
            col(RunRow.account) == account,
        )
        query = query.where(has)
    keys = (col(SyncRow.create_time), col(SyncRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit))).scalars().all()


async def lock_account(tx: Transaction, location: str, account: str) -> None:
    """Lock an account until `tx` ends: of two that would begin to read it at once, the second sees the first one's."""
    await advisory_lock(tx, f"engagement|{location}|{account}")


async def running(tx: Transaction, location: str, account: str) -> str:
    """Return the id of the sync in which an account is being read now, empty if there is none."""
    query = select(col(RunRow.sync)).where(
        col(RunRow.location) == location, col(RunRow.account) == account, col(RunRow.phase).not_in(ENDED)
    )
    return (await tx.execute(query.limit(1))).scalar_one_or_none() or ""


async def any_due(tx: Transaction, now: datetime) -> bool:
    """Return whether anything is to be read or scheduled now."""
    return bool(await direct.first(tx, _any_due(), {"now": now}))


@lru_cache
def _any_due() -> str:
    tables = direct.table_of(RunRow), direct.table_of(ScheduleRow)
    return direct.compiled(select(or_(*(exists().where(table.c.due_at <= bindparam("now")) for table in tables))))


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> list[tuple[str, str]]:
    """Take runs, given by location and the id that DUE finds: postpone those that are still due to `until` and return
    them, skipping those another replica is taking.
    """
    keys = (col(RunRow.location), col(RunRow.sync), col(RunRow.account))
    chosen = [(location, *id.split(SEPARATOR)) for location, id in ids]
    leased = rows.lease_due(RunRow, keys, col(RunRow.due_at), now, until, chosen)
    taken = (await tx.execute(leased.returning(*keys))).all()
    return [(location, f"{sync}{SEPARATOR}{account}") for location, sync, account in taken]


async def find_run(tx: Transaction, location: str, id: str) -> RunRow | None:
    """Return a run as it is now, by the id that DUE finds; None if its account is gone."""
    sync, account = id.split(SEPARATOR)
    return await tx.get(RunRow, (location, sync, account), populate_existing=True)


async def move(tx: Transaction, before: RunRow, **values: Any) -> RunRow | None:
    """Change a run that is still as it was read: of two that read the same page only the first moves it on."""
    same = and_(
        _by_key(before.location, before.sync, before.account),
        col(RunRow.phase) == before.phase,
        col(RunRow.cursor) == before.cursor,
        col(RunRow.video) == before.video,
    )
    statement = (
        update(RunRow)
        .where(same)
        .values(**values)
        .returning(RunRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def end(tx: Transaction, location: str, id: str, now: datetime) -> SyncRow | None:
    """End a sync of which no account is under way; return it, or None if one is, or it had ended before."""
    sync = await rows.find(tx, SyncRow, location, id, lock=True)
    if sync is None or sync.state != SyncState.RUNNING:
        return None
    runs = await runs_of(tx, location, [id])
    if any(each.phase not in ENDED for each in runs):
        return None
    failed = all(each.phase == SyncPhase.FAILED for each in runs)
    sync.state, sync.end_time = SyncState.FAILED if failed else SyncState.SUCCEEDED, now
    await tx.flush()
    return sync


async def schedule_of(tx: Transaction, location: str, account: str) -> ScheduleRow | None:
    """Return the schedule of an account, None if it was never synced."""
    return await tx.get(ScheduleRow, (location, account), populate_existing=True)


async def set_schedule(tx: Transaction, row: ScheduleRow, *, replace: bool) -> None:
    """Add the schedule of an account; with `replace` its interval and due time replace those of an existing one."""
    statement = pg_insert(ScheduleRow).values(**row.model_dump())
    values = {"interval_seconds": row.interval_seconds, "due_at": row.due_at}
    conflict = ["location", "account"]
    await tx.execute(
        statement.on_conflict_do_update(index_elements=conflict, set_=values)
        if replace
        else statement.on_conflict_do_nothing(index_elements=conflict)
    )


async def note_end(
    tx: Transaction, location: str, account: str, now: datetime, due_at: datetime | None, *, succeeded: bool
) -> None:
    """Record that an account was synced, and when it is due again."""
    values: dict[str, Any] = {"due_at": due_at, **({"last_time": now} if succeeded else {})}
    statement = update(ScheduleRow).where(col(ScheduleRow.location) == location, col(ScheduleRow.account) == account)
    await tx.execute(statement.values(**values))


async def take_due_schedules(tx: Transaction, now: datetime, until: datetime, limit: int) -> list[ScheduleRow]:
    """Take the schedules that are due, and put them off to `until`: the end of their sync sets the next time."""
    due = (
        select(col(ScheduleRow.location), col(ScheduleRow.account))
        .where(col(ScheduleRow.due_at) <= now)
        .order_by(col(ScheduleRow.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await tx.execute(due)).all()
    taken = []
    for location, account in found:
        row = await schedule_of(tx, location, account)
        if row is not None:
            row.due_at = until
            taken.append(row)
    await tx.flush()
    return taken


async def remove_account(tx: Transaction, location: str, account: str) -> None:
    """Delete the schedule of an account and its part of every sync."""
    for table in (RunRow, ScheduleRow):
        await tx.execute(delete(table).where(col(table.location) == location, col(table.account) == account))


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete syncs that ended before a time."""
    old = select(col(SyncRow.location), col(SyncRow.id)).where(col(SyncRow.end_time) < before)
    ended = exists(old.where(col(SyncRow.location) == col(RunRow.location), col(SyncRow.id) == col(RunRow.sync)))
    await tx.execute(delete(RunRow).where(ended).execution_options(synchronize_session=False))
    await tx.execute(delete(SyncRow).where(col(SyncRow.end_time) < before))


def _by_key(location: str, sync: str, account: str) -> Any:
    return and_(col(RunRow.location) == location, col(RunRow.sync) == sync, col(RunRow.account) == account)
