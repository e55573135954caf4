"""The sweeper and the workers: what is due runs, what a dead worker held is freed, what is old goes.

Owns the proofs of `gateway/jobs`. The vendor is simulated, the queue and the database are real.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.domain.concurrency import LEASE
from gateway.domain.media import addresses, upload_sweep
from gateway.jobs import sweep
from gateway.jobs.runner import Jobs, JobsConfig
from providers.simulators.tiktok import SimulatorConfig
from socialgateway.v1 import connection_pb2
from storage import idempotency, jobs, partitions
from storage.idempotency import IdempotencyRow
from storage.jobs import queue
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import Stage, opened, take_due
from tests.fixtures.gateway import World
from tests.fixtures.waiting import until

DATA = media.video()


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet and quick vendor."""
    config = SimulatorConfig(rate_limits=False, processing_seconds=0)
    async with opened(database_url, tmp_path, config) as opened_stage:
        yield opened_stage


async def queued(stage: Stage) -> PostRow:
    """Create a post on a connected account."""
    account = await stage.connect()
    return await stage.post(account, await stage.upload(DATA))


async def statuses(stage: Stage) -> list[str]:
    """Return the status of every job in the queue."""
    async with stage.domain.db.read() as tx:
        rows = await tx.execute(text("SELECT status::text FROM procrastinate_jobs ORDER BY id"))
        return [status for (status,) in rows]


async def test_workers_carry_a_post_to_its_end(stage: Stage) -> None:
    """With workers running, a created post is published without anybody asking, and its jobs leave the queue."""
    jobs = Jobs(stage.domain, JobsConfig(sweep=0.05))
    await jobs.start()
    try:
        post = await queued(stage)

        async def published() -> bool:
            stage.clock.advance(timedelta(seconds=1))
            return (await stage.read(post)).state == "PUBLISHED"

        await until(published)
        await until(lambda: jobs.healthy)
    finally:
        await jobs.stop(5)

    assert 1 == len(stage.vendor.posts)


async def test_grants_are_renewed_and_connections_verified_by_themselves(gateway: World) -> None:
    """A day later the loop has exchanged the token once and verified the connection, without anybody asking."""
    made = await gateway.connect()
    jobs = Jobs(gateway.domain, JobsConfig(connections=0.05))
    await jobs.start()
    try:
        gateway.clock.advance(timedelta(days=1))

        async def verified() -> bool:
            return (await gateway.get(made.name)).last_verify_time.ToDatetime(UTC) == gateway.clock()

        await until(verified)
        await asyncio.sleep(0.2)
    finally:
        await jobs.stop(5)

    now = await gateway.get(made.name)
    assert (["ok"], connection_pb2.Connection.VALID) == (gateway.exchanges(), now.status)
    assert gateway.clock() + timedelta(days=1) == now.access_expire_time.ToDatetime(UTC)


async def taken(stage: Stage) -> list[str]:
    """Take the posts that are due, as a process does that dies with them."""
    return [row.id for row in await take_due(stage.domain)]


async def test_a_post_whose_process_died_is_found_again(stage: Stage) -> None:
    """A post is taken once; when its lease is over, and nothing came of it, it is taken again."""
    post = await queued(stage)
    found = [await taken(stage), await taken(stage)]
    stage.clock.advance(LEASE)
    found.append(await taken(stage))

    assert [[post.id], [], [post.id]] == found


async def enqueue(stage: Stage, post: PostRow) -> None:
    """Enqueue a step of the post, as processes of earlier versions do."""
    async with stage.domain.db.transaction() as tx:
        name = f"post|{post.location}|{post.id}"
        target = {"location": post.location, "post": post.id}
        await jobs.enqueue(tx, "publish", queue="hand-overs", lock=name, queueing_lock=name, **target)  # type: ignore[arg-type]


async def test_a_job_of_a_dead_worker_is_freed_although_another_waits_behind_it(stage: Stage) -> None:
    """A job that a dead worker held blocks nobody: it goes, its post is due at once, the one that waited can run."""
    post = await queued(stage)
    await enqueue(stage, post)
    app = queue(stage.domain.db.url)
    async with app.open_async():
        worker = await app.job_manager.register_worker()
        held = await app.job_manager.fetch_job(queues=None, worker_id=worker)
        await enqueue(stage, post)
        async with stage.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))
        before = await statuses(stage)
        await sweep.stalled(app, stage.domain, 10)
        free = await app.job_manager.fetch_job(queues=None, worker_id=await app.job_manager.register_worker())

    assert held is not None
    assert ["doing", "todo"] == before
    assert free is not None
    assert stage.clock() == (await stage.read(post)).due_at


async def test_a_worker_that_lives_keeps_its_jobs(stage: Stage) -> None:
    """Only silence frees a job."""
    await enqueue(stage, await queued(stage))
    app = queue(stage.domain.db.url)
    async with app.open_async():
        await app.job_manager.fetch_job(queues=None, worker_id=await app.job_manager.register_worker())
        await sweep.stalled(app, stage.domain, 10)

    assert ["doing"] == await statuses(stage)


async def test_request_ids_are_kept_for_thirty_days_and_the_rest_of_a_week(stage: Stage) -> None:
    """An id claimed 30 days ago is still known; it goes with its week."""
    row = IdempotencyRow(
        agency="a", location="l", method="m", request_id="r", body_hash=b"", resource="x", create_time=stage.clock()
    )
    async with stage.domain.db.transaction() as tx:
        await idempotency.claim(tx, row)
    stage.clock.advance(sweep.IDEMPOTENCY_RETENTION)
    await sweep.old(stage.domain)
    async with stage.domain.db.read() as tx:
        kept = await idempotency.find(tx, "a", "l", "m", "r")
    stage.clock.advance(partitions.WEEK)
    await sweep.old(stage.domain)
    async with stage.domain.db.read() as tx:
        gone = await idempotency.find(tx, "a", "l", "m", "r")

    assert kept is not None
    assert gone is None


async def test_what_runs_seldom_does_not_wait_for_each_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store of uploads cannot be listed and addresses cannot be sealed, agencies' bytes are still counted."""

    async def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(upload_sweep, "orphans", fail)
    monkeypatch.setattr(addresses, "hide_earlier", fail)
    await queued(stage)
    async with stage.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE agencies SET upload_bytes = 999"))
    jobs = Jobs(stage.domain, JobsConfig(sweep=0.05))
    await jobs.start()
    try:

        async def counted() -> bool:
            async with stage.domain.db.read() as tx:
                return [len(DATA)] == list((await tx.execute(text("SELECT upload_bytes FROM agencies"))).scalars())

        await until(counted)
    finally:
        await jobs.stop()
