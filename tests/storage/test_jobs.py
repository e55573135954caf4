"""The queue: a job is committed with its transaction or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy import text

from storage import migrate
from storage.database import Database
from storage.embedded import EmbeddedServer, start_embedded
from storage.embedded_cluster import stop
from storage.jobs import FALLBACK_SECONDS, NEWS_SECONDS, _Manager, enqueue, queue
from tests.fixtures.waiting import until
from tests.flows.faults import Outage

log = logging.getLogger(__name__)

NEVER = 3600.0
"""Seconds between two polls: what starts sooner was announced."""

LOSSES = ("the queue's notifications are not heard", "the worker ended")
"""What is logged by a worker that has lost the database: it listens, or it fetched a job at that moment."""


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


@asynccontextmanager
async def working(url: str, **options: Any) -> AsyncIterator[list[str]]:
    """Run a worker that practically never polls; yield the posts whose jobs it ran.

    A worker ends when the outage meets it while it fetches a job: like the product's loop, start it again.
    """
    ran: list[str] = []
    app = queue(url, max_connections=3)

    @app.task(name="publish")
    async def publish(post: str) -> None:
        ran.append(post)

    async def work() -> None:
        while True:
            try:
                await app.run_worker_async(
                    queues=["hand-overs"], fetch_job_polling_interval=NEVER, install_signal_handlers=False, **options
                )
            except ConnectorException as error:
                log.warning("the worker ended: %s", error)
            await asyncio.sleep(0.1)

    async with app.open_async():
        worker = asyncio.create_task(work())
        try:
            yield ran
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker


async def hand_over(db: Database, post: str) -> None:
    """Enqueue a job."""
    async with db.transaction() as tx:
        await enqueue(tx, "publish", queue="hand-overs", post=post)


async def listens(db: Database) -> bool:
    """Return whether anybody listens for jobs."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with db.read() as tx:
        return bool((await tx.execute(text(query))).scalar_one())


async def test_a_worker_listens_again_after_an_outage(
    database: Database, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that is enqueued after the database was away starts by notification, without a poll."""
    outage = Outage(database_url)
    async with working(database_url) as ran:
        await until(lambda: listens(database))
        await hand_over(database, "before")
        await until(lambda: ran == ["before"])
        try:
            outage.begin()
            await until(lambda: any(loss in caplog.text for loss in LOSSES))
        finally:
            outage.end()
        await until(lambda: listens(database))
        await hand_over(database, "after")
        await until(lambda: ran == ["before", "after"])


async def blocked(db: Database) -> int | None:
    """Return the backend that waits for a lock, if there is one."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with db.read() as tx:
        return (await tx.execute(text(query))).scalar()


async def test_a_heartbeat_that_fails_is_not_the_last(database: Database, database_url: str) -> None:
    """A connection that dies under a heartbeat does not stop a worker's heart: its jobs stay its own."""

    async def last() -> Any:
        async with database.read() as tx:
            return (await tx.execute(text("SELECT max(last_heartbeat) FROM procrastinate_workers"))).scalar()

    async def is_blocked() -> bool:
        return await blocked(database) is not None

    async with working(database_url, update_heartbeat_interval=0.05):
        await until(lambda: listens(database))
        async with database.transaction() as tx:
            await tx.execute(text("LOCK TABLE procrastinate_workers IN EXCLUSIVE MODE"))
            await until(is_blocked)
            await tx.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": await blocked(database)})
        before = await last()

        async def goes_on() -> bool:
            return bool(await last() > before)

        await until(goes_on)


@pytest.mark.chaos
async def test_a_worker_listens_again_after_a_restart_of_postgresql(tmp_path: Path) -> None:
    """The same with a server that is stopped and started."""
    server: EmbeddedServer = await start_embedded(tmp_path, fsync=False)
    try:
        db = await Database.connect(server.url)
        await migrate.upgrade(db)
        async with working(server.url) as ran:
            await until(lambda: listens(db))
            await asyncio.to_thread(stop, server._cluster)
            await server.revive()
            await until(lambda: listens(db))
            await hand_over(db, "after")
            await until(lambda: ran == ["after"])
        await db.close()
    finally:
        await server.release()


async def test_without_news_jobs_are_asked_for_seldom(database: Database, database_url: str) -> None:
    """A worker that asks again and again asks the database now and then, until there is news."""
    now = 0.0
    app = queue(database_url)
    app.job_manager = _Manager(app.connector, lambda: now)

    async def free() -> Job | None:
        return await app.job_manager.fetch_job(["hand-overs"], worker)

    async with app.open_async():
        worker = await app.job_manager.register_worker()
        await hand_over(database, "first")
        first = await free()
        assert first is not None
        now += NEWS_SECONDS + 1
        assert await free() is None
        await hand_over(database, "unheard")
        now += FALLBACK_SECONDS / 2
        assert await free() is None
        await app.job_manager.finish_job(first, Status.SUCCEEDED, True)
        second = await free()
        assert second is not None
        now += NEWS_SECONDS + 1
        assert await free() is None
        await hand_over(database, "unheard too")
        now += FALLBACK_SECONDS
        assert await free() is not None


async def test_a_fetch_does_not_read_all_locks(database: Database) -> None:
    """Among thousands of jobs a fetch touches a handful of blocks: it finds a job's lock by an index of its own."""
    many = """
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args)
        SELECT 'q', 't', 0, 'lock' || i, '{}' FROM generate_series(1, 20000) AS i
    """
    fetch = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM procrastinate_fetch_job_v2(ARRAY['q'], NULL)"
    async with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text(many))
        await connection.execute(text("ANALYZE procrastinate_jobs"))
        plans = [(await connection.execute(text(fetch))).scalar_one()[0]["Plan"] for _ in range(3)]
    # The first also reads the catalog.
    assert plans[-1]["Shared Hit Blocks"] + plans[-1]["Shared Read Blocks"] < 60
