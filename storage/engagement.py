"""What engagement syncs and webhooks bring of an account: the comments below its videos.

Owns the table `engagement_comments`. A comment is one row however often it is seen. The videos are in
`storage/engagement_videos.py`, metrics in `storage/metric_points.py`; which account is read when is in
`storage/engagement_syncs.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Index,
    String,
    and_,
    any_,
    case,
    cast,
    delete,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import removed_comments, rows
from storage.database import Transaction
from storage.engagement_videos import VideoRow
from storage.types import time_field

PRUNED_AT_ONCE = 10_000


class StoredComment(SQLModel, table=True):
    """One comment as it was last seen; `scan` is the sync that saw it last, `replies_due` that its replies are read."""

    __tablename__ = "engagement_comments"
    __table_args__ = (
        Index("engagement_comments_by_time", "location", "account", "publish_time", "comment"),
        Index("engagement_comments_by_video", "location", "account", "video"),
        Index("engagement_comments_by_parent", "location", "account", "reply_to"),
        Index("engagement_comments_by_fetch", "fetch_time"),
        Index(
            "engagement_comments_due", "location", "account", "video", "comment", postgresql_where=text("replies_due")
        ),
    )

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    comment: str = Field(primary_key=True)
    video: str
    reply_to: str = ""
    text: str = ""
    author_name: str = ""
    author_avatar_uri: str = ""
    author_id: str = ""
    own: bool = False
    hidden: bool | None = None
    liked: bool | None = None
    pinned: bool | None = None
    like_count: int | None = Field(default=None, sa_type=BigInteger)
    reply_count: int | None = Field(default=None, sa_type=BigInteger)
    attachment_uris: list[str] = Field(default_factory=list, sa_type=ARRAY(String), nullable=False)
    publish_time: datetime = time_field()
    scan: str = ""
    replies_due: bool = False
    fetch_time: datetime = time_field()


async def is_own_author(tx: Transaction, location: str, account: str, author_id: str) -> bool:
    """Return whether an author is the account itself, as far as its own comments show."""
    return bool(author_id) and await rows.any_match(
        tx,
        col(StoredComment.location) == location,
        col(StoredComment.account) == account,
        col(StoredComment.author_id) == author_id,
        col(StoredComment.own).is_(True),
    )


async def save_comments(
    tx: Transaction, found: Sequence[StoredComment]
) -> tuple[list[StoredComment], dict[str, int | None]]:
    """Add comments, or update them; return those that are new, and the former reply counts of the others. One that was
    removed and comes back is neither.

    `replies_due` says that not all replies came with a comment: they are read if their number is not the stored one. A
    list outside a scan cannot tell which replies are gone: then they are read in any case.
    """
    if not found:
        return [], {}
    first = found[0]
    known = (col(StoredComment.comment), col(StoredComment.reply_count))
    query = select(*known).where(
        col(StoredComment.location) == first.location,
        col(StoredComment.account) == first.account,
        col(StoredComment.comment).in_([row.comment for row in found]),
    )
    former = {id: count for id, count in (await tx.execute(query)).all()}  # noqa: C416 - rows are no tuples
    statement = pg_insert(StoredComment).values([row.model_dump() for row in found])
    fixed = ("location", "account", "comment", "replies_due")
    changed: dict[str, Any] = {
        name: statement.excluded[name] for name in StoredComment.model_fields if name not in fixed
    }
    # What a list or a webhook shows in the middle of a scan does not take from it what it has seen.
    changed["scan"] = case((statement.excluded.scan == "", col(StoredComment.scan)), else_=statement.excluded.scan)
    others = col(StoredComment.reply_count).is_distinct_from(statement.excluded.reply_count)
    unread = or_(statement.excluded.replies_due, statement.excluded.scan == "")
    changed["replies_due"] = or_(col(StoredComment.replies_due), and_(others, unread))
    upsert = statement.on_conflict_do_update(index_elements=["location", "account", "comment"], set_=changed)
    written: Any = upsert.returning(col(StoredComment.comment), literal_column("xmax = 0"))
    added = {id for id, new in (await tx.execute(written)).all() if new}
    back = await removed_comments.take(tx, first.location, first.account, added) if added else set()
    return [row for row in found if row.comment in added - back], former


async def add_comment(tx: Transaction, row: StoredComment) -> bool:
    """Add a comment that is not stored yet; return whether it was added. One that was removed is not: of two webhooks
    about it the later one may arrive first, and a scan brings it back if it is there.
    """
    if await removed_comments.has(tx, row.location, row.account, row.comment):
        return False
    statement = pg_insert(StoredComment).values(**row.model_dump())
    added = statement.on_conflict_do_nothing().returning(col(StoredComment.comment))
    return (await tx.execute(added)).scalar_one_or_none() is not None


async def find_comment(tx: Transaction, location: str, account: str, comment: str) -> StoredComment | None:
    """Return a comment as it was last seen, or None."""
    return await tx.get(StoredComment, (location, account, comment), populate_existing=True)


async def change_comment(tx: Transaction, location: str, account: str, comment: str, **values: Any) -> None:
    """Set columns of a comment."""
    statement = update(StoredComment).where(_is(location, account, comment))
    await tx.execute(statement.values(**values))


async def remove_comment(tx: Transaction, location: str, account: str, comment: str, now: datetime) -> None:
    """Delete a comment and its replies, also one that was never seen."""
    below = and_(
        col(StoredComment.location) == location,
        col(StoredComment.account) == account,
        col(StoredComment.reply_to) == comment,
    )
    gone = delete(StoredComment).where(or_(_is(location, account, comment), below))
    ids = (await tx.execute(gone.returning(col(StoredComment.comment)))).scalars()
    await removed_comments.add(tx, location, account, [comment, *ids], now)


async def next_replies(tx: Transaction, location: str, account: str, video: str) -> StoredComment | None:
    """Return a comment of a video whose replies are to be read, None if there is none."""
    query = select(StoredComment).where(_of_video(location, account, video), col(StoredComment.replies_due))
    query = query.order_by(col(StoredComment.comment)).limit(1)
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def remove_unseen(tx: Transaction, video: VideoRow, now: datetime, *, reply_to: str) -> None:
    """Delete what a whole scan of a video did not see: the comments directly below it if `reply_to` is empty, with what
    stood below them, else the replies to one comment. What came during the scan stays.
    """
    location, account = video.location, video.account
    gone = and_(
        _of_video(location, account, video.video),
        col(StoredComment.reply_to) == reply_to,
        col(StoredComment.scan) != video.scan,
        col(StoredComment.fetch_time) < video.scan_start,
    )
    ids = list((await tx.execute(delete(StoredComment).where(gone).returning(col(StoredComment.comment)))).scalars())
    if ids and not reply_to:
        below = and_(
            _of_video(location, account, video.video), col(StoredComment.reply_to) == any_(cast(ids, ARRAY(String)))
        )
        replies = await tx.execute(delete(StoredComment).where(below).returning(col(StoredComment.comment)))
        ids += replies.scalars()
    await removed_comments.add(tx, location, account, ids, now)


async def page(
    tx: Transaction,
    location: str,
    account: str,
    *,
    video: str = "",
    reply_to: str | None = "",
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[StoredComment]:
    """Return one page of comments, newest first: those directly below the account's videos or one of them, those below
    the comment `reply_to`, or with None all.
    """
    query = select(StoredComment).where(col(StoredComment.location) == location, col(StoredComment.account) == account)
    if reply_to is not None:
        query = query.where(col(StoredComment.reply_to) == reply_to)
    if video:
        query = query.where(col(StoredComment.video) == video)
    keys = (col(StoredComment.publish_time), col(StoredComment.comment))
    if after is not None:
        query = query.where(tuple_(*keys) < tuple_(*after))
    return (await tx.execute(query.order_by(*(key.desc() for key in keys)).limit(limit))).scalars().all()


async def remove_account(tx: Transaction, location: str, account: str) -> None:
    """Delete the videos and comments of an account."""
    for table in (VideoRow, StoredComment):
        await tx.execute(delete(table).where(col(table.location) == location, col(table.account) == account))
    await removed_comments.remove_account(tx, location, account)


async def prune(tx: Transaction, before: datetime, limit: int = PRUNED_AT_ONCE) -> int:
    """Delete up to `limit` comments that were last fetched before a time; return how many."""
    keys = (col(StoredComment.location), col(StoredComment.account), col(StoredComment.comment))
    old = select(*keys).where(col(StoredComment.fetch_time) < before).limit(limit)
    gone = delete(StoredComment).where(tuple_(*keys).in_(old)).returning(col(StoredComment.comment))
    statement = gone.execution_options(synchronize_session=False)
    return len((await tx.execute(statement)).scalars().all())


def _is(location: str, account: str, comment: str) -> Any:
    return and_(
        col(StoredComment.location) == location,
        col(StoredComment.account) == account,
        col(StoredComment.comment) == comment,
    )


def _of_video(location: str, account: str, video: str) -> Any:
    return and_(
        col(StoredComment.location) == location,
        col(StoredComment.account) == account,
        col(StoredComment.video) == video,
    )
