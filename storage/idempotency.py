"""Request ids: which change a caller's request id has already made.

Owns the table `idempotency`. A claim is part of the transaction of its effect, so the row exists exactly when the
effect does, and a crash never blocks an id.
"""

from datetime import datetime

from sqlalchemy import Index, delete
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import time_field


class IdempotencyRow(SQLModel, table=True):
    """One request id of one (agency, location, method); `resource` is the name of what the first call created or
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
    """Claim the id and return None, or return the earlier claim.

    While another transaction is claiming the same id this waits for it to end.
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
    """Return an earlier claim, or None, without making one."""
    return await tx.get(IdempotencyRow, (agency, location, method, request_id), populate_existing=True)


async def release(tx: Transaction, agency: str, location: str, method: str, request_id: str) -> None:
    """Delete a claim whose effect certainly did not happen, so that the request can be repeated."""
    await tx.execute(
        delete(IdempotencyRow).where(
            col(IdempotencyRow.agency) == agency,
            col(IdempotencyRow.location) == location,
            col(IdempotencyRow.method) == method,
            col(IdempotencyRow.request_id) == request_id,
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete the claims made before a time."""
    await tx.execute(delete(IdempotencyRow).where(col(IdempotencyRow.create_time) < before))
