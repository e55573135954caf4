"""Comments that callers write: which were sent, and the vendor's ids of the results.

Owns the table `comments`. A row is committed before the one vendor call that it stands for, so that a repeated request
never sends it again unknowingly. The text is not stored: the repeated request contains it.

    SENDING → DONE; the row of a comment that was certainly not written is deleted
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

REFUSED = "refused"
"""The key in `CommentRow.payload` of a comment that the vendor refused without proof."""


class CommentRow(SQLModel, table=True):
    """One comment that was sent as a reply to `parent`, the vendor's id of a post or a comment.

    `comment` is the vendor's id of the result, empty until it is known; `payload` is the comment as it was then, and
    until then REFUSED if the vendor refused it without proof.
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
    """Add a comment before it is sent."""
    tx.add(row)
    await tx.flush()
    return row


async def get(tx: Transaction, location: str, id: str) -> CommentRow:
    """Return a comment as it is now; raises NotFound."""
    return await rows.get(tx, CommentRow, "comment", location, id)


async def done(tx: Transaction, location: str, id: str, comment: str, payload: dict[str, Any]) -> None:
    """Store the vendor's id of a comment that was written, and the comment itself."""
    statement = update(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.id) == id)
    await tx.execute(statement.values(state=CommentState.DONE, comment=comment, payload=payload))


async def refused(tx: Transaction, location: str, id: str) -> None:
    """Store that the vendor refused a comment, which it may have written all the same."""
    statement = update(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.id) == id)
    await tx.execute(statement.values(payload={REFUSED: True}))


async def remove(tx: Transaction, location: str, id: str) -> None:
    """Delete a comment that was certainly not written."""
    await tx.execute(delete(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.id) == id))


async def claimed(tx: Transaction, location: str, account: str, comments: Sequence[str]) -> set[str]:
    """Return those of the vendor's comment ids that are already the results of stored comments."""
    query = select(col(CommentRow.comment)).where(
        col(CommentRow.location) == location,
        col(CommentRow.account) == account,
        col(CommentRow.comment) != "",
        col(CommentRow.comment).in_(comments),
    )
    return set((await tx.execute(query)).scalars())


async def remove_account(tx: Transaction, location: str, account: str) -> None:
    """Delete the comments that were sent as an account."""
    await tx.execute(delete(CommentRow).where(col(CommentRow.location) == location, col(CommentRow.account) == account))


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete comments sent before a time; their request ids are deleted as well."""
    await tx.execute(delete(CommentRow).where(col(CommentRow.sent_time) < before))
