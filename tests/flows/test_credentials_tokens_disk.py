"""A grant never depends on a disk: a pair that cannot be spilled is saved all the same, and kept in memory until it is.

Owns the flows with a full, read-only or missing spill folder: refresh, refresh ahead of time, consent, agencies. The
vendors' refresh tokens rotate, so a pair that is lost once ends the grant.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import connection_pb2
from storage.blobs import StoreFull
from tests.fixtures import disks, logs
from tests.fixtures.gateway import World, opened
from tests.fixtures.highlevel import HighWorld
from tests.fixtures.waiting import until
from tests.flows.test_credentials_tokens import DAY, database_away, fresh, row_of

MIB = 1024 * 1024
VALID = connection_pb2.Connection.VALID


def spills(world: World) -> list[Path]:
    """Return the spilled pairs."""
    return list(world.folder.glob("*.json"))


async def test_a_refresh_survives_a_disk_that_cannot_be_written(gateway: World) -> None:
    """With a full, read-only or missing spill folder every refresh succeeds, and the next one after it too."""
    made = await gateway.connect()
    versions = []
    for way in disks.WAYS:
        gateway.clock.advance(2 * DAY)
        with disks.broken(gateway.folder, way):
            versions.append((await fresh(gateway, made)).version)
    gateway.clock.advance(2 * DAY)
    versions.append((await fresh(gateway, made)).version)

    assert [2, 3, 4, 5] == versions
    assert (["ok"] * 4, VALID) == (gateway.exchanges(), (await gateway.get(made.name)).status)
    assert [] == spills(gateway)


async def test_a_refresh_survives_a_log_on_the_same_full_disk(gateway: World) -> None:
    """A log line that cannot be written ends nothing: neither the refresh that it reports on nor the call."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    with logs.on_a_full_disk(), disks.broken(gateway.folder, "full"):
        version = (await fresh(gateway, made)).version

    assert (2, VALID) == (version, (await gateway.get(made.name)).status)


async def fill(world: World) -> None:
    """Store more blobs than the disk of `test_uploads_cannot_take_the_disk_from_grants` has room for."""
    for number in range(24):
        await world.domain.blobs.put(f"uploads/{number}", bytes(MIB))


async def test_uploads_cannot_take_the_disk_from_grants(database_url: str, tmp_path: Path) -> None:
    """Somebody's uploads on the disk of the data folder end before the disk does: another's pair is still spilled."""
    with disks.small(tmp_path / "disk", 24 * MIB) as mounted:
        if not mounted:
            pytest.skip("nothing may be mounted here")
        async with opened(database_url, tmp_path / "disk") as world:
            made = await world.connect()
            with pytest.raises(StoreFull):
                await fill(world)
            world.clock.advance(2 * DAY)
            with logs.capture() as lines:
                token = await fresh(world, made)

    assert (2, False) == (token.version, "token.spill_failed" in lines.getvalue())


async def test_a_refresh_ahead_of_time_survives_a_disk_that_cannot_be_written(gateway: World) -> None:
    """The sweeper's refresh, which no caller waits for, loses no pair either."""
    made = await gateway.connect()
    gateway.clock.advance(DAY - timedelta(minutes=15))
    with disks.broken(gateway.folder, "full"):
        assert 1 == await gateway.domain.tokens.renew_due()
    gateway.clock.advance(2 * DAY)

    assert 3 == (await fresh(gateway, made)).version
    assert ["ok", "ok"] == gateway.exchanges()


async def test_a_consent_survives_a_disk_that_cannot_be_written(gateway: World) -> None:
    """A person who consents while the data folder is read-only is connected, and the grant can be refreshed."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    with disks.broken(gateway.folder, "read-only"):
        done = await gateway.complete(query)
    gateway.clock.advance(2 * DAY)

    assert VALID == done.status
    assert 2 == (await fresh(gateway, done)).version


async def test_an_agency_and_its_locations_survive_a_disk_that_cannot_be_written(high: HighWorld) -> None:
    """An agency's refresh, and its location's grant that is derived anew from it, are saved without a spill."""
    with disks.broken(high.world.folder, "replaced"):
        made = await high.connect_agency(BAKERY, BAKERY)
        await high.sweep()
        for _ in range(2):
            high.world.clock.advance(timedelta(hours=25))
            await fresh(high.world, made)
    high.world.clock.advance(timedelta(hours=25))
    await fresh(high.world, made)

    listed = await high.listed()
    assert {VALID} == {each.status for each in listed}
    assert 2 == len(listed)
    assert {"ok"} == set(high.exchanges())


async def test_a_pair_without_a_disk_waits_in_memory_for_the_database(
    gateway: World, database_admin: psycopg.Connection
) -> None:
    """With neither disk nor database the pair is kept, spilled when the disk is back, saved when the database is."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await held.reached()
        async with database_away(database_admin, gateway):
            with disks.broken(gateway.folder, "full"):
                held.release()
                await until(lambda: gateway.exchanges() == ["ok"])
                await asyncio.sleep(0.2)
                assert not flying.done()
            await until(lambda: len(spills(gateway)) == 1)
            assert not flying.done()
    token = await flying

    assert (2, ["ok"]) == (token.version, gateway.exchanges())
    assert [] == spills(gateway)


async def test_a_pair_on_no_disk_is_saved_however_often_the_save_fails(gateway: World) -> None:
    """Without a spill this process has the only copy: no error of the save makes it give the pair up."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    with disks.broken(gateway.folder, "replaced"):
        async with gateway.holding("oauth.token") as held, saves_refused(gateway):
            flying = asyncio.ensure_future(fresh(gateway, made))
            await held.reached()
            held.release()
            await until(lambda: gateway.exchanges() == ["ok"])
            await asyncio.sleep(0.2)
            assert not flying.done()
        token = await flying

    row = await row_of(gateway, made)
    assert (2, 2) == (token.version, row and row.version)


@asynccontextmanager
async def saves_refused(world: World) -> AsyncIterator[None]:
    """Let every save of a pair fail, in a way that is not a lost database."""
    async with world.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE tokens ADD CONSTRAINT no_saves CHECK (version < 2)"))
    try:
        yield
    finally:
        async with world.domain.db.transaction() as tx:
            await tx.execute(text("ALTER TABLE tokens DROP CONSTRAINT no_saves"))


async def test_a_spill_that_cannot_be_removed_does_no_harm(gateway: World) -> None:
    """A folder that turns read-only between the spill and its removal: the refresh succeeds, and so does the next."""
    made = await gateway.connect()
    kept = gateway.folder.parent / "kept"
    gateway.clock.advance(2 * DAY)
    with disks.small(gateway.folder, disks.SMALL) as mounted:
        if not mounted:
            pytest.skip("nothing may be mounted here")
        async with gateway.domain.db.transaction() as tx:
            await tx.execute(text("LOCK TABLE connections IN EXCLUSIVE MODE"))
            flying = asyncio.ensure_future(fresh(gateway, made))
            await until(lambda: len(spills(gateway)) == 1)
            shutil.copytree(gateway.folder, kept)
            disks.make_read_only(gateway.folder)
        first = await flying
        gateway.clock.advance(2 * DAY)
        second = await fresh(gateway, made)

    assert [2, 3] == [first.version, second.version]
    shutil.copytree(kept, gateway.folder, dirs_exist_ok=True)
    assert 1 == await gateway.domain.tokens.replay()
    assert 3 == (await fresh(gateway, made)).version
