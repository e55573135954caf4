"""The videos of accounts whose engagement is synced, and how far the scan of the comments below each is.

Owns the table `engagement_videos`. The comments themselves are in `storage/engagement.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, delete, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import time_field


class VideoRow(SQLModel, table=True):
    """One video: the vendor's count of its comments, that at its last whole scan, and how far the present scan is;
    `look_time` is when a caller's list last asked for the newest.

    `scan` is the sync that scans it, `scan_cursor` the vendor's, `scan_found` how many comments it has found new.
    """

    __tablename__ = "engagement_videos"

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    video: str = Field(primary_key=True)
    publish_time: datetime | None = time_field(nullable=True)
    comment_count: int | None = Field(default=None, sa_type=BigInteger)
    scanned_count: int | None = Field(default=None, sa_type=BigInteger)
    scan_time: datetime | None = time_field(nullable=True)
    look_time: datetime | None = time_field(nullable=True)
    scan: str = ""
    scan_start: datetime | None = time_field(nullable=True)
    scan_cursor: str = ""
    scan_found: int = Field(default=0, sa_type=BigInteger)
    scan_due: bool = False
    fetch_time: datetime = time_field()


async def save_videos(tx: Transaction, found: Sequence[VideoRow]) -> dict[str, VideoRow]:
    """Add videos, or update what the vendor says of them; return them as they are then, with how far their scan is."""
    if not found:
        return {}
    names = ("location", "account", "video", "publish_time", "comment_count", "fetch_time")
    # A vendor may show a video twice on one page.
    unique = {row.video: row for row in found}.values()
    values = [{**row.model_dump(), **{name: getattr(row, name) for name in names}} for row in unique]
    statement = pg_insert(VideoRow).values(values)
    changed = {name: statement.excluded[name] for name in ("publish_time", "comment_count", "fetch_time")}
    returning = (
        statement.on_conflict_do_update(index_elements=["location", "account", "video"], set_=changed)
        .returning(VideoRow)
        .execution_options(populate_existing=True)
    )
    return {row.video: row for row in (await tx.execute(returning)).scalars()}


async def next_scan(tx: Transaction, location: str, account: str) -> VideoRow | None:
    """Return the video whose comments are to be read next, None if there is none."""
    query = select(VideoRow).where(
        col(VideoRow.location) == location, col(VideoRow.account) == account, col(VideoRow.scan_due)
    )
    query = query.order_by(col(VideoRow.scan_cursor) == "", col(VideoRow.video).desc()).limit(1)
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def comments_time(tx: Transaction, location: str, account: str, video: str) -> datetime | None:
    """Return when the vendor was last asked for the newest comments of a video, None if never."""
    row = await tx.get(VideoRow, (location, account, video), populate_existing=True)
    return None if row is None else max(filter(None, (row.scan_time, row.look_time)), default=None)


async def note_look(tx: Transaction, location: str, account: str, video: str, now: datetime) -> None:
    """Record that the newest comments of a video were read."""
    row = VideoRow(location=location, account=account, video=video, look_time=now, fetch_time=now)
    statement = pg_insert(VideoRow).values(**row.model_dump())
    conflict = ["location", "account", "video"]
    await tx.execute(statement.on_conflict_do_update(index_elements=conflict, set_={"look_time": now}))


async def change_video(tx: Transaction, location: str, account: str, video: str, **values: Any) -> None:
    """Set columns of a video."""
    statement = update(VideoRow).where(
        col(VideoRow.location) == location, col(VideoRow.account) == account, col(VideoRow.video) == video
    )
    await tx.execute(statement.values(**values))


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete videos that were last fetched before a time."""
    await tx.execute(delete(VideoRow).where(col(VideoRow.fetch_time) < before))
