"""How many round trips a publish costs: the commits of one post, from its upload to its id, in one real process.

Owns the bound. What is committed before which call is proved by tests/chaos.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Connection

from socialgateway.v1 import connection_pb2
from storage.database import Database
from storage.engine import PoolConnection, raw_of
from tests.chaos import processes
from tests.fixtures.app import running, simulated, target_of
from tests.fixtures.client import Client
from tests.fixtures.waiting import until

MOST = 20
"""Commits for each published post; a read outside a transaction counts as one, as PostgreSQL counts it."""

SIZE = 1_000_000
IDLE_TASKS = ("jobs ", "storage-listener")
"""The names of the tasks whose work does not depend on how many posts there are."""

READINESS = "alembic_version"


def belongs_to_a_post(statement: str = "") -> bool:
    """Return whether what this task does now is done for some post, not by the loops of an idle process."""
    task = asyncio.current_task()
    return task is not None and not task.get_name().startswith(IDLE_TASKS) and READINESS not in statement


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Yield what is committed within the block: a word for each transaction, and each read outside of one."""
    seen: list[str] = []
    engine = database.engine.sync_engine

    def committed(connection: Connection) -> None:
        if belongs_to_a_post():
            seen.append("transaction")

    def executed(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if raw_of(connection).autocommit and belongs_to_a_post(statement):
            seen.append(statement)

    run = PoolConnection.execute

    async def executed_directly(connection: PoolConnection, statement: Any, *values: Any, **options: Any) -> Any:
        if connection.autocommit and belongs_to_a_post(str(statement)):
            seen.append(str(statement))
        return await run(connection, statement, *values, **options)

    event.listen(engine, "commit", committed)
    event.listen(engine, "before_cursor_execute", executed)
    try:
        with patch.object(PoolConnection, "execute", executed_directly):
            yield seen
    finally:
        event.remove(engine, "commit", committed)
        event.remove(engine, "before_cursor_execute", executed)


async def connect(client: Client) -> str:
    """Connect the simulator's first user, and return the account's name."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    made = await client.call("ConnectionService/CreateConnection", parent=processes.LOCATION, connection=wanted)
    async with httpx.AsyncClient(trust_env=False) as browser:
        await processes.walk_consent(browser, made.authorization.uri)
    listed = await client.call("AccountService/ListAccounts", parent=processes.LOCATION, connection=made.name)
    [account] = listed.accounts
    return str(account.name)


async def published(client: Client, database_url: str, account: str, id: str) -> None:
    """Upload a video and publish it, and wait until the database says that it has been."""
    upload = await client.upload(processes.pattern(SIZE), parent=processes.LOCATION)
    await client.posts.CreatePost(processes.new_post(account, upload, id, id))

    async def done() -> bool:
        # Seen from outside: a caller that waits would be counted too.
        async with await psycopg.AsyncConnection.connect(database_url) as outside:
            found = await outside.execute("SELECT state FROM posts WHERE id = %s", (id,))
            return await found.fetchone() == ("PUBLISHED",)

    await until(done, 60)


AUDITED = Counter(
    {
        ("bootstrap", "/socialgateway.v1.UploadService/CreateUpload"): 1,
        ("bootstrap", "/socialgateway.v1.UploadService/WriteUpload"): 1,
        ("bootstrap", "/socialgateway.v1.PostService/CreatePost"): 1,
        ("bootstrap", "tiktok:creator_info"): 1,
        ("gateway", "tiktok:video_init"): 1,
    }
)
"""The rows that a published post leaves in the audit log, besides those of the looks at its status."""


async def audited(database_url: str) -> Counter[tuple[str, str]]:
    """Return by whom and what how often is in the audit log, sealed or not."""
    query = "SELECT actor, method FROM audit UNION ALL SELECT actor, method FROM audit_unsealed"
    async with await psycopg.AsyncConnection.connect(database_url) as outside:
        found: Counter[tuple[str, str]] = Counter(await (await outside.execute(query)).fetchall())
        return found


async def test_a_published_post_costs_few_commits(database_url: str, tmp_path: Path) -> None:
    """A video of one chunk whose creator must be asked about first: every commit of it, the last poll's too."""
    async with (
        simulated(processing_seconds=0.5, moderation_seconds=0) as (vendor, settings),
        running(database_url, tmp_path, **settings) as gateway,
        Client(target_of(gateway)) as client,
    ):
        account = await connect(client)
        before = await audited(database_url)
        with counted(gateway.domain.db) as commits:
            await published(client, database_url, account, "counted")
        added = await audited(database_url) - before

    assert ["counted"] == [post.title for post in vendor.posts]
    # What is not counted would be no saving.
    assert {"transaction"} < set(commits)
    assert len(commits) <= MOST, commits
    # Who did it is on record within those commits: the caller's calls, and what was done with the token.
    statuses = added.pop(("gateway", "tiktok:status"))
    assert 1 <= statuses <= 4
    assert AUDITED == added
