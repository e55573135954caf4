"""Campaigns, ad groups and ads, as they are at the vendor, as far as this gateway knows.

Owns the table `ads`, which has all three levels. A write compares and swaps `version`, which callers see as the etag,
before the vendor is called: of two that change one thing at once, one is told that it is late.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.errors import NotFound
from storage.states import AdLevel, DeliveryState
from storage.types import agency_field, json_field, json_or_null, state_field, time_field

DUE = DueRows("ads", "due_at")
KIND = "ad"


class AdRow(SQLModel, table=True):
    """One campaign, ad group or ad. `path` has the ids from its campaign down to itself, `parent` the one before it.

    `provider_id` is empty until the vendor has it. `enabled` is the vendor's switch, `spec` what the vendor has of it,
    in the form of the provider's models; `source` says which of our resources an ad shows. `operation` is the write
    that is under way, empty if there is none. `due_at` is when its state is read again.
    """

    __tablename__ = "ads"
    __table_args__ = (
        Index("ads_by_parent", "location", "ad_account", "level", "parent", "create_time", "id"),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ad_account: str
    level: AdLevel = state_field(AdLevel)
    path: str
    parent: str = ""
    provider_id: str = ""
    display_name: str = ""
    spec: dict[str, Any] = json_field()
    source: dict[str, str] = json_field()
    state: DeliveryState = state_field(DeliveryState, default=DeliveryState.PREPARING)
    enabled: bool = False
    provider_state: str = ""
    rejection_reason: str = ""
    warnings: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB, nullable=False)
    error: dict[str, Any] | None = json_or_null()
    operation: str = ""
    version: int = 1
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    fetch_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    agency: str = agency_field()


async def insert(tx: Transaction, row: AdRow) -> None:
    """Add a row."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, location: str, id: str) -> AdRow | None:
    """Return the row as it is now, or None."""
    return await rows.find(tx, AdRow, location, id)


async def get(tx: Transaction, location: str, id: str, *, lock: bool = False) -> AdRow:
    """Return the row as it is now; raises NotFound. `lock` locks it until the transaction ends."""
    return await rows.get(tx, AdRow, KIND, location, id, lock=lock)


async def change(tx: Transaction, row: AdRow, now: datetime, **values: Any) -> AdRow | None:
    """Set columns and increment the version, unless the row has changed since it was read; return None if it has."""
    where = and_(rows.by_id(AdRow, row.location, row.id), col(AdRow.version) == row.version)
    return await rows.change(tx, AdRow, where, now, **values)


async def write(tx: Transaction, row: AdRow, now: datetime, **values: Any) -> AdRow:
    """Set columns of a row that `tx` has locked, and increment the version; raises NotFound if it is gone."""
    changed = await rows.change(tx, AdRow, rows.by_id(AdRow, row.location, row.id), now, **values)
    if changed is None:
        raise NotFound(KIND, row.id)
    return changed


async def note(tx: Transaction, row: AdRow, **values: Any) -> bool:
    """Set columns that callers do not change, without a new version; return False if the row has changed meanwhile."""
    where = and_(
        rows.by_id(AdRow, row.location, row.id),
        col(AdRow.version) == row.version,
        col(AdRow.operation) == row.operation,
    )
    statement = update(AdRow).where(where).values(**values).returning(col(AdRow.id))
    found = await tx.execute(statement.execution_options(synchronize_session=False))
    return found.scalar_one_or_none() is not None


async def release(tx: Transaction, location: str, operation: str) -> None:
    """Let everything that a write has claimed be written to again; it has the new etag that the write gave it."""
    where = and_(col(AdRow.location) == location, col(AdRow.operation) == operation)
    statement = update(AdRow).where(where).values(operation="")
    await tx.execute(statement.execution_options(synchronize_session=False))


async def claimed(tx: Transaction, location: str, operation: str) -> list[AdRow]:
    """Lock and return everything that a write has claimed."""
    where = and_(col(AdRow.location) == location, col(AdRow.operation) == operation)
    query = select(AdRow).where(where).order_by(col(AdRow.id)).with_for_update()
    return list((await tx.execute(query.execution_options(populate_existing=True))).scalars())


async def remove(tx: Transaction, location: str, id: str) -> None:
    """Delete a row and everything below it."""
    for child in await children(tx, location, [id]):
        await remove(tx, location, child.id)
    await tx.execute(delete(AdRow).where(rows.by_id(AdRow, location, id)))


async def children(tx: Transaction, location: str, parents: Collection[str]) -> list[AdRow]:
    """Return what is directly below any of these."""
    query = select(AdRow).where(col(AdRow.location) == location, col(AdRow.parent).in_(parents))
    order = (col(AdRow.create_time), col(AdRow.id))
    return list((await tx.execute(query.order_by(*order).execution_options(populate_existing=True))).scalars())


async def by_provider_id(tx: Transaction, location: str, ad_account: str, provider_ids: Collection[str]) -> list[AdRow]:
    """Return the rows of an ad account that have these ids at the vendor."""
    query = select(AdRow).where(
        col(AdRow.location) == location,
        col(AdRow.ad_account) == ad_account,
        col(AdRow.provider_id).in_(provider_ids),
        col(AdRow.provider_id) != "",
    )
    return list((await tx.execute(query)).scalars())


async def page(
    tx: Transaction,
    location: str,
    *,
    ad_account: str,
    level: AdLevel,
    parent: str,
    states: Sequence[DeliveryState] = (),
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[AdRow]:
    """Return one page of what is below a parent, newest first, after the keyset `(create_time, id)`."""
    query = select(AdRow).where(
        col(AdRow.location) == location,
        col(AdRow.ad_account) == ad_account,
        col(AdRow.level) == level,
        col(AdRow.parent) == parent,
    )
    if states:
        query = query.where(col(AdRow.state).in_(states))
    keys = (col(AdRow.create_time), col(AdRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit))).scalars().all()


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> list[tuple[str, str]]:
    """Lease rows whose state is to be read, given by location and id; return those that nobody else leases."""
    keys = (col(AdRow.location), col(AdRow.id))
    leased = rows.lease_due(AdRow, keys, col(AdRow.due_at), now, until, ids)
    return [(row[0], row[1]) for row in (await tx.execute(leased.returning(*keys))).all()]
