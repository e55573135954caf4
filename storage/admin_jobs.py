"""The jobs of operators: deletions, and the rewrapping of keys, each with its progress.

Owns the table `admin_jobs`, one row for each resource that a job is about. A worker that takes one up has it until
`due_at`, and postpones that while it works: a job whose worker died is due again then. Does not know what a job does.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Index, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.states import AdminJobKind, AdminJobState
from storage.types import state_field, time_field


class AdminJobRow(SQLModel, table=True):
    """One job: `done` of `total` steps, and its failures in a row. `due_at` is None once it has ended."""

    __tablename__ = "admin_jobs"
    __table_args__ = (Index("admin_jobs_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),)

    resource: str = Field(primary_key=True)
    kind: AdminJobKind = state_field(AdminJobKind)
    state: AdminJobState = state_field(AdminJobState, default=AdminJobState.RUNNING)
    done: int = Field(default=0, sa_type=BigInteger)
    total: int = Field(default=0, sa_type=BigInteger)
    failures: int = 0
    last_error: str = Field(default="", sa_column_kwargs={"server_default": ""})
    due_at: datetime | None = time_field(nullable=True)
    create_time: datetime = time_field()
    update_time: datetime = time_field()


async def begin(tx: Transaction, row: AdminJobRow) -> bool:
    """Add a job that is due; return False if its resource has one already."""
    statement = pg_insert(AdminJobRow).values(**row.model_dump()).on_conflict_do_nothing()
    return (await tx.execute(statement.returning(col(AdminJobRow.resource)))).first() is not None


async def find(tx: Transaction, resource: str) -> AdminJobRow | None:
    """Return the job of a resource as it is now, or None."""
    query = select(AdminJobRow).where(col(AdminJobRow.resource) == resource)
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def begin_again(tx: Transaction, row: AdminJobRow) -> bool:
    """Add a job that is due, in place of one of its resource that has ended; return False for one that goes on."""
    values = row.model_dump()
    statement = pg_insert(AdminJobRow).values(**values)
    again = statement.on_conflict_do_update(
        index_elements=["resource"], set_=values, where=col(AdminJobRow.due_at).is_(None)
    )
    return (await tx.execute(again.returning(col(AdminJobRow.resource)))).first() is not None


async def begin_all(tx: Transaction, rows: Sequence[AdminJobRow]) -> None:
    """Add jobs that are due, but those whose resource has one already."""
    if rows:
        await tx.execute(pg_insert(AdminJobRow).values([row.model_dump() for row in rows]).on_conflict_do_nothing())


async def find_many(tx: Transaction, resources: Sequence[str]) -> dict[str, AdminJobRow]:
    """Return the jobs of those of the resources that have one."""
    query = select(AdminJobRow).where(col(AdminJobRow.resource).in_(resources))
    return {row.resource: row for row in (await tx.execute(query)).scalars()}


async def take_due(tx: Transaction, now: datetime, until: datetime) -> AdminJobRow | None:
    """Lease the job that is due longest, and return it as it is then; None if none is due that nobody else takes."""
    due = (
        select(col(AdminJobRow.resource))
        .where(col(AdminJobRow.due_at) <= now)
        .order_by(col(AdminJobRow.due_at), col(AdminJobRow.resource))
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = update(AdminJobRow).where(col(AdminJobRow.resource) == due).values(due_at=until)
    leased = statement.returning(AdminJobRow).execution_options(synchronize_session=False, populate_existing=True)
    return (await tx.execute(leased)).scalar_one_or_none()


async def change(tx: Transaction, row: AdminJobRow, now: datetime, **values: object) -> AdminJobRow | None:
    """Set columns of a job that is still leased as it was read, and return it; None if somebody else has it now."""
    statement = (
        update(AdminJobRow)
        .where(col(AdminJobRow.resource) == row.resource, col(AdminJobRow.due_at) == row.due_at)
        .values(update_time=now, **values)
        .returning(AdminJobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def remove(tx: Transaction, resource: str) -> None:
    """Forget a job."""
    await tx.execute(delete(AdminJobRow).where(col(AdminJobRow.resource) == resource))


async def all_of(tx: Transaction, kind: AdminJobKind, *, after: str = "", limit: int = 500) -> Sequence[AdminJobRow]:
    """Return the jobs of a kind in order of their resources, from the first one after `after`."""
    query = select(AdminJobRow).where(col(AdminJobRow.kind) == kind, col(AdminJobRow.resource) > after)
    return (await tx.execute(query.order_by(col(AdminJobRow.resource)).limit(limit))).scalars().all()
