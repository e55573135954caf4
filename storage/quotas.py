"""The quota ledger: what was sent to a vendor lately, by whose limit it counts.

Owns the table `quotas`. A row is taken with a lock, so that any number of processes share one window; which limits
there are is the provider's table's business.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Float, delete, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import json_field, time_field


class QuotaRow(SQLModel, table=True):
    """One metric of one subject: a resource name, or the provider's name for whom several connections speak.

    `stamps` are the times of what was used, in seconds since 1970, oldest first; `counts` are numbers of uses by slice
    of time, where a stamp for each would be too much. `learned_limit` is what a refusal showed; until `blocked_until`
    the vendor is known to refuse. `told_limit` and `told_left` are what its headers said, the latter good until
    `told_until` and less what was used since.
    """

    __tablename__ = "quotas"

    subject: str = Field(primary_key=True)
    metric: str = Field(primary_key=True)
    stamps: list[float] = Field(default_factory=list, sa_type=ARRAY(Float))
    counts: dict[str, int] = json_field()
    learned_limit: int | None = None
    blocked_until: datetime | None = time_field(nullable=True)
    told_limit: int | None = None
    told_left: int | None = None
    told_until: datetime | None = time_field(nullable=True)
    update_time: datetime = time_field(index=True)


async def hold(tx: Transaction, subject: str, metric: str, now: datetime) -> QuotaRow:
    """Return the row of a metric, made if need be, and hold it until this transaction ends; it counts as touched `now`.

    One statement: between two of them another process could remove the row.
    """
    made = pg_insert(QuotaRow).values(subject=subject, metric=metric, stamps=[], counts={}, update_time=now)
    held = made.on_conflict_do_update(index_elements=["subject", "metric"], set_={"update_time": now})
    query = held.returning(QuotaRow).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one()


async def find(tx: Transaction, subjects: Sequence[str]) -> dict[tuple[str, str], QuotaRow]:
    """Return the rows of these subjects, by subject and metric."""
    query = select(QuotaRow).where(col(QuotaRow.subject).in_(subjects))
    return {(row.subject, row.metric): row for row in (await tx.execute(query)).scalars()}


async def unblock(tx: Transaction, subject: str, metrics: Sequence[str]) -> None:
    """Forget that the vendor refuses: it has just not refused."""
    statement = (
        update(QuotaRow)
        .where(
            col(QuotaRow.subject) == subject,
            col(QuotaRow.metric).in_(metrics),
            col(QuotaRow.blocked_until).is_not(None),
        )
        .values(blocked_until=None)
    )
    await tx.execute(statement)


async def prune(tx: Transaction, before: datetime) -> None:
    """Remove what nobody used since then."""
    await tx.execute(delete(QuotaRow).where(col(QuotaRow.update_time) < before))
