"""Accounts: the social profiles reached through connections, and what their creators may post.

Owns the tables `accounts` and `creator_infos`. A profile is a copy of the vendor's, with the time it was fetched.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, UniqueConstraint, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, rows
from storage.database import Transaction
from storage.locations import locations_of
from storage.states import AccountHealth, AccountState
from storage.types import json_field, state_field, time_field


class AccountRow(SQLModel, table=True):
    """One account; the counts are None until the vendor has returned them.

    `kind` (page, profile…), `health` and `expire_time` are set for accounts inside a grant of several; `provider_data`
    has further vendor ids, under the provider's own names.
    """

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("location", "provider", "platform", "provider_account_id"),)

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    connection: str = Field(index=True)
    provider: str
    platform: str
    provider_account_id: str
    union_id: str = ""
    username: str = ""
    display_name: str = ""
    bio: str = ""
    avatar_uri: str = ""
    avatar_uris: dict[str, str] = json_field()
    profile_uri: str = ""
    verified: bool = False
    follower_count: int | None = Field(default=None, sa_type=BigInteger)
    following_count: int | None = Field(default=None, sa_type=BigInteger)
    like_count: int | None = Field(default=None, sa_type=BigInteger)
    video_count: int | None = Field(default=None, sa_type=BigInteger)
    state: AccountState = state_field(AccountState, default=AccountState.ACTIVE)
    kind: str = ""
    health: AccountHealth = state_field(AccountHealth, default=AccountHealth.UNSPECIFIED)
    expire_time: datetime | None = time_field(nullable=True)
    provider_data: dict[str, str] = json_field()
    fetch_times: dict[str, str] = json_field()
    create_time: datetime = time_field()
    update_time: datetime = time_field()


class CreatorInfoRow(SQLModel, table=True):
    """What the creator behind an account may post, as of `fetch_time`."""

    __tablename__ = "creator_infos"

    location: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    payload: dict[str, Any] = json_field()
    fetch_time: datetime = time_field()


async def page_of_agency(tx: Transaction, agency: str, *, after: tuple[str, str], limit: int) -> Sequence[AccountRow]:
    """Return accounts of an agency in order of their locations and ids, from the first one after `after`."""
    keys = (col(AccountRow.location), col(AccountRow.id))
    query = select(AccountRow).where(col(AccountRow.location).in_(locations_of(agency)))
    return (await tx.execute(rows.keyset(query, keys, after, limit, ascending=True))).scalars().all()


async def find(tx: Transaction, location: str, account: str) -> AccountRow | None:
    """Return the account as it is now, or None."""
    return await rows.find(tx, AccountRow, location, account)


async def get(tx: Transaction, location: str, account: str) -> AccountRow:
    """Return the account as it is now; raises NotFound."""
    return await rows.get(tx, AccountRow, "account", location, account)


async def attach(tx: Transaction, row: AccountRow) -> AccountRow:
    """Add the account, or move an existing one of the same vendor user to this connection and make it active again."""
    statement = (
        pg_insert(AccountRow)
        .values(**row.model_dump())
        .on_conflict_do_update(
            index_elements=["location", "provider", "platform", "provider_account_id"],
            set_={"connection": row.connection, "state": AccountState.ACTIVE, "update_time": row.update_time},
        )
        .returning(AccountRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one()


async def change(tx: Transaction, location: str, account: str, now: datetime, **values: Any) -> AccountRow | None:
    """Set columns of an account; return None when it does not exist."""
    statement = (
        update(AccountRow)
        .where(rows.by_id(AccountRow, location, account))
        .values(update_time=now, **values)
        .returning(AccountRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def by_provider_id(
    tx: Transaction, location: str, provider: str, platform: str, provider_account_id: str
) -> AccountRow | None:
    """Return the account with a vendor's id, on any connection, locked until the transaction ends."""
    query = select(AccountRow).where(
        col(AccountRow.location) == location,
        col(AccountRow.provider) == provider,
        col(AccountRow.platform) == platform,
        col(AccountRow.provider_account_id) == provider_account_id,
    )
    locked = query.with_for_update().execution_options(populate_existing=True)
    return (await tx.execute(locked)).scalar_one_or_none()


