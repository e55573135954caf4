"""Agencies: whether each can be used, and what is counted for it, so that one cannot take what all share.

Owns the table `agencies`. A row appears when an operator creates the agency, or with the first thing that is counted;
an agency without one exists if it has a key or a location. Limits are the domain's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, or_, select, union
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct
from storage.api_keys import ApiKeyRow
from storage.database import Transaction, before_commit, notify
from storage.locations import LocationRow
from storage.states import AgencyState
from storage.types import state_field, time_field

TOPIC = "agencies"
"""The topic of the notifications that an agency, which is their key, can be used or no longer."""

WINDOW = timedelta(hours=1)
"""How long attempts to claim a location are counted together."""


class AgencyRow(SQLModel, table=True):
    """One agency: its attempts to claim locations since `claim_window_time`, and the bytes that its uploads reserve.

    `create_time` is None unless an operator created it.
    """

    __tablename__ = "agencies"

    agency: str = Field(primary_key=True)
    claim_window_time: datetime | None = time_field(nullable=True)
    claim_attempts: int = 0
    upload_bytes: int = Field(default=0, sa_type=BigInteger)
    state: AgencyState = state_field(AgencyState, default=AgencyState.ACTIVE, server_default=True)
    display_name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    create_time: datetime | None = time_field(nullable=True)
    suspend_time: datetime | None = time_field(nullable=True)


@dataclass(frozen=True, slots=True)
class Found:
    """An agency that exists, with or without a row: how many locations and valid keys it has."""

    agency: str
    row: AgencyRow
    locations: int
    keys: int


async def insert(tx: Transaction, row: AgencyRow) -> None:
    """Add an agency; its row must not exist yet."""
    tx.add(row)
    await tx.flush()


async def exists(tx: Transaction, agency: str) -> bool:
    """Return whether an agency has a row, a location or a key."""
    return bool((await tx.execute(select(_known(agency)))).scalar_one())


async def state(tx: Transaction, agency: str) -> AgencyState:
    """Return whether an agency can be used: one without a row can."""
    found: AgencyState | None = (
        await tx.execute(select(col(AgencyRow.state)).where(col(AgencyRow.agency) == agency))
    ).scalar_one_or_none()
    return found or AgencyState.ACTIVE


async def state_at(tx: Transaction, location: str) -> AgencyState:
    """Return whether the agency of a location can be used; DELETING also for a location that is being deleted."""
    found = await direct.first(tx, _STATE_AT, {"location": location})
    return AgencyState(found or AgencyState.ACTIVE)


_STATE_AT = """
SELECT CASE WHEN l.delete_time IS NOT NULL THEN 'DELETING' ELSE a.state END
FROM locations AS l LEFT JOIN agencies AS a USING (agency) WHERE l.location = %(location)s
"""


async def set_state(tx: Transaction, row: AgencyRow, state: AgencyState, now: datetime) -> None:
    """Store whether a locked agency can be used; every replica hears of it with the commit."""
    row.state, row.suspend_time = state, now if state == AgencyState.SUSPENDED else None
    await tx.flush()
    await notify(tx, TOPIC, row.agency)


async def page(tx: Transaction, *, after: str = "", limit: int = 500) -> Sequence[Found]:
    """Return the agencies that exist, in order of their ids, from the first one after `after`."""
    ids: list[Any] = [
        select(column.label("agency")).where(column > after, column != "").distinct()
        for column in (col(AgencyRow.agency), col(LocationRow.agency), col(ApiKeyRow.agency))
    ]
    known = union(*ids).subquery()
    found = (await tx.execute(select(known.c.agency).order_by(known.c.agency).limit(limit))).scalars().all()
    return await look(tx, found)


async def look(tx: Transaction, ids: Sequence[str]) -> list[Found]:
    """Return what is known of agencies that exist, in the order of `ids`."""
    rows = {
        row.agency: row for row in (await tx.execute(select(AgencyRow).where(col(AgencyRow.agency).in_(ids)))).scalars()
    }
    owned = await _counts(tx, col(LocationRow.agency), ids)
    valid = (col(ApiKeyRow.revoke_time).is_(None), _not_expired())
    keys = await _counts(tx, col(ApiKeyRow.agency), ids, *valid)
    return [Found(id, rows.get(id) or AgencyRow(agency=id), owned.get(id, 0), keys.get(id, 0)) for id in ids]


async def _counts(tx: Transaction, agency: Any, ids: Sequence[str], *conditions: ColumnElement[bool]) -> dict[str, int]:
    query = select(agency, func.count()).where(agency.in_(ids), *conditions).group_by(agency)
    return {row[0]: row[1] for row in await tx.execute(query)}


def _not_expired() -> ColumnElement[bool]:
    return or_(col(ApiKeyRow.expire_time).is_(None), col(ApiKeyRow.expire_time) > func.now())


def _known(agency: str) -> ColumnElement[bool]:
    return or_(
        *(
            select(column).where(column == agency).exists()
            for column in (col(AgencyRow.agency), col(LocationRow.agency), col(ApiKeyRow.agency))
        )
    )


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
