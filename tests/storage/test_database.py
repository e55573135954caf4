"""The pool and its transactions: commit, rollback, and a lost server."""

import asyncio
from typing import cast
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from storage.database import (
    Database,
    DatabaseBusy,
    DatabaseUnavailable,
    Transaction,
    advisory_lock,
    before_commit,
    direct,
    raw_connection,
    try_advisory_lock,
)

# Ends every connection to this database except the one that runs it.
END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def count(db: Database) -> int:
    """Return how many rows the table of these tests has."""
    async with db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM t"))).scalar_one())


@pytest.fixture
async def db(database: Database) -> Database:
    """Return a database with a table `t` that has one unique column."""
    async with database.transaction() as tx:
        await tx.execute(text("CREATE TABLE t (id int PRIMARY KEY)"))
    return database


async def end_connections(url: str) -> None:
    """End all connections to the database, as a restart of the server does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(END_OTHERS)


async def test_a_transaction_commits_at_its_end(db: Database) -> None:
    """Writes are visible to others after the commit, not before."""
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO t VALUES (1)"))
        assert 0 == await count(db)
    assert 1 == await count(db)


async def test_an_exception_undoes_the_transaction(db: Database) -> None:
    """A transaction whose block raises is rolled back, and the exception is passed on unchanged."""
    with pytest.raises(KeyError):  # noqa: PT012
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO t VALUES (1)"))
            raise KeyError
    assert 0 == await count(db)


async def test_a_cancelled_transaction_is_undone_and_gives_its_connection_back(db: Database) -> None:
    """Cancelling a running query leaves neither rows nor a broken pool behind."""

    async def write_and_wait() -> None:
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO t VALUES (1)"))
            await tx.execute(text("SELECT pg_sleep(60)"))

    for _ in range(12):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(write_and_wait(), 0.05)
    assert 0 == await count(db)
    assert 0 == db.engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined]


async def test_what_is_registered_runs_last_and_once(db: Database) -> None:
    """Hooks run after the block, each name once, and in the transaction."""
    order: list[str] = []

    async def hook(tx: Transaction) -> None:
        order.append("hook")
        await tx.execute(text("INSERT INTO t VALUES (2)"))

    async with db.transaction() as tx:
        before_commit(tx, "mine", hook)
        before_commit(tx, "mine", hook)
        order.append("block")
    assert ["block", "hook"] == order
    assert 1 == await count(db)


async def test_a_hook_that_fails_undoes_everything(db: Database) -> None:
    """An event that cannot be written rolls its change back."""

    async def fail(_tx: Transaction) -> None:
        raise KeyError

    with pytest.raises(KeyError):  # noqa: PT012
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO t VALUES (1)"))
            before_commit(tx, "mine", fail)
    assert 0 == await count(db)


async def test_a_read_refuses_what_belongs_to_a_commit(db: Database) -> None:
    """Registering a commit hook on a read raises an error."""
    async with db.read() as tx:
        with pytest.raises(RuntimeError, match="read"):
            before_commit(tx, "mine", lambda _tx: asyncio.sleep(0))


async def test_the_raw_connection_is_in_the_transaction(db: Database) -> None:
    """Work on the psycopg connection is rolled back with the rest."""
    with pytest.raises(KeyError):  # noqa: PT012
        async with db.transaction() as tx:
            await (await raw_connection(tx)).execute("INSERT INTO t VALUES (1)")
            raise KeyError
    assert 0 == await count(db)


async def test_a_restarted_server_is_not_noticed_between_transactions(db: Database, database_url: str) -> None:
    """Pooled connections that the server ended while idle are replaced before anybody uses them."""

    async def hold(number: int) -> None:
        async with db.transaction() as tx:
            await tx.execute(text("SELECT pg_sleep(0.05)"))
            await tx.execute(text(f"INSERT INTO t VALUES ({number})"))

    await asyncio.gather(*(hold(number) for number in range(8)))
    await end_connections(database_url)
    await asyncio.gather(*(hold(number) for number in range(8, 16)))
    assert 16 == await count(db)


async def test_a_server_lost_in_the_middle_is_unavailable(db: Database, database_url: str) -> None:
    """A connection that ends inside a transaction raises DatabaseUnavailable, and the next transaction works."""
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):  # noqa: PT012
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO t VALUES (1)"))
            await end_connections(database_url)
            await tx.execute(text("INSERT INTO t VALUES (2)"))
    assert 0 == await count(db)


async def test_a_broken_statement_is_no_lost_server(db: Database) -> None:
    """Statement errors keep their own type and hide the parameters."""
    with pytest.raises(IntegrityError) as error:  # noqa: PT012
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO t VALUES (1)"))
            await tx.execute(text("INSERT INTO t SELECT 1 WHERE CAST(:v AS text) <> ''"), {"v": "canary-value"})
    assert "canary" not in str(error.value)


async def test_no_server_is_unavailable_without_the_password() -> None:
    """The error names host, port, database and user, but not the password."""
    with pytest.raises(DatabaseUnavailable) as error:
        await Database.connect("postgresql://someone:canary-word@127.0.0.1:1/things")
    assert "127.0.0.1:1, database 'things', user 'someone'" in str(error.value)
    assert "canary" not in repr(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("url", ["nonsense canary-word", "postgresql://u:canary-word@[::1", "mysql://canary-word"])
async def test_a_url_that_is_none_is_unavailable_without_its_text(url: str) -> None:
    """The error does not quote the part of the URL that libpq did not understand."""
    with pytest.raises(DatabaseUnavailable) as error:
        await Database.connect(url)
    assert "canary" not in f"{error.value!r}{error.value.__cause__!r}"


async def test_a_refused_password_is_unavailable(database_url: str) -> None:
    """A wrong password is reported as such."""
    wrong = database_url.replace(urlsplit(database_url).password or "", "canary-word")
    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as error:
        await Database.connect(wrong)
    assert "canary" not in str(error.value)


async def test_a_server_lost_under_the_raw_connection_is_unavailable(db: Database, database_url: str) -> None:
    """A server lost on the raw connection raises DatabaseUnavailable, and the connection is returned to the pool."""
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):  # noqa: PT012
        async with db.transaction() as tx:
            connection = await raw_connection(tx)
            await connection.execute("SELECT 1")
            await end_connections(database_url)
            await connection.execute("SELECT 1")
    assert 0 == db.engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["url", "sqlalchemy", "postgres", "keywords"])
async def test_every_form_of_a_connection_string_connects(database_url: str, form: str) -> None:
    """Accepts URLs as libpq, Heroku and SQLAlchemy write them, and keyword strings."""
    parts = urlsplit(database_url)
    url = {
        "url": database_url,
        "sqlalchemy": database_url.replace("postgresql://", "postgresql+psycopg://"),
        "postgres": database_url.replace("postgresql://", "postgres://"),
        "keywords": f"host={parts.hostname} port={parts.port} dbname={parts.path[1:]} "
        f"user={parts.username} password={parts.password}",
    }[form]
    db = await Database.connect(url, pool_size=1)
    await db.close()
    assert (parts.password or "?") not in repr(db)


async def test_a_full_pool_is_unavailable_after_a_while(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a connection is bounded."""
    monkeypatch.setattr("storage.database.CHECKOUT_SECONDS", 0.05)
    db = await Database.connect(database_url, pool_size=1)
    with pytest.raises(DatabaseUnavailable, match="no connection was free"):  # noqa: PT012
        async with db.read() as first, db.read() as second:
            await first.execute(text("SELECT 1"))
            await second.execute(text("SELECT 1"))
    await db.close()