async def by_origin(
    tx: Transaction, location: str, provider: str, platform: str, key: str, origin: str
) -> list[AccountRow]:
    """Return the accounts of a network whose `provider_data` has `origin` under `key`, locked until the transaction
    ends.
    """
    query = select(AccountRow).where(
        col(AccountRow.location) == location,
        col(AccountRow.provider) == provider,
        col(AccountRow.platform) == platform,
        col(AccountRow.provider_data)[key].astext == origin,
    )
    locked = query.order_by(col(AccountRow.id)).with_for_update().execution_options(populate_existing=True)
    return list((await tx.execute(locked)).scalars())


async def of_connection(tx: Transaction, location: str, connection: str) -> list[AccountRow]:
    """Return all accounts of a connection."""
    query = select(AccountRow).where(col(AccountRow.location) == location, col(AccountRow.connection) == connection)
    return list((await tx.execute(query.order_by(col(AccountRow.id)))).scalars())


async def by_username(tx: Transaction, location: str, username: str) -> list[AccountRow]:
    """Return the active accounts of a location with this username, ignoring case, on any network, oldest first."""
    query = select(AccountRow).where(
        col(AccountRow.location) == location,
        func.lower(col(AccountRow.username)) == username.lower(),
        col(AccountRow.state) == AccountState.ACTIVE,
    )
    return list((await tx.execute(query.order_by(col(AccountRow.create_time), col(AccountRow.id)))).scalars())


async def page(
    tx: Transaction,
    location: str,
    *,
    connection: str = "",
    platform: str = "",
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[AccountRow]:
    """Return one page, newest first, after the keyset `(create_time, id)`."""
    query = select(AccountRow).where(col(AccountRow.location) == location)
    if connection:
        query = query.where(col(AccountRow.connection) == connection)
    if platform:
        query = query.where(col(AccountRow.platform) == platform)
    keys = (col(AccountRow.create_time), col(AccountRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit))).scalars().all()


async def set_state_of_connection(
    tx: Transaction, location: str, connection: str, state: AccountState, now: datetime
) -> None:
    """Set the state of all accounts of a connection."""
    statement = (
        update(AccountRow)
        .where(col(AccountRow.location) == location, col(AccountRow.connection) == connection)
        .values(state=state, update_time=now)
    )
    await tx.execute(statement)


async def find_creator_info(tx: Transaction, location: str, account: str) -> CreatorInfoRow | None:
    """Return the stored creator info, however old."""
    return await tx.get(CreatorInfoRow, (location, account), populate_existing=True)


async def save_creator_info(
    tx: Transaction, location: str, account: str, payload: dict[str, Any], fetch_time: datetime
) -> None:
    """Store creator info; an older answer never replaces a newer one."""
    row = CreatorInfoRow(location=location, account=account, payload=payload, fetch_time=fetch_time)
    await direct.run(tx, _save_creator_info(), direct.row_values(row))


@lru_cache
def _save_creator_info() -> str:
    table = direct.table_of(CreatorInfoRow)
    new = pg_insert(table).values(direct.assignments(table.columns.keys()))
    values = {"payload": new.excluded.payload, "fetch_time": new.excluded.fetch_time}
    earlier = table.c.fetch_time < new.excluded.fetch_time
    return direct.compiled(
        new.on_conflict_do_update(index_elements=["location", "account"], set_=values, where=earlier)
    )


async def remove(tx: Transaction, location: str, account: str) -> None:
    """Delete an account and its creator info."""
    await tx.execute(
        delete(CreatorInfoRow).where(col(CreatorInfoRow.location) == location, col(CreatorInfoRow.account) == account)
    )
    await tx.execute(delete(AccountRow).where(rows.by_id(AccountRow, location, account)))
