"""Who gets a location: the scope, the limits and the order of claims, over a real server.

Owns the proofs of `gateway/domain/locations.py` and `storage/agencies.py`. That a refusal does not say whose a location
is, is in tests/security/test_tenants.py.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import event, text

from gateway.caller import CLAIM_SCOPE, Caller
from gateway.domain import api_keys, locations
from gateway.domain.locations import ClaimLimits, Owners
from gateway.domain.media import uploads as upload_rules
from gateway.errors import FieldInvalid, LocationForbidden, QuotaExceeded
from gateway.jobs import sweep
from providers.simulators.highlevel.tenants import BAKERY, GARAGE
from socialgateway.v1 import connection_pb2, upload_pb2
from socialgateway.v1.connection_service_pb2 import (
    CompleteConnectionRequest,
    CreateConnectionRequest,
    DisconnectConnectionRequest,
    GetConnectionRequest,
    ListConnectionsRequest,
)
from socialgateway.v1.upload_service_pb2 import CreateUploadRequest, GetUploadRequest
from storage import locations as rows
from storage import uploads
from storage.database import Database
from storage.states import LocationClaim, UploadState
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures.client import Client
from tests.fixtures.clock import START
from tests.fixtures.gateway import World, opened
from tests.fixtures.highlevel import HighWorld
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
WITHOUT = api_keys.SCOPES - {CLAIM_SCOPE}
HOUR = timedelta(hours=1)
KIB = 1024


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Yield a gateway in which an agency may claim three locations an hour, and have four unproved ones."""
    limits: dict[str, Any] = {"location_claims_per_hour": 3, "unproved_locations_per_agency": 4}
    async with opened(database_url, tmp_path, **limits) as made:
        yield made


async def connect(api: Client, location: str) -> connection_pb2.Connection:
    """Create a connection that waits for its consent."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    request = CreateConnectionRequest(parent=f"locations/{location}", connection=wanted)
    made: connection_pb2.Connection = await api.connections.CreateConnection(request)
    return made


async def upload(api: Client, location: str, size: int = 5) -> upload_pb2.Upload:
    """Create an upload."""
    wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
    made: upload_pb2.Upload = await api.uploads.CreateUpload(
        CreateUploadRequest(parent=f"locations/{location}", upload=wanted)
    )
    return made


async def refused(call: Any, code: grpc.StatusCode, reason: str, **metadata: str) -> grpc.aio.AioRpcError:
    """Make a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert_error(caught.value, code, reason, **metadata)
    return caught.value


async def owners(world: World) -> dict[str, tuple[str, str]]:
    """Return the agency and the claim of every location."""
    async with world.domain.db.read() as tx:
        return {row.location: (row.agency, row.claim.value) for row in await rows.page(tx)}


