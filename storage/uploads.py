"""Uploads: the bytes that callers send, in parts that are already durable.

Owns the tables `uploads` and `upload_parts`. The bytes themselves are blobs; a part is listed here only after its blob
was written, so `committed_size` never counts bytes that are not stored.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Index,
    Select,
    and_,
    any_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    text,
    tuple_,
    update,
)
from sqlmodel import Field, SQLModel, col

from storage import agencies, direct, rows
from storage.database import Transaction, advisory_lock
from storage.errors import NotFound
from storage.locations import keep, locations_of
from storage.posts import UNFINISHED, PostRow
from storage.states import UploadState
from storage.types import json_or_null, state_field, time_field

STORED = (UploadState.OPEN, UploadState.COMPLETE)
"""The states in which an upload has bytes stored."""

STEP = 64 * 1024**2
"""An upload of unknown size reserves room in steps of this many bytes, so that few of its parts need a new sum over all
uploads.
"""


class UploadRow(SQLModel, table=True):
    """One upload: `size_bytes` as declared (0: unknown until finished), `sha256` in lower-case hex, declared or
    computed; `media` is the result of probing the file, None until it was probed.

    `release_time` is when the last post that named it became final, None while no post has. `check_time` is when its
    bytes were last looked for, `missing_time` since when they are missing, as far as is known.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("uploads_expiring", "expire_time"),
        Index("uploads_released", "release_time", postgresql_where=text("release_time IS NOT NULL")),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    mime_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = ""
    state: UploadState = state_field(UploadState, default=UploadState.OPEN)
    committed_size: int = Field(default=0, sa_type=BigInteger)
    media: dict[str, Any] | None = json_or_null()
    create_time: datetime = time_field()
    expire_time: datetime = time_field()
    release_time: datetime | None = time_field(nullable=True)
    check_time: datetime | None = time_field(nullable=True)
    missing_time: datetime | None = time_field(nullable=True)


