"""The durable queue: procrastinate in the same database and in the same transaction.

Owns how a job gets into the queue.
Does not know what any task does, or when it is due.
"""

from contextlib import nullcontext
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from storage.database import Transaction, normalize, raw_connection

POOL = 2
WORKERS = 3
CONNECTIONS = POOL + WORKERS
"""How many connections a process that runs jobs keeps for the queue: a pool, and one on which each worker listens."""

# Never opened: it only writes jobs through connections that are passed to it.
_ENQUEUER = App(connector=PsycopgConnector())


def queue(url: str, *, max_connections: int = POOL) -> App:
    """Return a procrastinate app with its own pool, for workers; open it with `async with app.open_async()`.

    It prepares no statements: behind a pooler they would be another client's.
    """
    pool: dict[str, Any] = {"min_size": 1, "max_size": max_connections, "kwargs": {"prepare_threshold": None}}
    return App(connector=PsycopgConnector(conninfo=normalize(url), **pool))


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
