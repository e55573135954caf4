"""The queue: a job is committed with its transaction or not at all."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.jobs import enqueue, queue


async def jobs(db: Database) -> list[tuple[str, dict[str, Any], str | None]]:
    """Return (task, arguments, lock) of every job."""
    async with db.read() as tx:
        rows = await tx.execute(text("SELECT task_name, args, lock FROM procrastinate_jobs ORDER BY id"))
        return [tuple(row) for row in rows]


async def test_a_job_is_committed_with_its_transaction(database: Database) -> None:
    """A job is invisible before the commit and complete afterwards."""
    async with database.transaction() as tx:
        assert await enqueue(tx, "publish", lock="account-1", location="loc1", post="p1")
        assert [] == await jobs(database)
    assert [("publish", {"location": "loc1", "post": "p1"}, "account-1")] == await jobs(database)


async def test_a_job_is_undone_with_its_transaction(database: Database) -> None:
    """A rolled-back transaction leaves no job."""
    with pytest.raises(KeyError):  # noqa: PT012
        async with database.transaction() as tx:
            await enqueue(tx, "publish")
            raise KeyError
    assert [] == await jobs(database)


async def test_a_waiting_duplicate_is_no_error_and_spoils_nothing(database: Database) -> None:
    """A second job with the same queueing lock is not enqueued, and its transaction continues and commits."""
    async with database.transaction() as tx:
        assert await enqueue(tx, "poll", queueing_lock="poll-1", turn=1)
    async with database.transaction() as tx:
        assert await enqueue(tx, "before")
        assert not await enqueue(tx, "poll", queueing_lock="poll-1", turn=2)
        assert await enqueue(tx, "after")
    assert ["poll", "before", "after"] == [name for name, _, _ in await jobs(database)]


async def test_duplicates_at_the_same_moment_make_one_job(database: Database) -> None:
    """Of many transactions that enqueue the same job, one does so and all commit."""

    async def want() -> bool:
        async with database.transaction() as tx:
            return await enqueue(tx, "poll", queueing_lock="poll-1")

    assert 1 == sum(await asyncio.gather(*(want() for _ in range(8))))
    assert 1 == len(await jobs(database))


async def test_a_worker_runs_what_was_enqueued(database: Database, database_url: str) -> None:
    """The app of `queue` runs the task with the job's arguments."""
    ran: list[str] = []
    app = queue(database_url, max_connections=3)

    @app.task(name="publish")
    async def publish(post: str) -> None:
        ran.append(post)

    async with database.transaction() as tx:
        await enqueue(tx, "publish", post="p1")
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    assert ["p1"] == ran


async def test_a_job_waits_in_the_queue_it_was_given(database: Database) -> None:
    """A job has the name of its queue: a worker of another queue does not get it."""
    async with database.transaction() as tx:
        await enqueue(tx, "publish", queue="hand-overs", queueing_lock="p1")
        await enqueue(tx, "publish")
    async with database.read() as tx:
        rows = await tx.execute(text("SELECT queue_name FROM procrastinate_jobs ORDER BY id"))
        assert ["hand-overs", "default"] == [name for (name,) in rows]
