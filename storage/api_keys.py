"""API keys: the hash of each key, and what the key may use.

Owns the table `api_keys`. Keys themselves are never stored. Does not know how they are hashed, or what scopes mean.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, all_, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction, notify
from storage.errors import NotFound
from storage.types import time_field

TOPIC = "api_keys"


class ApiKeyRow(SQLModel, table=True):
    """One key; `digest` is its HMAC, NULL `locations` means all of the agency's, times are aware UTC."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    digest: bytes = Field(unique=True)
    hint: str = ""
    agency: str = Field(index=True)
    display_name: str = ""
    locations: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    redirect_uris: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    create_time: datetime = time_field()
    expire_time: datetime | None = time_field(nullable=True)
    revoke_time: datetime | None = time_field(nullable=True)
    former_digest: bytes | None = Field(default=None, unique=True)
    """The HMAC of the secret before the last rotation, good until `former_expire_time`."""
    former_expire_time: datetime | None = time_field(nullable=True)
    last_use_time: datetime | None = time_field(nullable=True)
    """When the key was used, at most `USE_STEP` before its latest use."""


USE_STEP = timedelta(minutes=10)
"""How often the use of a key is written at most."""


async def insert(tx: Transaction, row: ApiKeyRow) -> None:
    """Add a key; replicas that have cached its absence are notified with the commit."""
    tx.add(row)
    await tx.flush()
    await _notify(tx, row)


async def _notify(tx: Transaction, row: ApiKeyRow) -> None:
    """Let every replica forget what it has cached of a key, under either of its secrets."""
    for digest in (row.digest, row.former_digest):
        if digest is not None:
            await notify(tx, TOPIC, digest.hex())


async def by_digest(tx: Transaction, digest: bytes) -> ApiKeyRow | None:
    """Return the key with this digest, that of its former secret included, or None."""
    query = select(ApiKeyRow).where(or_(col(ApiKeyRow.digest) == digest, col(ApiKeyRow.former_digest) == digest))
    return (await tx.execute(query)).scalar_one_or_none()


async def find(tx: Transaction, agency: str, key_id: str, *, lock: bool = False) -> ApiKeyRow | None:
    """Return a key of an agency as it is now, or None; `lock` locks its row until the transaction ends."""
    query = select(ApiKeyRow).where(col(ApiKeyRow.agency) == agency, col(ApiKeyRow.id) == key_id)
    query = query.execution_options(populate_existing=True)
    return (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def agency_of(tx: Transaction, key_id: str) -> str | None:
    """Return the agency of a key, None if there is no such key."""
    return (await tx.execute(select(col(ApiKeyRow.agency)).where(col(ApiKeyRow.id) == key_id))).scalar_one_or_none()


async def change(tx: Transaction, row: ApiKeyRow, **values: Any) -> None:
    """Set columns of a locked key; every replica hears of it with the commit, under all secrets before and after."""
    await _notify(tx, row)
    for name, value in values.items():
        setattr(row, name, value)
    await tx.flush()
    await _notify(tx, row)


async def note_use(tx: Transaction, key_id: str, now: datetime) -> None:
    """Record that a key was used, unless that was done a short time ago, or somebody else is at its row."""
    free = (
        select(col(ApiKeyRow.id))
        .where(col(ApiKeyRow.id) == key_id, or_(_unused(), col(ApiKeyRow.last_use_time) <= now - USE_STEP))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = update(ApiKeyRow).where(col(ApiKeyRow.id) == free).values(last_use_time=now)
    await tx.execute(statement.execution_options(synchronize_session=False))


def _unused() -> ColumnElement[bool]:
    return col(ApiKeyRow.last_use_time).is_(None)


async def revoke(tx: Transaction, key_id: str, now: datetime) -> ApiKeyRow:
    """Mark the key revoked and notify every replica with the commit; revoking it again changes nothing.

    Raises NotFound.
    """
    first = update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id, col(ApiKeyRow.revoke_time).is_(None))
    await tx.execute(first.values(revoke_time=now).execution_options(synchronize_session=False))
    row = await tx.get(ApiKeyRow, key_id, populate_existing=True)
    if row is None:
        raise NotFound("api key", key_id)
    await _notify(tx, row)
    return row


async def page(
    tx: Transaction, *, agency: str = "", after: str = "", limit: int = 1000, without_scope: str = ""
) -> Sequence[ApiKeyRow]:
    """Return keys in order of their ids, from the first one after `after`; with `agency` only that agency's, and none
    that has the scope `without_scope`.
    """
    query = select(ApiKeyRow).where(col(ApiKeyRow.id) > after)
    if agency:
        query = query.where(col(ApiKeyRow.agency) == agency)
    if without_scope:
        query = query.where(literal(without_scope) != all_(col(ApiKeyRow.scopes)))
    return list((await tx.execute(query.order_by(col(ApiKeyRow.id)).limit(limit))).scalars())
