"""API keys: the hash of each key, and what the key may use.

Owns the table `api_keys`. Keys themselves are never stored. Does not know how they are hashed, or what scopes mean.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Text, select, update
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


async def insert(tx: Transaction, row: ApiKeyRow) -> None:
    """Add a key; replicas that have cached its absence are notified with the commit."""
    tx.add(row)
    await tx.flush()
    await notify(tx, TOPIC, row.digest.hex())


async def by_digest(tx: Transaction, digest: bytes) -> ApiKeyRow | None:
    """Return the key with this digest, or None."""
    query = select(ApiKeyRow).where(col(ApiKeyRow.digest) == digest)
    return (await tx.execute(query)).scalar_one_or_none()


async def revoke(tx: Transaction, key_id: str, now: datetime) -> ApiKeyRow:
    """Mark the key revoked and notify every replica with the commit; revoking it again changes nothing.

    Raises NotFound.
    """
    first = update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id, col(ApiKeyRow.revoke_time).is_(None))
    await tx.execute(first.values(revoke_time=now).execution_options(synchronize_session=False))
    row = await tx.get(ApiKeyRow, key_id, populate_existing=True)
    if row is None:
        raise NotFound("api key", key_id)
    await notify(tx, TOPIC, row.digest.hex())
    return row


async def page(tx: Transaction, *, agency: str = "", after: str = "", limit: int = 1000) -> Sequence[ApiKeyRow]:
    """Return keys in order of their ids, from the first one after `after`; with `agency` only that agency's."""
    query = select(ApiKeyRow).where(col(ApiKeyRow.id) > after)
    if agency:
        query = query.where(col(ApiKeyRow.agency) == agency)
    return list((await tx.execute(query.order_by(col(ApiKeyRow.id)).limit(limit))).scalars())
