"""Webhook deliveries from vendors: each one once, its body sealed as received.

Owns the table `webhooks`. A delivery is committed before it is acknowledged and applied afterwards; `due_at` is NULL
once it has been applied. Does not know what a delivery means.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Index, bindparam, delete, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.types import agency_field, time_field

TOPIC = "webhook"
"""The topic of the notification that a delivery is due."""

UNKNOWN_PUBLISH = "unknown_publish"
"""The outcome of a delivery about a publish that was not known here at the time."""

UNKNOWN_AGENCY = "unknown_agency"
"""The outcome of a delivery about a location of an agency that was not connected here at the time."""

DUE = DueRows("webhooks", "due_at", location="subject")
"""The deliveries to apply: whom of an agency one is about takes the place of its location."""


class WebhookRow(SQLModel, table=True):
    """One delivery: deliveries with the same `dedupe_key` are duplicates, `outcome` is empty until it was applied."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("webhooks_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        *DUE.indexes(),
        Index("webhooks_by_subject", "provider", "subject"),
    )

    provider: str = Field(primary_key=True)
    dedupe_key: str = Field(primary_key=True)
    id: str = Field(unique=True)
    event: str
    subject: str
    body_sealed: bytes
    receive_time: datetime = time_field(index=True)
    occur_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    tries: int = 0
    outcome: str = ""
    agency: str = agency_field()


async def insert(tx: Transaction, row: WebhookRow) -> bool:
    """Store a delivery; return False when it is a duplicate.

    When two transactions store the same one at once, the second waits for the first and returns False.
    """
    statement = (
        pg_insert(WebhookRow)
        .values(**row.model_dump())
        .on_conflict_do_nothing(index_elements=["provider", "dedupe_key"])
        .returning(col(WebhookRow.id))
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def find(tx: Transaction, id: str) -> WebhookRow | None:
    """Return the delivery as it is now, or None."""
    query = select(WebhookRow).where(col(WebhookRow.id) == id).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one_or_none()


async def finish(tx: Transaction, id: str, outcome: str) -> bool:
    """Store the outcome of a due delivery; return False when it already has one. A concurrent call waits."""
    statement = (
        update(WebhookRow)
        .where(col(WebhookRow.id) == id, col(WebhookRow.due_at).is_not(None))
        .values(outcome=outcome, due_at=None, tries=WebhookRow.tries + 1)
        .returning(col(WebhookRow.id))
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def put_off(tx: Transaction, id: str, due_at: datetime) -> None:
    """Count one more failed try; the next one is at `due_at`."""
    statement = (
        update(WebhookRow)
        .where(col(WebhookRow.id) == id, col(WebhookRow.due_at).is_not(None))
        .values(due_at=due_at, tries=WebhookRow.tries + 1)
    )
    await tx.execute(statement)


async def failed(tx: Transaction, tries: int, *, agency: str = "", after: str = "", limit: int) -> Sequence[WebhookRow]:
    """Return deliveries that were tried so often and are not applied, in order of their ids, from the first one after
    `after`; with `agency` only that agency's.
    """
    query = select(WebhookRow).where(
        col(WebhookRow.due_at).is_not(None), col(WebhookRow.tries) >= tries, col(WebhookRow.id) > after
    )
    if agency:
        query = query.where(col(WebhookRow.agency) == agency)
    return (await tx.execute(query.order_by(col(WebhookRow.id)).limit(limit))).scalars().all()


async def begin_again(tx: Transaction, row: WebhookRow, now: datetime) -> None:
    """Make a delivery due now, as if it had not been tried."""
    row.due_at, row.tries, row.outcome = now, 0, ""
    await tx.flush()


async def take_due(tx: Transaction, ids: Sequence[str], now: datetime, lease_until: datetime) -> list[str]:
    """Lease deliveries: postpone those that are still due to `lease_until` and return their ids, skipping those another
    replica is leasing.
    """
    id = col(WebhookRow.id)
    leased = rows.lease_due(WebhookRow, (id,), col(WebhookRow.due_at), now, lease_until, [(each,) for each in ids])
    return list((await tx.execute(leased.returning(id))).scalars())


async def prune(tx: Transaction, before: datetime, *, limit: int = 1000) -> int:
    """Delete at most `limit` applied deliveries received before a time and return how many; call until it returns 0."""
    old = (
        select(col(WebhookRow.id))
        .where(col(WebhookRow.receive_time) < before, col(WebhookRow.due_at).is_(None))
        .order_by(col(WebhookRow.receive_time))
        .limit(limit)
    )
    gone = await tx.execute(
        delete(WebhookRow)
        .where(col(WebhookRow.id).in_(old))
        .returning(col(WebhookRow.id))
        .execution_options(synchronize_session=False)
    )
    return len(gone.scalars().all())


async def requeue(
    tx: Transaction, provider: str, subject: str, since: datetime | None = None, *, outcome: str = UNKNOWN_PUBLISH
) -> None:
    """Make deliveries about a vendor user with this outcome due again, if received since `since` (None: ever)."""
    where = {"of_provider": provider, "of_subject": subject, "with_outcome": outcome, "since": since}
    await direct.run(tx, _requeue(since is not None), where)


@lru_cache
def _requeue(since: bool) -> str:
    table = direct.table_of(WebhookRow)
    c = table.c
    where = [c.provider == bindparam("of_provider"), c.subject == bindparam("of_subject")]
    where += [c.outcome == bindparam("with_outcome")]
    where += [c.receive_time >= bindparam("since")] if since else []
    # In a fixed order, so that two concurrent calls cannot deadlock.
    unmatched = select(c.id).where(*where).order_by(c.id).with_for_update()
    again = update(table).where(c.id.in_(unmatched))
    again = again.values(due_at=c.receive_time, outcome=literal_column("''"), tries=literal_column("0"))
    return direct.compiled(again)
