"""The posts of a database that is a copy of an earlier one, which went on after the copy was made.

Owns the query for those that the other database may have moved on. What is done with them is
`gateway/domain/publishing/restored.py`.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import col

from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import PostState

MOVING = (PostState.QUEUED, PostState.TRANSFERRING)
"""States that a gateway moves on by itself, at any time."""

WAITING = (PostState.SCHEDULED, PostState.PROCESSING)
"""States in which a post with a later time waits for that time, here or at the vendor."""


async def under_way(tx: Transaction, ran_until: datetime, limit: int) -> list[PostRow]:
    """Return posts, locked, that a gateway which ran until then may have sent since the copy was made, and those in
    doubt that this one would ask the vendor about, whose word may be of an attempt before the last.
    """
    later = col(PostRow.schedule_time) > ran_until
    waiting = and_(col(PostRow.state).in_(WAITING), or_(col(PostRow.schedule_time).is_(None), ~later))
    asked = or_(col(PostRow.due_at).is_not(None), _has_publish_id())
    in_doubt = and_(col(PostRow.state) == PostState.INDETERMINATE, asked)
    query = select(PostRow).where(or_(col(PostRow.state).in_(MOVING), waiting, in_doubt))
    query = query.order_by(col(PostRow.location), col(PostRow.id)).limit(limit)
    return list((await tx.execute(query.with_for_update())).scalars())


def _has_publish_id() -> ColumnElement[bool]:
    """Match posts whose newest attempt is known to the vendor."""
    newest = select(AttemptRow).where(
        col(AttemptRow.location) == col(PostRow.location),
        col(AttemptRow.post) == col(PostRow.id),
        col(AttemptRow.number) == col(PostRow.attempt),
        col(AttemptRow.publish_id) != "",
    )
    return newest.exists()
