"""LocationService through a real server: who sees which location, moving one, deleting one.

Owns the proofs of `gateway/rpc/admin_locations.py` and `gateway/domain/admin/locations.py`.
"""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from gateway.domain.admin import jobs
from socialgateway.admin.v1.agency_pb2 import Agency
from socialgateway.admin.v1.location_pb2 import Location
from tests.fixtures.admin import Admin, refused
from tests.rpc.answers import facts_of

SHOP = "locations/shop"
CONNECTION = {"provider": "providers/tiktok"}


async def _connected(admin: Admin, agency: str = "acme", location: str = "shop") -> str:
    """Connect a location of an agency, and return the agency's key."""
    key = await admin.world.key(agency)
    client = admin.world.client(key)
    parent = f"locations/{location}"
    made = await client.call("ConnectionService/CreateConnection", parent=parent, connection=CONNECTION)
    await client.call("ConnectionService/CompleteConnection", **await admin.world.consent(made.authorization.uri))
    return key


async def _told(call: Any) -> dict[str, str]:
    """Return what a call's refusal says."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return facts_of(error.value)


async def test_each_sees_his_own_and_operators_all(admin: Admin) -> None:
    """An administrator lists and gets his agency's locations only; another one's and none at all are refused alike."""
    await _connected(admin)
    await admin.world.key("beta", locations=["stall", "tent"])
    acme = await admin.administrator("acme")

    mine = await acme.call("LocationService/ListLocations", parent="agencies/acme")
    got = await acme.call("LocationService/GetLocation", name=SHOP)
    every = await admin.call("LocationService/ListLocations", parent="agencies/-", page_size=2)
    rest = await admin.call("LocationService/ListLocations", parent="agencies/-", page_token=every.next_page_token)

    assert [got] == list(mine.locations)
    assert ("agencies/acme", Location.GRANTED, 1) == (got.agency, got.claim, got.connection_count)
    assert ["shop", "stall", "tent"] == [each.name[10:] for each in (*every.locations, *rest.locations)]
    for name in ("locations/stall", "locations/nowhere"):
        await refused(acme.call("LocationService/GetLocation", name=name), "LOCATION_FORBIDDEN", location=name)
    await refused(acme.call("LocationService/ListLocations", parent="agencies/-"), "AGENCY_FORBIDDEN")
    await refused(admin.call("LocationService/GetLocation", name="locations/nowhere"), "RESOURCE_NOT_FOUND")


async def test_a_move_is_confirmed_and_empties_the_location(admin: Admin) -> None:
    """The refusal counts what would go; with its confirmation the new owner finds an empty location."""
    key = await _connected(admin)
    await admin.world.key("beta")
    move: dict[str, Any] = {"name": SHOP, "destination_agency": "agencies/beta"}

    connected = await _told(admin.call("LocationService/MoveLocation", **move))
    told = await _told(admin.call("LocationService/MoveLocation", **move, discard_connections=True))
    other = await _told(admin.call("LocationService/MoveLocation", **move, confirmation=told["confirmation"]))
    moved = await admin.confirmed("LocationService/MoveLocation", **move, discard_connections=True)
    again = await admin.call("LocationService/MoveLocation", **move)

    assert ("STATE_FORBIDS", "CONNECTED") == (connected["reason"], connected["state"])
    assert ("CONFIRMATION_REQUIRED", "1", "0") == (told["reason"], told["connections"], told["posts"])
    assert "STATE_FORBIDS" == other["reason"]
    assert ("agencies/beta", Location.ASSIGNED, 0) == (moved.agency, moved.claim, moved.connection_count)
    assert moved == again
    former = admin.world.client(key).call("ConnectionService/ListConnections", parent=SHOP)
    await refused(former, "LOCATION_FORBIDDEN")
    beta = admin.world.client(await admin.world.key("beta"))
    assert [] == list((await beta.call("ConnectionService/ListConnections", parent=SHOP)).connections)


async def test_a_free_location_is_assigned_without_a_confirmation(admin: Admin) -> None:
    """Nobody loses anything; an agency that does not exist gets nothing."""
    await admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id="acme")
    for agency, reason in (("nobody", "RESOURCE_NOT_FOUND"), ("No Name", "FIELD_INVALID")):
        values = {"name": SHOP, "destination_agency": f"agencies/{agency}"}
        await refused(admin.call("LocationService/MoveLocation", **values), reason)
    moved = await admin.call("LocationService/MoveLocation", name=SHOP, destination_agency="agencies/acme")
    assert ("agencies/acme", Location.ASSIGNED) == (moved.agency, moved.claim)


async def test_an_administrator_deletes_his_location(admin: Admin) -> None:
    """Without an operator: confirmed, it is nobody's at once, shows its progress, gives its grant back, and is gone."""
    world = admin.world
    key = await _connected(admin)
    acme, rival = await admin.administrator("acme"), world.client(await world.key("rival"))

    deleting = await admin.confirmed("LocationService/DeleteLocation", client=acme, name=SHOP)
    for caller in (world.client(key), rival):
        wanted: dict[str, Any] = {"parent": SHOP, "connection": CONNECTION}
        await refused(caller.call("AccountService/ListAccounts", parent=SHOP), "LOCATION_FORBIDDEN")
        await refused(caller.call("ConnectionService/CreateConnection", **wanted), "LOCATION_FORBIDDEN")
    with pytest.raises(Exception, match="is being deleted"):
        await world.key("acme", locations=["shop"])
    await refused(
        admin.call("LocationService/MoveLocation", name=SHOP, destination_agency="agencies/acme"), "STATE_FORBIDS"
    )
    await jobs.run_due(world.domain)
    half = await acme.call("LocationService/GetLocation", name=SHOP)
    again = await acme.call("LocationService/DeleteLocation", name=SHOP)
    world.clock.advance(timedelta(minutes=3))
    await jobs.run_due(world.domain)

    assert (True, 0, 1) == (deleting.HasField("deletion"), deleting.deletion.done_count, deleting.connection_count)
    assert (half, 0) == (again, half.connection_count)
    assert 1 == world.calls("oauth.revoke")
    await refused(acme.call("LocationService/GetLocation", name=SHOP), "LOCATION_FORBIDDEN")
    await refused(admin.call("LocationService/GetLocation", name=SHOP), "RESOURCE_NOT_FOUND")
    await _connected(admin, "rival")


async def test_a_confirmation_is_for_one_owner(admin: Admin) -> None:
    """One for a deletion moves nothing, and the former owner's deletes nothing of the new one."""
    for agency in ("acme", "beta"):
        await admin.world.key(agency, locations=[f"{agency}-shop"])
    deleting: dict[str, Any] = {"name": "locations/acme-shop"}
    told = await _told(admin.call("LocationService/DeleteLocation", **deleting))
    moving = {**deleting, "destination_agency": "agencies/beta"}
    wrong = await _told(admin.call("LocationService/MoveLocation", **moving, confirmation=told["confirmation"]))
    await admin.confirmed("LocationService/MoveLocation", **moving)
    late = await _told(admin.call("LocationService/DeleteLocation", **deleting, confirmation=told["confirmation"]))
    assert ["CONFIRMATION_REQUIRED"] * 2 == [wrong["reason"], late["reason"]]
