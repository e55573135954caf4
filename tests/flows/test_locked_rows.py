"""A row that somebody keeps locked: its own callers are told to come back, others notice nothing, and nothing is lost.

Owns the proof over the whole way from a call, a job or a vendor's answer to a row that another session holds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2

from providers.simulators.tiktok import Fault
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import tokens
from tests.fixtures import gateway as served
from tests.fixtures import media
from tests.fixtures.domain import Stage, opened
from tests.fixtures.gateway import World
from tests.fixtures.logs import capture
from tests.fixtures.waiting import until
from tests.flows.faults import attempt_of, during
from tests.flows.test_credentials_tokens import DAY, fresh, id_of
from tests.rpc.answers import assert_error, status_of

WAITERS = 12
LONG, SHORT = 20.0, 0.1


class Person:
    """Somebody with a console, who keeps rows locked."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def lock(self, table: str, location: str = "l1") -> None:
        """Lock the location's rows of a table."""
        self._connection = await psycopg.AsyncConnection.connect(self._url)
        await self._connection.execute(f"SELECT 1 FROM {table} WHERE location = '{location}' FOR UPDATE")

    async def release(self) -> None:
        """Let them go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


@pytest.fixture
async def person(database_url: str) -> AsyncIterator[Person]:
    """Yield somebody with a console, who is gone at the end of the test."""
    person = Person(database_url)
    yield person
    await person.release()


@asynccontextmanager
async def world_with(database_url: str, folder: Path, lock_seconds: float) -> AsyncIterator[World]:
    """Yield a gateway whose statements wait so long for a lock."""
    async with served.opened(database_url, folder, database_lock_seconds=lock_seconds) as world:
        yield world


def reauthorize(world: World, name: str) -> "asyncio.Future[connection_pb2.Connection]":
    """Begin a call that changes a connection's row."""
    request = connection_service_pb2.ReauthorizeConnectionRequest(name=name)
    return asyncio.ensure_future(world.api.connections.ReauthorizeConnection(request))


async def test_other_locations_notice_nothing(database_url: str, tmp_path: Path, person: Person) -> None:
    """While a dozen calls wait for one location's row, another location's calls are answered, and probes are too."""
    async with world_with(database_url, tmp_path, LONG) as world:
        made, other = await world.connect("l1"), await world.connect("l2", user=1)
        await person.lock("connections")
        waiting = [reauthorize(world, made.name) for _ in range(WAITERS)]
        await until(lambda: world.domain.db.engine.sync_engine.pool.checkedout() >= 3)  # type: ignore[attr-defined]

        for _ in range(5):
            assert other.name == (await reauthorize(world, other.name)).name
            assert "VALID" == connection_pb2.Connection.Status.Name((await world.get(other.name)).status)
        assert world.domain.listener.healthy
        assert not [each for each in waiting if each.done()]

        await person.release()
        assert {made.name} == {each.name for each in await asyncio.gather(*waiting)}


async def test_its_own_callers_are_told_to_come_back(database_url: str, tmp_path: Path, person: Person) -> None:
    """A call that needs a locked row ends soon as UNAVAILABLE with RetryInfo, never as INTERNAL."""
    async with world_with(database_url, tmp_path, SHORT) as world:
        made = await world.connect("l1")
        await person.lock("connections")

        ended = await asyncio.gather(*(reauthorize(world, made.name) for _ in range(WAITERS)), return_exceptions=True)

        for error in ended:
            assert isinstance(error, grpc.aio.AioRpcError)
            assert_error(error, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
            found = error_details_pb2.RetryInfo()
            assert any(each.Unpack(found) for each in status_of(error).details)
            assert "locked" in (error.details() or "")
        await person.release()
        assert made.name == (await reauthorize(world, made.name)).name


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a domain whose statements hardly wait for a lock."""
    async with opened(database_url, tmp_path, served.VENDOR, database_lock_seconds=SHORT) as stage:
        yield stage


async def test_a_locked_post_is_no_fault_of_its_step(stage: Stage, person: Person) -> None:
    """A step that finds its post locked ends without an error; afterwards the post goes out with its first attempt."""
    post = await stage.post(await stage.connect(), await stage.upload(media.video(30_000)))
    await person.lock("posts")
    with capture() as log:
        await stage.step(post)
    assert "publish.busy" in log.getvalue()
    assert "publish.fault" not in log.getvalue()
    await person.release()

    done = await stage.finish(post)

    attempt = await attempt_of(stage, done)
    assert ("PUBLISHED", 1, 0, 0) == (done.state, done.attempt, attempt.faults, attempt.failures)


async def test_a_submit_s_answer_waits_for_its_row(stage: Stage, person: Person) -> None:
    """A vendor's answer to a submit is stored however long the row is locked: there is one submit, and no doubt."""
    post = await stage.post(await stage.connect(), await stage.upload(media.video(30_000)))
    pauses = 0

    async def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 100:
            await person.release()

    async def lock() -> None:
        await person.lock("attempts")

    # More pauses than the minute that a database may be away.
    waiting = replace(stage, domain=replace(stage.domain, sleep=pause))
    during(stage, lock)
    stage.vendor.faults.add(Fault(match="video.init", kind="slow"))

    done = await waiting.finish(post)

    assert ("PUBLISHED", 1, 1) == (done.state, done.attempt, len(stage.vendor.inits))
    assert pauses >= 100


async def test_a_fresh_pair_waits_for_its_row(database_url: str, tmp_path: Path, person: Person) -> None:
    """A token pair that the vendor has just issued is saved when its row is free again; it is exchanged once."""
    async with world_with(database_url, tmp_path, SHORT) as world:
        made = await world.connect("l1")
        world.clock.advance(2 * DAY)
        with capture() as log:
            async with world.holding("oauth.token") as held:
                flying = asyncio.ensure_future(fresh(world, made))
                await held.reached()
                await person.lock("connections")
                held.release()
                await until(lambda: log.getvalue().count("token.save_failed") >= 3)
                await person.release()
            token = await flying

        async with world.domain.db.read() as tx:
            row = await tokens.find(tx, *id_of(made))
        assert row is not None
        assert (2, 2, ["ok"]) == (token.version, row.version, world.exchanges())
