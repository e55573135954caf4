"""Pending OAuth authorizations: what a callback needs to find again by its one-time state.

Owns the table `authorizations`. The PKCE verifier and the consent page's URL are sealed; of the state only its id is
stored.
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
    """One consent that was started; `consume_time` is set once, by the first callback, and `outcome` when it has ended.
    `connection` is then the one that has the grant. `openers` are the origins whose pages may have opened the consent
    page and may be told the result.
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
    """Add an authorization and delete the connection's open ones: only the newest consent page is valid."""
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
    """Return the authorization with a state's id as it is now, consumed or not, or None."""
    return await tx.get(AuthorizationRow, id, populate_existing=True)


async def open_among(
    tx: Transaction, connections: Sequence[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], AuthorizationRow]:
    """Return the authorizations that can still be completed, by (location, connection)."""
    query = select(AuthorizationRow).where(
        tuple_(col(AuthorizationRow.location), col(AuthorizationRow.connection)).in_(connections),
        col(AuthorizationRow.consume_time).is_(None),
        col(AuthorizationRow.expire_time) > now,
    )
    return {(row.location, row.connection): row for row in (await tx.execute(query)).scalars()}


async def consume(tx: Transaction, id: str, now: datetime) -> AuthorizationRow | None:
    """Consume the state: return the row to the first caller before it expires, None to every other."""
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
    """Store how a consumed authorization ended, and which connection has the grant."""
    statement = update(AuthorizationRow).where(col(AuthorizationRow.id) == id)
    await tx.execute(statement.values(outcome=outcome, connection=connection))


async def release(tx: Transaction, id: str) -> None:
    """Make a consumed authorization available again, when nothing came of the attempt."""
    await tx.execute(update(AuthorizationRow).where(col(AuthorizationRow.id) == id).values(consume_time=None))


async def remove_for(tx: Transaction, location: str, connection: str) -> None:
    """Delete all authorizations of a connection."""
    await tx.execute(
        delete(AuthorizationRow).where(
            col(AuthorizationRow.location) == location, col(AuthorizationRow.connection) == connection
        )
    )


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete authorizations that expired before a time."""
    await tx.execute(delete(AuthorizationRow).where(col(AuthorizationRow.expire_time) < before))