async def test_an_advisory_lock_is_held_to_the_end_of_the_transaction(db: Database) -> None:
    """No other transaction gets the lock before the commit; another name is another lock."""
    async with db.transaction() as mine, db.transaction() as other:
        await advisory_lock(mine, "a")
        assert not await try_advisory_lock(other, "a")
        assert await try_advisory_lock(other, "b")
    async with db.transaction() as tx:
        assert await try_advisory_lock(tx, "a")


async def test_cancelled_reads_return_their_connections(database: Database) -> None:
    """A read that is cancelled while it checks out its connection leaks none."""

    async def read() -> None:
        async with database.read() as tx:
            await tx.execute(text("SELECT 1"))

    for number in range(150):
        task = asyncio.create_task(read())
        for _ in range(number % 15):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    assert 0 == cast(QueuePool, database.engine.pool).checkedout()


async def test_an_idle_transaction_releases_its_locks(database_url: str) -> None:
    """A transaction that stays idle is ended by the server, and its process gets an error when it continues."""
    frozen = await Database.connect(database_url, idle_seconds=0.1)
    other = await Database.connect(database_url)
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012
        async with frozen.transaction() as tx:
            await advisory_lock(tx, "held")
            async with other.transaction() as waiting:
                await advisory_lock(waiting, "held")
            await tx.execute(text("SELECT 1"))
    async with frozen.transaction() as tx:
        assert 1 == (await tx.execute(text("SELECT 1"))).scalar_one()
    await frozen.close()
    await other.close()


