"""Uploads: bytes a caller gave us, in parts that are already durable.

Owns the tables `uploads` and `upload_parts`. The bytes themselves are blobs; a part is listed here only after its
blob was written, so `committed_size` never promises what is not there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Index, and_, any_, delete, exists, func, literal, select, text, update
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction, notify
from storage.errors import NotFound
from storage.types import time_field

TOPIC = "uploads"


class UploadRow(SQLModel, table=True):
    """One upload: `size_bytes` as declared (0: not known until finished), `sha256` in lower-case hex, declared or
    computed.
    """

    __tablename__ = "uploads"
    __table_args__ = (Index("uploads_expiring", "expire_time"),)

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    mime_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = ""
    state: str = "OPEN"
    committed_size: int = Field(default=0, sa_type=BigInteger)
    create_time: datetime = time_field()
    expire_time: datetime = time_field()


class UploadPartRow(SQLModel, table=True):
    """Bytes [first, first + size) of an upload, in the blob `key`."""

    __tablename__ = "upload_parts"

    location: str = Field(primary_key=True)
    upload: str = Field(primary_key=True)
    first: int = Field(primary_key=True, sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    key: str


def _is(location: str, upload: str) -> ColumnElement[bool]:
    return and_(col(UploadRow.location) == location, col(UploadRow.id) == upload)


async def insert(tx: Transaction, row: UploadRow) -> UploadRow:
    """Add an upload."""
    tx.add(row)
    await tx.flush()
    return row


async def get(tx: Transaction, location: str, upload: str, *, lock: bool = False) -> UploadRow:
    """Give the upload; raises NotFound."""
    query = select(UploadRow).where(_is(location, upload)).execution_options(populate_existing=True)
    row = (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
    if row is None:
        raise NotFound("upload", upload)
    return row


async def parts(tx: Transaction, location: str, upload: str) -> Sequence[UploadPartRow]:
    """Give all parts in the order of their bytes."""
    query = (
        select(UploadPartRow)
        .where(col(UploadPartRow.location) == location, col(UploadPartRow.upload) == upload)
        .order_by(col(UploadPartRow.first))
    )
    return (await tx.execute(query)).scalars().all()


async def commit_part(tx: Transaction, part: UploadPartRow) -> bool:
    """List a part that begins where the upload ends; False when another writer was there first or the upload is
    closed.
    """
    statement = (
        update(UploadRow)
        .where(
            _is(part.location, part.upload),
            col(UploadRow.committed_size) == part.first,
            col(UploadRow.state) == "OPEN",
        )
        .values(committed_size=part.first + part.size)
        .returning(col(UploadRow.id))
    )
    if (await tx.execute(statement)).scalar_one_or_none() is None:
        return False
    tx.add(part)
    await tx.flush()
    return True


async def complete(
    tx: Transaction, location: str, upload: str, *, size: int, sha256: str, expire_time: datetime
) -> bool:
    """Close an upload whose committed bytes are `size`; False when that is no longer so."""
    statement = (
        update(UploadRow)
        .where(_is(location, upload), col(UploadRow.committed_size) == size, col(UploadRow.state) == "OPEN")
        .values(state="COMPLETE", size_bytes=size, sha256=sha256, expire_time=expire_time)
        .returning(col(UploadRow.id))
    )
    done = (await tx.execute(statement)).scalar_one_or_none() is not None
    if done:
        await notify(tx, TOPIC, f"{location}|{upload}")
    return done


async def reset(tx: Transaction, location: str, upload: str) -> None:
    """Forget all parts of an open upload, so that it can be written again from the start."""
    await tx.execute(
        delete(UploadPartRow).where(col(UploadPartRow.location) == location, col(UploadPartRow.upload) == upload)
    )
    await tx.execute(
        update(UploadRow).where(_is(location, upload), col(UploadRow.state) == "OPEN").values(committed_size=0)
    )


async def remove(tx: Transaction, location: str, upload: str) -> None:
    """Delete an upload and its list of parts; the blobs are the caller's to delete after the commit."""
    await tx.execute(
        delete(UploadPartRow).where(col(UploadPartRow.location) == location, col(UploadPartRow.upload) == upload)
    )
    await tx.execute(delete(UploadRow).where(_is(location, upload)))


async def in_use(tx: Transaction, location: str, upload: str) -> bool:
    """Tell whether a post that is not finished still needs the bytes."""
    from storage.posts import UNFINISHED, PostRow

    query = select(
        exists().where(
            col(PostRow.location) == location,
            literal(upload) == any_(col(PostRow.uploads)),
            col(PostRow.state).in_(UNFINISHED),
        )
    )
    return bool((await tx.execute(query)).scalar_one())


async def expired(tx: Transaction, now: datetime, limit: int) -> list[UploadRow]:
    """Take uploads past their time that no unfinished post needs."""
    from storage.posts import UNFINISHED, PostRow

    needed = exists().where(
        col(PostRow.location) == col(UploadRow.location),
        text("uploads.id = ANY(posts.uploads)"),
        col(PostRow.state).in_(UNFINISHED),
    )
    query = select(UploadRow).where(col(UploadRow.expire_time) <= now, ~needed).limit(limit)
    return list((await tx.execute(query.with_for_update(skip_locked=True))).scalars())


async def open_bytes(tx: Transaction, location: str) -> int:
    """Sum the bytes a location's uploads hold now."""
    query = select(func.coalesce(func.sum(col(UploadRow.committed_size)), 0)).where(col(UploadRow.location) == location)
    total: Any = (await tx.execute(query)).scalar_one()
    return int(total)
