"""One pool's connections: how they are made, what each transaction is allowed to wait for, and which errors mean what.

Owns the finding that a connection leads through a pooler, which keeps nothing of a session from one transaction to the
next. Does not know transactions, nor what they are for.
"""

import asyncio
import os
import select
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")

RECYCLE_SECONDS = 1800
PATIENT_SECONDS = 60.0
FIRST_ANSWER_SECONDS = 10.0
"""How long a new connection's first query may take: a pooler whose places are all taken accepts every client and lets
it wait.
"""

# SQLSTATE classes of a server that cannot be used now: connection lost, out of resources, shutting down or starting up,
# a transaction that was idle or open for too long.
UNAVAILABLE_STATES = ("08", "53", "57P", "25P03", "25P04")

BUSY_STATES = ("55P03", "40P01", "40001", "57014")
"""SQLSTATEs after which nothing was done and the same may work in a moment: a lock that was not free in time, a
deadlock, a conflict of two transactions, a statement that an operator's own time limit ended.
"""

# The pid that a pooler tells a client at the start is not that of the server's process, which changes anyway.
_FIRST = """
SELECT pg_backend_pid(),
  CASE WHEN pg_backend_pid() = {pid} THEN set_config('lock_timeout', '{lock}', false) END,
  CASE WHEN pg_backend_pid() = {pid} THEN set_config('idle_in_transaction_session_timeout', '{idle}', false) END
"""
_EACH = """
SELECT set_config('lock_timeout', '{lock}', true), set_config('idle_in_transaction_session_timeout', '{idle}', true)
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a transaction may wait for: a lock that others hold, and its own process."""

    lock_seconds: float
    idle_seconds: float

    def fill(self, statement: str, **values: Any) -> str:
        """Return a statement with the limits in milliseconds."""
        return statement.format(
            lock=round(self.lock_seconds * 1000), idle=round(self.idle_seconds * 1000), **values
        ).strip()


class PatientConnection(psycopg.AsyncConnection[Any]):
    """A connection that sleeps until the server says something.

    psycopg's own looks up ten times a second, for a Ctrl-C, which the event loop notices by itself (3.3.9, 2026-11-30):
    for one that listens all day that is most of its cost.
    """

    async def wait(self, gen: PQGen[T], interval: float = PATIENT_SECONDS, timeout: float | None = None) -> T:
        """Await what a generator of psycopg waits for."""
        return await super().wait(gen, interval=interval, timeout=timeout)


class PoolConnection(psycopg.AsyncConnection[Any]):
    """A connection that knows whether it leads through a pooler."""

    pooled = False


def make_engine(conninfo: str, pool_size: int, limits: Limits, *, pooled: bool, checkout_seconds: float) -> AsyncEngine:
    """Return a pool of connections; with `pooled` they lead through a pooler, else each finds out by itself."""

    async def connect() -> PoolConnection:
        connection = await PoolConnection.connect(conninfo, autocommit=True)
        try:
            connection.pooled = await _begin(connection, limits) or pooled
            if connection.pooled:
                # The server's process that knows the statement may serve another client by now.
                connection.prepare_threshold = None
            await connection.set_autocommit(False)
        except BaseException:
            # Also on cancellation: nobody else knows the connection yet.
            await connection.close()
            raise
        return connection

    engine = create_async_engine(
        "postgresql+psycopg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=checkout_seconds,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        # Otherwise SQLAlchemy puts the parameters of a failed statement into the exception, and so into logs.
        hide_parameters=True,
        use_native_hstore=False,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_stale)
    each = limits.fill(_EACH)

    def begin(connection: Connection) -> None:
        raw = raw_of(connection)
        if raw.pooled and not raw.autocommit:
            connection.exec_driver_sql(each)

    event.listen(engine.sync_engine, "begin", begin)
    return engine


def raw_of(connection: Connection) -> PoolConnection:
    """Return the psycopg connection of a SQLAlchemy connection."""
    raw: PoolConnection = connection.connection.driver_connection  # type: ignore[assignment]
    return raw


async def _begin(connection: PoolConnection, limits: Limits) -> bool:
    """Set the limits of a session, and return whether the connection leads through a pooler, where nothing is set.

    Not as connection options: poolers refuse those. And not for a session of a pooler: it would be somebody else's
    with the next transaction.
    """
    pid = connection.info.backend_pid
    first = connection.execute(limits.fill(_FIRST, pid=pid))
    try:
        cursor = await answered(connection, first, FIRST_ANSWER_SECONDS)
    except TimeoutError:
        text = f"no answer within {FIRST_ANSWER_SECONDS:g} s of connecting; if it is a pooler, all its places are taken"
        raise psycopg.OperationalError(text) from None
    row = await cursor.fetchone()
    return row is None or row[0] != pid


async def answered(connection: psycopg.AsyncConnection[Any], query: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return the answer to a query of this connection; close it if there is none within `seconds`, which raises
    TimeoutError, or if the task is cancelled.
    """
    asking = asyncio.ensure_future(query)
    try:
        done, _ = await asyncio.wait((asking,), timeout=seconds)
        if not done:
            raise TimeoutError("the server does not answer")
        return await asking
    finally:
        if not asking.done():
            # Neither cancelled, since psycopg would wait for the server to confirm that, nor closed, since the event
            # loop watches the file: without its line the query ends by itself.
            with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line, suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            await asyncio.wait((asking,))
            asking.exception()


def _refuse_stale(connection: Any, record: Any, proxy: Any) -> None:
    """Detect at checkout that the server has closed the connection, without a round trip.

    An idle connection has nothing to read; a readable one holds the server's last message or the end of the stream.
    SQLAlchemy then empties the pool and reconnects. (A ping would cost 250 µs each time.)
    """
    raw: psycopg.AsyncConnection[Any] = connection.driver_connection
    if raw.closed:
        raise InvalidatePoolError()
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    if poll.poll(0):
        raise InvalidatePoolError()


def is_unavailable(error: DBAPIError | psycopg.Error) -> bool:
    """Return whether the server cannot be used now."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.OperationalError | psycopg.errors.IdleInTransactionSessionTimeout):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(UNAVAILABLE_STATES)


def is_busy(error: DBAPIError | psycopg.Error) -> bool:
    """Return whether the server works and has undone the transaction, which may succeed in a moment."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg.Error) and cause.sqlstate in BUSY_STATES


def reason_of(error: DBAPIError | psycopg.Error) -> str:
    """Return the first line of what libpq or the server said."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0]
