"""Locations: which agency owns a location, and what its claim rests on.

Owns the table `locations`. Does not know whether a caller may use a location, nor what is inside one.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, Index, Select, bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct
from storage.database import Transaction, notify
from storage.states import LocationClaim
from storage.types import state_field, time_field

TOPIC = "locations"


class LocationRow(SQLModel, table=True):
    """One location and its agency; `create_time` is when this agency got it.

    From `delete_time` on it is being deleted: nobody owns it, and nobody can get it until it is gone.
    """

    __tablename__ = "locations"
    __table_args__ = (
        Index("locations_by_agency", "agency", "location"),
        Index("locations_first_used", "agency", postgresql_where=text("claim = 'FIRST_USE'")),
    )

    location: str = Field(primary_key=True)
    agency: str
    claim: LocationClaim = state_field(LocationClaim, default=LocationClaim.FIRST_USE)
    create_time: datetime = time_field()
    delete_time: datetime | None = time_field(nullable=True)


NOBODY = "-"
"""Who has a location that is being deleted; no agency can have this id."""


async def owner(tx: Transaction, location: str) -> str | None:
    """Return the agency that owns the location, or None."""
    query = select(col(LocationRow.agency)).where(col(LocationRow.location) == location, _is_kept())
    return (await tx.execute(query)).scalar_one_or_none()


def _is_kept() -> ColumnElement[bool]:
    return col(LocationRow.delete_time).is_(None)


async def find(tx: Transaction, location: str, *, lock: bool = False) -> LocationRow | None:
    """Return the location's row as it is now, or None; `lock` keeps everybody from claiming or moving it until the
    transaction ends.
    """
    query = select(LocationRow).where(col(LocationRow.location) == location)
    query = query.execution_options(populate_existing=True)
    return (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def claim(
    tx: Transaction, location: str, agency: str, now: datetime, by: LocationClaim = LocationClaim.FIRST_USE
) -> str:
    """Assign the location to the agency unless it already has one, and return the agency that owns it now, NOBODY while
    it is being deleted; that does not change until the transaction ends.

    When two transactions claim at once, the second waits for the first and returns its agency.
    """
    values = {"location": location, "agency": agency, "claim": by, "create_time": now}
    statement = pg_insert(LocationRow).values(**values).on_conflict_do_nothing()
    if (await tx.execute(statement.returning(col(LocationRow.location)))).first() is not None:
        await notify(tx, TOPIC, location)
    query = select(case((_is_kept(), col(LocationRow.agency)), else_=NOBODY))
    kept = query.where(col(LocationRow.location) == location).with_for_update(read=True, key_share=True)
    return (await tx.execute(kept)).scalar_one_or_none() or agency


async def keep(tx: Transaction, location: str) -> str | None:
    """Keep a location from being moved, released or deleted until the transaction ends, and return its agency, None
    without one, NOBODY while it is being deleted; called before its rows are locked.
    """
    agency: str | None = await direct.first(tx, _keep(), {"of_location": location, "nobody": NOBODY})
    return agency


@lru_cache
def _keep() -> str:
    whose = case((_is_kept(), col(LocationRow.agency)), else_=bindparam("nobody"))
    query = select(whose).where(col(LocationRow.location) == bindparam("of_location"))
    return direct.compiled(query.with_for_update(read=True, key_share=True))


async def strengthen(tx: Transaction, location: str, by: LocationClaim) -> None:
    """Record what else than its first use the owner's claim of a location rests on."""
    first = update(LocationRow).where(
        col(LocationRow.location) == location, col(LocationRow.claim) == LocationClaim.FIRST_USE
    )
    await tx.execute(first.values(claim=by).execution_options(synchronize_session=False))


async def move(tx: Transaction, location: str, agency: str, now: datetime, by: LocationClaim) -> None:
    """Make another agency the owner; every replica forgets the former one with the commit."""
    statement = update(LocationRow).where(col(LocationRow.location) == location)
    values = {"agency": agency, "claim": by, "create_time": now}
    await tx.execute(statement.values(**values).execution_options(synchronize_session=False))
    await notify(tx, TOPIC, location)


async def begin_deletion(tx: Transaction, row: LocationRow, now: datetime) -> None:
    """Take a locked location from its owner for good; every replica forgets it with the commit."""
    row.delete_time = now
    await tx.flush()
    await notify(tx, TOPIC, row.location)


async def begin_deletions(tx: Transaction, agency: str, now: datetime) -> Sequence[str]:
    """Take every location from an agency for good, and return those that it still had."""
    query = select(LocationRow).where(col(LocationRow.agency) == agency, _is_kept())
    rows = (await tx.execute(query.order_by(col(LocationRow.location)).limit(500).with_for_update())).scalars().all()
    for row in rows:
        await begin_deletion(tx, row, now)
    return [row.location for row in rows]


async def count(tx: Transaction, agency: str) -> int:
    """Return how many locations an agency has, those that are being deleted included."""
    query = select(func.count()).where(col(LocationRow.agency) == agency)
    return int((await tx.execute(query)).scalar_one())


async def remove(tx: Transaction, row: LocationRow) -> None:
    """Leave the location without an owner; every replica forgets it with the commit."""
    await tx.delete(row)
    await tx.flush()
    await notify(tx, TOPIC, row.location)


async def count_first_used(tx: Transaction, agency: str, most: int) -> int:
    """Count, up to `most`, the locations that an agency has for no other reason than that it used them first."""
    found = select(col(LocationRow.location)).where(col(LocationRow.agency) == agency, text("claim = 'FIRST_USE'"))
    counted = select(func.count()).select_from(found.limit(most).subquery())
    return int((await tx.execute(counted)).scalar_one())


def locations_of(agency: str) -> Select[str]:
    """Return the subquery of the locations that an agency owns, for conditions of other tables."""
    return select(col(LocationRow.location)).where(col(LocationRow.agency) == agency, _is_kept())


async def page(tx: Transaction, *, agency: str = "", after: str = "", limit: int = 500) -> Sequence[LocationRow]:
    """Return locations in order of their ids, from the first one after `after`; with `agency` only that agency's."""
    query = select(LocationRow).where(col(LocationRow.location) > after)
    if agency:
        query = query.where(col(LocationRow.agency) == agency)
    return list((await tx.execute(query.order_by(col(LocationRow.location)).limit(limit))).scalars())
