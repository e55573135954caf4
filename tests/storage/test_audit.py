"""The audit log: rows are never changed, replicas seal them in one chain, and whatever is taken out shows.

Owns the chain and its verification, with the hands of somebody who owns the database. Which calls leave rows is
tests/security/test_audit_calls.py.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from gateway.audit import chain
from gateway.audit.seal import drop_old, seal_all
from gateway.audit.verify import Known, Report, verify
from storage import audit
from storage.audit import AuditEntry
from storage.database import Database
from storage.states import AuditOutcome
from tests.fixtures.clock import START

SECRET = b"s" * 32
TODAY = chain.midnight(START)
DAY = timedelta(days=1)


def entry(name: str, time: datetime = START) -> AuditEntry:
    """Return an entry about a post."""
    resource = f"locations/l1/posts/{name}"
    return AuditEntry(time, "acme", "k1", "/Post/Cancel", resource, "", "ipv4:1", name, AuditOutcome.COMMITTED, "")


async def write(db: Database, *names: str) -> None:
    """Write an entry for each name, each in a transaction of its own."""
    for name in names:
        async with db.transaction() as tx:
            await audit.insert(tx, entry(name))


async def seal(db: Database, now: datetime = START) -> int:
    """Seal what is there at a time."""
    return await seal_all(db, SECRET, lambda: now)


async def three_days(db: Database) -> None:
    """Write and seal three rows on each of three days."""
    for day in range(3):
        await write(db, *(f"p{day}{each}" for each in range(3)))
        assert 3 == await seal(db, START + day * DAY)


async def tamper(db: Database, *statements: str) -> None:
    """Do as the owner of the tables can: with the triggers out of the way."""
    async with db.transaction() as tx:
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await tx.execute(text(statement))


async def found(db: Database, **known: Known) -> list[str]:
    """Return what verifying finds."""
    return (await verify(db, SECRET, {name.replace("_", "-")[1:]: value for name, value in known.items()})).findings


async def sealed(db: Database, day: datetime) -> list[audit.Sealed]:
    """Return the rows of a day."""
    return [row async for row in audit.read_day(db, day)]


async def test_rows_are_sealed_in_one_chain(database: Database) -> None:
    """Each row follows the one before it, a day's first the last of the day before, and nothing is wrong."""
    await three_days(database)
    assert [] == await found(database)
    hash = chain.BEGINNING
    for day in range(3):
        rows = await sealed(database, TODAY + day * DAY)
        assert [(1, f"p{day}0"), (2, f"p{day}1"), (3, f"p{day}2")] == [(r.number, r.entry.request_id) for r in rows]
        for row in rows:
            hash = chain.next_hash(hash, row.day, row.number, row.entry)
            assert hash == row.hash


async def test_what_was_rolled_back_leaves_no_row(database: Database) -> None:
    """A row exists exactly if the change that it is about does."""

    async def fail() -> None:
        async with database.transaction() as tx:
            await audit.insert(tx, entry("undone"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert 0 == await seal(database)


async def test_a_commit_that_took_long_is_sealed_later(database: Database) -> None:
    """A row that others overtook gets its place when it is committed: none is left out, whatever the order."""
    async with database.transaction() as slow:
        await audit.insert(slow, entry("slow"))
        await write(database, "fast")
        assert 1 == await seal(database)
    assert 1 == await seal(database)
    assert ["fast", "slow"] == [row.entry.request_id for row in await sealed(database, TODAY)]
    assert [] == await found(database)


async def test_replicas_that_write_and_seal_at_once_make_one_chain(database: Database) -> None:
    """Writers wait for nobody; two sealers at once give each row one place."""
    other = await Database.connect(database.url)
    names = [f"n{each}" for each in range(40)]
    await asyncio.gather(*(write(db, *names[start::4]) for start in range(4) for db in [(database, other)[start % 2]]))
    sealing = [seal(db) for db in (database, other) for _ in range(3)]
    assert 40 == sum(await asyncio.gather(*sealing)) + await seal(database)
    await other.close()
    rows = await sealed(database, TODAY)
    assert sorted(names) == sorted(row.entry.request_id for row in rows)
    assert list(range(1, 41)) == [row.number for row in rows]
    assert [] == await found(database)


async def test_a_clock_that_is_set_back_does_not_go_back_a_day(database: Database) -> None:
    """A day that is over gets no rows any more."""
    await write(database, "a")
    await seal(database, START + DAY)
    await write(database, "b")
    await seal(database, START)
    assert 2 == len(await sealed(database, TODAY + DAY))
    assert [] == await found(database)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET reason = 'other'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_unsealed SET reason = 'other'",
        "DELETE FROM audit_unsealed",
        "TRUNCATE audit_unsealed",
    ],
)
async def test_rows_cannot_be_changed_or_deleted(database: Database, statement: str) -> None:
    """The database refuses it, also of rows that are not sealed yet."""
    await write(database, "a")
    await seal(database)
    await write(database, "b")
    with pytest.raises(Exception, match="append-only") as refused:
        async with database.transaction() as tx:
            await tx.execute(text(statement))
    assert isinstance(getattr(refused.value, "orig", None), psycopg.errors.InsufficientPrivilege)


