"""Connections of the same vendor user in several locations: ending one never ends another.

Owns what is revoked at the vendor, and when. What disconnecting does to the connection itself is in
test_connections.py.
"""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from providers.simulators.tiktok import Fault
from socialgateway.v1 import connection_pb2, connection_service_pb2, video_service_pb2
from storage import connections
from tests.fixtures.gateway import World
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error
from tests.rpc.test_connections import delete, disconnect, has_tokens

DISCONNECTED, EXPIRED, VALID = (
    connection_pb2.Connection.DISCONNECTED,
    connection_pb2.Connection.EXPIRED,
    connection_pb2.Connection.VALID,
)
Code = grpc.StatusCode


async def list_videos(world: World, location: str) -> Any:
    """List the videos of a location's only account, from the vendor."""
    account = (await world.api.call("AccountService/ListAccounts", parent=f"locations/{location}")).accounts[0]
    return await world.api.videos.ListVideos(video_service_pb2.ListVideosRequest(parent=account.name))


async def reauthorized(world: World, name: str, **choices: Any) -> dict[str, str]:
    """Walk through a new consent page of a connection, and return what the browser comes back with."""
    request = connection_service_pb2.ReauthorizeConnectionRequest(name=name)
    again = await world.api.connections.ReauthorizeConnection(request)
    return await world.consent(again.authorization.uri, **choices)


@pytest.mark.parametrize("end", [disconnect, delete])
async def test_ending_one_connection_does_not_revoke_another_s_grant(gateway: World, end: Any) -> None:
    """The first of two connections of one user is only wiped here; the last one revokes."""
    first, second = await gateway.connect("l1"), await gateway.connect("l2")

    await end(gateway, first.name)
    assert (0, False) == (gateway.calls("oauth.revoke"), await has_tokens(gateway, first.name))
    await list_videos(gateway, "l2")
    assert VALID == (await gateway.get(second.name)).status

    await end(gateway, second.name)
    assert 1 == gateway.calls("oauth.revoke")
    assert {False} == {token.grant.alive for token in gateway.vendor.grants.access.values()}


async def test_another_agency_s_connection_counts_too(gateway: World) -> None:
    """A user who is connected in a location of another agency stays connected there, and is not named."""
    made = await gateway.connect("l1")
    other = gateway.client(await gateway.key("other"))
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    request = connection_service_pb2.CreateConnectionRequest(parent="locations/theirs", connection=wanted)
    begun = await other.connections.CreateConnection(request)
    query = await gateway.consent(begun.authorization.uri)
    theirs = await other.connections.CompleteConnection(connection_service_pb2.CompleteConnectionRequest(**query))

    gone = await disconnect(gateway, made.name)

    assert (0, connection_pb2.REASON_CODE_GRANT_REMAINS) == (gateway.calls("oauth.revoke"), gone.reason_code)
    assert "theirs" not in str(gone)
    verify = connection_service_pb2.VerifyConnectionRequest(name=theirs.name)
    assert VALID == (await other.connections.VerifyConnection(verify)).status


async def test_two_disconnects_at_once_revoke_once(gateway: World) -> None:
    """Each of two connections sees the other one first; whichever ends last still revokes the grant."""
    names = [(await gateway.connect(location)).name for location in ("l1", "l2", "l3")]

    gone = await asyncio.gather(*(disconnect(gateway, name) for name in names))

    assert {DISCONNECTED} == {each.status for each in gone}
    assert 1 == gateway.calls("oauth.revoke")
    reasons = sorted(each.reason_code for each in gone)
    remains = connection_pb2.REASON_CODE_GRANT_REMAINS
    assert sorted([connection_pb2.REASON_CODE_TOKEN_REVOKED, remains, remains]) == reasons


