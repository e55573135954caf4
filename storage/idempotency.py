"""Request ids: which change a caller's request id has already made.

Owns the table `idempotency`, which is partitioned by time. A claim is part of the transaction of its effect, so the
row exists exactly when the effect does, and a crash never blocks an id.

A unique index of a partitioned table holds within one partition only. That an id is claimed once at any time is up to
the trigger `claim_once`: it locks the id until the transaction ends, and leaves the row out if there is an earlier one.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import partitions
from storage.database import Database, Transaction
from storage.types import time_field


class IdempotencyRow(SQLModel, table=True):
    """One request id of one (agency, location, method); `resource` is the name of what the first call created or
    changed.
    """

    __tablename__ = "idempotency"
    __table_args__ = ({"postgresql_partition_by": "RANGE (create_time)"},)

    agency: str = Field(primary_key=True)
    location: str = Field(primary_key=True)
    method: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True)
    body_hash: bytes
    resource: str
    create_time: datetime = time_field(primary_key=True)


async def claim(tx: Transaction, row: IdempotencyRow) -> IdempotencyRow | None:
    """Claim the id and return None, or return the earlier claim.

    While another transaction is claiming the same id this waits for it to end.
    """
    await partitions.ensure(tx, "idempotency", row.create_time)
    statement = (
        pg_insert(IdempotencyRow)
        .values(**row.model_dump())
        .on_conflict_do_nothing()
        .returning(col(IdempotencyRow.request_id))
    )
    if (await tx.execute(statement)).scalar_one_or_none() is not None:
        return None
    return await find(tx, row.agency, row.location, row.method, row.request_id)


async def find(tx: Transaction, agency: str, location: str, method: str, request_id: str) -> IdempotencyRow | None:
    """Return an earlier claim, or None, without making one."""
    query = select(IdempotencyRow).where(_is(agency, location, method, request_id))
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def release(tx: Transaction, agency: str, location: str, method: str, request_id: str) -> None:
    """Delete a claim whose effect certainly did not happen, so that the request can be repeated."""
    await tx.execute(delete(IdempotencyRow).where(_is(agency, location, method, request_id)))


async def drop(db: Database, before: datetime) -> list[str]:
    """Drop the partitions with nothing but claims from before a time, and return their names."""
    return await partitions.drop(db, "idempotency", before)


def _is(agency: str, location: str, method: str, request_id: str) -> ColumnElement[bool]:
    return and_(
        col(IdempotencyRow.agency) == agency,
        col(IdempotencyRow.location) == location,
        col(IdempotencyRow.method) == method,
        col(IdempotencyRow.request_id) == request_id,
    )
