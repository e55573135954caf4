"""Request ids: which change a caller's id already made.

Owns the table `idempotency`. A claim is part of the transaction of its effect, so a crash never poisons an id: the
row is there exactly when the effect is.
"""

from datetime import datetime

from sqlalchemy import Index, delete
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import time_field


class IdempotencyRow(SQLModel, table=True):
    """One request id of one (agency, location, method); `resource` is the name of what the first call made or
    changed.
    """

    __tablename__ = "idempotency"
    __table_args__ = (Index("idempotency_by_time", "create_time"),)

    agency: str = Field(primary_key=True)
    location: str = Field(primary_key=True)
    method: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True)
    body_hash: bytes
    resource: str
    create_time: datetime = time_field()


async def claim(tx: Transaction, row: IdempotencyRow) -> IdempotencyRow | None:
    """Claim the id: None when it is ours now, else the first claim.

    While another transaction holds the same id this waits for it to end, so that two at once become one and a half.
    """
    statement = (
        pg_insert(IdempotencyRow)
        .values(**row.model_dump())
        .on_conflict_do_nothing()
        .returning(col(IdempotencyRow.request_id))
    )
    if (await tx.execute(statement)).scalar_one_or_none() is not None:
        return None
    return await tx.get(IdempotencyRow, (row.agency, row.location, row.method, row.request_id), populate_existing=True)


async def find(tx: Transaction, agency: str, location: str, method: str, request_id: str) -> IdempotencyRow | None:
    """Return an earlier claim without making one."""
    return await tx.get(IdempotencyRow, (agency, location, method, request_id), populate_existing=True)


async def release(tx: Transaction, agency: str, location: str, method: str, request_id: str) -> None:
    """Return a claim up: what it was made for certainly did not happen, and may be asked for again."""
    await tx.execute(
        delete(IdempotencyRow).where(
            col(IdempotencyRow.agency) == agency,
            col(IdempotencyRow.location) == location,
            col(IdempotencyRow.method) == method,
            col(IdempotencyRow.request_id) == request_id,
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Forget ids claimed before a time."""
    await tx.execute(delete(IdempotencyRow).where(col(IdempotencyRow.create_time) < before))
