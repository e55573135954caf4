"""Pending consents on networks: what the gateway's own page needs to find again by its one-time URL.

Owns the table `network_consents`. The URL of the vendor's page is sealed; of our own URL only its id is stored. A
consent is finished when it led to an account.
"""

from datetime import datetime

from sqlalchemy import Index, Text, delete, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import json_field, time_field


class NetworkConsentRow(SQLModel, table=True):
    """One consent that was started on `platform`; `account` is the account it led to, empty until then.

    `known` has the connection's accounts on that platform that were usable at the start, each with its expiry as ISO
    time, or an empty string. `openers` are the origins whose pages may have opened ours and may be told the result.
    """

    __tablename__ = "network_consents"
    __table_args__ = (Index("network_consents_by_connection", "location", "connection"),)

    id: str = Field(primary_key=True)
    location: str
    connection: str
    provider: str
    platform: str
    uri_sealed: bytes
    return_uri: str = ""
    openers: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    known: dict[str, str] = json_field()
    account: str = ""
    create_time: datetime = time_field()
    expire_time: datetime = time_field()


async def insert(tx: Transaction, row: NetworkConsentRow) -> None:
    """Add a consent."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, id: str) -> NetworkConsentRow | None:
    """Return a consent as it is now, however old, or None."""
    return await tx.get(NetworkConsentRow, id, populate_existing=True)


async def finish(tx: Transaction, id: str, account: str) -> bool:
    """Store the account that a consent led to; return False when one was stored before."""
    statement = (
        update(NetworkConsentRow)
        .where(col(NetworkConsentRow.id) == id, col(NetworkConsentRow.account) == "")
        .values(account=account)
        .returning(col(NetworkConsentRow.id))
        .execution_options(synchronize_session=False)
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def remove_for(tx: Transaction, location: str, connection: str) -> None:
    """Delete all consents of a connection."""
    await tx.execute(
        delete(NetworkConsentRow).where(
            col(NetworkConsentRow.location) == location, col(NetworkConsentRow.connection) == connection
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete consents that expired before a time."""
    await tx.execute(delete(NetworkConsentRow).where(col(NetworkConsentRow.expire_time) < before))
