"""Databases of different sizes side by side, measured in turns so that a machine that is busy is busy for all.

Owns making them, copies of rows by the thousand, and quantiles. Does not know what is measured.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import text

from storage import migrate
from storage.database import Database
from tests.bench.scale.line import Tell
from tests.bench.servers import Bench

Fill = Callable[[Database, int], Awaitable[None]]


@asynccontextmanager
async def sized(bench: Bench, sizes: Sequence[int], fill: Fill, tell: Tell) -> AsyncIterator[list[Database]]:
    """Yield a migrated database of each size, filled and analysed."""
    async with AsyncExitStack() as stack:
        found = []
        for size in sizes:
            tell(f"writing {size:,} rows")
            found.append(await stack.enter_async_context(_database(bench.database_url, f"scale_{size}")))
            await fill(found[-1], size)
            async with await psycopg.AsyncConnection.connect(found[-1].url, autocommit=True) as connection:
                await connection.execute("VACUUM ANALYZE")
        yield found


@asynccontextmanager
async def _database(server: str, name: str) -> AsyncIterator[Database]:
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as admin:
        await admin.execute(f"CREATE DATABASE {name}".encode())
        db = await Database.connect(urlsplit(server)._replace(path=f"/{name}").geturl(), pool_size=4)
        try:
            await migrate.upgrade(db)
            yield db
        finally:
            await db.close()
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def copy(db: Database, table: str, count: int, changes: str) -> None:
    """Copy the only row of a table `count` times; `changes` is a JSON object in SQL that may use `i`."""
    statement = f"""
        INSERT INTO {table} SELECT made.* FROM {table} AS seed, generate_series(1, :count) AS i,
            LATERAL jsonb_populate_record(seed, {changes}) AS made
    """
    async with db.transaction() as tx:
        await tx.execute(text(statement), {"count": count})


async def in_turns(
    look: Callable[[Database, int], Awaitable[None]], databases: Sequence[Database], rounds: int
) -> list[list[float]]:
    """Do something with each database in turn, and return the milliseconds that it took, by database."""
    took: list[list[float]] = [[] for _ in databases]
    for number in range(-20, rounds):
        for db, times in zip(databases, took, strict=True):
            start = time.perf_counter()
            await look(db, number)
            if number >= 0:
                times.append((time.perf_counter() - start) * 1e3)
    return took


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
