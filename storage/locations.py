"""Locations: which agency owns a location, from its first use on.

Owns the table `locations`. Does not know whether a caller may use a location.
"""

from datetime import datetime

from sqlalchemy import Index, Select, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import time_field


class LocationRow(SQLModel, table=True):
    """One location and its agency; written once, never changed."""

    __tablename__ = "locations"
    __table_args__ = (Index("locations_by_agency", "agency", "location"),)

    location: str = Field(primary_key=True)
    agency: str
    create_time: datetime = time_field()


async def owner(tx: Transaction, location: str) -> str | None:
    """Return the agency that owns the location, or None."""
    query = select(col(LocationRow.agency)).where(col(LocationRow.location) == location)
    return (await tx.execute(query)).scalar_one_or_none()


async def claim(tx: Transaction, location: str, agency: str, now: datetime) -> str:
    """Assign the location to the agency unless it already has one, and return the agency that owns it now.

    When two transactions claim at once, the second waits for the first and returns its agency.
    """
    statement = pg_insert(LocationRow).values(location=location, agency=agency, create_time=now)
    await tx.execute(statement.on_conflict_do_nothing())
    return await owner(tx, location) or agency


def locations_of(agency: str) -> Select[str]:
    """Return the subquery of the locations that an agency owns, for conditions of other tables."""
    return select(col(LocationRow.location)).where(col(LocationRow.agency) == agency)


async def of_agency(tx: Transaction, agency: str, *, after: str = "", limit: int = 1000) -> list[str]:
    """Return an agency's locations in order of their names, from the first one after `after`."""
    query = locations_of(agency).where(col(LocationRow.location) > after).order_by(col(LocationRow.location))
    return list((await tx.execute(query.limit(limit))).scalars())
