"""Agencies: what is counted for each, so that one agency cannot take what all share.

Owns the table `agencies`. A row appears with the first thing that is counted; limits are the domain's.
"""

import json
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, case, or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct
from storage.database import Transaction, before_commit
from storage.locations import LocationRow
from storage.types import time_field

WINDOW = timedelta(hours=1)
"""How long attempts to claim a location are counted together."""


class AgencyRow(SQLModel, table=True):
    """One agency: its attempts to claim locations since `claim_window_time`, and the bytes that its uploads reserve."""

    __tablename__ = "agencies"

    agency: str = Field(primary_key=True)
    claim_window_time: datetime | None = time_field(nullable=True)
    claim_attempts: int = 0
    upload_bytes: int = Field(default=0, sa_type=BigInteger)


async def count_claim(tx: Transaction, agency: str, now: datetime) -> tuple[int, datetime]:
    """Count one more attempt to claim a location; return how many there were in the current window, and its end."""
    window = col(AgencyRow.claim_window_time)
    over = or_(window.is_(None), window <= now - WINDOW, window > now)
    first = {"claim_window_time": now, "claim_attempts": 1}
    statement = (
        pg_insert(AgencyRow)
        .values(agency=agency, upload_bytes=0, **first)
        .on_conflict_do_update(
            index_elements=["agency"],
            set_={
                "claim_window_time": case((over, now), else_=window),
                "claim_attempts": case((over, 1), else_=col(AgencyRow.claim_attempts) + 1),
            },
        )
        .returning(col(AgencyRow.claim_attempts), window)
    )
    count, since = (await tx.execute(statement)).one()
    return int(count), (since or now) + WINDOW


async def lock(tx: Transaction, agency: str) -> AgencyRow:
    """Return an agency's counters, which nobody else changes until the transaction ends."""
    empty = pg_insert(AgencyRow).values(agency=agency, claim_attempts=0, upload_bytes=0).on_conflict_do_nothing()
    await tx.execute(empty)
    query = select(AgencyRow).where(col(AgencyRow.agency) == agency).with_for_update()
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one()


# In one statement and in a fixed order, right before the commit: two transactions cannot deadlock, and none waits long.
_ADD = """
INSERT INTO agencies AS a (agency, claim_attempts, upload_bytes)
SELECT l.agency, 0, sum(d.bytes) FROM jsonb_to_recordset(CAST(%(counted)s AS jsonb)) AS d(location text, bytes bigint)
JOIN locations AS l USING (location) GROUP BY l.agency ORDER BY l.agency
ON CONFLICT (agency) DO UPDATE SET upload_bytes = greatest(0, a.upload_bytes + excluded.upload_bytes)
"""
# The assignment changes nothing: it locks a row that is there.
_LOCKED = """
INSERT INTO agencies AS a (agency, claim_attempts, upload_bytes)
SELECT agency, 0, 0 FROM locations WHERE location = %(location)s
ON CONFLICT (agency) DO UPDATE SET upload_bytes = a.upload_bytes RETURNING upload_bytes
"""
_COUNTED = "agency_bytes"


def count_bytes(tx: Transaction, location: str, more: int) -> None:
    """Count bytes that a location's uploads reserve, or no longer do, for the agency that owns it at the commit."""
    if more:
        counted: dict[str, int] = tx.info.setdefault(_COUNTED, {})
        counted[location] = counted.get(location, 0) + more
        before_commit(tx, _COUNTED, _flush)


async def reserved_bytes(tx: Transaction, location: str) -> int:
    """Return the bytes that the uploads of a location's agency reserve, as `tx` sees them; 0 without an owner.

    Other transactions wait for this one to end before they get this agency's, so the result stays valid.
    """
    reserved = await direct.first(tx, _LOCKED, {"location": location})
    if reserved is None:
        return 0
    counted: dict[str, int] = tx.info.get(_COUNTED, {})
    return int(reserved) + counted.get(location, 0)


async def all_agencies(tx: Transaction) -> list[str]:
    """Return every agency that owns a location, or has something counted."""
    owning = select(col(LocationRow.agency))
    return sorted(set((await tx.execute(owning.union(select(col(AgencyRow.agency))))).scalars()))


async def _flush(tx: Transaction) -> None:
    counted: dict[str, int] = tx.info.pop(_COUNTED, {})
    rows = [{"location": location, "bytes": more} for location, more in counted.items() if more]
    if rows:
        await direct.run(tx, _ADD, {"counted": json.dumps(rows)})