@dataclass(frozen=True)
class Tampering:
    """What somebody does to the log, and a part of what must be found."""

    does: Sequence[str]
    finds: str


MIDDLE = f"'{TODAY + DAY:%Y-%m-%d} 00:00+00'"
LAST = f"'{TODAY + 2 * DAY:%Y-%m-%d} 00:00+00'"
TAMPERINGS = {
    "a changed row": Tampering([f"UPDATE audit SET actor = 'k2' WHERE day = {MIDDLE} AND number = 2"], "row 2 is not"),
    "a changed hash": Tampering([f"UPDATE audit SET hash = 'x' WHERE day = {MIDDLE} AND number = 3"], "row 3 is not"),
    "an outcome that does not exist": Tampering([f"UPDATE audit SET outcome = '?' WHERE day = {LAST}"], "row 1 is not"),
    "a row taken out": Tampering([f"DELETE FROM audit WHERE day = {MIDDLE} AND number = 2"], "row 2 is missing"),
    "the first row of a day": Tampering([f"DELETE FROM audit WHERE day = {MIDDLE} AND number = 1"], "row 1 is missing"),
    "the last row of a day": Tampering([f"DELETE FROM audit WHERE day = {MIDDLE} AND number = 3"], "row 3 is missing"),
    "the last row of all": Tampering([f"DELETE FROM audit WHERE day = {LAST} AND number = 3"], "row 3 is missing"),
    "the last row with the end of its day": Tampering(
        [
            f"DELETE FROM audit WHERE day = {LAST} AND number = 3",
            f"UPDATE audit_days SET rows = 2, hash = (SELECT hash FROM audit WHERE day = {LAST} AND number = 2)"
            f" WHERE day = {LAST}",
        ],
        "was not stored by this gateway",
    ),
    "two rows that change places": Tampering(
        [
            f"UPDATE audit SET number = -1 WHERE day = {MIDDLE} AND number = 1",
            f"UPDATE audit SET number = 1 WHERE day = {MIDDLE} AND number = 2",
            f"UPDATE audit SET number = 2 WHERE day = {MIDDLE} AND number = -1",
        ],
        "row 1 is not",
    ),
    "a row put in": Tampering(
        [
            f"INSERT INTO audit SELECT day, 4, time, agency, actor, method, resource, result_id, peer, request_id,"
            f" outcome, reason, hash FROM audit WHERE day = {MIDDLE} AND number = 3"
        ],
        "rows up to 4 were added",
    ),
    "a whole day": Tampering([f"DELETE FROM audit WHERE day = {MIDDLE}"], "row 1 is missing"),
    "a whole day with its end": Tampering(
        [f"DELETE FROM audit WHERE day = {MIDDLE}", f"DELETE FROM audit_days WHERE day = {MIDDLE}"], "is missing"
    ),
    "the end of a day": Tampering([f"DELETE FROM audit_days WHERE day = {LAST}"], "the end of the day is missing"),
    "a day that is said to be dropped": Tampering(
        [f"DELETE FROM audit WHERE day = {MIDDLE}", f"UPDATE audit_days SET dropped = true WHERE day = {MIDDLE}"],
        "was not stored by this gateway",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_found(database: Database, name: str) -> None:
    """Whatever is done to the rows or to what is noted of a day: `verify` says so, and of which day."""
    await three_days(database)
    tampering = TAMPERINGS[name]
    await tamper(database, *tampering.does)
    findings = await found(database)
    assert [each for each in findings if tampering.finds in each], findings


async def test_a_chain_computed_anew_is_found(database: Database) -> None:
    """Who can compute every hash again still lacks the secret with which the end of each day is stored."""
    await three_days(database)
    await tamper(database, "UPDATE audit SET actor = 'k2'")
    hash = chain.BEGINNING
    for day in range(3):
        for row in await sealed(database, TODAY + day * DAY):
            hash = chain.next_hash(hash, row.day, row.number, row.entry)
            where = f"day = '{row.day:%Y-%m-%d} 00:00+00' AND number = {row.number}"
            await tamper(database, f"UPDATE audit SET hash = '\\x{hash.hex()}' WHERE {where}")
        await tamper(
            database, f"UPDATE audit_days SET hash = '\\x{hash.hex()}' WHERE day = '{row.day:%Y-%m-%d} 00:00+00'"
        )
    findings = await found(database)
    assert 3 == len([each for each in findings if "was not stored by this gateway" in each])


async def test_the_newest_day_cut_off_is_found_by_what_was_written_down(database: Database) -> None:
    """An end of the newest day that was valid once is told from today's only by somebody who has written that down."""
    await write(database, "a", "b")
    await seal(database)
    async with database.read() as tx:
        earlier = await audit.last_day(tx)
    await write(database, "c")
    await seal(database)
    [*_, last] = await sealed(database, TODAY)
    await tamper(database, "DELETE FROM audit WHERE number = 3")
    assert earlier is not None
    await tamper(
        database, f"UPDATE audit_days SET rows = 2, hash = '\\x{earlier.hash.hex()}', mac = '\\x{earlier.mac.hex()}'"
    )
    assert [] == await found(database)
    known = {f"_{TODAY:%Y_%m_%d}": Known(3, last.hash.hex())}
    assert ["3 rows are known, and the day ends with 2"] == [f[12:] for f in await found(database, **known)]
    assert ["2000-01-01: the day is known, and missing"] == await found(database, _2000_01_01=Known(1, "0" * 64))


async def test_old_rows_go_by_the_week_and_the_rest_stays_verified(database: Database) -> None:
    """What is dropped for its age is no finding, and the first day that stays follows the last that went."""
    await write(database, "old")
    await seal(database, START - 21 * DAY)
    await write(database, "new")
    await seal(database, START)
    dropped = await drop_old(database, SECRET, START - 10 * DAY)
    assert 1 == len(dropped)
    report = await verify(database, SECRET)
    assert ([], [True, False], 1) == (report.findings, [day.dropped for day in report.days], report.rows)
    assert [] == await drop_old(database, SECRET, START - 10 * DAY)


async def test_verifying_beside_a_sealer_finds_nothing(database: Database) -> None:
    """Rows that are sealed while the log is read are no finding."""
    await write(database, "a")
    await seal(database)

    async def verify_often() -> list[Report]:
        return [await verify(database, SECRET) for _ in range(8)]

    async def write_on() -> None:
        for each in range(15):
            await write(database, f"w{each}")
            await seal(database)

    reports, _ = await asyncio.gather(verify_often(), write_on())
    assert [] == [finding for report in reports for finding in report.findings]


def test_the_day_is_that_of_utc() -> None:
    """A chain begins at midnight in UTC, wherever the process runs."""
    east = datetime.fromisoformat("2026-12-01T01:30:00+02:00")
    assert datetime(2026, 11, 30, tzinfo=UTC) == chain.midnight(east)