async def test_claiming_needs_its_scope(world: World) -> None:
    """A key for all locations without the scope uses what its agency owns, and claims nothing; a key with it does."""
    old = world.client(await world.key("acme", scopes=WITHOUT))
    new = world.client(await world.key("acme"))
    for call in (connect(old, "shop"), upload(old, "shop")):
        error = await refused(call, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN", location="locations/shop")
        assert CLAIM_SCOPE in str(error.details())
    assert {} == await owners(world)

    await connect(new, "shop")

    await upload(old, "shop")
    assert {"shop": ("acme", "FIRST_USE")} == await owners(world)


async def test_a_key_s_own_locations_need_no_scope(world: World) -> None:
    """A location becomes the agency's with the key that names it, and is read as empty at once."""
    key = await world.key("acme", locations=["shop"], scopes=WITHOUT)

    listed = await world.client(key).connections.ListConnections(ListConnectionsRequest(parent="locations/shop"))

    assert ([], {"shop": ("acme", "NAMED")}) == (list(listed.connections), await owners(world))


async def test_attempts_to_claim_are_bounded_per_hour(world: World) -> None:
    """Attempts at free and at taken locations count alike, for all keys of the agency; after an hour it goes on."""
    await world.key("other", locations=["taken"])
    first, second = world.client(await world.key("acme")), world.client(await world.key("acme"))
    await connect(first, "l1")
    await refused(upload(second, "taken"), Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")
    await upload(second, "l2")

    for location in ("l3", "taken"):
        await refused(
            connect(first, location), Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", quota="locationClaims", limit="3"
        )

    await connect(second, "l1")
    await connect(world.client(await world.key("other")), "l4")
    world.clock.advance(HOUR)
    await connect(first, "l3")
    assert {"l1", "l2", "l3"} == {name for name, owner in (await owners(world)).items() if owner[0] == "acme"}


async def test_locations_without_a_grant_are_bounded_in_all(world: World) -> None:
    """An agency that has as many as allowed gets no further one, until a grant is connected in one of them."""
    for number in range(4):
        await connect(world.api, f"l{number}")
        world.clock.advance(HOUR)
    for call in (connect(world.api, "l5"), upload(world.api, "l5")):
        await refused(call, Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", quota="unprovedLocations", limit="4")

    await world.connect("l0")

    await connect(world.api, "l5")
    assert ("default", "GRANTED") == (await owners(world))["l0"]


async def test_claims_at_once_stay_within_the_limit(database: Database) -> None:
    """Of ten claims at the same moment as many succeed as are allowed."""
    held = Owners(database, lambda: START, ClaimLimits(per_hour=100, unproved=3))
    caller = Caller("k", "acme", None, api_keys.SCOPES)

    async def claim(location: str) -> None:
        await locations.prepare_claim(held, caller, location)
        async with database.transaction() as tx:
            await locations.claim_location(tx, held, caller, location)

    outcomes = await asyncio.gather(*(claim(f"l{number}") for number in range(10)), return_exceptions=True)

    assert 3 == outcomes.count(None)
    assert 7 == sum(isinstance(each, QuotaExceeded) for each in outcomes)


async def test_a_key_that_names_a_location_goes_before_a_first_use(world: World) -> None:
    """What was only used is the naming agency's, empty; the other's calls and its open consent page end."""
    squatter = world.client(await world.key("rival"))
    pending, file = await connect(squatter, "shop"), await upload(squatter, "shop")

    key = await world.key("acme", locations=["shop"])

    api = world.client(key)
    listed = await api.connections.ListConnections(ListConnectionsRequest(parent="locations/shop"))
    assert ([], {"shop": ("acme", "NAMED")}) == (list(listed.connections), await owners(world))
    await refused(api.uploads.GetUpload(GetUploadRequest(name=file.name)), Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    await refused(connect(squatter, "shop"), Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")
    query = await world.consent(pending.authorization.uri)
    completing = squatter.connections.CompleteConnection(CompleteConnectionRequest(**query))
    await refused(completing, Code.INVALID_ARGUMENT, "AUTHORIZATION_STATE_INVALID")


async def test_what_has_a_grant_is_no_other_agency_s_to_name(world: World) -> None:
    """A key cannot name a location in which another agency connected something, and nothing of it changes."""
    made = await world.connect("l1")

    with pytest.raises(FieldInvalid) as caught:
        await world.key("rival", locations=["free", "l1"])

    assert "locations" == caught.value.violations[0].field
    assert {"l1": ("default", "GRANTED")} == await owners(world)
    assert connection_pb2.Connection.VALID == (await world.get(made.name)).status


async def test_every_replica_forgets_a_former_owner(world: World) -> None:
    """After a location was assigned elsewhere, both replicas refuse its former owner and admit the new one."""
    former, later = await world.key("acme", locations=["shop"]), await world.key("other")
    async with world.another("two") as two:
        for each in (world, two):
            api = each.client(former)
            await api.connections.ListConnections(ListConnectionsRequest(parent="locations/shop"))
        async with world.domain.db.transaction() as tx:
            await locations.assign(tx, "shop", "other", world.clock(), former="acme")
        for each in (world, two):
            await _until_refused(each.client(former), "shop")
            api = each.client(later)
            await api.connections.ListConnections(ListConnectionsRequest(parent="locations/shop"))


async def _until_refused(api: Client, location: str) -> None:
    """Return once a read is refused: notifications take a moment."""
    async with asyncio.timeout(30):
        while True:
            try:
                await api.connections.ListConnections(ListConnectionsRequest(parent=f"locations/{location}"))
            except grpc.aio.AioRpcError as error:
                assert_error(error, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")
                return
            await asyncio.sleep(0.01)


async def test_a_refusal_costs_the_same_whoever_owns_it(world: World) -> None:
    """A read of a free location and of a taken one make the same statements, also the second time."""
    await world.key("other", locations=["taken"])
    held = locations.open_owners(world.domain.db, world.domain.listener, world.clock, ClaimLimits())
    caller = Caller("k", "acme", None, WITHOUT)
    made: dict[str, list[str]] = {"taken": [], "free": []}
    engine = world.domain.db.engine.sync_engine
    for _ in range(2):
        for location, statements in made.items():

            def note(_c: Any, _u: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
                into.append(statement)

            event.listen(engine, "before_cursor_execute", note)
            with pytest.raises(LocationForbidden):
                await locations.authorize(held, caller, location)
            event.remove(engine, "before_cursor_execute", note)

    assert made["taken"] == made["free"] != []


async def test_a_grant_goes_before_a_first_use(high: HighWorld) -> None:
    """An agency's HighLevel grant gets the location that another had only used, empty; the other loses it at once."""
    squatter = high.world.client(await high.world.key("rival"))
    theirs = await high.begin(GARAGE, api=squatter.connections)
    file = await upload(squatter, GARAGE)

    await high.connect_agency(BAKERY, BAKERY, GARAGE)
    await high.sweep()

    found = {each.name.split("/")[1]: each for each in await high.listed() if each.provider_subject == GARAGE}
    assert connection_pb2.Connection.VALID == found[GARAGE].status
    assert theirs.name != found[GARAGE].name
    assert ("default", "GRANTED") == (await owners(high.world))[GARAGE]
    gets = high.api.uploads.GetUpload(GetUploadRequest(name=file.name))
    await refused(gets, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    for name in (theirs.name, found[GARAGE].name):
        reading = squatter.connections.GetConnection(GetConnectionRequest(name=name))
        await refused(reading, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")


async def test_a_grant_never_takes_what_has_a_grant_of_its_own(high: HighWorld) -> None:
    """Where the other agency connected anything, it keeps the location, its connection and its tokens."""
    squatter = high.world.client(await high.world.key("rival"))
    made = await connect(squatter, GARAGE)
    query = await high.world.consent(made.authorization.uri)
    await squatter.connections.CompleteConnection(CompleteConnectionRequest(**query))

    await high.connect_agency(BAKERY, BAKERY, GARAGE)
    await high.sweep()

    kept = await squatter.connections.GetConnection(GetConnectionRequest(name=made.name))
    assert (connection_pb2.Connection.VALID, ("rival", "GRANTED")) == (
        kept.status,
        (await owners(high.world))[GARAGE],
    )
    assert [] == [each for each in await high.listed() if each.provider_subject == GARAGE]


async def test_a_grant_counts_although_a_process_did_not_record_it(high: HighWorld) -> None:
    """What a process of the version before claims connected gives way to no grant, token or key, even once it is
    disconnected; the sweeper records it.
    """
    squatter = high.world.client(await high.world.key("rival"))
    made = await connect(squatter, GARAGE)
    query = await high.world.consent(made.authorization.uri)
    await squatter.connections.CompleteConnection(CompleteConnectionRequest(**query))
    async with high.world.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE locations SET claim = DEFAULT"))

    for _ in range(2):
        await high.connect_agency(BAKERY, BAKERY, GARAGE)
        await high.sweep()
        token = high.create(GARAGE, static_token=high.vendor.private_token(GARAGE))
        await refused(token, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")
        with pytest.raises(FieldInvalid):
            await high.world.key("acme", locations=[GARAGE])
        kept = await squatter.connections.GetConnection(GetConnectionRequest(name=made.name))
        assert ("rival", "FIRST_USE") == (await owners(high.world))[GARAGE]
        await squatter.connections.DisconnectConnection(DisconnectConnectionRequest(name=kept.name))

    await upload(squatter, "unused")
    await sweep.counts(high.world.domain)
    found = await owners(high.world)
    assert (("rival", "GRANTED"), ("rival", "FIRST_USE")) == (found[GARAGE], found["unused"])


async def test_a_static_token_proves_its_location(high: HighWorld) -> None:
    """A token that HighLevel accepts for the location of the same id goes before another agency's first use."""
    squatter = high.world.client(await high.world.key("rival"))
    await upload(squatter, BAKERY)

    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    assert (connection_pb2.Connection.VALID, ("default", "GRANTED")) == (
        made.status,
        (await owners(high.world))[BAKERY],
    )
    await refused(upload(squatter, BAKERY), Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")


async def counted(db: Database, agency: str = "acme") -> int:
    """Return the bytes that are counted for an agency."""
    async with db.read() as tx:
        found = await tx.execute(text("SELECT upload_bytes FROM agencies WHERE agency = :agency"), {"agency": agency})
        return int(found.scalar_one_or_none() or 0)


async def test_bytes_are_bounded_per_agency(database_url: str, tmp_path: Path) -> None:
    """All locations of an agency share its room; another agency has its own, and what is deleted makes room."""
    async with opened(database_url, tmp_path, agency_upload_bytes=100 * KIB) as world:
        acme = world.client(await world.key("acme"))
        first = await upload(acme, "l1", 60 * KIB)
        for location in ("l1", "l2"):
            await refused(
                upload(acme, location, 41 * KIB),
                Code.RESOURCE_EXHAUSTED,
                "QUOTA_EXCEEDED",
                quota="agencyUploadBytes",
                limit=str(100 * KIB),
            )
        await upload(acme, "l2", 40 * KIB)
        assert 100 * KIB == await counted(world.domain.db)
        await upload(world.client(await world.key("other")), "l3", 100 * KIB)

        _, location, _, id = first.name.split("/")
        await upload_rules.delete(world.domain, location, id, None)

        await upload(acme, "l2", 60 * KIB)


async def test_two_at_once_share_the_room_of_their_agency(database_url: str, tmp_path: Path) -> None:
    """Of eight uploads in eight locations that fit two at a time, two are created."""
    async with opened(database_url, tmp_path, agency_upload_bytes=100 * KIB) as world:
        acme = world.client(await world.key("acme", locations=[f"l{number}" for number in range(8)]))
        each = [upload(acme, f"l{number}", 50 * KIB) for number in range(8)]
        outcomes = await asyncio.gather(*each, return_exceptions=True)

        assert 2 == sum(isinstance(outcome, upload_pb2.Upload) for outcome in outcomes)
        assert 100 * KIB == await counted(world.domain.db)


async def test_the_count_follows_every_change_of_an_upload(database: Database) -> None:
    """Created, grown, emptied, completed, expired, deleted: the count is the sum over the rows after each; one that
    another version got wrong is mended.
    """

    async def check(*, size: int) -> None:
        async with database.transaction() as tx:
            before = await counted(database)
            assert (size, 0) == (before, await uploads.recount(tx, "acme"))

    async def change(work: Any) -> None:
        async with database.transaction() as tx:
            await work(tx)

    def row(id: str, size: int) -> UploadRow:
        own: dict[str, Any] = {"location": "l1", "id": id, "mime_type": "video/mp4", "size_bytes": size}
        return UploadRow(**own, create_time=START, expire_time=START)

    def part(first: int, size: int) -> UploadPartRow:
        return UploadPartRow(location="l1", upload="open", first=first, size=size, key=f"k{first}")

    await change(lambda tx: rows.claim(tx, "l1", "acme", START, LocationClaim.NAMED))
    await change(lambda tx: uploads.insert(tx, row("known", 1000)))
    await check(size=1000)
    await change(lambda tx: uploads.insert(tx, row("open", 0)))
    await check(size=1000)
    await change(lambda tx: uploads.commit_part(tx, part(0, 10), START))
    await check(size=1000 + uploads.STEP)
    await change(lambda tx: uploads.reset(tx, "l1", "open", size=10))
    await check(size=1000)
    await change(lambda tx: uploads.commit_part(tx, part(0, 20), START))
    await change(lambda tx: uploads.complete(tx, "l1", "open", size=20, sha256="", expire_time=START))
    await check(size=1020)
    await change(lambda tx: uploads.expire(tx, "l1", "open", START))
    await check(size=1000)
    await change(lambda tx: uploads.expire(tx, "l1", "open", START))
    await change(lambda tx: uploads.remove(tx, "l1", "open"))
    await check(size=1000)
    await change(lambda tx: uploads.remove(tx, "l1", "known"))
    await check(size=0)
    await change(lambda tx: uploads.insert(tx, row("again", 7)))
    await change(lambda tx: tx.execute(text("UPDATE agencies SET upload_bytes = 999")))
    async with database.transaction() as tx:
        assert -992 == await uploads.recount(tx, "acme")
    await check(size=7)
    assert UploadState.OPEN == (await _read(database, "again")).state


async def _read(database: Database, id: str) -> UploadRow:
    async with database.read() as tx:
        return await uploads.get(tx, "l1", id)


async def test_first_and_later_uploads_at_once_do_not_deadlock(database_url: str, tmp_path: Path) -> None:
    """Twenty uploads into a location that nobody has are all created: the locks of claims and room have one order."""
    async with opened(database_url, tmp_path) as world:
        acme = world.client(await world.key("acme"))
        for location in ("l1", "l2", "l3"):
            made = await asyncio.gather(*(upload(acme, location) for _ in range(20)))
            assert 20 == len({each.name for each in made})
