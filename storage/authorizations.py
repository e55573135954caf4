"""Authorisations under way: what a callback must find again under its one-time state.

Owns the table `authorizations`. The verifier and the consent page's address are sealed; the state itself is not stored,
only its id.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, Text, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage.database import Transaction
from storage.states import AuthorizationOutcome
from storage.types import state_field, time_field


class AuthorizationRow(SQLModel, table=True):
    """One consent that was started; `consume_time` is set once, by whoever comes first, and `outcome` when it is done:
    completed, denied or failed. `connection` is then the one that holds the grant. `openers` are addresses whose pages
    may have opened the consent page, and may hear how it ended.
    """

    __tablename__ = "authorizations"
    __table_args__ = (Index("authorizations_by_connection", "location", "connection"),)

    id: str = Field(primary_key=True)
    location: str
    connection: str
    agency: str
    provider: str
    verifier_sealed: bytes
    uri_sealed: bytes
    redirect_uri: str
    return_uri: str = ""
    openers: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    create_time: datetime = time_field()
    expire_time: datetime = time_field()
    consume_time: datetime | None = time_field(nullable=True)
    outcome: AuthorizationOutcome = state_field(AuthorizationOutcome, default=AuthorizationOutcome.UNDECIDED)


async def insert(tx: Transaction, row: AuthorizationRow) -> None:
    """Add a started authorisation and end the connection's open ones: the newest consent page counts."""
    await tx.execute(
        delete(AuthorizationRow).where(
            col(AuthorizationRow.location) == row.location,
            col(AuthorizationRow.connection) == row.connection,
            col(AuthorizationRow.consume_time).is_(None),
        )
    )
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, id: str) -> AuthorizationRow | None:
    """Return the authorisation of a state's id as it stands now, used or not."""
    return await tx.get(AuthorizationRow, id, populate_existing=True)


async def open_among(
    tx: Transaction, connections: Sequence[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], AuthorizationRow]:
    """Give, by (location, connection), the authorisations that can still be completed."""
    query = select(AuthorizationRow).where(
        tuple_(col(AuthorizationRow.location), col(AuthorizationRow.connection)).in_(connections),
        col(AuthorizationRow.consume_time).is_(None),
        col(AuthorizationRow.expire_time) > now,
    )
    return {(row.location, row.connection): row for row in (await tx.execute(query)).scalars()}


async def consume(tx: Transaction, id: str, now: datetime) -> AuthorizationRow | None:
    """Use the state up: the row for the first who asks in time, None for everybody else."""
    statement = (
        update(AuthorizationRow)
        .where(
            col(AuthorizationRow.id) == id,
            col(AuthorizationRow.consume_time).is_(None),
            col(AuthorizationRow.expire_time) > now,
        )
        .values(consume_time=now)
        .returning(AuthorizationRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def finish(tx: Transaction, id: str, outcome: AuthorizationOutcome, connection: str) -> None:
    """Say how a used authorisation ended, and which connection holds the grant."""
    statement = update(AuthorizationRow).where(col(AuthorizationRow.id) == id)
    await tx.execute(statement.values(outcome=outcome, connection=connection))


async def release(tx: Transaction, id: str) -> None:
    """Take a use back, when nothing came of it."""
    await tx.execute(update(AuthorizationRow).where(col(AuthorizationRow.id) == id).values(consume_time=None))


async def remove_for(tx: Transaction, location: str, connection: str) -> None:
    """Delete all authorisations of a connection."""
    await tx.execute(
        delete(AuthorizationRow).where(
            col(AuthorizationRow.location) == location, col(AuthorizationRow.connection) == connection
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete authorisations that expired before a time."""
    await tx.execute(delete(AuthorizationRow).where(col(AuthorizationRow.expire_time) < before))
