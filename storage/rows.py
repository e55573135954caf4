"""What resource tables have in common: rows by (location, id), a version that grows, keyset pages, leases on due rows.

Owns those statements, each written once for every table that needs it.
Does not know any table.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, Update, and_, bindparam, exists, select, tuple_, update
from sqlalchemy.orm import Mapped
from sqlmodel import col

from storage import direct
from storage.database import Transaction, advisory_lock
from storage.errors import AlreadyExists, NotFound


class Resource(Protocol):
    """A row that belongs to a location and has an id there."""

    location: str
    id: str


class VersionedResource(Resource, Protocol):
    """A resource whose `version` grows with every change."""

    version: int
    update_time: datetime


R = TypeVar("R", bound=Resource)
V = TypeVar("V", bound=VersionedResource)


def by_id(table: type[Resource], location: str, id: str) -> ColumnElement[bool]:
    """Return the condition that selects one row."""
    return and_(col(table.location) == location, col(table.id) == id)


async def insert_new(tx: Transaction, kind: str, row: Resource) -> None:
    """Add a row whose id a caller may have chosen; raises AlreadyExists when the location has one with that id."""
    # Of two transactions that choose the same id at the same time the second waits here for the first.
    await advisory_lock(tx, f"{kind}|{row.location}|{row.id}")
    if await find(tx, type(row), row.location, row.id) is not None:
        raise AlreadyExists(kind, row.id)
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, table: type[R], location: str, id: str, *, lock: bool = False) -> R | None:
    """Return the row as it is now, or None; `lock` locks it until the transaction ends."""
    if tx.info.get("reads") and not lock:
        return await _read(tx, table, location, id)
    query = select(table).where(by_id(table, location, id)).execution_options(populate_existing=True)
    return (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def _read(tx: Transaction, table: type[R], location: str, id: str) -> R | None:
    """Return the row as it is now, or None, where nothing is changed in it."""
    record = await (await direct.run(tx, _by_id(table), {"in_location": location, "of_id": id})).fetchone()
    return None if record is None else direct.built(table, record)


@lru_cache
def _by_id(table: type[Any]) -> str:
    c = direct.table_of(table).c
    where = c.location == bindparam("in_location"), c.id == bindparam("of_id")
    return direct.compiled(select(direct.table_of(table)).where(*where))


async def get(tx: Transaction, table: type[R], kind: str, location: str, id: str, *, lock: bool = False) -> R:
    """Return the row as it is now; raises NotFound. `lock` locks it until the transaction ends."""
    row = await find(tx, table, location, id, lock=lock)
    if row is None:
        raise NotFound(kind, id)
    return row


async def look(tx: Transaction, table: type[R], kind: str, location: str, id: str) -> R:
    """Return the row as it is now, to look at: nothing that is changed in it is stored. Raises NotFound."""
    row = await _read(tx, table, location, id)
    if row is None:
        raise NotFound(kind, id)
    return row


async def any_match(tx: Transaction, *conditions: ColumnElement[bool]) -> bool:
    """Return whether any row meets all conditions; they may be about several tables that they join."""
    return bool((await tx.execute(select(exists().where(*conditions)))).scalar_one())


async def change(tx: Transaction, table: type[V], where: ColumnElement[bool], now: datetime, **values: Any) -> V | None:
    """Set columns of the one row that meets `where` and increment its version; return None when no row does."""
    statement = (
        update(table)
        .where(where)
        .values(version=table.version + 1, update_time=now, **values)
        .returning(table)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


def keyset(
    query: Select[R], keys: Sequence[Mapped[Any]], after: tuple[Any, ...] | None, limit: int, *, ascending: bool = False
) -> Select[R]:
    """Return `query` ordered by `keys`, newest first unless `ascending`, and limited to those after `after`."""
    if after is not None:
        key, bound = tuple_(*keys), tuple_(*after)
        query = query.where(key > bound if ascending else key < bound)
    return query.order_by(*(key.asc() if ascending else key.desc() for key in keys)).limit(limit)


def lease_due(
    table: type[Any],
    keys: Sequence[Mapped[Any]],
    due: Mapped[Any],
    now: datetime,
    until: datetime,
    chosen: Sequence[tuple[str, ...]],
) -> Update:
    """Return an UPDATE that postpones `due` to `until` on those of the chosen rows that are still due; `keys` is
    the primary key.

    Rows that another transaction has locked are skipped: another replica is leasing those.
    """
    where = tuple_(*keys).in_(chosen)
    found = select(*keys).where(where, due <= now).order_by(*keys).with_for_update(skip_locked=True).cte("due")
    return (
        update(table)
        .where(tuple_(*keys).in_(select(*found.c)))
        .values({due: until})
        .execution_options(synchronize_session=False, populate_existing=True)
    )
