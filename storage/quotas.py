"""The quota ledger: recent calls to a vendor, by the subject whose limit they count against.

Owns the table `quotas`. A row is locked before it is used, so that any number of processes share one window. Does not
know which limits there are.
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
    """One metric of one subject: a resource name, or the provider's name for one that several connections share.

    `stamps` are the times of the calls, in seconds since 1970, oldest first; `counts` are numbers of calls by time
    bucket, where one stamp per call would be too much. `learned_limit` is the limit that a refusal showed; until
    `blocked_until` the vendor is known to refuse. `told_limit` and `told_left` are from its response headers; the
    latter is valid until `told_until`, minus the calls made since.
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


async def lock(tx: Transaction, subject: str, metric: str, now: datetime) -> QuotaRow:
    """Return the row of a metric, created if necessary and locked until this transaction ends; set its update time.

    This is one statement: between two of them another process could delete the row.
    """
    new = pg_insert(QuotaRow).values(subject=subject, metric=metric, stamps=[], counts={}, update_time=now)
    locked = new.on_conflict_do_update(index_elements=["subject", "metric"], set_={"update_time": now})
    query = locked.returning(QuotaRow).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one()


async def find(tx: Transaction, subjects: Sequence[str]) -> dict[tuple[str, str], QuotaRow]:
    """Return the rows of these subjects, by (subject, metric)."""
    query = select(QuotaRow).where(col(QuotaRow.subject).in_(subjects))
    return {(row.subject, row.metric): row for row in (await tx.execute(query)).scalars()}


async def unblock(tx: Transaction, subject: str, metrics: Sequence[str]) -> None:
    """Clear `blocked_until`: the vendor has just accepted a call."""
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
    """Delete rows that were not used since a time."""
    await tx.execute(delete(QuotaRow).where(col(QuotaRow.update_time) < before))
