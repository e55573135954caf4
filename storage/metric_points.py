"""Points of metrics: what vendors counted of accounts and videos, and when.

Owns the table `metric_points`. Points are appended and never changed. Does not know who reads them from a vendor.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, case, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.states import MetricPeriod
from storage.types import AwareTime, StateText

PRUNED_AT_ONCE = 10_000


class PointRow(SQLModel, table=True):
    """One value of a metric of an account, or of its `video`: a total until `time`, or of the day that begins then."""

    __tablename__ = "metric_points"
    __table_args__ = (Index("metric_points_by_fetch", "fetch_time"),)

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    video: str = Field(primary_key=True, default="")
    metric: str = Field(primary_key=True)
    period: MetricPeriod = Field(primary_key=True, sa_type=StateText(MetricPeriod))
    time: datetime = Field(primary_key=True, sa_type=AwareTime)
    fetch_time: datetime = Field(primary_key=True, sa_type=AwareTime)
    value: float


async def append(tx: Transaction, found: Sequence[PointRow]) -> None:
    """Append the points of one account whose value is not that of the newest one: of a total by its time, of a day by
    its fetch.
    """
    if not found:
        return
    keys = (col(PointRow.video), col(PointRow.metric), col(PointRow.period))
    of_day = case((col(PointRow.period) == MetricPeriod.DAY, col(PointRow.time)))
    newest = (
        select(*keys, of_day, col(PointRow.value))
        .where(
            col(PointRow.location) == found[0].location,
            col(PointRow.account) == found[0].account,
            col(PointRow.video).in_({row.video for row in found}),
        )
        .ext(distinct_on(*keys, of_day))
        .order_by(*keys, of_day, col(PointRow.fetch_time).desc())
    )
    known = {tuple(key): value for *key, value in (await tx.execute(newest)).all()}
    fresh = [row for row in found if known.get(_key(row)) != row.value]
    if fresh:
        await tx.execute(pg_insert(PointRow).values([row.model_dump() for row in fresh]).on_conflict_do_nothing())


def _key(row: PointRow) -> tuple[Any, ...]:
    return row.video, row.metric, row.period, row.time if row.period == MetricPeriod.DAY else None


async def page(
    tx: Transaction,
    location: str,
    account: str,
    *,
    videos: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    after: tuple[str, str, str, datetime] | None,
    limit: int,
) -> Sequence[PointRow]:
    """Return one page of points by video, metric, period and time: of the account itself, or of the `videos`.

    Of a day that the vendor corrected the newest point counts.
    """
    keys = (col(PointRow.video), col(PointRow.metric), col(PointRow.period), col(PointRow.time))
    query = select(PointRow).where(
        col(PointRow.location) == location,
        col(PointRow.account) == account,
        col(PointRow.video).in_(videos or [""]),
    )
    if start is not None:
        query = query.where(col(PointRow.time) >= start)
    if end is not None:
        query = query.where(col(PointRow.time) < end)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*after))
    query = query.ext(distinct_on(*keys)).order_by(*keys, col(PointRow.fetch_time).desc()).limit(limit)
    return (await tx.execute(query)).scalars().all()


async def last_day(tx: Transaction, location: str, account: str) -> datetime | None:
    """Return the newest day of which an account has values, None if there is none."""
    query = select(func.max(col(PointRow.time))).where(
        col(PointRow.location) == location,
        col(PointRow.account) == account,
        col(PointRow.video) == "",
        col(PointRow.period) == MetricPeriod.DAY,
    )
    return (await tx.execute(query)).scalar_one()


async def remove_account(tx: Transaction, location: str, account: str) -> None:
    """Delete the points of an account."""
    where = and_(col(PointRow.location) == location, col(PointRow.account) == account)
    await tx.execute(delete(PointRow).where(where))


async def prune(tx: Transaction, before: datetime, limit: int = PRUNED_AT_ONCE) -> int:
    """Delete up to `limit` points that were fetched before a time; return how many."""
    names = ("location", "account", "video", "metric", "period", "time", "fetch_time")
    keys = [col(getattr(PointRow, name)) for name in names]
    old = select(*keys).where(col(PointRow.fetch_time) < before).limit(limit)
    gone = delete(PointRow).where(tuple_(*keys).in_(old)).returning(col(PointRow.metric))
    statement = gone.execution_options(synchronize_session=False)
    return len((await tx.execute(statement)).scalars().all())
