"""Videos: copies of a vendor's answers about the videos of an account, each with the time it was fetched.

Owns the table `video_reads`. A copy is read-only and is deleted with its account. Does not know when one is too old.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import json_field, time_field


class VideoReadRow(SQLModel, table=True):
    """One answer of the vendor: `key` identifies the request (a page, or one video), `payload` is in our own format."""

    __tablename__ = "video_reads"

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    payload: dict[str, Any] = json_field()
    fetch_time: datetime = time_field(index=True)


async def find(tx: Transaction, location: str, account: str, key: str) -> VideoReadRow | None:
    """Return a copy, or None."""
    query = select(VideoReadRow).where(
        col(VideoReadRow.location) == location, col(VideoReadRow.account) == account, col(VideoReadRow.key) == key
    )
    return (await tx.execute(query)).scalar_one_or_none()


async def save(tx: Transaction, row: VideoReadRow) -> None:
    """Store a copy, replacing an older one with the same key."""
    values = {"payload": row.payload, "fetch_time": row.fetch_time}
    statement = (
        pg_insert(VideoReadRow)
        .values(location=row.location, account=row.account, key=row.key, **values)
        .on_conflict_do_update(index_elements=["location", "account", "key"], set_=values)
    )
    await tx.execute(statement)


async def remove(tx: Transaction, location: str, account: str) -> None:
    """Delete all copies of an account's videos."""
    await tx.execute(
        delete(VideoReadRow).where(col(VideoReadRow.location) == location, col(VideoReadRow.account) == account)
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete copies fetched before a time."""
    await tx.execute(delete(VideoReadRow).where(col(VideoReadRow.fetch_time) < before))
