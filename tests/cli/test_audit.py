"""`audit export` and `audit verify`, as an operator and a reviewer use them."""

import asyncio
import hashlib
import json

import psycopg
import pytest
from sqlalchemy import text

from gateway import clock
from gateway.audit import chain
from gateway.audit.seal import seal_all
from storage import keys
from storage.database import Database
from storage.key_ring import KeyRing
from tests.cli.command import run
from tests.fixtures.settings import RING

SCOPES = ("--scope", "posts.write")


async def seal(url: str) -> None:
    """Seal what is there, as a process with jobs does."""
    db = await Database.connect(url)
    secret = await keys.get_secret(db, KeyRing.parse(RING), chain.SECRET)
    await seal_all(db, secret, clock.now)
    await db.close()


@pytest.fixture
def log(database_url: str) -> str:
    """Return a database whose log says that two keys were created and one was revoked."""
    for agency in ("acme", "beta"):
        assert (
            0
            == run(
                "api-keys", "create", "--agency", agency, "--location", agency, *SCOPES, database_url=database_url
            ).code
        )
    listed = run("api-keys", "list", "--agency", "beta", database_url=database_url).out
    key_id = listed.splitlines()[1].split()[0]
    assert 0 == run("api-keys", "revoke", key_id, database_url=database_url).code
    asyncio.run(seal(database_url))
    return database_url


def test_an_export_says_who_did_what(log: str) -> None:
    """Commands leave rows, too: the operator by name, the command, and the key that was made."""
    rows = [json.loads(line) for line in run("audit", "export", database_url=log).out.splitlines()]
    assert ["cli:api-keys create", "cli:api-keys create", "cli:api-keys revoke"] == [row["method"] for row in rows]
    assert {"COMMITTED"} == {row["outcome"] for row in rows}
    assert all(row["actor"].startswith("operator:") for row in rows)
    assert rows[1]["resource"] == rows[2]["resource"]
    assert rows[1]["resource"].startswith("apiKeys/k")


def test_an_export_can_be_verified_without_us(log: str) -> None:
    """What the help says of the hashes is enough to compute them, with nothing of ours."""
    previous = "0" * 64
    for line in run("audit", "export", database_url=log).out.splitlines():
        row = json.loads(line)
        claimed = row.pop("hash")
        plain = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(f"{previous}\n{plain}".encode()).hexdigest()
        assert claimed == previous


def test_an_export_can_be_narrowed(log: str) -> None:
    """By day, both ends included; a day that is none is refused in a sentence."""
    assert "" == run("audit", "export", "--until", "2020-01-01", database_url=log).out
    assert 3 == len(run("audit", "export", "--since", "2020-01-01", database_url=log).out.splitlines())
    assert "" == run("audit", "export", "--agency", "nobody", database_url=log).out
    wrong = run("audit", "export", "--since", "yesterday", database_url=log)
    assert (1, True) == (wrong.code, "must be a day such as 2026-12-01" in wrong.err)


def test_verify_prints_what_can_be_written_down(log: str) -> None:
    """Each day with its rows and its last hash; handed in again with --known they are right."""
    ran = run("audit", "verify", database_url=log)
    assert (0, True) == (ran.code, "3 rows were verified; 0 wait" in ran.err)
    day, rows, _, hash = ran.out.split()
    known = f"{day}:{rows}:{hash}"
    assert 0 == run("audit", "verify", "--known", known, database_url=log).code
    other = run("audit", "verify", "--known", f"{day}:4:{hash}", database_url=log)
    assert (1, True) == (other.code, "WRONG" in other.err)
    assert 1 == run("audit", "verify", "--known", "nonsense", database_url=log).code


def test_verify_finds_what_was_taken_out(log: str) -> None:
    """It ends with 1, and says which row of which day."""
    with psycopg.connect(log, autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        database.execute("DELETE FROM audit WHERE number = 2")
    ran = run("audit", "verify", database_url=log)
    assert (1, True) == (ran.code, "row 2 is missing" in ran.err)


async def test_the_secret_of_the_days_is_not_in_the_database(database: Database) -> None:
    """It is there only sealed by the key ring, which the database does not have."""
    secret = await keys.get_secret(database, KeyRing.parse(RING), chain.SECRET)
    async with database.read() as tx:
        found = (await tx.execute(text("SELECT string_agg(s::text, ' ') FROM secrets AS s"))).scalar_one()
    assert secret.hex() not in found
