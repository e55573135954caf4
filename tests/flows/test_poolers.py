"""The gateway behind a connection pooler, in each of its modes, and how many connections a process keeps.

Owns what Debian's PgBouncer was tried with: which modes work and with which setting, and what is refused at the start.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import psycopg
import pytest
from sqlalchemy import text

from gateway.app import Gateway, start
from gateway.domain import api_keys
from gateway.servers import open_keys
from gateway.settings import SettingsError
from providers.simulators.tiktok import Vendor
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2
from storage.database import Database, DatabaseUnavailable
from storage.listener import Deaf, Listener
from storage.places import KEPT
from tests.chaos.processes import walk_consent
from tests.cli.command import Ran, run
from tests.fixtures import media
from tests.fixtures.app import CALLS, running, simulated, target_of
from tests.fixtures.client import Client, new_key
from tests.fixtures.pgbouncer import SESSION, STATEMENT, TRANSACTION, pooled
from tests.fixtures.settings import make_settings
from tests.fixtures.waiting import until

PARENT = "locations/l1"
SMALLEST = 12
WITHIN_SECONDS = 5.0


@dataclass
class Pair:
    """Two gateways over one pooler, and a client of each; the first also runs jobs."""

    one: Gateway
    two: Gateway
    first: Client
    second: Client
    vendor: Vendor

    async def connect(self) -> str:
        """Connect the vendor's user, and return the account's name."""
        wanted = connection_pb2.Connection(provider="providers/tiktok")
        made = await self.first.call("ConnectionService/CreateConnection", parent=PARENT, connection=wanted)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
            await walk_consent(browser, made.authorization.uri)
        listed = await self.second.call("AccountService/ListAccounts", parent=PARENT, connection=made.name)
        return str(listed.accounts[0].name)

    async def publish(self, account: str) -> str:
        """Create a post, and return its name."""
        post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption="one")
        post.video.source.upload = await self.first.upload(media.video(30_000))
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        return str((await self.second.call("PostService/CreatePost", parent=PARENT, post=post)).name)


@asynccontextmanager
async def pair(url: str, listen: str | None, folder: Path) -> AsyncIterator[Pair]:
    """Run two gateways on one database until the block ends."""
    async with AsyncExitStack() as stack:
        vendor, vendor_settings = await stack.enter_async_context(simulated(processing_seconds=0, moderation_seconds=0))
        shared = {"blob_url": (folder / "blobs").as_uri(), **vendor_settings}
        values = {"database_listen_url": listen, "database_pool_size": SMALLEST, **shared}
        one = await stack.enter_async_context(running(url, folder / "one", **values))
        two = await stack.enter_async_context(running(url, folder / "two", roles=CALLS, **values))
        first = await stack.enter_async_context(Client(target_of(one)))
        second = await stack.enter_async_context(Client(target_of(two)))
        yield Pair(one, two, first, second, vendor)


@pytest.mark.parametrize("mode", [TRANSACTION, SESSION])
async def test_a_mode_that_works(mode: str, database_url: str, tmp_path: Path) -> None:
    """Two gateways behind a pooler publish a post, hear each other, and refuse a revoked key at once.

    In transaction mode they have a second address for notifications.
    """
    listen = database_url if mode == TRANSACTION else None
    with pooled(database_url, mode) as url:
        async with pair(url, listen, tmp_path) as both:
            assert (True, True) == (both.one.resources.db.pooled, both.two.resources.db.pooled)
            name = await both.publish(await both.connect())

            async def published() -> bool:
                post = await both.second.call("PostService/GetPost", name=name)
                return bool(post.state == post_pb2.Post.PUBLISHED)

            await until(published, 60)
            assert 1 == len(both.vendor.inits)
            await _revoked_at_once(both)
            for each in (both.one, both.two):
                assert (await each.readiness.check()).ready


async def _revoked_at_once(both: Pair) -> None:
    """Revoke a key that both have in their caches with the one, and see the other refuse it."""
    store = await open_keys(both.one.resources, both.one.domain)
    made = await new_key(store, scopes={"connections.read"})
    key = made.secret.reveal()
    for client in (both.first, both.second):
        await client.call("ConnectionService/ListConnections", parent=PARENT, key=key)
    await api_keys.revoke(store, made.key_id)

    async def refused() -> bool:
        try:
            await both.second.call("ConnectionService/ListConnections", parent=PARENT, key=key)
        except grpc.aio.AioRpcError as error:
            return bool(error.code() is grpc.StatusCode.UNAUTHENTICATED)
        return False

    await until(refused, WITHIN_SECONDS)


async def test_no_answer_is_another_client_s(database_url: str) -> None:
    """In transaction mode, with few connections to the server, hundreds of statements of two processes all get their
    own answers; nothing that they set for themselves remains in a connection.
    """
    with pooled(database_url, TRANSACTION, size=3) as url:
        clients = [await Database.connect(url, pool_size=4) for _ in range(2)]

        async def ask(db: Database, number: int) -> list[tuple[int, int]]:
            answers = []
            for turn in range(40):
                asked = number * 100 + turn
                async with db.transaction() if turn % 2 else db.read() as tx:
                    # Often enough to be prepared; each client would number its statements from 0.
                    query = text(f"SELECT CAST(:asked AS int) AS n{number % 8}")
                    answers.append((asked, (await tx.execute(query, {"asked": asked})).scalar_one()))
            return answers

        for turn in range(2):
            tasks = [ask(db, 2 * worker + offset + turn) for worker in range(10) for offset, db in enumerate(clients)]
            for answers in await asyncio.gather(*tasks):
                assert [asked for asked, _ in answers] == [answer for _, answer in answers]
        for db in clients:
            await db.close()
        left = "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None) as connection:
            for _ in range(5):
                assert ("0", "0") == await (await connection.execute(left)).fetchone()


async def test_the_limits_of_a_transaction_hold_behind_a_pooler(database_url: str) -> None:
    """A transaction has its time limits there too, although the connection keeps none."""
    with pooled(database_url, TRANSACTION, size=3) as url:
        db = await Database.connect(url, lock_seconds=4, idle_seconds=5)
        async with db.transaction() as tx:
            query = "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
            assert ("4s", "5s") == tuple((await tx.execute(text(query))).one())
        await db.close()


@pytest.fixture
def other_database(database_admin: psycopg.Connection, database_server: str) -> Iterator[str]:
    """Yield the URL of another database on the same server."""
    name = f"other_{os.getpid()}"
    database_admin.execute(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY')
    yield re.sub(r"/[^/]*$", f"/{name}", database_server)
    database_admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_what_cannot_be_right_is_not_started(database_url: str, other_database: str, tmp_path: Path) -> None:
    """A pooler through which no notification arrives, a second address of such a pooler or of another database, one
    that cannot be reached, and statement mode: the start is refused, and names the setting.
    """
    nowhere = re.sub(r":\d+/", ":1/", database_url)
    with pooled(database_url, TRANSACTION) as url:
        for listen, error, says in (
            (None, SettingsError, r"^GATEWAY_DATABASE_URL: .*Set GATEWAY_DATABASE_LISTEN_URL"),
            (url, SettingsError, r"^GATEWAY_DATABASE_LISTEN_URL: .*does not arrive"),
            (other_database, SettingsError, r"^GATEWAY_DATABASE_LISTEN_URL: .*same database"),
            (nowhere, DatabaseUnavailable, r"^GATEWAY_DATABASE_LISTEN_URL: .*127\.0\.0\.1:1"),
        ):
            with pytest.raises(error, match=says) as refused:
                await start(make_settings(url, tmp_path, database_listen_url=listen), roles=CALLS)
            assert database_url.split(":")[2].partition("@")[0] not in str(refused.value)
    with pooled(database_url, STATEMENT) as url, pytest.raises(DatabaseUnavailable, match="statement pooling mode"):
        await start(make_settings(url, tmp_path), roles=CALLS)


async def test_a_listener_knows_that_it_is_deaf(database_url: str) -> None:
    """In transaction mode LISTEN is accepted and nothing arrives: the listener is not healthy, and says why."""
    with pooled(database_url, TRANSACTION) as url:
        db = await Database.connect(url)
        listener = Listener(db, ping_seconds=1)
        await listener.start()
        assert (False, Deaf) == (listener.healthy, type(listener.failure))
        await listener.stop()
        await db.close()


def examine(database_url: str, folder: Path, **settings: str) -> Ran:
    """Run `doctor`."""
    return run("doctor", database_url=database_url, data_dir=str(folder / "data"), **settings)


def test_doctor_says_which_address_is_wrong(database_url: str, tmp_path: Path) -> None:
    """It sends a notification through the pooler, and says whether it arrives."""
    with pooled(database_url, TRANSACTION) as url:
        deaf = examine(url, tmp_path)
        right = examine(url, tmp_path, database_listen_url=database_url)
    assert "ok     database: PostgreSQL" in deaf.out
    assert ", through a pooler\n" in deaf.out
    assert "WRONG  notifications: GATEWAY_DATABASE_URL" in deaf.out
    assert 1 == deaf.code
    assert "ok     notifications: arrive, at PostgreSQL" in right.out
    assert "WRONG  notifications" not in right.out


def test_a_command_does_not_wait_for_ever(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all places of a pooler are taken, a command says for what it waits, and gives up."""
    monkeypatch.setattr("storage.engine.FIRST_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("gateway.cli.database.SAY_AFTER_SECONDS", 0.1)
    with pooled(database_url, SESSION, size=1) as url, psycopg.connect(url) as holder:
        holder.execute("SELECT 1")
        ran = run("api-keys", "list", database_url=url, data_dir=str(tmp_path))
    assert 1 == ran.code
    assert "Waiting for PostgreSQL at 127.0.0.1:" in ran.err
    assert "no answer within 0.5 s" in ran.err
    assert "all its places are taken" in ran.err


async def test_a_process_keeps_as_many_connections_as_it_says(database_url: str, tmp_path: Path) -> None:
    """GATEWAY_DATABASE_POOL_SIZE is never exceeded, with jobs and under load, and calls can use all but jobs' share."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'social-gateway'"
    name = database_url.rpartition("/")[2]
    seen: list[int] = []
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as watcher,
        pair(database_url, None, tmp_path) as both,
    ):
        account = await both.connect()
        await both.two.stop(delay=0, grace=0)

        async def call() -> None:
            await both.first.call("AccountService/GetAccount", name=account)

        for _ in range(5):
            calls = asyncio.gather(*(call() for _ in range(60)))
            while not calls.done():
                row = await (await watcher.execute(count, (name,))).fetchone()
                assert row is not None
                seen.append(row[0])
            await calls
    assert SMALLEST - KEPT <= max(seen) <= SMALLEST
