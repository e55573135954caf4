"""A change of the encryption key while several processes serve: the runbook's steps, and a key that is missing midway.

Owns the proofs of the section on encryption keys of docs/operations.md.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.domain.connections import verify
from providers.simulators.tiktok import SimulatorConfig, create_app
from socialgateway.v1 import connection_pb2
from storage import attempts, key_rotation
from storage.key_ring import KeyRing
from tests.fixtures import domain, media
from tests.fixtures.clock import Clock
from tests.fixtures.gateway import VENDOR, World, opened
from tests.fixtures.settings import RING
from tests.flows.test_credentials_tokens import fresh
from tests.rpc.answers import assert_error

OLD, NEW = RING, "k2:" + base64.b64encode(b"2" * 32).decode()
VALID = connection_pb2.Connection.VALID


class Replicas:
    """Two gateways over one database, restarted one at a time with other keys."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.clock = Clock()
        self.simulator: Starlette = create_app(VENDOR, clock=self.clock)
        self.starts = 0
        self._database_url, self._folder = database_url, folder
        self._worlds: dict[str, tuple[World, AsyncExitStack]] = {}

    async def restart(self, name: str, ring: str) -> None:
        """Stop a replica, if it runs, and start it with these keys."""
        await self.stop(name)
        self.starts += 1
        stack, folder = AsyncExitStack(), self._folder / f"{name}{self.starts}"
        settings: dict[str, Any] = {"encryption_keys": ring}
        world = await stack.enter_async_context(
            opened(self._database_url, folder, clock=self.clock, simulator=self.simulator, **settings)
        )
        self._worlds[name] = world, stack

    async def stop(self, name: str) -> None:
        """Stop a replica if it runs."""
        if name in self._worlds:
            await self._worlds.pop(name)[1].aclose()

    def __getitem__(self, name: str) -> World:
        return self._worlds[name][0]

    async def check(self) -> None:
        """Let each replica connect a location of its own, and the other use that grant."""
        for one, other in (("a", "b"), ("b", "a")):
            made = await self[one].connect(f"{one}{self.starts}")
            assert VALID == made.status
            await fresh(self[other], made)


@pytest.fixture
async def replicas(database_url: str, tmp_path: Path) -> AsyncIterator[Replicas]:
    """Yield two replicas with the old key."""
    async with _replicas(database_url, tmp_path) as found:
        yield found


@asynccontextmanager
async def _replicas(database_url: str, folder: Path) -> AsyncIterator[Replicas]:
    found = Replicas(database_url, folder)
    try:
        for name in ("a", "b"):
            await found.restart(name, OLD)
        yield found
    finally:
        for name in ("a", "b"):
            await found.stop(name)


async def test_the_runbook_s_key_change_breaks_nothing_at_any_step(replicas: Replicas) -> None:
    """Second everywhere, then first, rewrapped, then alone: after each restart each opens the other's grants."""
    await replicas.check()
    first = await replicas["a"].connect("first")
    for ring in (f"{OLD},{NEW}", f"{NEW},{OLD}"):
        for name in ("a", "b"):
            await replicas.restart(name, ring)
            await replicas.check()
    await key_rotation.rewrap(replicas["a"].domain.db, KeyRing.parse(f"{NEW},{OLD}"))
    assert {"k2"} == set(await key_rotation.count_by_key(replicas["a"].domain.db))
    for name in ("a", "b"):
        await replicas.restart(name, NEW)
        await replicas.check()
        await fresh(replicas[name], first)


async def test_a_consent_that_meets_a_missing_key_is_not_spent(replicas: Replicas) -> None:
    """A replica without the key answers UNAVAILABLE before it uses the state: another completes the consent."""
    await replicas.restart("b", f"{NEW},{OLD}")
    made = await replicas["b"].create("l1")
    query = await replicas["b"].consent(made.authorization.uri)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await replicas["a"].complete(query)

    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
    done = await replicas["b"].complete(query)
    assert (made.name, VALID) == (done.name, done.status)


async def test_a_verification_that_meets_a_missing_key_disturbs_no_other(replicas: Replicas) -> None:
    """The sweeper of a replica without the key leaves that connection for later, and verifies the others."""
    mine = await replicas["a"].connect("l1")
    await replicas.restart("b", f"{NEW},{OLD}")
    other = await replicas["b"].connect("l2")
    async with replicas["a"].domain.db.transaction() as tx:
        await tx.execute(text("UPDATE connections SET verify_at = create_time, last_verify_time = NULL"))

    assert 2 == await verify.sweep(replicas["a"].domain)

    assert (await replicas["a"].get(mine.name)).HasField("last_verify_time")
    assert not (await replicas["a"].get(other.name)).HasField("last_verify_time")


async def test_a_post_that_meets_a_missing_key_waits_without_a_fault(database_url: str, tmp_path: Path) -> None:
    """A worker without the key leaves the post as it is, due soon, however often; one with the key publishes it."""
    config, clock = SimulatorConfig(rate_limits=False, processing_seconds=0), Clock()
    async with (
        domain.opened(database_url, tmp_path / "old", config, clock, encryption_keys=OLD) as old,
        domain.opened(database_url, tmp_path / "new", config, clock, encryption_keys=f"{NEW},{OLD}") as new,
    ):
        post = await new.post(await new.connect(), await new.upload(media.video()))
        states = []
        for _ in range(12):
            row = await old.step(post)
            states.append((row.state, row.error, row.due_at and (row.due_at - clock()).total_seconds()))
            assert row.due_at is not None
            clock.time = row.due_at
        async with old.domain.db.read() as tx:
            attempt = await attempts.find(tx, post.location, post.id, row.attempt)
        done = await new.finish(post)

    assert {("QUEUED", None, 5)} == {(str(state), error, due) for state, error, due in states}
    assert attempt is None or attempt.faults == 0
    assert "PUBLISHED" == done.state
