"""Comments that callers had written: which were sent, and what the vendor made of them.

Owns the table `comments`. A row is committed before the one call that it stands for, so that nobody sends it again
without knowing of the first; what it says is not kept, the caller's repeated request has it.

    SENDING → DONE; a row whose comment certainly was not written is removed
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, delete, select, text, update
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.states import CommentState
from storage.types import json_field, state_field, time_field


class CommentRow(SQLModel, table=True):
    """One comment that was sent below `parent`, the vendor's id of a post or a comment.

    `comment` is the vendor's id of what it became, empty until that is known; `payload` is how it looked then.
    """

    __tablename__ = "comments"
    __table_args__ = (
        Index("comments_by_comment", "location", "account", "comment", postgresql_where=text("comment <> ''")),
        Index("comments_by_time", "sent_time"),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    account: str
    parent: str
    state: CommentState = state_field(CommentState, default=CommentState.SENDING)
    comment: str = ""
    payload: dict[str, Any] = json_field()
    sent_time: datetime = time_field()


async def insert(tx: Transaction, row: CommentRow) -> CommentRow:
    """Add a comment that is about to be sent."""
    tx.add(row)
    await tx.flush()
    return row


async def get(tx: Transaction, location: str, id: str) -> CommentRow:
    """Return what is known of a comment; raises NotFound."""
    return await rows.get(tx, CommentRow, "comment", location, id)


async def done(tx: Transaction, location: str, id: str, comment: str, payload: dict[str, Any]) -> None:
    """Note what a comment became."""
    statement = update(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.id) == id)
    await tx.execute(statement.values(state=CommentState.DONE, comment=comment, payload=payload))


async def remove(tx: Transaction, location: str, id: str) -> None:
    """Forget a comment that was certainly not written."""
    await tx.execute(delete(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.id) == id))


async def claimed(tx: Transaction, location: str, account: str, comments: Sequence[str]) -> set[str]:
    """Return those of the vendor's ids that another call's comment already became."""
    query = select(col(CommentRow.comment)).where(
        col(CommentRow.location) == location,
        col(CommentRow.account) == account,
        col(CommentRow.comment) != "",
        col(CommentRow.comment).in_(comments),
    )
    return set((await tx.execute(query)).scalars())


async def prune(tx: Transaction, before: datetime) -> None:
    """Forget comments sent before a time: their request ids are forgotten too."""
    await tx.execute(delete(CommentRow).where(col(CommentRow.sent_time) < before))
