"""The journal of writes to ad accounts: what was asked for, what was sent, and what came of it.

Owns the table `ad_operations`. Each state is committed before the vendor call that follows it, and every transition is
a compare-and-swap on the state: two workers never make the same call.

    INTENT → SENT (the vendor is called) → DONE | REFUSED | INDETERMINATE (the answer is lost) → DONE | REFUSED
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, delete, text, update
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.states import AdOperationKind, AdOperationState
from storage.types import agency_field, json_field, json_or_null, state_field, time_field

DUE = DueRows("ad_operations", "due_at")


class AdOperationRow(SQLModel, table=True):
    """One write to the campaign, ad group or ad `ad`; `payload` is what was asked for.

    While `due_at` is in the future the process that wrote it works on it; NULL means that it is over.
    """

    __tablename__ = "ad_operations"
    __table_args__ = (
        Index("ad_operations_by_time", "create_time", postgresql_where=text("due_at IS NULL")),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    kind: AdOperationKind = state_field(AdOperationKind)
    ad: str
    state: AdOperationState = state_field(AdOperationState, default=AdOperationState.INTENT)
    payload: dict[str, Any] = json_field()
    error: dict[str, Any] | None = json_or_null()
    tries: int = 0
    sent_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    agency: str = agency_field()


async def insert(tx: Transaction, row: AdOperationRow) -> None:
    """Add a write before anything of it is sent."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, location: str, id: str) -> AdOperationRow | None:
    """Return the write as it is now, or None."""
    return await rows.find(tx, AdOperationRow, location, id)


async def move(tx: Transaction, row: AdOperationRow, now: datetime, **values: Any) -> AdOperationRow | None:
    """Set columns unless the write has moved on since `row` was read; return None when it has."""
    statement = (
        update(AdOperationRow)
        .where(
            and_(
                rows.by_id(AdOperationRow, row.location, row.id),
                col(AdOperationRow.state) == row.state,
                col(AdOperationRow.tries) == row.tries,
            )
        )
        .values(update_time=now, **values)
        .returning(AdOperationRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> list[tuple[str, str]]:
    """Lease writes that are due, given by location and id; return those that nobody else leases."""
    keys = (col(AdOperationRow.location), col(AdOperationRow.id))
    leased = rows.lease_due(AdOperationRow, keys, col(AdOperationRow.due_at), now, until, ids)
    return [(row[0], row[1]) for row in (await tx.execute(leased.returning(*keys))).all()]


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete writes that were over before a time; their request ids are deleted as well."""
    over = and_(col(AdOperationRow.due_at).is_(None), col(AdOperationRow.create_time) < before)
    await tx.execute(delete(AdOperationRow).where(over))
