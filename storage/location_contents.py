"""What is inside a location: whether it is at work, and emptying it before it gets another owner.

Owns that nothing of a former owner stays, whatever tables there are. Does not know who may empty a location.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, SQLColumnExpression, Table, delete, exists, func, literal, or_, select
from sqlmodel import col

from storage import connections, posts, tokens, uploads
from storage.connections import ConnectionRow
from storage.database import Transaction, notify
from storage.locations import LocationRow
from storage.posts import UNFINISHED, PostRow
from storage.schema import metadata
from storage.states import LocationClaim
from storage.tokens import TokenRow
from storage.uploads import UploadRow

KEPT = frozenset({"locations", "data_keys", "event_counters"})
"""The tables that keep their row of a location: its owner; its key, which processes have cached; and the number of its
newest event, so that no number is given twice.
"""

UPLOADS = "uploads"
"""The table whose rows are counted for the agency."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """What of a location is alive: connections with a grant, and posts that are under way."""

    connections: int
    posts: int


async def at_work(tx: Transaction, location: str) -> AtWork:
    """Return what of a location is alive now."""
    live = await live_connections(tx, [location])
    unfinished = select(func.count()).where(col(PostRow.location) == location, col(PostRow.state).in_(UNFINISHED))
    return AtWork(live.get(location, 0), int((await tx.execute(unfinished)).scalar_one()))


async def summary(tx: Transaction, location: str) -> dict[str, int]:
    """Return how much of what is inside a location, for somebody who decides whether to delete it."""
    alive = await at_work(tx, location)
    counted = {}
    for name, where in (("posts", col(PostRow.location)), ("uploads", col(UploadRow.location))):
        counted[name] = int((await tx.execute(select(func.count()).where(where == location))).scalar_one())
    return {"connections": alive.connections, "postsUnderWay": alive.posts, **counted}


async def is_proved(tx: Transaction, location: str) -> bool:
    """Return whether a location has, or had, a grant: a token, a connection with one, or a post."""
    return bool((await tx.execute(select(_proves(literal(location))))).scalar_one())


async def proved_first_uses(tx: Transaction) -> Sequence[str]:
    """Return the locations whose claim is said to be a first use, although they have, or had, a grant."""
    query = select(col(LocationRow.location)).where(
        col(LocationRow.claim) == LocationClaim.FIRST_USE, _proves(col(LocationRow.location))
    )
    return (await tx.execute(query)).scalars().all()


def _proves(location: SQLColumnExpression[str]) -> ColumnElement[bool]:
    granted = or_(
        col(ConnectionRow.provider_subject) != "", col(ConnectionRow.status).not_in(connections.WITHOUT_GRANT)
    )
    return or_(
        exists().where(col(TokenRow.location) == location),
        exists().where(col(ConnectionRow.location) == location, granted),
        exists().where(col(PostRow.location) == location),
    )


async def live_connections(tx: Transaction, locations: Sequence[str]) -> dict[str, int]:
    """Return the number of connections with a grant in each of these locations that has any."""
    has_pair = exists().where(
        col(TokenRow.location) == col(ConnectionRow.location), col(TokenRow.connection) == col(ConnectionRow.id)
    )
    query = select(col(ConnectionRow.location), func.count()).where(
        col(ConnectionRow.location).in_(locations),
        or_(has_pair, col(ConnectionRow.status).not_in(connections.WITHOUT_GRANT)),
    )
    return {row[0]: row[1] for row in await tx.execute(query.group_by(col(ConnectionRow.location)))}


async def wipe(tx: Transaction, location: str, agency: str) -> dict[str, int]:
    """Delete everything that is inside a location of an agency, and return how many rows of which table.

    The bytes of its uploads belong to no upload then: the sweeper deletes them.
    """
    gone: dict[str, int] = {}
    await _invalidate(tx, location)
    for table in _tables():
        counted = table.name == UPLOADS
        count = await (uploads.remove_all(tx, location, agency) if counted else _delete(tx, table, location))
        if count:
            gone[table.name] = count
    return gone


async def _delete(tx: Transaction, table: Table, location: str) -> int:
    deleted = await tx.execute(delete(table).where(table.c.location == location).returning(table.c.location))
    return len(deleted.all())


def _tables() -> list[Table]:
    """Return the tables with a location, in a fixed order so that two transactions cannot deadlock."""
    found = [table for name, table in sorted(metadata().tables.items()) if name not in KEPT]
    return [table for table in found if "location" in table.c]


async def _invalidate(tx: Transaction, location: str) -> None:
    """Let every replica forget what it has cached of the location."""
    rows = select(col(ConnectionRow.id), col(ConnectionRow.provider)).where(col(ConnectionRow.location) == location)
    for connection, provider in (await tx.execute(rows)).all():
        await notify(tx, tokens.TOPIC, tokens.cache_key(location, connection))
        await notify(tx, connections.TOPIC, connections.cache_key(location, provider))
    ids = select(col(PostRow.id)).where(col(PostRow.location) == location)
    for post in (await tx.execute(ids)).scalars().all():
        await notify(tx, posts.TOPIC, posts.cache_key(location, post))
