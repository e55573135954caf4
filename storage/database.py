"""Access to PostgreSQL: one pool, short transactions, advisory locks, notifications.

Owns the engine, the hooks that run just before a commit, and the distinction between a lost database and a broken
statement.
Does not know any table.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, NoReturn, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from storage.engine import Limits, is_busy, is_unavailable, make_engine, raw_of, reason_of
from storage.fair import SHARE
from storage.places import NoPlace, Places

Transaction = AsyncSession
"""One transaction (or one read): the first argument of every storage function."""

Hook = Callable[[Transaction], Awaitable[None]]

Observer = Callable[[str], AbstractContextManager[Any]]
"""Returns what a `transaction` or a `read` is measured with."""

_UNOBSERVED: AbstractContextManager[Any] = nullcontext()

CHANNEL = "gateway"
LOCK_SECONDS = 3.0
"""How long a statement waits for a lock that another transaction holds. Ours hold one for milliseconds: after seconds
its owner is frozen, or a person with a console.
"""

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


_CLIENT_ADDRESSES = text(
    "SELECT DISTINCT host(client_addr) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = :application"
)


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached, or the connection was lost: a commit under way may or may not have happened."""


class DatabaseBusy(DatabaseUnavailable):
    """A lock or a connection was not free in time, and nothing of the transaction happened: not now, but soon."""


class Database:
    """A pool of connections to one PostgreSQL database: created by `connect`, closed by `close`."""

    def __init__(self, url: str, engine: AsyncEngine, places: Places) -> None:
        """Use `Database.connect`."""
        self.url = url
        self.engine = engine
        self.pooled = False
        self.observer: Observer = lambda kind: _UNOBSERVED
        # A read needs no BEGIN and ROLLBACK around it: in READ COMMITTED each statement has its own snapshot anyway.
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._places = places
        # Where this process's rows went last, by partitioned table: `storage/partitions.py` looks only when that moves.
        self._partitions: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Database({describe(self.url)})"

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        pool_size: int = 10,
        pooled: bool = False,
        lock_seconds: float = LOCK_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        share: float = SHARE,
    ) -> "Database":
        """Open a pool on any libpq connection string (`postgresql://…` or `host=… dbname=…`) and try a transaction.

        One agency has at most `share` of the connections that others leave. `pooled` says that the address is a
        pooler's, which is also found out. Raises `DatabaseUnavailable`; its text has host, port, database and user,
        never the password.
        """
        conninfo, limits = normalize(url), Limits(lock_seconds, idle_seconds)
        engine = make_engine(conninfo, pool_size, limits, pooled=pooled, checkout_seconds=CHECKOUT_SECONDS)
        db = cls(conninfo, engine, Places(pool_size, share=share))
        try:
            await db._try()
        except BaseException:
            await db.close()
            raise
        return db

    async def _try(self) -> None:
        """Take one transaction, which a pooler may refuse, and remember whether there is a pooler."""
        async with self.transaction() as tx:
            await tx.execute(text("SELECT 1"))
            self.pooled = await (await tx.connection()).run_sync(lambda connection: raw_of(connection).pooled)

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One READ COMMITTED transaction: committed at exit, rolled back when an exception leaves the block.

        Hooks registered with `before_commit` run last. Raises `DatabaseBusy`, and `DatabaseUnavailable` when the
        database is lost.
        """
        info = {"partitions": self._partitions}
        with self.observer("transaction"):
            async with self._session(self.engine, info=info) as tx:
                yield tx
                await tx.flush()
                await _run_hooks(tx)
                await tx.commit()
        for done in tx.info.pop("after_commit", ()):
            done()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A session for SELECTs: each statement sees what was committed when it started. Writing is not allowed."""
        engine = self._reads if self.pooled else self.engine
        with self.observer("read"):
            async with self._session(engine, autoflush=False, info={"reads": True}) as tx, _autocommit(tx):
                yield tx

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine, **options: Any) -> AsyncIterator[Transaction]:
        """Yield a session with a connection, in one of the pool's places for this kind of work."""
        try:
            async with (
                self._places.place(CHECKOUT_SECONDS),
                AsyncSession(engine, expire_on_commit=False, **options) as tx,
            ):
                try:
                    await _checked_out(tx)
                    yield tx
                except psycopg.Error as error:
                    if is_unavailable(error):
                        # The raw connection was lost: SQLAlchemy does not know, and would try to roll back on it.
                        await tx.invalidate()
                    raise
        except NoPlace:
            raise self._no_connection() from None
        except (DBAPIError, psycopg.Error, PoolTimeout) as error:
            self._raise(error)

    def _no_connection(self) -> DatabaseBusy:
        return DatabaseBusy(f"no connection was free within {CHECKOUT_SECONDS} s: {describe(self.url)}")

    def _raise(self, error: DBAPIError | psycopg.Error | PoolTimeout) -> NoReturn:
        if isinstance(error, PoolTimeout):
            raise self._no_connection() from None
        for kind, applies in ((DatabaseUnavailable, is_unavailable), (DatabaseBusy, is_busy)):
            if applies(error):
                raise kind(f"{describe(self.url)}: {reason_of(error)}") from None
        raise error


