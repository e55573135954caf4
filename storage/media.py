"""Media links: under which address a vendor may fetch an upload, for how long, and who did.

Owns the tables `media_links` and `media_fetches`. A link belongs to one attempt of one post, so that two equal posts
can be told apart by what was fetched. Knows tokens only by their digest. A link opens something while it is neither
revoked nor expired, and while the bytes of its upload are here.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Index, and_, delete, exists, func, select, update
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction, advisory_lock
from storage.posts import UNFINISHED, PostRow
from storage.states import PostState, UploadState
from storage.types import time_field
from storage.uploads import UploadRow

MARK = -1
"""The `position` of the row that says: this attempt gets no links any more. It opens nothing itself."""


class MediaLinkRow(SQLModel, table=True):
    """One address: the medium at `position` of attempt `attempt`; `fetches` counts the requests that got bytes."""

    __tablename__ = "media_links"
    __table_args__ = (
        Index("media_links_by_attempt", "location", "post", "attempt"),
        Index("media_links_expiring", "expire_time"),
    )

    digest: bytes = Field(primary_key=True)
    location: str
    post: str
    attempt: int
    position: int
    upload: str
    mime_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    fetches: int = 0
    create_time: datetime = time_field()
    expire_time: datetime = time_field()
    first_fetch_time: datetime | None = time_field(nullable=True)
    revoke_time: datetime | None = time_field(nullable=True)


class MediaFetchRow(SQLModel, table=True):
    """One request for a link's bytes: who asked, for which range, and how it was answered."""

    __tablename__ = "media_fetches"

    id: str = Field(primary_key=True)
    digest: bytes = Field(index=True)
    time: datetime = time_field(index=True)
    remote: str
    user_agent: str
    first: int = Field(sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    status: int


def _of_attempt(location: str, post: str, attempt: int) -> ColumnElement[bool]:
    return and_(
        col(MediaLinkRow.location) == location, col(MediaLinkRow.post) == post, col(MediaLinkRow.attempt) == attempt
    )


async def hold(tx: Transaction, location: str, post: str, attempt: int) -> None:
    """Hold the links of an attempt until this transaction ends: nobody makes or opens one meanwhile."""
    await advisory_lock(tx, f"media|{location}|{post}|{attempt}")
    query = select(col(MediaLinkRow.digest)).where(_of_attempt(location, post, attempt))
    (await tx.execute(query.order_by(col(MediaLinkRow.digest)).with_for_update())).all()


async def replace(
    tx: Transaction, location: str, post: str, attempt: int, rows: Sequence[MediaLinkRow], now: datetime
) -> bool:
    """Return an attempt that is held these links; those it had before open nothing any more.

    False, and nothing changed, for an attempt that was closed.
    """
    if await _closed(tx, location, post, attempt):
        return False
    await _revoke(tx, location, post, attempt, now)
    tx.add_all(rows)
    await tx.flush()
    return True


async def close(tx: Transaction, location: str, post: str, attempt: int, digest: bytes, now: datetime) -> None:
    """Revoke the links of an attempt that is held, and let it have no others; `digest` is the mark's own."""
    await _revoke(tx, location, post, attempt, now)
    if await _closed(tx, location, post, attempt):
        return
    mark = MediaLinkRow(
        digest=digest,
        location=location,
        post=post,
        attempt=attempt,
        position=MARK,
        upload="",
        mime_type="",
        size_bytes=0,
        create_time=now,
        expire_time=now,
        revoke_time=now,
    )
    tx.add(mark)
    await tx.flush()


async def _closed(tx: Transaction, location: str, post: str, attempt: int) -> bool:
    query = select(exists().where(_of_attempt(location, post, attempt), col(MediaLinkRow.position) == MARK))
    return bool((await tx.execute(query)).scalar_one())


async def _revoke(tx: Transaction, location: str, post: str, attempt: int, now: datetime) -> None:
    statement = (
        update(MediaLinkRow)
        .where(_of_attempt(location, post, attempt), col(MediaLinkRow.revoke_time).is_(None))
        .values(revoke_time=now)
    )
    await tx.execute(statement)


async def find(tx: Transaction, digest: bytes, now: datetime) -> tuple[MediaLinkRow, str] | None:
    """Return a link that opens something now, and the SHA-256 (lower-case hex) of its bytes, without noting
    anything.
    """
    query = (
        select(MediaLinkRow, col(UploadRow.sha256))
        .join(UploadRow, _its_upload())
        .where(col(MediaLinkRow.digest) == digest, *_lives(now))
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def open_for_fetch(tx: Transaction, digest: bytes, now: datetime) -> bool:
    """Note that a link's bytes are about to leave; False when it opens nothing now.

    Whoever closes an attempt's unused links at the same moment waits for this transaction, or makes it find nothing.
    """
    statement = (
        update(MediaLinkRow)
        .where(col(MediaLinkRow.digest) == digest, *_lives(now), exists().where(_its_upload()))
        .values(
            fetches=MediaLinkRow.fetches + 1,
            first_fetch_time=func.coalesce(col(MediaLinkRow.first_fetch_time), now),
        )
        .returning(col(MediaLinkRow.digest))
        .execution_options(synchronize_session=False)
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


def _lives(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (col(MediaLinkRow.revoke_time).is_(None), col(MediaLinkRow.expire_time) > now)


def _its_upload() -> ColumnElement[bool]:
    return and_(
        col(UploadRow.location) == col(MediaLinkRow.location),
        col(UploadRow.id) == col(MediaLinkRow.upload),
        col(UploadRow.state) == UploadState.COMPLETE,
    )


async def fetched(tx: Transaction, location: str, post: str, attempt: int) -> int:
    """Count the links of an attempt whose bytes left, or may have left."""
    query = select(func.count()).where(_of_attempt(location, post, attempt), col(MediaLinkRow.fetches) > 0)
    return int((await tx.execute(query)).scalar_one())


async def belong(tx: Transaction, location: str, post: str, attempt: int, digests: Sequence[bytes]) -> bool:
    """Return whether one of the digests is of a link of this attempt, whatever became of it."""
    query = select(exists().where(_of_attempt(location, post, attempt), col(MediaLinkRow.digest).in_(digests)))
    return bool((await tx.execute(query)).scalar_one())


async def awaited(tx: Transaction, location: str, upload: str, now: datetime) -> bool:
    """Return whether a vendor may still fetch an upload for a post whose outcome nobody knows."""
    query = select(
        exists().where(
            col(MediaLinkRow.location) == location,
            col(MediaLinkRow.upload) == upload,
            *_lives(now),
            col(PostRow.location) == col(MediaLinkRow.location),
            col(PostRow.id) == col(MediaLinkRow.post),
            col(PostRow.state) == PostState.INDETERMINATE,
        )
    )
    return bool((await tx.execute(query)).scalar_one())


async def log_fetch(tx: Transaction, row: MediaFetchRow) -> None:
    """Keep who asked for what, and how it was answered."""
    tx.add(row)
    await tx.flush()


async def prune(tx: Transaction, before: datetime) -> None:
    """Remove links that ended, and fetches that happened, before then.

    The links of a post that is not finished stay, however old: without them nothing would tell that one was fetched.
    """
    unfinished = exists().where(
        col(PostRow.location) == col(MediaLinkRow.location),
        col(PostRow.id) == col(MediaLinkRow.post),
        col(PostRow.state).in_(UNFINISHED),
    )
    await tx.execute(delete(MediaLinkRow).where(col(MediaLinkRow.expire_time) < before, ~unfinished))
    await tx.execute(delete(MediaFetchRow).where(col(MediaFetchRow.time) < before))
