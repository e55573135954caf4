"""The durable queue: procrastinate in the same database and in the same transaction.

Owns how a job gets into the queue.
Does not know what any task does, or when it is due: the sweeper does.
"""

from contextlib import nullcontext
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from storage.database import Transaction, normalize, raw_connection

# Never opened: it only writes jobs through connections it is handed.
_ENQUEUER = App(connector=PsycopgConnector())


def queue(url: str, *, max_connections: int = 10) -> App:
    """Return a procrastinate app on a pool of its own for workers; open it with `async with app.open_async()`."""
    return App(connector=PsycopgConnector(conninfo=normalize(url), min_size=1, max_size=max_connections))


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

    `lock`: jobs of one lock run one after another. `queueing_lock`: at most one such job waits; gives False when one
    did already.
    `args` must be JSON and hold no secret (they are plain text in the database).
    """
    await tx.flush()
    try:
        # A second job of one queueing lock breaks a unique index, and that would end the caller's transaction.
        async with tx.begin_nested() if queueing_lock is not None else nullcontext():
            # Asked for inside the block: that is what makes SQLAlchemy set the savepoint.
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
        # "Database error." says nothing: what is behind it tells a lost server from a missing table.
        raise (error.__cause__ or error) from None
    return True