async def _checked_out(tx: Transaction) -> None:
    """Check a connection out without being interrupted: a cancelled checkout leaves it to the garbage collector."""
    checkout = asyncio.create_task(tx.connection())
    try:
        connection = await asyncio.shield(checkout)
    except asyncio.CancelledError:
        await asyncio.wait([checkout])
        raise
    checked_out = connection.sync_connection
    tx.info["raw"] = raw_of(checked_out) if checked_out is not None else None


@asynccontextmanager
async def _autocommit(tx: Transaction) -> AsyncIterator[None]:
    """Run each statement of the block by itself; SQLAlchemy takes several times as long to set this and reset it.

    Behind a pooler it has done so already, lest it set the limits of a transaction.
    """
    connection = direct(tx)
    if connection.autocommit or not _is_idle(connection):
        yield
        return
    try:
        await connection.set_autocommit(True)
        yield
    finally:
        if _is_idle(connection):
            await connection.set_autocommit(False)
        elif not connection.closed:
            # Nobody may begin a transaction on it.
            await tx.invalidate()


def _is_idle(connection: psycopg.AsyncConnection[Any]) -> bool:
    return connection.info.transaction_status is TransactionStatus.IDLE


def before_commit(tx: Transaction, name: str, hook: Hook) -> None:
    """Run `hook(tx)` right before this transaction commits; a `name` that is already registered is ignored."""
    if tx.info.get("reads"):
        raise RuntimeError("a read was asked to write")
    _hooks(tx).setdefault(name, hook)


def after_commit(tx: Transaction, done: Callable[[], None]) -> None:
    """Call `done` once this transaction has certainly been committed."""
    tx.info.setdefault("after_commit", []).append(done)


async def notify(tx: Transaction, topic: str, key: str) -> None:
    """Notify every `storage.listener.Listener` of `topic` and `key` when this transaction commits."""
    await direct(tx).execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload(topic, key)))


def payload(topic: str, key: str) -> str:
    """Return what a notification of `topic` and `key` says."""
    return f"{topic} {key}"


async def advisory_lock(tx: Transaction, name: str) -> None:
    """Acquire the advisory lock `name` until this transaction ends, waiting if necessary."""
    await direct(tx).execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


async def try_advisory_lock(tx: Transaction, name: str) -> bool:
    """Acquire the advisory lock `name` until this transaction ends; return False at once if it is already held."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    return bool((await tx.execute(query, {"name": name})).scalar_one())


async def client_addresses(tx: Transaction) -> list[str]:
    """Return from which addresses processes of ours use this database now, "this machine" for a Unix socket.

    Behind a pooler they all have the pooler's.
    """
    found = await tx.execute(_CLIENT_ADDRESSES, {"application": CONNECTION_DEFAULTS["application_name"]})
    return sorted({address or "this machine" for address in found.scalars()})


def direct(tx: Transaction) -> psycopg.AsyncConnection[Any]:
    """Return the psycopg connection of this transaction at once, for use outside of savepoints."""
    return cast("psycopg.AsyncConnection[Any]", tx.info["raw"])


async def raw_connection(tx: Transaction) -> psycopg.AsyncConnection[Any]:
    """Return the psycopg connection of this transaction: its work is committed or rolled back with the rest.

    In a savepoint it begins that, which `direct` does not.
    """
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


async def _run_hooks(tx: Transaction) -> None:
    """Run the hooks in the order of their registration; a hook may register others."""
    hooks = _hooks(tx)
    while hooks:
        await hooks.pop(next(iter(hooks)))(tx)


def _hooks(tx: Transaction) -> dict[str, Hook]:
    return cast("dict[str, Hook]", tx.info.setdefault("before_commit", {}))
