"""Deleting an agency: nothing of it is left anywhere, nothing of others is touched, and it survives a kill.

Owns the proofs of `gateway/domain/admin/deletion.py`, `gateway/domain/admin/jobs.py` and `storage/erasure.py`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import ARRAY, Boolean, Column, DateTime, Float, Integer, LargeBinary, Table, insert, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.domain.admin import jobs
from gateway.domain.credentials import spill
from gateway.domain.credentials.spill import Spill
from gateway.domain.events.cursors import Cursors
from providers.simulators.tiktok import Fault
from socialgateway.admin.v1.agency_pb2 import Agency
from storage import erasure, keys, schema, tokens
from storage.tokens import SealedPair, TokenRow
from storage.types import StateText
from tests.fixtures.admin import Admin, refused
from tests.fixtures.client import ADMIN_METHODS, METHODS, Client
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.rpc.answers import facts_of
from tests.security.recorded import RecordedGateway, opened
from tests.security.requests import make

AGENCY, LOCATION = "canary-agency", "canary-location"
CANARIES = (AGENCY, LOCATION, "canary-other", "canary-text")
NAME = f"agencies/{AGENCY}"
_QUEUED = text("INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', CAST(:args AS jsonb))")
_COUNTED = text(
    "INSERT INTO quotas (subject, metric, stamps, counts, update_time) VALUES (:subject, 'm', '{}', '{}', now())"
)


@pytest.fixture
async def recorded(database_url: str, tmp_path: Path) -> AsyncIterator[RecordedGateway]:
    """Yield a gateway without workers."""
    async with opened(database_url, tmp_path) as gateway:
        yield gateway


async def _confirmed(recorded: RecordedGateway, **values: Any) -> Any:
    """Delete the agency, with the confirmation that the first refusal hands out."""
    refusal = await recorded.refused("AgencyService/DeleteAgency", [_request(**values)])
    assert "CONFIRMATION_REQUIRED" == facts_of(refusal)["reason"]
    return await recorded.call("AgencyService/DeleteAgency", name=NAME, confirmation=facts_of(refusal)["confirmation"])


def _request(**values: Any) -> bytes:
    raw: bytes = ADMIN_METHODS["AgencyService/DeleteAgency"].request(name=NAME, **values).SerializeToString()
    return raw


async def _finish(recorded: RecordedGateway) -> None:
    """Run the jobs as workers do, moving the clock, until the agency is gone."""
    for _ in range(60):
        await jobs.run_due(recorded.gateway.domain)
        recorded.clock.advance(timedelta(seconds=30))
        if await recorded.refused("AgencyService/GetAgency", [_name()]) is not None:
            return
    raise AssertionError("it is not deleted")


def _name() -> bytes:
    return Agency(name=NAME).SerializeToString()


def _value(column: Column[Any], words: str, place: int) -> Any:
    """Return a value that fits a column, with the words in it if it may be a text."""
    kind = column.type
    if isinstance(kind, StateText):
        return next(iter(kind.states))
    if isinstance(kind, JSONB):
        return {"text": words}
    if isinstance(kind, ARRAY):
        return []
    if isinstance(kind, LargeBinary):
        return f"{words}-{place}".encode()
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer):
        return place
    if isinstance(kind, Float):
        return float(place)
    return f"{words}-{place}"


def _filled(table: Table, location: str, agency: str, now: Any, place: int) -> dict[str, Any]:
    """Return a row for a table, whatever its columns are: each that must be set, and every text."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name == "location":
            row[column.name] = location
        elif column.name == "agency":
            row[column.name] = agency
        elif isinstance(column.type, DateTime) or "Time" in type(column.type).__name__:
            row[column.name] = None if column.nullable else now
        elif not column.nullable:
            row[column.name] = _value(column, "canary-text" if agency == AGENCY else "theirs", place)
    return row


async def _seed_every_table(recorded: RecordedGateway, location: str, agency: str, place: int) -> set[str]:
    """Insert a row into every table with a location or an agency that has none of theirs; return the tables' names."""
    seeded = set()
    now = recorded.clock()
    for name, table in schema.metadata().tables.items():
        of = "location" if "location" in table.c else "agency" if "agency" in table.c else ""
        if not of or name in erasure.KEPT:
            continue
        row = _filled(table, location, agency, now, place)
        async with recorded.gateway.domain.db.transaction() as tx:
            there = await tx.execute(text(f"SELECT 1 FROM {name} WHERE {of} = :of LIMIT 1"), {"of": row[of]})
            if there.first() is None:
                await tx.execute(insert(table).values(**row))
        seeded.add(name)
    return seeded


