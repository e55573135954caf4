"""Comments that were removed from the store: their ids only, so that one that comes back is no news.

Owns the table `engagement_removed`. A scan under an offset cursor can miss a comment that is still there, and the
webhook of a new comment can arrive after the one of its deletion.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Index, and_, delete, text
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.types import time_field


class RemovedRow(SQLModel, table=True):
    """One comment that was removed at a time."""

    __tablename__ = "engagement_removed"
    __table_args__ = (Index("engagement_removed_by_time", "remove_time"),)

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    comment: str = Field(primary_key=True)
    remove_time: datetime = time_field()


# One parameter, however many there are: a video can lose more comments than a statement may have parameters.
_ADD = text("""
INSERT INTO engagement_removed (location, account, comment, remove_time)
SELECT :location, :account, comment, :now FROM unnest(CAST(:comments AS text[])) AS gone(comment)
ON CONFLICT DO NOTHING
""")


async def add(tx: Transaction, location: str, account: str, comments: Iterable[str], now: datetime) -> None:
    """Record that comments were removed."""
    values = {"location": location, "account": account, "comments": sorted(set(comments)), "now": now}
    await tx.execute(_ADD, values)


async def take(tx: Transaction, location: str, account: str, comments: Iterable[str]) -> set[str]:
    """Return those of the comments that had been removed, and forget that they were."""
    statement = delete(RemovedRow).where(
        col(RemovedRow.location) == location,
        col(RemovedRow.account) == account,
        col(RemovedRow.comment).in_(sorted(comments)),
    )
    return set((await tx.execute(statement.returning(col(RemovedRow.comment)))).scalars())


async def has(tx: Transaction, location: str, account: str, comment: str) -> bool:
    """Return whether a comment was removed."""
    return await rows.any_match(
        tx,
        col(RemovedRow.location) == location,
        col(RemovedRow.account) == account,
        col(RemovedRow.comment) == comment,
    )


async def remove_account(tx: Transaction, location: str, account: str) -> None:
    """Forget the removed comments of an account."""
    where = and_(col(RemovedRow.location) == location, col(RemovedRow.account) == account)
    await tx.execute(delete(RemovedRow).where(where))


async def prune(tx: Transaction, before: datetime) -> None:
    """Forget the comments that were removed before a time."""
    await tx.execute(delete(RemovedRow).where(col(RemovedRow.remove_time) < before))
