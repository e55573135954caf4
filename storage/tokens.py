"""Tokens: the sealed access and refresh token of each connection, in a table that nothing else updates.

Owns the table `tokens`, its version and its refresh lease. Neither opens a seal nor calls a vendor; the domain does.
Leases use the database's clock, so that replicas need not agree on the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Index, and_, bindparam, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct
from storage.database import Transaction, notify
from storage.due_rows import DueRows
from storage.types import agency_field, time_field

TOPIC = "tokens"
DUE = DueRows("tokens", "refresh_at", id="connection")
"""The pairs to refresh ahead of their expiry."""


class TokenRow(SQLModel, table=True):
    """One connection's token pair; `version` grows only when a pair is saved, and is part of the seal.

    `failures` counts the failed refreshes since the pair was saved, `refusals` those among them that the vendor refused
    in words that may mean the grant, the first of them at `refused_since`.
    """

    __tablename__ = "tokens"
    __table_args__ = (
        Index("tokens_refresh_due", "refresh_at", postgresql_where=text("refresh_at IS NOT NULL")),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    connection: str = Field(primary_key=True)
    version: int
    access_sealed: bytes
    refresh_sealed: bytes | None = None
    access_expire_time: datetime = time_field()
    access_issue_time: datetime = time_field()
    refresh_expire_time: datetime | None = time_field(nullable=True)
    refresh_at: datetime | None = time_field(nullable=True)
    lease_owner: str | None = None
    lease_until: datetime | None = time_field(nullable=True)
    cooldown_until: datetime | None = time_field(nullable=True)
    failures: int = 0
    refusals: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused_since: datetime | None = time_field(nullable=True)
    agency: str = agency_field()


@dataclass(frozen=True, slots=True)
class SealedPair:
    """A token pair to be saved as `version`."""

    version: int
    access_sealed: bytes
    refresh_sealed: bytes | None
    access_expire_time: datetime
    access_issue_time: datetime
    refresh_expire_time: datetime | None
    refresh_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was acquired: the row as it is now, and whether the previous holder never released its lease."""

    row: TokenRow
    abandoned: bool


def cache_key(location: str, connection: str) -> str:
    """Return the cache key of one connection's token."""
    return f"{location}|{connection}"


def _is(location: str, connection: str) -> ColumnElement[bool]:
    return and_(col(TokenRow.location) == location, col(TokenRow.connection) == connection)


async def find(tx: Transaction, location: str, connection: str) -> TokenRow | None:
    """Return the row as it is now, or None."""
    record = await (await direct.run(tx, _find(), {"in_location": location, "of_connection": connection})).fetchone()
    return None if record is None else direct.built(TokenRow, record)


@lru_cache
def _find() -> str:
    table = direct.table_of(TokenRow)
    where = table.c.location == bindparam("in_location"), table.c.connection == bindparam("of_connection")
    return direct.compiled(select(table).where(*where))


async def expiries(
    tx: Transaction, connections: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[datetime, datetime | None]]:
    """Return when the access token and the grant expire, by (location, connection), for the connections with a pair."""
    query = select(
        col(TokenRow.location),
        col(TokenRow.connection),
        col(TokenRow.access_expire_time),
        col(TokenRow.refresh_expire_time),
    ).where(tuple_(col(TokenRow.location), col(TokenRow.connection)).in_(connections))
    return {(row[0], row[1]): (row[2], row[3]) for row in (await tx.execute(query)).all()}