async def test_a_connection_that_no_longer_works_does_not_hold_the_grant(gateway: World) -> None:
    """An EXPIRED connection and one that was disconnected before keep nobody from being the last."""
    first, second, third = [await gateway.connect(location) for location in ("l1", "l2", "l3")]
    await disconnect(gateway, first.name)
    async with gateway.domain.db.transaction() as tx:
        _, location, _, id = second.name.split("/")
        await connections.change(tx, location, id, gateway.clock(), status="EXPIRED")

    gone = await disconnect(gateway, third.name)

    assert (1, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (gateway.calls("oauth.revoke"), gone.reason_code)


async def test_an_expired_connection_does_not_take_a_working_one_with_it(gateway: World) -> None:
    """Disconnecting a connection that is EXPIRED here, with a token that still works there, revokes nothing."""
    first, second = await gateway.connect("l1"), await gateway.connect("l2")
    async with gateway.domain.db.transaction() as tx:
        _, location, _, id = first.name.split("/")
        await connections.change(tx, location, id, gateway.clock(), status="EXPIRED")

    await disconnect(gateway, first.name)

    assert 0 == gateway.calls("oauth.revoke")
    await list_videos(gateway, "l2")
    assert VALID == (await gateway.get(second.name)).status


async def test_a_consent_that_is_being_saved_counts(gateway: World) -> None:
    """A connection whose grant is claimed and not saved yet is not killed by another one that ends; left so, it stops
    counting when its consent's time is over.
    """
    first, second, third = [await gateway.connect(location) for location in ("l1", "l2", "l3")]
    async with gateway.domain.db.transaction() as tx:
        _, location, _, id = second.name.split("/")
        await gateway.domain.tokens.wipe(tx, location, id)
        await connections.change(tx, location, id, gateway.clock(), status="PENDING")

    await disconnect(gateway, first.name)
    assert 0 == gateway.calls("oauth.revoke")
    gateway.clock.advance(timedelta(minutes=11))
    await disconnect(gateway, third.name)
    assert 1 == gateway.calls("oauth.revoke")


async def test_a_consent_in_another_location_during_the_last_revocation_is_verified(gateway: World) -> None:
    """The user consents elsewhere while the last connection is revoked: what is left of that grant is found out."""
    made = await gateway.connect("l1")
    other = await gateway.create("l2")
    query = await gateway.consent(other.authorization.uri)
    async with gateway.holding("oauth.revoke") as held:
        leaving = asyncio.ensure_future(disconnect(gateway, made.name))
        await held.reached()
        assert VALID == (await gateway.complete(query)).status
        held.release()
        await leaving

    async with gateway.domain.db.read() as tx:
        row = await connections.get(tx, "l2", other.name.split("/")[-1])
    assert row.verify_at is not None
    assert row.verify_at <= gateway.clock()


async def test_a_revocation_that_failed_is_repeated_by_the_last(gateway: World) -> None:
    """The last connection stays when the vendor cannot answer, and revokes when it is disconnected again."""
    first, second = await gateway.connect("l1"), await gateway.connect("l2")
    await disconnect(gateway, first.name)
    gateway.vendor.faults.add(Fault(match="oauth.revoke", kind="status", status=503))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await disconnect(gateway, second.name)
    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")

    assert DISCONNECTED == (await disconnect(gateway, second.name)).status
    assert {False} == {token.grant.alive for token in gateway.vendor.grants.access.values()}


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_the_grant_of_a_refused_consent_is_given_back_unless_it_is_used(gateway: World, elsewhere: bool) -> None:
    """Another user consents and is refused: their grant is revoked, but not while they are connected elsewhere."""
    mine = await gateway.connect("l1")
    if elsewhere:
        await gateway.connect("l2", user=1)
    query = await reauthorized(gateway, mine.name, user=1)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(query)
    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")

    assert (0 if elsewhere else 1) == gateway.calls("oauth.revoke")
    await list_videos(gateway, "l2" if elsewhere else "l1")
    stranger = list(gateway.vendor.users)[1]
    alive = [each.grant.alive for each in gateway.vendor.grants.access.values() if each.grant.open_id == stranger]
    assert {elsewhere} == set(alive)


async def test_a_grant_for_a_connection_that_was_deleted_meanwhile_is_given_back(gateway: World) -> None:
    """A consent that ends after its connection is gone leaves no grant at the vendor that nobody here knows."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    async with gateway.holding("oauth.token") as held:
        waiting = asyncio.ensure_future(gateway.complete(query))
        await held.reached()
        await delete(gateway, made.name)
        held.release()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await waiting
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")

    async def given_back() -> bool:
        return gateway.calls("oauth.revoke") == 1

    await until(given_back)


async def test_a_connection_that_waits_for_its_verification_is_not_taken_over(gateway: World) -> None:
    """A PENDING connection with a grant belongs to who consented: another user's consent is refused."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    gateway.vendor.faults.add(Fault(match="user.info", kind="status", status=503, times=4))
    assert connection_pb2.Connection.PENDING == (await gateway.complete(query)).status
    gateway.vendor.faults.clear()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(await reauthorized(gateway, made.name, user=1))

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    verify = connection_service_pb2.VerifyConnectionRequest(name=made.name)
    assert VALID == (await gateway.api.connections.VerifyConnection(verify)).status