async def test_an_idle_transaction_is_over_on_its_raw_connection_too(database_url: str) -> None:
    """An idle transaction that the server ended raises DatabaseUnavailable on the raw connection too."""
    frozen = await Database.connect(database_url, idle_seconds=0.1)
    other = await Database.connect(database_url)
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012
        async with frozen.transaction() as tx:
            raw = await raw_connection(tx)
            await advisory_lock(tx, "held")
            async with other.transaction() as waiting:
                await advisory_lock(waiting, "held")
            await raw.execute("SELECT 1")
    await frozen.close()
    await other.close()


async def test_a_locked_row_is_busy_after_a_while(database_url: str) -> None:
    """A lock that is not free in time raises DatabaseBusy, undoes the transaction, and gives its connection back."""
    db = await Database.connect(database_url, lock_seconds=0.05)
    other = await Database.connect(database_url)
    async with other.transaction() as held:
        await advisory_lock(held, "a")
        with pytest.raises(DatabaseBusy, match="lock timeout"):
            async with db.transaction() as tx:
                await advisory_lock(tx, "a")
    assert 0 == cast(QueuePool, db.engine.pool).checkedout()
    async with db.transaction() as tx:
        assert await try_advisory_lock(tx, "a")
    await db.close()
    await other.close()


async def test_of_two_that_wait_for_each_other_one_is_busy(database: Database) -> None:
    """A deadlock ends with DatabaseBusy for one of the two, and the other goes on."""
    first_has, second_has = asyncio.Event(), asyncio.Event()

    async def take(names: str, mine: asyncio.Event, theirs: asyncio.Event) -> None:
        async with database.transaction() as tx:
            await tx.execute(text("SET LOCAL lock_timeout = 0"))
            await advisory_lock(tx, names[0])
            mine.set()
            await theirs.wait()
            await advisory_lock(tx, names[1])

    ended = await asyncio.gather(
        take("ab", first_has, second_has), take("ba", second_has, first_has), return_exceptions=True
    )

    [error] = [each for each in ended if each is not None]
    assert isinstance(error, DatabaseBusy)


async def test_a_read_leaves_no_connection_on_which_a_transaction_would_commit_at_once(database: Database) -> None:
    """A connection is in autocommit during a read only; one that cannot be reset is closed."""
    async with database.read() as tx:
        connection, during = direct(tx), direct(tx).autocommit
    assert (True, False) == (during, connection.autocommit)

    async with database.read() as tx:
        connection = direct(tx)
        await connection.execute("BEGIN")
    assert connection.closed
    async with database.transaction() as tx:
        assert not direct(tx).autocommit
