"""What vendors told us by themselves: every delivery once, sealed as it came.

Owns the table `webhooks`. A delivery is committed before it is answered and applied afterwards; `due_at` is not NULL
until that is done. What one means is the domain's business.
"""

from datetime import datetime

from sqlalchemy import Index, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.types import time_field

UNKNOWN_PUBLISH = "unknown_publish"
"""The outcome of a delivery about a publish that nobody here had begun, as far as was known then."""

UNKNOWN_AGENCY = "unknown_agency"
"""The outcome of a delivery about a place of an agency that had not consented here then."""


class WebhookRow(SQLModel, table=True):
    """One delivery: `dedupe_key` is what makes two the same, `outcome` what came of it (empty until it was applied)."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("webhooks_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
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


async def insert(tx: Transaction, row: WebhookRow) -> bool:
    """Keep a delivery; False when the same one is kept already.

    Of two transactions that keep the same one at once the second waits for the first, and gets False.
    """
    statement = (
        pg_insert(WebhookRow)
        .values(**row.model_dump())
        .on_conflict_do_nothing(index_elements=["provider", "dedupe_key"])
        .returning(col(WebhookRow.id))
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def find(tx: Transaction, id: str) -> WebhookRow | None:
    """Return the delivery as it stands now, or None."""
    query = select(WebhookRow).where(col(WebhookRow.id) == id).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one_or_none()


async def finish(tx: Transaction, id: str, outcome: str) -> bool:
    """Say what came of a delivery that is due; False when that was said before. Of two at once the second waits."""
    statement = (
        update(WebhookRow)
        .where(col(WebhookRow.id) == id, col(WebhookRow.due_at).is_not(None))
        .values(outcome=outcome, due_at=None, tries=WebhookRow.tries + 1)
        .returning(col(WebhookRow.id))
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def put_off(tx: Transaction, id: str, due_at: datetime) -> None:
    """Count one more try that came to nothing; the next is at `due_at`."""
    statement = (
        update(WebhookRow)
        .where(col(WebhookRow.id) == id, col(WebhookRow.due_at).is_not(None))
        .values(due_at=due_at, tries=WebhookRow.tries + 1)
    )
    await tx.execute(statement)


async def wake(tx: Transaction, id: str, now: datetime) -> None:
    """Make a delivery that was not applied yet due now."""
    statement = (
        update(WebhookRow).where(col(WebhookRow.id) == id, col(WebhookRow.due_at).is_not(None)).values(due_at=now)
    )
    await tx.execute(statement)


async def take_due(tx: Transaction, now: datetime, lease_until: datetime, limit: int) -> list[str]:
    """Lease the deliveries that are due: postpone them to `lease_until` and return their ids, skipping those another
    replica is leasing.
    """
    id = col(WebhookRow.id)
    leased = rows.lease_due(WebhookRow, (id,), col(WebhookRow.due_at), now, lease_until, limit)
    return list((await tx.execute(leased.returning(id))).scalars())


async def prune(tx: Transaction, before: datetime, *, limit: int = 1000) -> int:
    """Remove applied deliveries received before then, at most `limit`, and give how many; call until it gives 0."""
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


async def look_again(
    tx: Transaction, provider: str, subject: str, since: datetime | None = None, *, outcome: str = UNKNOWN_PUBLISH
) -> None:
    """Make deliveries about a vendor's user, received since then (None: ever) and not placed, due once more."""
    missed = (
        select(col(WebhookRow.id))
        .where(
            col(WebhookRow.provider) == provider,
            col(WebhookRow.subject) == subject,
            col(WebhookRow.outcome) == outcome,
            *([] if since is None else [col(WebhookRow.receive_time) >= since]),
        )
        # In one order: two who do this at once must not wait for each other.
        .order_by(col(WebhookRow.id))
        .with_for_update()
    )
    again = update(WebhookRow).where(col(WebhookRow.id).in_(missed))
    await tx.execute(again.values(due_at=col(WebhookRow.receive_time), outcome="", tries=0))