async def save(tx: Transaction, location: str, connection: str, pair: SealedPair, *, read_version: int) -> bool:
    """Save a pair over the version that was read (0: none yet); return False when another pair was saved meanwhile.

    Only the version is compared: the holder of the newer pair must be able to save it even after its lease expired.
    """
    values = {
        "version": pair.version,
        "access_sealed": pair.access_sealed,
        "refresh_sealed": pair.refresh_sealed,
        "access_expire_time": pair.access_expire_time,
        "access_issue_time": pair.access_issue_time,
        "refresh_expire_time": pair.refresh_expire_time,
        "refresh_at": pair.refresh_at,
        "cooldown_until": None,
        "failures": 0,
        "refusals": 0,
        "refused_since": None,
    }
    # A pair read at some version only ever replaces that version: after a disconnect there is nothing to replace.
    statement: Any = (
        pg_insert(TokenRow)
        .values(location=location, connection=connection, **values)
        .on_conflict_do_nothing()
        .returning(col(TokenRow.version))
    )
    if read_version:
        statement = (
            update(TokenRow)
            .where(_is(location, connection), col(TokenRow.version) == read_version)
            .values(**values)
            .returning(col(TokenRow.version))
        )
    saved = (await tx.execute(statement)).scalar_one_or_none() is not None
    if saved:
        await notify(tx, TOPIC, cache_key(location, connection))
    return saved


async def take_lease(tx: Transaction, location: str, connection: str, owner: str, span: timedelta) -> Lease | None:
    """Lease the row for `span` if it is free, expired or already ours; return None while another owner has it, or when
    there is no row.
    """
    query = (
        select(TokenRow, func.clock_timestamp())
        .where(_is(location, connection))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = (await tx.execute(query)).one_or_none()
    if found is None:
        return None
    row, now = found
    if row.lease_owner not in (None, owner) and row.lease_until is not None and row.lease_until > now:
        return None
    abandoned = row.lease_owner not in (None, owner)
    row.lease_owner, row.lease_until = owner, now + span
    await tx.flush()
    return Lease(row, abandoned)


async def renew_lease(tx: Transaction, location: str, connection: str, owner: str, span: timedelta) -> bool:
    """Extend a lease that is still ours; return False when it is not."""
    statement = (
        update(TokenRow)
        .where(_is(location, connection), col(TokenRow.lease_owner) == owner)
        .values(lease_until=func.clock_timestamp() + span)
        .returning(col(TokenRow.version))
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def release_lease(tx: Transaction, location: str, connection: str, owner: str) -> None:
    """Release the lease if it is still ours."""
    statement = (
        update(TokenRow)
        .where(_is(location, connection), col(TokenRow.lease_owner) == owner)
        .values(lease_owner=None, lease_until=None)
    )
    await tx.execute(statement)


async def cool_down(
    tx: Transaction,
    location: str,
    connection: str,
    *,
    until: datetime,
    read_version: int,
    refused_at: datetime | None = None,
) -> TokenRow | None:
    """Record a failed refresh: none is tried before `until`; `refused_at` counts it as a refusal, too.

    Return the row as it is now; None, and change nothing, if a new pair was saved meanwhile.
    """
    refused: dict[str, Any] = {}
    if refused_at is not None:
        since = func.coalesce(col(TokenRow.refused_since), refused_at)
        refused = {"refusals": TokenRow.refusals + 1, "refused_since": since}
    statement = (
        update(TokenRow)
        .where(_is(location, connection), col(TokenRow.version) == read_version)
        .values(cooldown_until=until, failures=TokenRow.failures + 1, refresh_at=until, **refused)
        .returning(TokenRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def stop_refreshing(tx: Transaction, location: str, connection: str) -> None:
    """Remove the connection from the refresh schedule until a new pair is saved."""
    await tx.execute(update(TokenRow).where(_is(location, connection)).values(refresh_at=None))


async def wipe(tx: Transaction, location: str, connection: str) -> None:
    """Delete the pair permanently and drop it from all caches."""
    await tx.execute(delete(TokenRow).where(_is(location, connection)))
    await notify(tx, TOPIC, cache_key(location, connection))


async def without_lease(tx: Transaction, chosen: Sequence[tuple[str, str]], now: datetime) -> list[tuple[str, str]]:
    """Return those of the pairs, given by location and connection, that are due and that nobody is refreshing."""
    keys = (col(TokenRow.location), col(TokenRow.connection))
    query = select(*keys).where(
        tuple_(*keys).in_(chosen),
        col(TokenRow.refresh_at) <= now,
        or_(col(TokenRow.lease_until).is_(None), col(TokenRow.lease_until) < func.clock_timestamp()),
    )
    return [(row[0], row[1]) for row in (await tx.execute(query.with_for_update(skip_locked=True))).all()]