class UploadPartRow(SQLModel, table=True):
    """Bytes [first, first + size) of an upload, in the blob `key`."""

    __tablename__ = "upload_parts"

    location: str = Field(primary_key=True)
    upload: str = Field(primary_key=True)
    first: int = Field(primary_key=True, sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    key: str


UPLOADS = direct.table_of(UploadRow)
PARTS = direct.table_of(UploadPartRow)


def _is(location: str, upload: str) -> ColumnElement[bool]:
    return rows.by_id(UploadRow, location, upload)


async def insert(tx: Transaction, row: UploadRow) -> UploadRow:
    """Add an upload."""
    await direct.run(tx, _insert(), direct.row_values(row))
    agencies.count_bytes(tx, row.location, _reserved(row.size_bytes, row.committed_size))
    return row


@lru_cache
def _insert() -> str:
    return direct.compiled(direct.inserted(UploadRow))


async def get(tx: Transaction, location: str, upload: str, *, lock: bool = False) -> UploadRow:
    """Return the upload as it is now; raises NotFound. `lock` locks its row until the transaction ends."""
    return await rows.get(tx, UploadRow, "upload", location, upload, lock=lock)


async def lock(tx: Transaction, location: str, ids: Sequence[str]) -> dict[str, UploadState]:
    """Lock uploads until the transaction ends, and return their states; raises NotFound for one that is not there."""
    found: dict[str, UploadState] = {}
    for id in sorted(ids):
        # One after the other, in the order in which other transactions lock several, to avoid deadlocks.
        state = await direct.first(tx, _lock(), {"in_location": location, "of_id": id})
        if state is None:
            raise NotFound("upload", id)
        found[id] = UploadState(state)
    return found


@lru_cache
def _lock() -> str:
    c = UPLOADS.c
    query = select(c.state).where(c.location == bindparam("in_location"), c.id == bindparam("of_id"))
    return direct.compiled(query.with_for_update())


async def is_complete(tx: Transaction, location: str, upload: str) -> bool:
    """Return whether an upload is complete."""
    query = select(col(UploadRow.state)).where(_is(location, upload))
    return (await tx.execute(query)).scalar_one_or_none() == UploadState.COMPLETE


async def parts(tx: Transaction, location: str, upload: str) -> Sequence[UploadPartRow]:
    """Return all parts in the order of their bytes."""
    found = await direct.run(tx, _parts(), {"in_location": location, "of_upload": upload})
    return [direct.built(UploadPartRow, record) for record in await found.fetchall()]


@lru_cache
def _parts() -> str:
    c = PARTS.c
    of_upload = c.location == bindparam("in_location"), c.upload == bindparam("of_upload")
    return direct.compiled(select(PARTS).where(*of_upload).order_by(c.first))


async def with_parts(tx: Transaction, location: str, upload: str) -> tuple[UploadRow, Sequence[UploadPartRow]]:
    """Return an upload and all its parts in the order of their bytes; raises NotFound."""
    found = await (await direct.run(tx, _with_parts(), {"in_location": location, "of_id": upload})).fetchall()
    if not found:
        raise NotFound("upload", upload)
    listed = [record[len(UPLOADS.columns) :] for record in found]
    parts = [direct.built(UploadPartRow, record) for record in listed if record[0] is not None]
    return direct.built(UploadRow, found[0]), parts


@lru_cache
def _with_parts() -> str:
    of_upload = and_(PARTS.c.location == UPLOADS.c.location, PARTS.c.upload == UPLOADS.c.id)
    where = UPLOADS.c.location == bindparam("in_location"), UPLOADS.c.id == bindparam("of_id")
    both = select(UPLOADS, PARTS).select_from(UPLOADS.outerjoin(PARTS, of_upload))
    return direct.compiled(both.where(*where).order_by(PARTS.c.first))


async def last_key(tx: Transaction, location: str, upload: str, end: int) -> str:
    """Return the blob key of the part that ends at `end`, or an empty string: a writer that knows this key has seen
    every byte before it.
    """
    query = select(col(UploadPartRow.key)).where(
        col(UploadPartRow.location) == location,
        col(UploadPartRow.upload) == upload,
        col(UploadPartRow.first) + col(UploadPartRow.size) == end,
    )
    return (await tx.execute(query)).scalar_one_or_none() or ""


async def commit_part(tx: Transaction, part: UploadPartRow, expire_time: datetime) -> bool:
    """Add a part that begins where the upload ends; return False when another writer was first or the upload is not
    open.
    """
    await keep(tx, part.location)
    end = part.first + part.size
    grown = direct.written(UploadRow, {"committed_size": end, "expire_time": expire_time})
    where = {"in_location": part.location, "of_id": part.upload, "at_size": part.first}
    declared: int | None = await direct.first(tx, _grow(), grown | where)
    if declared is None:
        return False
    await direct.run(tx, _insert_part(), direct.row_values(part))
    more = _reserved(declared, part.first + part.size) - _reserved(declared, part.first)
    agencies.count_bytes(tx, part.location, more)
    return True


@lru_cache
def _grow() -> str:
    new = direct.assignments(["committed_size", "expire_time"])
    return direct.compiled(update(UPLOADS).where(*_open_at()).values(new).returning(UPLOADS.c.size_bytes))


@lru_cache
def _insert_part() -> str:
    return direct.compiled(direct.inserted(UploadPartRow))


def _open_at() -> list[ColumnElement[bool]]:
    """Match an upload that is open and has a number of committed bytes."""
    c = UPLOADS.c
    where = [c.location == bindparam("in_location"), c.id == bindparam("of_id")]
    return [*where, c.committed_size == bindparam("at_size"), c.state == literal_column(f"'{UploadState.OPEN}'")]


async def complete(
    tx: Transaction, location: str, upload: str, *, size: int, sha256: str, expire_time: datetime
) -> UploadRow | None:
    """Complete an open upload with `size` committed bytes and return it; None when it no longer is one."""
    new = {"state": UploadState.COMPLETE, "size_bytes": size, "sha256": sha256, "expire_time": expire_time}
    where = {"in_location": location, "of_id": upload, "at_size": size}
    record = await (await direct.run(tx, _complete(), direct.written(UploadRow, new) | where)).fetchone()
    if record is None:
        return None
    agencies.count_bytes(tx, location, size - _reserved(record[-1], size))
    return direct.built(UploadRow, record)


@lru_cache
def _complete() -> str:
    """Return the statement that completes an upload and returns it, with the size that was declared before."""
    before = UPLOADS.alias("before")
    same = before.c.location == UPLOADS.c.location, before.c.id == UPLOADS.c.id
    new = direct.assignments(["state", "size_bytes", "sha256", "expire_time"])
    statement = update(UPLOADS).where(*_open_at(), *same).values(new)
    return direct.compiled(statement.returning(UPLOADS, before.c.size_bytes))


async def save_media(tx: Transaction, location: str, upload: str, media: dict[str, Any]) -> None:
    """Store the probe result of a complete upload, unless there is one already."""
    where = {"in_location": location, "of_id": upload}
    await direct.run(tx, _save_media(), direct.written(UploadRow, {"media": media}) | where)


@lru_cache
def _save_media() -> str:
    c = UPLOADS.c
    where = [c.location == bindparam("in_location"), c.id == bindparam("of_id"), c.media.is_(None)]
    where += [c.state == literal_column(f"'{UploadState.COMPLETE}'")]
    return direct.compiled(update(UPLOADS).where(*where).values(direct.assignments(["media"])))


async def reset(tx: Transaction, location: str, upload: str, *, size: int) -> list[str]:
    """Empty an open upload with `size` committed bytes, so that it can be written again from the start.

    Return the blob keys to delete after the commit; none when the upload was emptied or completed meanwhile.
    """
    statement = (
        update(UploadRow)
        .where(
            _is(location, upload),
            col(UploadRow.committed_size) == size,
            col(UploadRow.state) == UploadState.OPEN,
        )
        .values(committed_size=0)
        .returning(col(UploadRow.size_bytes))
    )
    declared = (await tx.execute(statement)).scalar_one_or_none()
    if declared is None:
        return []
    agencies.count_bytes(tx, location, _reserved(declared, 0) - _reserved(declared, size))
    return await _drop_parts(tx, location, upload)


async def remove(tx: Transaction, location: str, upload: str) -> list[str]:
    """Delete an upload and its parts; return the blob keys to delete after the commit."""
    keys = await _drop_parts(tx, location, upload)
    gone = delete(UploadRow).where(_is(location, upload))
    counted = (col(UploadRow.size_bytes), col(UploadRow.committed_size), col(UploadRow.state))
    for declared, committed, state in (await tx.execute(gone.returning(*counted))).all():
        if state in STORED:
            agencies.count_bytes(tx, location, -_reserved(declared, committed))
    return keys


async def expire(tx: Transaction, location: str, upload: str, now: datetime) -> list[str]:
    """Mark an upload as expired and delete its parts; return the blob keys to delete after the commit.

    Its row must be locked.
    """
    counted = select(col(UploadRow.size_bytes), col(UploadRow.committed_size))
    for row in (await tx.execute(counted.where(_is(location, upload), col(UploadRow.state).in_(STORED)))).all():
        agencies.count_bytes(tx, location, -_reserved(*row))
    gone = {"state": UploadState.EXPIRED, "committed_size": 0, "expire_time": now, "release_time": None}
    await tx.execute(update(UploadRow).where(_is(location, upload)).values(**gone))
    return await _drop_parts(tx, location, upload)


async def _drop_parts(tx: Transaction, location: str, upload: str) -> list[str]:
    statement = (
        delete(UploadPartRow)
        .where(col(UploadPartRow.location) == location, col(UploadPartRow.upload) == upload)
        .returning(col(UploadPartRow.key))
    )
    return list((await tx.execute(statement)).scalars())


async def in_use(tx: Transaction, location: str, upload: str) -> bool:
    """Return whether an unfinished post still needs the upload."""
    return await rows.any_match(
        tx,
        col(PostRow.location) == location,
        literal(upload) == any_(col(PostRow.uploads)),
        col(PostRow.state).in_(UNFINISHED),
    )


async def extend(tx: Transaction, location: str, ids: Sequence[str], until: datetime) -> None:
    """Let complete uploads expire no earlier than `until`."""
    earlier = and_(
        col(UploadRow.location) == location, col(UploadRow.id).in_(ids), col(UploadRow.state) == UploadState.COMPLETE
    )
    earlier = and_(earlier, col(UploadRow.expire_time) < until)
    # In the same order in which other transactions lock several uploads, to avoid deadlocks.
    (await tx.execute(select(col(UploadRow.id)).where(earlier).order_by(col(UploadRow.id)).with_for_update())).all()
    await tx.execute(update(UploadRow).where(earlier).values(expire_time=until))


async def release(tx: Transaction, location: str, ids: Sequence[str], now: datetime) -> None:
    """Note that a post which names these uploads is final."""
    released = direct.written(UploadRow, {"release_time": now}) | {"in_location": location}
    # One after the other, in the order in which other transactions lock several, to avoid deadlocks.
    for id in sorted(ids):
        await direct.run(tx, _release(), released | {"of_id": id})


@lru_cache
def _release() -> str:
    c = UPLOADS.c
    where = [c.location == bindparam("in_location"), c.id == bindparam("of_id")]
    where += [c.state == literal_column(f"'{UploadState.COMPLETE}'")]
    return direct.compiled(update(UPLOADS).where(*where).values(direct.assignments(["release_time"])))


async def expired(
    tx: Transaction, now: datetime, released: datetime, limit: int, *, lock: bool = True
) -> list[UploadRow]:
    """Return the uploads that nothing needs and whose time is over: those that a post named, if the last one became
    final by `released`, the others by their own `expire_time`.

    With `lock` they are locked; check `in_use` for each then, because a post may have been created since.
    """
    needed = exists().where(
        col(PostRow.location) == col(UploadRow.location),
        text("uploads.id = ANY(posts.uploads)"),
        col(PostRow.state).in_(UNFINISHED),
    )
    unused = and_(col(UploadRow.release_time).is_(None), col(UploadRow.expire_time) <= now)
    over = or_(unused, col(UploadRow.release_time) <= released)
    query = (
        select(UploadRow)
        .where(over, col(UploadRow.state).in_(STORED), ~needed, ~_may_be_fetched(now))
        .order_by(col(UploadRow.expire_time))
        .limit(limit)
    )
    query = query.with_for_update(skip_locked=True, of=UploadRow) if lock else query
    return list((await tx.execute(query)).scalars())


def _may_be_fetched(now: datetime) -> ColumnElement[bool]:
    """Match the uploads of which a media link is valid."""
    # The table of links refers to this one.
    links = table("media_links", *(column(name) for name in ("location", "upload", "revoke_time", "expire_time")))
    return exists().where(
        links.c.location == col(UploadRow.location),
        links.c.upload == col(UploadRow.id),
        links.c.revoke_time.is_(None),
        links.c.expire_time > now,
    )


async def unchecked(tx: Transaction, made_before: datetime, checked_before: datetime, limit: int) -> list[UploadRow]:
    """Return complete uploads whose bytes are to be looked for, locked; those that were never looked for first."""
    query = (
        select(UploadRow)
        .where(
            col(UploadRow.state) == UploadState.COMPLETE,
            col(UploadRow.create_time) <= made_before,
            or_(col(UploadRow.check_time).is_(None), col(UploadRow.check_time) <= checked_before),
        )
        .order_by(col(UploadRow.check_time).asc().nulls_first())
        .limit(limit)
    )
    return list((await tx.execute(query.with_for_update(skip_locked=True))).scalars())


async def note_checked(tx: Transaction, uploads: Sequence[tuple[str, str]], now: datetime) -> None:
    """Note that the bytes of uploads, given by location and id, are looked for now: no other replica does so too."""
    which = tuple_(col(UploadRow.location), col(UploadRow.id)).in_(uploads)
    statement = update(UploadRow).where(which).values(check_time=now)
    await tx.execute(statement.execution_options(synchronize_session=False))


async def note_missing(tx: Transaction, uploads: Sequence[tuple[str, str]], since: datetime | None) -> None:
    """Note since when the bytes of uploads, given by location and id, are missing; None: they are there."""
    which = tuple_(col(UploadRow.location), col(UploadRow.id)).in_(uploads)
    statement = update(UploadRow).where(which).values(missing_time=since)
    await tx.execute(statement.execution_options(synchronize_session=False))


async def keys_of(tx: Transaction, uploads: Sequence[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """Return the blob keys of uploads, given by location and id."""
    found: dict[tuple[str, str], set[str]] = {}
    ids = tuple_(col(UploadPartRow.location), col(UploadPartRow.upload))
    query = select(col(UploadPartRow.location), col(UploadPartRow.upload), col(UploadPartRow.key))
    for location, upload, key in (await tx.execute(query.where(ids.in_(uploads)))).all():
        found.setdefault((location, upload), set()).add(key)
    return found


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete uploads that expired before a time; until then a caller is told that they have expired."""
    await tx.execute(
        delete(UploadRow).where(col(UploadRow.state) == UploadState.EXPIRED, col(UploadRow.expire_time) < before)
    )


async def newest_parts(tx: Transaction, limit: int) -> list[str]:
    """Return the blob key of a part of each of the newest uploads with stored bytes."""
    newest = (
        select(col(UploadRow.location), col(UploadRow.id))
        .where(col(UploadRow.state).in_(STORED), col(UploadRow.committed_size) > 0)
        .order_by(col(UploadRow.create_time).desc())
        .limit(limit)
        .subquery()
    )
    query = select(func.min(col(UploadPartRow.key))).join(
        newest, and_(newest.c.location == col(UploadPartRow.location), newest.c.id == col(UploadPartRow.upload))
    )
    return list((await tx.execute(query.group_by(newest.c.location, newest.c.id))).scalars())


async def unlisted(tx: Transaction, keys: Sequence[str]) -> set[str]:
    """Return those of the blob keys that no part refers to."""
    query = select(col(UploadPartRow.key)).where(col(UploadPartRow.key).in_(keys))
    return set(keys) - set((await tx.execute(query)).scalars())


def needs_more_room(part: UploadPartRow) -> bool:
    """Return whether a part of an upload of unknown size is the first that needs another step reserved."""
    return _steps(part.first + part.size) > _steps(part.first)


def _steps(size: int) -> int:
    return -(-size // STEP)


async def reserved_bytes(tx: Transaction, location: str) -> int:
    """Return the bytes reserved by a location's uploads: the declared size, or if unknown the size in whole steps.

    Other transactions wait for this one to end before they get a sum for this location, so the result stays valid.
    """
    await advisory_lock(tx, f"uploads|{location}")
    return int(await direct.first(tx, _reserved_in(), {"in_location": location, "step": STEP}))


@lru_cache
def _reserved_in() -> str:
    return direct.compiled(_sum(UPLOADS.c.location == bindparam("in_location")))


def _sum(which: ColumnElement[bool]) -> Select[int]:
    """Return the query of the bytes that uploads reserve, those of unknown size in steps of the parameter `step`."""
    c, step = UPLOADS.c, bindparam("step", type_=BigInteger)
    in_steps = (c.committed_size + (step - literal_column("1", BigInteger))) // step * step
    size = case((c.size_bytes > literal_column("0"), func.greatest(c.size_bytes, c.committed_size)), else_=in_steps)
    stored = literal_column(f"uploads.state IN ('{UploadState.OPEN}', '{UploadState.COMPLETE}')", Boolean)
    return select(func.coalesce(func.sum(size), literal_column("0"))).where(which, stored)


def _reserved(declared: int, committed: int) -> int:
    """Return the bytes that one upload reserves."""
    return max(declared, committed) if declared else _steps(committed) * STEP


async def remove_all(tx: Transaction, location: str, agency: str) -> int:
    """Delete all of a location's uploads, count their bytes no longer for the agency, and return how many there were.

    The uploads are locked before the agency, as by every other change of an upload: in the other order two could
    deadlock.
    """
    gone = delete(UploadRow).where(col(UploadRow.location) == location)
    counted = (col(UploadRow.size_bytes), col(UploadRow.committed_size), col(UploadRow.state))
    found = (await tx.execute(gone.returning(*counted))).all()
    row = await agencies.lock(tx, agency)
    freed = sum(_reserved(declared, committed) for declared, committed, state in found if state in STORED)
    row.upload_bytes = max(0, row.upload_bytes - freed)
    await tx.flush()
    return len(found)


async def recount(tx: Transaction, agency: str) -> int:
    """Count an agency's bytes anew from its uploads, and return by how much the count was wrong.

    Changes that are not committed yet are counted when they are: they wait for this transaction.
    """
    row = await agencies.lock(tx, agency)
    before = row.upload_bytes
    reserved = _sum(UPLOADS.c.location.in_(locations_of(agency)))
    total: Any = (await tx.execute(reserved, {"step": STEP})).scalar_one()
    row.upload_bytes = int(total)
    await tx.flush()
    return row.upload_bytes - before
