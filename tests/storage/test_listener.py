"""The listener: receives every notification, knows when it may miss some, and reconnects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from storage.database import Database, notify
from storage.listener import Listener
from tests.fixtures.waiting import until

END_LISTENERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND query ILIKE 'LISTEN%'
"""


@dataclass
class Heard:
    """The calls that a subscriber received."""

    keys: list[str] = field(default_factory=list)
    resets: int = 0

    def reset(self) -> None:
        """Count."""
        self.resets += 1


@dataclass
class Line:
    """A TCP proxy to the database that the test can cut, or silence without closing it."""

    host: str
    port: int
    silent: bool = False
    server: asyncio.Server | None = None
    own_port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Accept connections, on the same port as before if there was one."""
        self.server = await asyncio.start_server(self._connect, "127.0.0.1", self.own_port)
        self.own_port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close the proxy and its connections."""
        assert self.server is not None
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self.host, self.port)
        for source, sink in ((reader, forth), (back, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            try:
                while data := await source.read(65536):
                    if not self.silent:
                        sink.write(data)
            finally:
                sink.close()


@pytest.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    """Yield a started listener."""
    listener = Listener(database, ping_seconds=0.2, backoff_seconds=(0.01, 0.1))
    await listener.start()
    yield listener
    await listener.stop()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    """Yield an open proxy to the database."""
    parts = urlsplit(database_url)
    line = Line(parts.hostname or "", parts.port or 0)
    await line.open()
    yield line
    await line.close()


def over(line: Line, database_url: str) -> str:
    """Return the URL of the database through a proxy."""
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{line.own_port}").geturl()


async def tell(db: Database, topic: str, key: str) -> None:
    """Notify in its own transaction."""
    async with db.transaction() as tx:
        await notify(tx, topic, key)


async def test_a_commit_is_heard_by_its_topic(database: Database, listener: Listener) -> None:
    """Subscribers of the topic get exactly the key; others get nothing."""
    heard, other = Heard(), Heard()
    listener.subscribe("posts", heard.keys.append)
    listener.subscribe("tokens", other.keys.append)
    await tell(database, "posts", "loc1|post one")
    await until(lambda: ["loc1|post one"] == heard.keys)
    assert [] == other.keys


async def test_an_undone_transaction_is_not_heard(database: Database, listener: Listener) -> None:
    """A transaction that is rolled back sends no notification."""
    heard = Heard()
    listener.subscribe("posts", heard.keys.append)
    with pytest.raises(KeyError):  # noqa: PT012
        async with database.transaction() as tx:
            await notify(tx, "posts", "undone")
            raise KeyError
    await tell(database, "posts", "done")
    await until(lambda: ["done"] == heard.keys)


async def test_nothing_is_lost_between_two_pings(database: Database, listener: Listener) -> None:
    """A thousand notifications arrive in order while the listener is busy."""
    heard = Heard()
    listener.subscribe("posts", heard.keys.append)
    for number in range(0, 1000, 50):
        async with database.transaction() as tx:
            for offset in range(50):
                await notify(tx, "posts", str(number + offset))
    await until(lambda: [str(number) for number in range(1000)] == heard.keys)


async def test_a_subscriber_that_fails_does_not_deafen_the_others(database: Database, listener: Listener) -> None:
    """An exception in one callback is logged; the next subscriber and the next message are still served."""
    heard = Heard()

    def fail(_key: str) -> None:
        raise KeyError

    listener.subscribe("posts", fail)
    listener.subscribe("posts", heard.keys.append)
    await tell(database, "posts", "1")
    await tell(database, "posts", "2")
    await until(lambda: ["1", "2"] == heard.keys)


async def test_an_undone_subscription_hears_nothing(database: Database, listener: Listener) -> None:
    """Unsubscribing ends exactly that subscription."""
    heard, kept = Heard(), Heard()
    undo = listener.subscribe("posts", heard.keys.append)
    listener.subscribe("posts", kept.keys.append)
    undo()
    await tell(database, "posts", "1")
    await until(lambda: ["1"] == kept.keys)
    assert [] == heard.keys


async def test_a_lost_connection_comes_back_and_says_reset(database: Database, listener: Listener) -> None:
    """After a reconnect subscribers are reset and get notifications again."""
    heard = Heard()
    listener.subscribe("posts", heard.keys.append, reset=heard.reset)
    async with database.transaction() as tx:
        assert 1 == len((await tx.execute(text(END_LISTENERS))).all())
    await until(lambda: heard.resets == 1 and listener.healthy)
    await tell(database, "posts", "again")
    await until(lambda: ["again"] == heard.keys)


async def test_a_listener_without_a_server_is_unhealthy_until_there_is_one(
    line: Line, database: Database, database_url: str
) -> None:
    """Starting returns without a server; the listener becomes healthy when the server is up."""
    await line.close()
    listener = Listener(database, url=over(line, database_url), backoff_seconds=(0.01, 0.05))
    await listener.start()
    try:
        assert not listener.healthy
        await line.open()
        await until(lambda: listener.healthy)
    finally:
        await listener.stop()


async def test_a_silent_line_is_noticed(line: Line, database: Database, database_url: str) -> None:
    """An open but dead connection is unhealthy after an unanswered ping, and is replaced."""
    heard = Heard()
    listener = Listener(database, url=over(line, database_url), ping_seconds=0.1, backoff_seconds=(0.01, 0.05))
    await listener.start()
    try:
        listener.subscribe("posts", heard.keys.append, reset=heard.reset)
        await until(lambda: listener.healthy)
        line.silent = True
        await until(lambda: not listener.healthy)
        line.silent = False
        await line.close()
        await line.open()
        await until(lambda: listener.healthy and heard.resets >= 1)
        await tell(database, "posts", "again")
        await until(lambda: ["again"] == heard.keys)
    finally:
        await listener.stop()


async def test_a_stopped_listener_is_gone(database: Database) -> None:
    """Stopping closes the connection, makes the listener unhealthy, and may be repeated."""
    listener = Listener(database)
    await listener.start()
    await listener.stop()
    await listener.stop()
    assert not listener.healthy

    async def no_listener() -> bool:
        async with database.read() as tx:
            query = END_LISTENERS.replace("pg_terminate_backend(pid, 5000)", "pid")
            return not (await tx.execute(text(query))).all()

    await until(no_listener)
