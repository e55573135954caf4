"""Imports of post files into a vendor's planner: what was sent, and how far the vendor has processed it.

Owns the table `imports`. Each state is committed before the vendor call that it stands for, and every transition is a
compare-and-swap on (state, version): two workers never make the same call.

    SENDING (upload the file) → SENT → ASSIGNING (assign its accounts) → CHECKING → READY →
    FINALIZING (create the posts) → FINALIZED | INDETERMINATE
    and FAILED, DELETING
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, delete, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.states import ImportState
from storage.types import json_field, json_or_null, state_field, time_field


class ImportRow(SQLModel, table=True):
    """One import; `file_name` is unique to the attempt, `sheet` is the vendor's description of the file.

    Until `busy_until` a worker is sending it to the vendor. `told` is the status that the vendor last reported, in the
    vendor's own word.
    """

    __tablename__ = "imports"
    __table_args__ = (Index("imports_by_time", "location", "create_time", "id"),)

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    connection: str
    provider: str
    accounts: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    upload: str
    size_bytes: int = 0
    state: ImportState = state_field(ImportState, default=ImportState.SENDING)
    attempt: int = 1
    file_name: str
    sheet: dict[str, Any] = json_field()
    provider_import_id: str = ""
    told: str = ""
    row_count: int = 0
    error: dict[str, Any] | None = json_or_null()
    busy_until: datetime | None = time_field(nullable=True)
    assign_time: datetime | None = time_field(nullable=True)
    finalize_time: datetime | None = time_field(nullable=True)
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    version: int = 1


async def insert(tx: Transaction, row: ImportRow) -> ImportRow:
    """Add an import."""
    tx.add(row)
    await tx.flush()
    return row


async def get(tx: Transaction, location: str, id: str) -> ImportRow:
    """Return an import as it is now; raises NotFound."""
    return await rows.get(tx, ImportRow, "import", location, id)


async def move(tx: Transaction, row: ImportRow, now: datetime, **values: Any) -> ImportRow | None:
    """Set columns of an import unless it has changed since `row` was read; return None when it has."""
    statement = (
        update(ImportRow)
        .where(
            col(ImportRow.location) == row.location,
            col(ImportRow.id) == row.id,
            col(ImportRow.state) == row.state,
            col(ImportRow.version) == row.version,
        )
        .values(update_time=now, version=row.version + 1, **values)
        .returning(ImportRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def remove(tx: Transaction, row: ImportRow) -> bool:
    """Delete an import unless it has changed since `row` was read; return False when it has."""
    statement = delete(ImportRow).where(
        col(ImportRow.location) == row.location,
        col(ImportRow.id) == row.id,
        col(ImportRow.state) == row.state,
        col(ImportRow.version) == row.version,
    )
    return (await tx.execute(statement.returning(col(ImportRow.id)))).scalar_one_or_none() is not None


async def page(
    tx: Transaction, location: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[ImportRow]:
    """Return one page, newest first, after the keyset `(create_time, id)`."""
    query = select(ImportRow).where(col(ImportRow.location) == location)
    keys = (col(ImportRow.create_time), col(ImportRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit))).scalars().all()
