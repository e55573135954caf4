"""The durable queue: procrastinate in the same database and in the same transaction.

Owns how a job gets into the queue, and that a worker survives an outage of the database.
Does not know what any task does, or when it is due.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.connector import BaseConnector, Notify
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import AsyncConnection

from storage.database import Transaction, normalize, raw_connection
from storage.engine import PatientConnection

POOL = 2
WORKERS = 2
CONNECTIONS = POOL + WORKERS
"""How many connections a process that runs jobs keeps for the queue: a pool, and one on which each worker listens."""

# Never opened: it only writes jobs through connections that are passed to it.
_ENQUEUER = App(connector=PsycopgConnector())


log = logging.getLogger(__name__)

LISTEN_AGAIN_SECONDS = 1.0
NEWS_SECONDS = 10.0
"""How long after a notification, or the end of a job, more jobs are expected."""

TICK_SECONDS = 0.5
"""Half of the time between two questions of a worker: a little early is better than one question late."""

FALLBACK_SECONDS = 5.0
"""How long a job waits at most whose notification was lost."""


class _Connector(PsycopgConnector):
    """A connector that listens again, however often the connection is lost and cannot be made anew.

    A worker ends its listener for good at the first attempt that fails, and does not notice, because the task that
    watches it ends with the deferrer of periodic tasks, of which we have none (procrastinate 3.10.0, read 2026-11-30).
    """

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Pass notifications on until the task is cancelled."""
        names = list(channels)
        while True:
            try:
                await super().listen_notify(on_notification, names)
            except ConnectorException as error:
                log.warning("the queue's notifications are not heard: %s", _first_line(error.__cause__ or error))
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)


class _Manager(JobManager):
    """A manager that seldom asks for jobs when none are to be expected, and whose heartbeats may fail.

    A worker asks every second, for the job that it is not told of: one whose lock another job had when it was inserted.
    That one is about to end, so it is asked for as often as the worker likes while there is news of its queues, and
    every FALLBACK_SECONDS otherwise.
    """

    def __init__(self, connector: BaseConnector, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Expect jobs at first."""
        super().__init__(connector)
        self._monotonic = monotonic
        self._news = monotonic()
        self._asked: dict[int, float] = {}

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Return a job that may run now, or None: then there is none, or none was looked for."""
        now = self._monotonic()
        if (
            now - self._news > NEWS_SECONDS
            and now - self._asked.get(worker_id, -math.inf) < FALLBACK_SECONDS - TICK_SECONDS
        ):
            return None
        self._asked[worker_id] = now
        job = await super().fetch_job(queues, worker_id)
        if job is not None:
            self._news = now
        return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Finish a job, whose lock the next one may have waited for."""
        await super().finish_job(job, status, delete_job)
        self._news = self._monotonic()

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Pass notifications on until the task is cancelled."""

        async def on_news(*, channel: str, notification: Notification) -> None:
            self._news = self._monotonic()
            await on_notification(channel=channel, notification=notification)

        await super().listen_for_jobs(on_notification=on_news, queues=queues)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Write one heartbeat, or log that it failed: the next one follows.

        Otherwise a worker's heart stops at the first that fails, for the same reason as its listener, and all of its
        jobs are taken for those of a dead worker.
        """
        try:
            await super().update_heartbeat(worker_id)
        except ConnectorException as error:
            log.warning("a worker's heartbeat was not written: %s", _first_line(error.__cause__ or error))


def queue(url: str, *, max_connections: int = POOL) -> App:
    """Return a procrastinate app with its own pool, for workers; open it with `async with app.open_async()`.

    It prepares no statements: behind a pooler they would be another client's. Each of its statements stands alone, so
    none needs a transaction around it.
    """
    pool: dict[str, Any] = {"min_size": 1, "max_size": max_connections, "kwargs": {"prepare_threshold": None}}
    pool |= {"connection_class": PatientConnection, "configure": _without_transactions}
    app = App(connector=_Connector(conninfo=normalize(url), **pool))
    app.job_manager = _Manager(app.connector)
    return app


async def _without_transactions(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


async def enqueue(
    tx: Transaction,
    task: str,
    *,
    queue: str = "default",
    lock: str | None = None,
    queueing_lock: str | None = None,
    priority: int = 0,
    **args: Any,
) -> bool:
    """Put job `task(**args)` into the queue with this transaction: committed with it, or not at all.

    Jobs with the same `lock` run one after another. At most one job per `queueing_lock` waits; return False when one
    already does. `args` must be JSON without secrets, because they are plain text in the database.
    """
    await tx.flush()
    try:
        # A second job of one queueing lock violates a unique index, which would abort the caller's transaction.
        async with tx.begin_nested() if queueing_lock is not None else nullcontext():
            # Requested inside the block: that is what makes SQLAlchemy set the savepoint.
            connection = await raw_connection(tx)
            deferrer = _ENQUEUER.configure_task(
                task,
                queue=queue,
                lock=lock,
                queueing_lock=queueing_lock,
                priority=priority,
                connection=connection,
            )
            await deferrer.defer_async(**args)
    except AlreadyEnqueued:
        return False
    except ConnectorException as error:
        # "Database error." says nothing; its cause distinguishes a lost server from a missing table.
        raise (error.__cause__ or error) from None
    return True
