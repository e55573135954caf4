"""Consents on networks under way: what the gateway's own page must find again under its one-time address.

Owns the table `network_consents`. The vendor's page is sealed; of the address only its id is here. A consent is done
when an account came of it.
"""

from datetime import datetime

from sqlalchemy import Index, Text, delete, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.types import json_field, time_field


class NetworkConsentRow(SQLModel, table=True):
    """One consent that was started on `platform`; `account` is what came of it, empty until then.

    `known` is which of the connection's accounts there worked at the start, each with its end as ISO time or nothing.
    `openers` are addresses whose pages may have opened ours, and may hear how it ended.
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
    """Add a started consent."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, id: str) -> NetworkConsentRow | None:
    """Return a consent as it stands now, however old."""
    return await tx.get(NetworkConsentRow, id, populate_existing=True)


async def finish(tx: Transaction, id: str, account: str) -> bool:
    """Say which account came of it; False when one did before."""
    statement = (
        update(NetworkConsentRow)
        .where(col(NetworkConsentRow.id) == id, col(NetworkConsentRow.account) == "")
        .values(account=account)
        .returning(col(NetworkConsentRow.id))
        .execution_options(synchronize_session=False)
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None


async def remove_for(tx: Transaction, location: str, connection: str) -> None:
    """Delete all consents inside a connection."""
    await tx.execute(
        delete(NetworkConsentRow).where(
            col(NetworkConsentRow.location) == location, col(NetworkConsentRow.connection) == connection
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete consents that expired before a time."""
    await tx.execute(delete(NetworkConsentRow).where(col(NetworkConsentRow.expire_time) < before))
