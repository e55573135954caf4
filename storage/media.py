"""Media links: the URLs from which a vendor may fetch an upload, for how long, and which requests were made.

Owns the tables `media_links` and `media_fetches`. A link belongs to one attempt of one post, so that two identical
posts can be distinguished by which link was fetched. Knows link tokens only by their digest. A link is valid while it
is neither revoked nor expired and its upload is complete.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Index, and_, delete, exists, func, select, update
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction, advisory_lock
from storage.posts import UNFINISHED, PostRow
from storage.states import PostState, UploadState
from storage.types import time_field
from storage.uploads import UploadRow

CLOSED = -1
"""The `position` of the marker row of an attempt that is closed: it gets no more links. The marker itself is never
valid.
"""


class MediaLinkRow(SQLModel, table=True):
    """One link: the medium at `position` of an attempt; `fetches` counts the requests that were served bytes."""

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
    """One request for a link's bytes: the client, the requested range, and the HTTP status of the answer."""

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


async def lock(tx: Transaction, location: str, post: str, attempt: int) -> None:
    """Lock the links of an attempt until this transaction ends: none is created or served meanwhile."""
    await advisory_lock(tx, f"media|{location}|{post}|{attempt}")
    query = select(col(MediaLinkRow.digest)).where(_of_attempt(location, post, attempt))
    (await tx.execute(query.order_by(col(MediaLinkRow.digest)).with_for_update())).all()


async def replace(
    tx: Transaction, location: str, post: str, attempt: int, rows: Sequence[MediaLinkRow], now: datetime
) -> bool:
    """Replace the links of a locked attempt by `rows`; the links it had before are revoked.

    Return False, and change nothing, when the attempt is closed.
    """
    if await _closed(tx, location, post, attempt):
        return False
    await _revoke(tx, location, post, attempt, now)
    tx.add_all(rows)
    await tx.flush()
    return True


async def close(tx: Transaction, location: str, post: str, attempt: int, digest: bytes, now: datetime) -> None:
    """Revoke the links of a locked attempt and let it have no others; `digest` becomes the key of the marker row."""
    await _revoke(tx, location, post, attempt, now)
    if await _closed(tx, location, post, attempt):
        return
    marker = MediaLinkRow(
        digest=digest,
        location=location,
        post=post,
        attempt=attempt,
        position=CLOSED,
        upload="",
        mime_type="",
        size_bytes=0,
        create_time=now,
        expire_time=now,
        revoke_time=now,
    )
    tx.add(marker)
    await tx.flush()


async def _closed(tx: Transaction, location: str, post: str, attempt: int) -> bool:
    return await rows.any_match(tx, _of_attempt(location, post, attempt), col(MediaLinkRow.position) == CLOSED)


async def _revoke(tx: Transaction, location: str, post: str, attempt: int, now: datetime) -> None:
    statement = (
        update(MediaLinkRow)
        .where(_of_attempt(location, post, attempt), col(MediaLinkRow.revoke_time).is_(None))
        .values(revoke_time=now)
    )
    await tx.execute(statement)


async def find(tx: Transaction, digest: bytes, now: datetime) -> tuple[MediaLinkRow, str] | None:
    """Return a valid link and the SHA-256 (lower-case hex) of its bytes, or None; nothing is recorded."""
    query = (
        select(MediaLinkRow, col(UploadRow.sha256))
        .join(UploadRow, _complete_upload())
        .where(col(MediaLinkRow.digest) == digest, *_valid(now))
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def open_for_fetch(tx: Transaction, digest: bytes, now: datetime) -> bool:
    """Record that a link's bytes are about to be sent; return False when the link is not valid now.

    A transaction that closes the attempt's unused links at the same time waits for this one, or invalidates the link
    first.
    """
    statement = (
        update(MediaLinkRow)
        .where(col(MediaLinkRow.digest) == digest, *_valid(now), exists().where(_complete_upload()))
        .values(
            fetches=MediaLinkRow.fetches + 1,
            first_fetch_time=func.coalesce(col(MediaLinkRow.first_fetch_time), now),
        )
        .returning(col(MediaLinkRow.digest))
        .execution_options(synchronize_session=False)
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


def _valid(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (col(MediaLinkRow.revoke_time).is_(None), col(MediaLinkRow.expire_time) > now)


def _complete_upload() -> ColumnElement[bool]:
    return and_(
        col(UploadRow.location) == col(MediaLinkRow.location),
        col(UploadRow.id) == col(MediaLinkRow.upload),
        col(UploadRow.state) == UploadState.COMPLETE,
    )


async def count_fetched(tx: Transaction, location: str, post: str, attempt: int) -> int:
    """Count the links of an attempt whose bytes were sent, or may have been."""
    query = select(func.count()).where(_of_attempt(location, post, attempt), col(MediaLinkRow.fetches) > 0)
    return int((await tx.execute(query)).scalar_one())


async def any_of_attempt(tx: Transaction, location: str, post: str, attempt: int, digests: Sequence[bytes]) -> bool:
    """Return whether any of the digests belongs to a link of this attempt, valid or not."""
    return await rows.any_match(tx, _of_attempt(location, post, attempt), col(MediaLinkRow.digest).in_(digests))


async def may_be_fetched(tx: Transaction, location: str, upload: str, now: datetime) -> bool:
    """Return whether a vendor may still fetch an upload for a post whose outcome is unknown."""
    return await rows.any_match(
        tx,
        col(MediaLinkRow.location) == location,
        col(MediaLinkRow.upload) == upload,
        *_valid(now),
        col(PostRow.location) == col(MediaLinkRow.location),
        col(PostRow.id) == col(MediaLinkRow.post),
        col(PostRow.state) == PostState.INDETERMINATE,
    )


async def log_fetch(tx: Transaction, row: MediaFetchRow) -> None:
    """Record one request."""
    tx.add(row)
    await tx.flush()


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete links that expired, and requests that were made, before a time.

    Links of unfinished posts are kept, however old: they are the only record of what was fetched.
    """
    unfinished = exists().where(
        col(PostRow.location) == col(MediaLinkRow.location),
        col(PostRow.id) == col(MediaLinkRow.post),
        col(PostRow.state).in_(UNFINISHED),
    )
    await tx.execute(delete(MediaLinkRow).where(col(MediaLinkRow.expire_time) < before, ~unfinished))
    await tx.execute(delete(MediaFetchRow).where(col(MediaFetchRow.time) < before))
