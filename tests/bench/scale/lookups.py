"""(b) What a status and a token look-up cost among a thousand and among a million connections.

Owns the rows, which are copies of one connection, and the statements, which are the storage functions' own.
"""

import json
import os
import random
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import event, text

from gateway.clock import now
from storage import authorizations, connections, locations, tokens
from storage.authorizations import AuthorizationRow
from storage.database import Database, Transaction
from storage.engine import PoolConnection
from storage.tokens import SealedPair
from tests.bench.rounds import at_most
from tests.bench.scale.ground import copy, in_turns, quantile, sized
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import SCOPES, Bench
from tests.fixtures.rows import CAPABILITIES, connection_row

ROUNDS = 2000
PROVIDER = "tiktok"
TABLES = {
    "locations": "",
    "connections": ", 'provider_subject', 'u' || i",
    "tokens": "",
    "authorizations": ", 'id', 'a' || i",
}
"""What a connection has rows in, and which columns are its own beside the location."""


async def fill(db: Database, size: int) -> None:
    """Write connections with their tokens, locations, and the consents through which they came."""
    time = now()
    granted = {"granted_scopes": list(SCOPES), "requested_scopes": list(SCOPES), "capabilities": CAPABILITIES}
    sealed = SealedPair(1, os.urandom(160), os.urandom(160), time, time, time, None)
    async with db.transaction() as tx:
        await locations.claim(tx, "l0", "agency", time)
        await connections.insert(tx, connection_row(time, location="l0", provider_subject="u0", **granted))
        await tokens.save(tx, "l0", "c1", sealed, read_version=0)
        await authorizations.insert(tx, _consent(time))
    for table, changes in TABLES.items():
        await copy(db, table, size, f"jsonb_build_object('location', 'l' || i{changes})")


def _consent(time: datetime) -> AuthorizationRow:
    return AuthorizationRow(
        id="a0",
        location="l0",
        connection="c1",
        agency="agency",
        provider=PROVIDER,
        verifier_sealed=os.urandom(80),
        uri_sealed=os.urandom(400),
        redirect_uri="https://app.example/connected",
        create_time=time,
        expire_time=time,
        consume_time=time,
    )


async def status(tx: Transaction, location: str) -> None:
    """Read what GetConnectionStatus does when nothing is cached."""
    row = await connections.current(tx, location, PROVIDER)
    assert row is not None
    keys = [(row.location, row.id)]
    assert await tokens.expiries(tx, keys)
    await authorizations.open_among(tx, keys, now())


async def token(tx: Transaction, location: str) -> None:
    """Read what a call to the vendor does when nothing is cached."""
    assert await tokens.find(tx, location, "c1") is not None


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Look locations up at random, in each database in turn."""
    async with sized(bench, sizes, fill, tell) as databases:
        chance, lines, of = random.Random(7), [], dict(zip(databases, sizes, strict=True))
        for name, read in (("Status look-up", status), ("Token look-up", token)):
            tell(f"{name}: {ROUNDS:,} in each")

            async def look(db: Database, number: int, read: Any = read) -> None:
                async with db.read() as tx:
                    await read(tx, f"l{chance.randint(1, of[db])}")

            took = await in_turns(look, databases, ROUNDS)
            plans = [await explained(db, partial(read, location=f"l{of[db]}")) for db in databases]
            blocks, nodes = tuple(float(each) for each, _ in plans), plans[-1][1]
            line = partial(Line, "b", sizes=tuple(sizes))
            p99 = tuple(quantile(each, 0.99) for each in took)
            p50 = tuple(quantile(each, 0.5) for each in took)
            lines += [
                line(f"{name}, p99", "ms", figures=p99, target=at_most(1.2), ratio=True, note=", ".join(nodes)),
                line(f"{name}, median", "ms", figures=p50, target=at_most(1.2), ratio=True),
                line(f"{name}, blocks", "blocks", figures=blocks),
            ]
        sizes_on_disk = [await _kib(db) / of[db] for db in databases]
        return [*lines, Line("b", "Database, a connection", "KiB", tuple(sizes), tuple(sizes_on_disk))]


async def _kib(db: Database) -> float:
    """Return how large a connection's tables are, indexes included."""
    query = text(
        "SELECT sum(pg_total_relation_size(CAST(name AS regclass))) FROM unnest(CAST(:names AS text[])) AS name"
    )
    async with db.read() as tx:
        return float((await tx.execute(query, {"names": list(TABLES)})).scalar_one()) / 1024


async def explained(db: Database, read: Any) -> tuple[int, list[str]]:
    """Return how many blocks the statements of a read touch, and the scans of their plans."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    run = PoolConnection.execute

    async def directly(connection: PoolConnection, statement: Any, *values: Any, **options: Any) -> Any:
        statements.append((statement, *values))
        return await run(connection, statement, *values, **options)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    with patch.object(PoolConnection, "execute", directly):
        async with db.read() as tx:
            await read(tx)
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)
    blocks, nodes = 0, set[str]()
    async with await psycopg.AsyncConnection.connect(db.url, autocommit=True) as connection:
        for statement, parameters in statements:
            cursor = await connection.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode(), parameters
            )
            row = await cursor.fetchone()
            plan = (row[0] if not isinstance(row[0], str) else json.loads(row[0]))[0]["Plan"]  # type: ignore[index]
            blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            nodes |= {each for each in _types(plan) if "Scan" in each}
    return blocks, sorted(nodes)


def _types(plan: Any) -> list[str]:
    return [plan["Node Type"], *(each for child in plan.get("Plans", ()) for each in _types(child))]
