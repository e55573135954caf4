"""(f) What it costs to fetch the next work while a hundred thousand posts, or jobs, wait.

Owns the rows. The statements are those of the product and of its queue; what they take is given back.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from gateway.clock import now
from storage import posts
from storage.database import Database
from storage.fair import FairPlaces
from storage.jobs import queue
from tests.bench.rounds import at_most
from tests.bench.scale.ground import copy, in_turns, quantile, sized
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.fixtures.rows import post_row

ROUNDS = 400
FETCHED = 8
LOCATIONS = 1000
QUEUE = "webhooks"


async def fill(db: Database, size: int) -> None:
    """Write posts that are due, in a thousand locations, and as many jobs."""
    time = now() - timedelta(minutes=1)
    async with db.transaction() as tx:
        await posts.insert(tx, post_row(time, due_at=time, location="l0"))
    changes = f"jsonb_build_object('location', 'l' || i % {LOCATIONS}, 'id', 'p' || i)"
    await copy(db, "posts", size, changes)
    jobs = f"""
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        SELECT '{QUEUE}', 'deliver', 0, 'lock' || i, 'lock' || i, '{{}}' FROM generate_series(1, :count) AS i
    """
    async with db.transaction() as tx:
        await tx.execute(text(jobs), {"count": size})


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Take posts that are due, as workers do, and fetch jobs, in each database in turn."""
    async with sized(bench, sizes, fill, tell) as databases:
        tell(f"{ROUNDS} fetches of {FETCHED} posts in each")
        until = now() + timedelta(minutes=1)

        async def take(db: Database, number: int) -> None:
            places = FairPlaces(FETCHED)
            async with db.read() as tx:
                due = await posts.HAND_OVERS.find(tx, now(), FETCHED + 1)
            turns = [(tenant.location, id) for tenant, id in places.reserve(due)]
            async with db.transaction() as tx:
                assert len(await posts.take_due(tx, turns, now(), until)) == FETCHED
                await tx.rollback()

        took = await in_turns(take, databases, ROUNDS)
        tell(f"{ROUNDS} fetches of a job in each")
        jobs = await _jobs(databases)
    lines = []
    for name, times in (("Taking 8 due posts", took), ("Fetching a job", jobs)):
        for word, share in (("median", 0.5), ("p99", 0.99)):
            figures = tuple(quantile(each, share) for each in times)
            target = at_most(1.2) if word == "median" else None
            lines.append(Line("f", f"{name}, {word}", "ms", tuple(sizes), figures, target, ratio=True))
    return lines


async def _jobs(databases: Sequence[Database]) -> list[list[float]]:
    apps: dict[Any, Any] = {}
    for db in databases:
        app = queue(db.url)
        await app.open_async()
        apps[db] = app, await app.job_manager.register_worker()

    async def fetch(db: Database, number: int) -> None:
        app, worker = apps[db]
        assert await app.job_manager.fetch_job([QUEUE], worker) is not None

    try:
        return await in_turns(fetch, databases, ROUNDS)
    finally:
        for app, _ in apps.values():
            await app.close_async()
