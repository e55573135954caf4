"""Ad accounts: whose money is spent, reached through connections of advertisers.

Owns the table `ad_accounts`. A row is a copy of the vendor's account, with the time it was fetched.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.types import json_field, time_field


class AdAccountRow(SQLModel, table=True):
    """One ad account; `payload` is what the vendor said of it, `reachable` whether its connection still reaches it."""

    __tablename__ = "ad_accounts"
    __table_args__ = (UniqueConstraint("location", "provider", "provider_ad_account_id"),)

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    connection: str = Field(index=True)
    provider: str
    provider_ad_account_id: str
    payload: dict[str, Any] = json_field()
    reachable: bool = True
    fetch_time: datetime = time_field()
    create_time: datetime = time_field()


REFRESHED = ("connection", "payload", "reachable", "fetch_time")


async def get(tx: Transaction, location: str, id: str) -> AdAccountRow:
    """Return an ad account as it is now; raises NotFound."""
    return await rows.get(tx, AdAccountRow, "ad account", location, id)


async def save(tx: Transaction, row: AdAccountRow) -> None:
    """Add an ad account, or replace what the vendor says of an existing one, which keeps its id."""
    values = {name: getattr(row, name) for name in REFRESHED}
    statement = pg_insert(AdAccountRow).values(**row.model_dump())
    conflict = ["location", "provider", "provider_ad_account_id"]
    await tx.execute(statement.on_conflict_do_update(index_elements=conflict, set_=values))


async def set_unreachable(tx: Transaction, location: str, connection: str, *, besides: Sequence[str] = ()) -> None:
    """Mark the ad accounts of a connection as unreachable, except those with these ids of the vendor's."""
    await tx.execute(
        update(AdAccountRow)
        .where(
            col(AdAccountRow.location) == location,
            col(AdAccountRow.connection) == connection,
            col(AdAccountRow.provider_ad_account_id).not_in(besides),
        )
        .values(reachable=False)
        .execution_options(synchronize_session=False)
    )


async def page(
    tx: Transaction, location: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AdAccountRow]:
    """Return one page, oldest first, after the keyset `(create_time, id)`."""
    query = select(AdAccountRow).where(col(AdAccountRow.location) == location)
    keys: Any = (col(AdAccountRow.create_time), col(AdAccountRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit, ascending=True))).scalars().all()