def _sealed(row: TokenRow) -> SealedPair:
    times = (row.access_expire_time, row.access_issue_time, row.refresh_expire_time, row.refresh_at)
    assert row.access_sealed is not None
    return SealedPair(row.version + 1, row.access_sealed, row.refresh_sealed, *times)


def _dump(database_url: str) -> dict[str, list[str]]:
    """Return every row of every table, the queue's and Alembic's included, as text."""
    with psycopg.connect(database_url, autocommit=True) as database:
        names = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return {
            str(name): [
                str(row)
                for (row,) in database.execute(
                    sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(str(name)))
                )
            ]
            for (name,) in names
        }


def _with_canaries(dump: dict[str, list[str]]) -> dict[str, int]:
    found = {
        name: sum(any(canary in row or canary.encode().hex() in row for canary in CANARIES) for row in rows)
        for name, rows in dump.items()
    }
    return {name: count for name, count in found.items() if count}


def _files(folder: Path) -> set[str]:
    """Return the names of all files, and complain about a canary inside one."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(each in str(path) or each in path.read_text("latin-1") for each in CANARIES)
    }


async def test_nothing_of_a_deleted_agency_is_left_and_nothing_of_others_is_touched(
    recorded: RecordedGateway, database_url: str, tmp_path: Path
) -> None:
    """Every table, the queue, the blobs, the spills and the caches are searched for everything that names the agency,
    its locations or what was in them; whatever another agency has is, row by row, what it was.
    """
    domain = recorded.gateway.domain
    await make(recorded, KEY, "l1")
    key = await recorded.key(AGENCY)
    things = await make(recorded, key, LOCATION)
    await recorded.key(AGENCY, locations=["canary-other"])
    seeded = await _seed_every_table(recorded, LOCATION, AGENCY, 7)
    await _seed_every_table(recorded, "l1", "default", 8)
    async with domain.db.transaction() as tx:
        await tx.execute(_QUEUED, {"args": json.dumps({"location": LOCATION, "post": things.post})})
        await tx.execute(_COUNTED, {"subject": f"locations/{LOCATION}/connections/{things.connection}"})
        pair = await tokens.find(tx, LOCATION, things.connection)
    assert pair is not None
    spills = recorded.gateway.settings.spill_dir
    spill.write(spills, Spill(LOCATION, things.connection, 1, _sealed(pair), ()))
    before = _dump(database_url)
    kept = {name: [row for row in rows if not _with_canaries({name: [row]})] for name, rows in before.items()}
    assert seeded <= _with_canaries(before).keys() | {"agencies"}
    assert _files(tmp_path / "blobs")
    assert _files(spills)

    await _confirmed(recorded)
    refusal = await recorded.refused("AccountService/ListAccounts", [b"\n\x1alocations/canary-location"], key=key)
    deleting = await recorded.call("AgencyService/GetAgency", name=NAME)
    await _finish(recorded)

    # The audit log says who deleted it.
    after = {name: rows for name, rows in _dump(database_url).items() if not name.startswith("audit")}
    assert ("API_KEY_INVALID", Agency.DELETING) == (facts_of(refusal)["reason"], deleting.state)
    assert {} == _with_canaries(after)
    await until(lambda: not _files(spills))
    assert set() == _files(tmp_path / "blobs")
    assert LOCATION not in domain.sealer.cached
    # What the queue noted of the job that was deleted.
    kept = {name: rows for name, rows in kept.items() if name in after and name != "procrastinate_events"}
    others = {name: [row for row in rows if row not in after[name]] for name, rows in kept.items()}
    assert {} == {name: rows for name, rows in others.items() if rows}
    await recorded.call("AccountService/ListAccounts", parent="locations/l1")


async def test_the_name_is_free_again_and_seals_with_another_key(recorded: RecordedGateway) -> None:
    """Who gets the id of a deleted location later finds an empty one, and can seal and open in every process."""
    domain = recorded.gateway.domain
    await make(recorded, await recorded.key(AGENCY), LOCATION)
    async with domain.db.read() as tx:
        old = (await domain.sealer.for_location(tx, LOCATION)).ciphers
    await _confirmed(recorded)
    await _finish(recorded)

    key = await recorded.key("next")
    again = await make(recorded, key, LOCATION)

    async with domain.db.read() as tx:
        new = (await domain.sealer.for_location(tx, LOCATION)).ciphers
    assert old is not new
    found = await recorded.call("ConnectionService/ListConnections", parent=f"locations/{LOCATION}", key=key)
    secret = await keys.get_secret(domain.db, domain.sealer.ring, "pages")
    cursor = Cursors(secret).make(f"locations/{LOCATION}", 5000, recorded.clock())
    request = METHODS["EventService/StreamEvents"].request(parent=f"locations/{LOCATION}", start_cursor=cursor)
    refusal = await recorded.refused("EventService/StreamEvents", [request.SerializeToString()], key=key)
    assert "CURSOR_EXPIRED" == facts_of(refusal)["reason"]
    assert [again.name("connections", again.connection)] == [each.name for each in found.connections]


async def test_a_confirmation_is_for_this_agency_as_it_is(admin: Admin) -> None:
    """It is handed out with what would go, and good for a quarter of an hour, for no other agency and no later one."""
    await admin.world.key("acme", locations=["shop"])
    await admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id="other")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await admin.call("AgencyService/DeleteAgency", name="agencies/acme")
    told = facts_of(error.value)

    assert ("CONFIRMATION_REQUIRED", "1", "1") == (told["reason"], told["locations"], told["apiKeys"])
    for wrong in ("x", told["confirmation"][:-1], "9" * 400):
        await refused(
            admin.call("AgencyService/DeleteAgency", name="agencies/acme", confirmation=wrong), "CONFIRMATION_REQUIRED"
        )
    await refused(
        admin.call("AgencyService/DeleteAgency", name="agencies/other", confirmation=told["confirmation"]),
        "CONFIRMATION_REQUIRED",
    )
    admin.world.clock.advance(timedelta(minutes=16))
    await refused(
        admin.call("AgencyService/DeleteAgency", name="agencies/acme", confirmation=told["confirmation"]),
        "CONFIRMATION_REQUIRED",
    )
    assert Agency.ACTIVE == (await admin.call("AgencyService/GetAgency", name="agencies/acme")).state


async def _connected(admin: Admin) -> tuple[Client, str]:
    """Connect a location of acme, and return a client with its key."""
    client = admin.world.client(await admin.world.key("acme"))
    wanted = {"provider": "providers/tiktok"}
    made = await client.call("ConnectionService/CreateConnection", parent="locations/shop", connection=wanted)
    query = await admin.world.consent(made.authorization.uri)
    await client.call("ConnectionService/CompleteConnection", **query)
    return client, str(made.name)


async def test_grants_are_given_back_and_a_vendor_that_is_down_only_delays(admin: Admin) -> None:
    """Each grant is revoked at the vendor; while that does not answer the progress says so, and after some minutes the
    deletion goes on without it.
    """
    world = admin.world
    await _connected(admin)
    world.vendor.faults.add(Fault(match="oauth.revoke", kind="status", status=500, times=100))
    await admin.confirmed("AgencyService/DeleteAgency", name="agencies/acme")
    await jobs.run_due(world.domain)
    async with world.domain.db.read() as tx:
        rows = (await tx.execute(text("SELECT resource, failures, last_error FROM admin_jobs ORDER BY 1"))).all()
    again = await admin.call("AgencyService/DeleteAgency", name="agencies/acme")
    await admin.run_jobs()

    assert ("agencies/acme", 0) == (rows[0][0], rows[0][1])
    assert ("locations/shop", 1) == (rows[1][0], rows[1][1])
    assert "PROVIDER_UNAVAILABLE" in rows[1][2]
    assert (Agency.DELETING, 0, 1) == (again.state, again.deletion.done_count, again.deletion.total_count)
    assert world.calls("oauth.revoke") > 3
    await refused(admin.call("AgencyService/GetAgency", name="agencies/acme"), "RESOURCE_NOT_FOUND")


async def test_a_worker_that_dies_is_followed_by_another(admin: Admin) -> None:
    """Killed while the vendor takes a grant back, the job is due again when its lease ends, and another process ends
    it; until then nobody else takes it up.
    """
    world = admin.world
    await _connected(admin)
    await admin.confirmed("AgencyService/DeleteAgency", name="agencies/acme")
    async with world.another("second") as second:
        async with world.holding("oauth.revoke") as held:
            dying = asyncio.create_task(jobs.run_due(world.domain))
            await held.reached()
            dying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dying
            await jobs.run_due(second.domain)
            assert 1 == world.vendor.faults.hits["oauth.revoke slow"]
        await until(lambda: not world.domain.tokens._guarded)
        world.clock.advance(timedelta(minutes=1))
        for _ in range(20):
            await jobs.run_due(second.domain)
            world.clock.advance(timedelta(seconds=30))
    await refused(admin.call("AgencyService/GetAgency", name="agencies/acme"), "RESOURCE_NOT_FOUND")
    assert world.calls("oauth.revoke") >= 1


def test_every_table_is_erased_by_its_location_or_agency_or_named_here() -> None:
    """A new table without either column must say how it is erased."""
    without = {
        name for name, table in schema.metadata().tables.items() if not {"location", "agency"} & set(table.c.keys())
    }
    assert {"media_fetches", "quotas", "admin_jobs", "audit_days", "key_checks", "secrets"} == without
