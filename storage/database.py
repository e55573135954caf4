"""Access to PostgreSQL: one pool, short transactions, advisory locks, notifications.

Owns the engine, the hooks that run just before a commit, and the distinction between a lost database and a broken
statement.
Does not know any table.
"""

import asyncio
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

Transaction = AsyncSession
"""One transaction (or one read): the first argument of every storage function."""

Hook = Callable[[Transaction], Awaitable[None]]

CHANNEL = "gateway"
RECYCLE_SECONDS = 1800
IDLE_SECONDS = 30.0
"""How long a transaction may be idle before the server ends it: a process that was frozen in the middle of one would
keep rows and locks until it wakes up, while its connection still looks alive. Our transactions wait for nothing but the
database.
"""

CHECKOUT_SECONDS = 10

# Defaults of every connection, which the URL may override: a peer that vanished silently is noticed within half a
# minute.
CONNECTION_DEFAULTS = {
    "application_name": "social-gateway",
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

# SQLSTATE classes of a server that cannot be used now: connection lost, out of resources, shutting down or starting up.
UNAVAILABLE_STATES = ("08", "53", "57P", "25P03")


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached, or the connection was lost: a commit under way may or may not have happened."""


class Database:
    """A pool of connections to one PostgreSQL database: created by `connect`, closed by `close`."""

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        """Use `Database.connect`."""
        self.url = url
        self.engine = engine
        # A read needs no BEGIN and ROLLBACK around it: in READ COMMITTED each statement has its own snapshot anyway.
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")

    def __repr__(self) -> str:
        return f"Database({describe(self.url)})"

    @classmethod
    async def connect(cls, url: str, *, pool_size: int = 10, idle_seconds: float = IDLE_SECONDS) -> "Database":
        """Open a pool on any libpq connection string (`postgresql://…` or `host=… dbname=…`) and run one query.

        Raises `DatabaseUnavailable`; its text has host, port, database and user, never the password.
        """
        conninfo = normalize(url)
        db = cls(conninfo, _engine(conninfo, pool_size, idle_seconds))
        try:
            async with db.read() as tx:
                await tx.execute(text("SELECT 1"))
        except BaseException:
            await db.close()
            raise
        return db

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One READ COMMITTED transaction: committed at exit, rolled back when an exception leaves the block.

        Hooks registered with `before_commit` run last. Raises `DatabaseUnavailable` when the database is lost.
        """
        async with AsyncSession(self.engine, expire_on_commit=False) as tx:
            try:
                yield tx
                await tx.flush()
                for hook in _hooks(tx).values():
                    await hook(tx)
                await tx.commit()
            except (DBAPIError, psycopg.Error, PoolTimeout) as error:
                if isinstance(error, psycopg.Error) and _is_unavailable(error):
                    # The raw connection was lost: SQLAlchemy does not know, and would try to roll back on it.
                    await tx.invalidate()
                self._raise(error)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A session for SELECTs: each statement sees what was committed when it started. Writing is not allowed."""
        async with AsyncSession(self._reads, expire_on_commit=False, autoflush=False, info={"reads": True}) as tx:
            try:
                await _checked_out(tx)
                yield tx
            except (DBAPIError, psycopg.Error, PoolTimeout) as error:
                self._raise(error)

    def _raise(self, error: DBAPIError | psycopg.Error | PoolTimeout) -> NoReturn:
        if isinstance(error, PoolTimeout):
            busy = f"no connection was free within {CHECKOUT_SECONDS} s: {describe(self.url)}"
            raise DatabaseUnavailable(busy) from None
        if _is_unavailable(error):
            raise DatabaseUnavailable(f"{describe(self.url)}: {_reason(error)}") from None
        raise error


async def _checked_out(tx: Transaction) -> None:
    """Check a connection out without being interrupted: a cancelled checkout leaves it to the garbage collector."""
    checkout = asyncio.create_task(tx.connection())
    try:
        _ = await asyncio.shield(checkout)
    except asyncio.CancelledError:
        await asyncio.wait([checkout])
        raise


def before_commit(tx: Transaction, name: str, hook: Hook) -> None:
    """Run `hook(tx)` right before this transaction commits; a `name` that is already registered is ignored."""
    if tx.info.get("reads"):
        raise RuntimeError("a read was asked to write")
    _hooks(tx).setdefault(name, hook)


async def notify(tx: Transaction, topic: str, key: str) -> None:
    """Notify every `storage.listener.Listener` of `topic` and `key` when this transaction commits."""
    await tx.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": f"{topic} {key}"})


async def advisory_lock(tx: Transaction, name: str) -> None:
    """Acquire the advisory lock `name` until this transaction ends, waiting if necessary."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


async def try_advisory_lock(tx: Transaction, name: str) -> bool:
    """Acquire the advisory lock `name` until this transaction ends; return False at once if it is already held."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    return bool((await tx.execute(query, {"name": name})).scalar_one())


async def raw_connection(tx: Transaction) -> psycopg.AsyncConnection[Any]:
    """Return the psycopg connection of this transaction: its work is committed or rolled back with the rest."""
    proxy = await (await tx.connection()).get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", proxy.driver_connection)


def normalize(url: str) -> str:
    """Return `url` as a libpq connection string with our defaults. Raises `DatabaseUnavailable` if it is malformed."""
    scheme, separator, rest = url.partition("://")
    plain = f"{scheme.partition('+')[0]}{separator}{rest}" if separator else url
    try:
        given = conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        # Not chained: libpq quotes the part that it did not understand, which may be the password.
        raise DatabaseUnavailable("the database URL is not a PostgreSQL connection string") from None
    return make_conninfo(plain, **{key: value for key, value in CONNECTION_DEFAULTS.items() if key not in given})


def describe(url: str) -> str:
    """Describe the database behind `url` for logs and errors: everything that identifies it and is not secret."""
    parts = conninfo_to_dict(url)
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    port = parts.get("port") or 5432
    return f"PostgreSQL at {host}:{port}, database {parts.get('dbname')!r}, user {parts.get('user')!r}"


def _engine(conninfo: str, pool_size: int, idle_seconds: float) -> AsyncEngine:
    idle = f"SET idle_in_transaction_session_timeout = {round(idle_seconds * 1000)}"

    async def connect() -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        try:
            # Not a connection option: connection poolers refuse those.
            await connection.execute(idle)
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
        pool_timeout=CHECKOUT_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        # Otherwise SQLAlchemy puts the parameters of a failed statement into the exception, and so into logs.
        hide_parameters=True,
        use_native_hstore=False,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_stale)
    return engine


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


def _hooks(tx: Transaction) -> dict[str, Hook]:
    return cast("dict[str, Hook]", tx.info.setdefault("before_commit", {}))


def _is_unavailable(error: DBAPIError | psycopg.Error) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.OperationalError | psycopg.errors.IdleInTransactionSessionTimeout):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(UNAVAILABLE_STATES)


def _reason(error: DBAPIError | psycopg.Error) -> str:
    """Return the first line of what libpq or the server said."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0]
