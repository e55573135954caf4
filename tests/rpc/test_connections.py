"""ConnectionService: made, read, listed, verified, disconnected, deleted; each through a real server.

Owns the life of a connection but for its consent, which is test_connections_complete.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.domain.connections import verify as verify_connection
from gateway.domain.credentials import connection_status
from providers.simulators.tiktok import Fault
from socialgateway.v1 import (
    account_pb2,
    account_service_pb2,
    connection_pb2,
    connection_service_pb2,
)
from storage import connections, tokens
from tests.fixtures.gateway import World
from tests.rpc.answers import assert_error

VALID = connection_pb2.Connection.VALID
PENDING = connection_pb2.Connection.PENDING
LIMITED = connection_pb2.Connection.LIMITED
ERROR = connection_pb2.Connection.ERROR
EXPIRED = connection_pb2.Connection.EXPIRED
DISCONNECTED = connection_pb2.Connection.DISCONNECTED
Code = grpc.StatusCode


def make_request(**values: Any) -> connection_service_pb2.CreateConnectionRequest:
    """Return a request that creates a connection to TikTok in location l1."""
    values.setdefault("connection", connection_pb2.Connection(provider="providers/tiktok"))
    return connection_service_pb2.CreateConnectionRequest(**{"parent": "locations/l1", **values})


async def verify(world: World, name: str, **values: Any) -> connection_pb2.Connection:
    """Verify a connection."""
    request = connection_service_pb2.VerifyConnectionRequest(name=name, **values)
    return await world.api.connections.VerifyConnection(request)


async def disconnect(world: World, name: str, **values: Any) -> connection_pb2.Connection:
    """Disconnect a connection."""
    request = connection_service_pb2.DisconnectConnectionRequest(name=name, **values)
    return await world.api.connections.DisconnectConnection(request)


async def delete(world: World, name: str, **values: Any) -> None:
    """Delete a connection."""
    await world.api.connections.DeleteConnection(connection_service_pb2.DeleteConnectionRequest(name=name, **values))


async def status(world: World, location: str = "l1") -> connection_pb2.Connection:
    """Ask for a location's connection to TikTok."""
    request = connection_service_pb2.GetConnectionStatusRequest(
        parent=f"locations/{location}", provider="providers/tiktok"
    )
    return await world.api.connections.GetConnectionStatus(request)


async def listed(world: World, parent: str = "locations/l1", **values: Any) -> list[str]:
    """List connections by name."""
    request = connection_service_pb2.ListConnectionsRequest(parent=parent, **values)
    return [each.name for each in (await world.api.connections.ListConnections(request)).connections]


async def has_tokens(world: World, name: str) -> bool:
    """Return whether the gateway holds a pair for the connection."""
    _, location, _, connection = name.split("/")
    async with world.domain.db.read() as tx:
        return await tokens.find(tx, location, connection) is not None


# Create


async def test_a_new_connection_waits_for_its_consent(gateway: World) -> None:
    """It is PENDING, asks for every scope the provider knows, and costs no vendor call."""
    made = await gateway.create()

    assert (PENDING, connection_pb2.REASON_CODE_AWAITING_AUTHORIZATION) == (made.status, made.reason_code)
    assert connection_pb2.GRANT_KIND_USER == made.grant_kind
    assert 6 == len(made.requested_scopes)
    assert [] == gateway.vendor.requests
    assert made == await gateway.get(made.name)


async def test_a_caller_chooses_the_id(gateway: World) -> None:
    """connection_id becomes the last part of the name; the same one again is refused."""
    made = await gateway.create(connection_id="main-tiktok")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.create(connection_id="main-tiktok")

    assert "locations/l1/connections/main-tiktok" == made.name
    assert_error(caught.value, Code.ALREADY_EXISTS, "RESOURCE_EXISTS")


BAD: dict[str, tuple[dict[str, Any], Code, str]] = {
    "no parent": ({"parent": ""}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "wildcard parent": ({"parent": "locations/-"}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "no provider": ({"connection": connection_pb2.Connection()}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "unknown provider": (
        {"connection": connection_pb2.Connection(provider="providers/myspace")},
        Code.NOT_FOUND,
        "RESOURCE_NOT_FOUND",
    ),
    "unknown scope": (
        {"connection": connection_pb2.Connection(provider="providers/tiktok", requested_scopes=["ads.spend"])},
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
    ),
    "unknown setting": (
        {"connection": connection_pb2.Connection(provider="providers/tiktok", provider_settings={"x": "1"})},
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
    ),
    "unknown grant kind": (
        {"connection": connection_pb2.Connection(provider="providers/tiktok", grant_kind=99)},  # type: ignore[arg-type]
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
    ),
    "foreign grant kind": (
        {"connection": connection_pb2.Connection(provider="providers/tiktok", grant_kind="GRANT_KIND_COMPANY")},
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
    ),
    "static token": ({"static_token": "canary-static"}, Code.UNIMPLEMENTED, "CAPABILITY_MISSING"),
    "return_uri not allowed": ({"return_uri": "https://evil.example/"}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "return_uri almost": (
        {"return_uri": "https://app.example/connected/"},
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
    ),
    "redirect_uri not allowed": ({"redirect_uri": "https://evil.example/"}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "upper-case id": ({"connection_id": "Main"}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "request_id": ({"request_id": "not-a-uuid"}, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_request_writes_nothing(gateway: World, case: str) -> None:
    """Each bad request has its documented reason, and not even the location is taken by it."""
    values, code, reason = BAD[case]

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.api.connections.CreateConnection(make_request(**values))

    assert_error(caught.value, code, reason)
    assert [] == await listed(gateway, "locations/-")
    other = gateway.client(await gateway.key("other"))
    assert PENDING == (await other.connections.CreateConnection(make_request())).status


async def test_a_request_id_makes_one_connection_of_many_calls(gateway: World) -> None:
    """Eight calls at once and one later with one request_id give one connection and one page."""
    request_id = str(uuid4())

    made = await asyncio.gather(*(gateway.create(request_id=request_id) for _ in range(8)))
    later = await gateway.create(request_id=request_id)

    assert 1 == len({each.name for each in (*made, later)})
    assert 1 == len({each.authorization.uri for each in (*made, later)})
    assert 1 == len(await listed(gateway))


async def test_a_request_id_with_another_body_is_refused(gateway: World) -> None:
    """The same request_id for another connection is REQUEST_ID_REUSED."""
    request_id = str(uuid4())
    await gateway.create(request_id=request_id)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.create(request_id=request_id, connection_id="another")

    assert_error(caught.value, Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


# Read


async def test_what_is_not_there_is_not_found(gateway: World) -> None:
    """Every method on an absent connection answers RESOURCE_NOT_FOUND."""
    await gateway.key(locations=["l1"])
    name = "locations/l1/connections/none"
    calls: list[Any] = [
        gateway.get(name),
        status(gateway),
        verify(gateway, name),
        disconnect(gateway, name),
        delete(gateway, name),
        gateway.api.connections.ReauthorizeConnection(connection_service_pb2.ReauthorizeConnectionRequest(name=name)),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_another_tenants_connection_and_an_absent_one_answer_alike(gateway: World) -> None:
    """A key of another agency gets LOCATION_FORBIDDEN for both, and the vendor is asked nothing."""
    made = await gateway.connect()
    asked = len(gateway.vendor.requests)
    stranger = gateway.client(await gateway.key("other"))
    stub = stranger.connections

    for name in (made.name, "locations/l1/connections/none"):
        for call in (
            stub.GetConnection(connection_service_pb2.GetConnectionRequest(name=name)),
            stub.VerifyConnection(connection_service_pb2.VerifyConnectionRequest(name=name)),
            stub.DisconnectConnection(connection_service_pb2.DisconnectConnectionRequest(name=name)),
            stub.DeleteConnection(connection_service_pb2.DeleteConnectionRequest(name=name)),
            stub.ReauthorizeConnection(connection_service_pb2.ReauthorizeConnectionRequest(name=name)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert_error(caught.value, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")
    assert asked == len(gateway.vendor.requests)


async def test_a_key_of_some_locations_sees_only_those(gateway: World) -> None:
    """A list over all locations shows what the key names; another location of its own agency is forbidden."""
    first, _ = await gateway.create("l1"), await gateway.create("l2")
    client = gateway.client(await gateway.key(locations=["l1"]))

    answer = await client.connections.ListConnections(
        connection_service_pb2.ListConnectionsRequest(parent="locations/-")
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.connections.CreateConnection(make_request(parent="locations/l2"))

    assert [first.name] == [each.name for each in answer.connections]
    assert_error(caught.value, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN", location="locations/l2")


async def test_lists_are_paged_newest_first(gateway: World) -> None:
    """Pages of one return all, newest first; a token with other filters is refused."""
    made = []
    for _ in range(3):
        made.append((await gateway.create()).name)
        gateway.clock.advance(timedelta(seconds=1))

    names, token = [], ""
    while True:
        request = connection_service_pb2.ListConnectionsRequest(parent="locations/l1", page_size=1, page_token=token)
        answer = await gateway.api.connections.ListConnections(request)
        names += [each.name for each in answer.connections]
        first, token = token or answer.next_page_token, answer.next_page_token
        if not token:
            break

    assert made[::-1] == names
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, page_token=first, provider="providers/tiktok")
    assert_error(caught.value, Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_lists_are_filtered(gateway: World) -> None:
    """Statuses and provider narrow a list."""
    valid, pending = await gateway.connect("l1"), await gateway.create("l2")

    assert [valid.name] == await listed(gateway, "locations/-", statuses=[VALID, LIMITED])
    assert [pending.name] == await listed(gateway, "locations/-", statuses=[PENDING])
    assert [] == await listed(gateway, "locations/-", provider="providers/other")


async def test_the_status_of_a_location_is_its_working_connection(gateway: World) -> None:
    """A connection that works is answered before one that waits, however new that is."""
    valid = await gateway.connect()
    gateway.clock.advance(timedelta(hours=1))
    await gateway.create()

    assert valid.name == (await status(gateway)).name


async def test_a_status_is_never_older_than_the_last_change(gateway: World) -> None:
    """The cached status follows every change, also one that another replica makes."""
    made = await gateway.connect()
    assert VALID == (await status(gateway)).status
    async with gateway.another("replica") as replica:
        assert VALID == (await status(replica)).status
        again = await gateway.api.connections.ReauthorizeConnection(
            connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
        )
        assert again.authorization.uri == (await status(gateway)).authorization.uri
        gateway.clock.advance(timedelta(minutes=10))
        assert not (await status(gateway)).HasField("authorization")
        await disconnect(gateway, made.name)
        assert DISCONNECTED == (await status(gateway)).status
        for _ in range(100):
            if (await status(replica)).status == DISCONNECTED:
                break
            await asyncio.sleep(0.01)
        assert DISCONNECTED == (await status(replica)).status


async def test_a_cached_status_asks_neither_database_nor_vendor(gateway: World) -> None:
    """The second question is answered from memory: it works while the database is away."""
    made = await gateway.connect()
    await status(gateway)
    asked = len(gateway.vendor.requests)
    await gateway.domain.db.close()
    gateway.domain.db._reads = None  # type: ignore[assignment]

    assert made.name == (await status(gateway)).name
    assert asked == len(gateway.vendor.requests)


# Verify


async def test_a_connection_without_a_grant_cannot_be_verified(gateway: World) -> None:
    """A PENDING connection has nothing to verify: STATE_FORBIDS says so."""
    made = await gateway.create()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await verify(gateway, made.name)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="PENDING")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match="*", kind="status", status=503, times=None),
        Fault(match="*", kind="error", code="rate_limit_exceeded", status=429, times=None),
        Fault(match="*", kind="html", times=None),
        Fault(match="*", kind="drop_before", times=None),
        Fault(match="video.list", kind="status", status=500, times=None),
    ],
    ids=["503", "429", "html", "dropped", "list only"],
)
async def test_a_temporary_failure_keeps_the_last_known_status(gateway: World, fault: Fault) -> None:
    """A vendor that cannot answer changes no status and no capability; the connection says that it was not asked."""
    made = await gateway.connect()
    gateway.clock.advance(timedelta(minutes=1))
    gateway.vendor.faults.add(fault)

    now = await verify(gateway, made.name)

    assert (VALID, connection_pb2.REASON_CODE_TEMPORARY_API_FAILURE) == (now.status, now.reason_code)
    assert (made.capabilities, made.last_verify_time) == (now.capabilities, now.last_verify_time)
    assert now.last_error_message
    gateway.vendor.faults.clear()
    # A vendor that refused for its rate is not asked again before its window is over.
    gateway.clock.advance(timedelta(seconds=61))
    healed = await verify(gateway, made.name)
    assert (VALID, connection_pb2.REASON_CODE_VERIFICATION_OK, "") == (
        healed.status,
        healed.reason_code,
        healed.last_error_message,
    )


async def test_a_refused_verification_is_an_error_that_heals(gateway: World) -> None:
    """A vendor that refuses makes the connection ERROR with its own code; the next verification may succeed."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="user.info", kind="error", code="invalid_params", status=400))

    now = await verify(gateway, made.name)

    assert (ERROR, connection_pb2.REASON_CODE_UNKNOWN_ERROR, "invalid_params") == (
        now.status,
        now.reason_code,
        now.last_error_code,
    )
    assert VALID == (await verify(gateway, made.name)).status


async def test_a_scope_the_vendor_no_longer_accepts_limits_the_connection(gateway: World) -> None:
    """scope_not_authorized takes a capability away and is never answered with a refresh."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="video.list", kind="error", code="scope_not_authorized", status=401, times=2))

    now = await verify(gateway, made.name)

    assert (LIMITED, connection_pb2.REASON_CODE_MISSING_VIDEO_LIST_SCOPE) == (now.status, now.reason_code)
    assert [] == gateway.exchanges()


async def test_an_account_without_metrics_says_so(gateway: World) -> None:
    """A refusal of the metrics alone is ACCOUNT_NOT_ELIGIBLE_FOR_METRICS."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="video.list", kind="error", code="invalid_params", status=400, after=1))

    now = await verify(gateway, made.name)

    assert (LIMITED, connection_pb2.REASON_CODE_ACCOUNT_NOT_ELIGIBLE_FOR_METRICS) == (now.status, now.reason_code)
    assert (True, False) == (now.capabilities.can_list_videos, now.capabilities.can_read_video_metrics)


async def test_a_revoked_grant_expires_the_connection(gateway: World) -> None:
    """The user's revocation is found out by a verification: EXPIRED, with its event; the call itself is no error."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)

    now = await verify(gateway, made.name)

    assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (now.status, now.reason_code)
    assert ["PENDING", "VALID"] == [
        event.payload["previous_status"]
        for event in await gateway.events()
        if event.type == "CONNECTION_STATUS_CHANGED"
    ]
    assert EXPIRED == (await verify(gateway, made.name)).status


async def test_a_verification_that_ends_after_an_expiry_or_a_disconnect_changes_nothing(gateway: World) -> None:
    """Answers that were asked for before the grant was given up bring nothing back."""
    for end in ("EXPIRED", "DISCONNECTED"):
        made = await gateway.connect(end.lower())
        _, location, _, connection = made.name.split("/")
        async with gateway.holding("user.info") as held:
            verifying = asyncio.ensure_future(verify(gateway, made.name))
            await held.reached()
            async with gateway.domain.db.transaction() as tx:
                row = await connections.get(tx, location, connection, lock=True)
                await connection_status.move(tx, row, gateway.clock(), status=end)

        assert connection_pb2.Connection.Status.Value(end) == (await verifying).status
        gateway.vendor.faults.clear()


async def test_a_request_id_verifies_once(gateway: World) -> None:
    """A verification that is repeated with its request_id asks the vendor nothing more."""
    made = await gateway.connect()
    request_id = str(uuid4())
    await verify(gateway, made.name, request_id=request_id)
    asked = len(gateway.vendor.requests)

    await verify(gateway, made.name, request_id=request_id)

    assert asked == len(gateway.vendor.requests)


async def test_connections_are_verified_each_day_by_themselves(gateway: World) -> None:
    """The sweeper verifies what is due, once, and nothing before."""
    made = await gateway.connect()
    assert 0 == await verify_connection.sweep(gateway.domain)
    gateway.clock.advance(timedelta(days=1))

    swept = [await verify_connection.sweep(gateway.domain) for _ in range(2)]

    assert [1, 0] == swept
    assert made.last_verify_time.ToDatetime() < (await gateway.get(made.name)).last_verify_time.ToDatetime()


async def test_a_sweep_finds_a_revoked_grant(gateway: World) -> None:
    """A grant that its user took back is EXPIRED after the next daily look."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)
    gateway.clock.advance(timedelta(days=1))

    await verify_connection.sweep(gateway.domain)

    assert EXPIRED == (await gateway.get(made.name)).status
    gateway.clock.advance(timedelta(days=2))
    assert 0 == await verify_connection.sweep(gateway.domain)


# Disconnect and delete


async def test_disconnect_revokes_wipes_and_keeps_the_history(gateway: World) -> None:
    """The vendor is told, the tokens are gone, the account is DETACHED; the connection stays as a record."""
    made = await gateway.connect()

    gone = await disconnect(gateway, made.name)

    assert (DISCONNECTED, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (gone.status, gone.reason_code)
    assert made.provider_subject == gone.provider_subject
    assert connection_pb2.Connection.Capabilities() == gone.capabilities
    assert (1, False) == (gateway.calls("oauth.revoke"), await has_tokens(gateway, made.name))
    accounts = await gateway.api.accounts.ListAccounts(account_service_pb2.ListAccountsRequest(parent="locations/l1"))
    assert [account_pb2.Account.DETACHED] == [each.state for each in accounts.accounts]
    assert ["ACCOUNT_DETACHED", "CONNECTION_DISCONNECTED"] == [event.type for event in await gateway.events()][-2:]


async def test_disconnect_renews_an_expired_token_before_it_revokes(gateway: World) -> None:
    """TikTok refuses to revoke by an expired access token: it is renewed first."""
    made = await gateway.connect()
    gateway.clock.advance(timedelta(days=2))

    gone = await disconnect(gateway, made.name)

    assert (DISCONNECTED, ["ok"]) == (gone.status, gateway.exchanges())
    assert [200] == [call.status for call in gateway.vendor.requests if call.operation == "oauth.revoke"]


async def test_a_consent_in_the_middle_of_a_disconnect_is_given_back_too(gateway: World) -> None:
    """A second pair is adopted while the vendor revokes the first: both are revoked there, and nothing is left here."""
    made = await gateway.connect()
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    query = await gateway.consent(again.authorization.uri)
    async with gateway.holding("oauth.revoke") as held:
        leaving = asyncio.ensure_future(disconnect(gateway, made.name))
        await held.reached()
        await gateway.complete(query)
        held.release()
        gone = await leaving

    assert (DISCONNECTED, False) == (gone.status, await has_tokens(gateway, made.name))
    assert 2 == gateway.calls("oauth.revoke") == len(gateway.vendor.grants.access)
    assert {False} == {token.grant.alive for token in gateway.vendor.grants.access.values()}


async def test_a_second_disconnect_changes_nothing(gateway: World) -> None:
    """Disconnecting twice answers the same connection and asks the vendor once."""
    made = await gateway.connect()

    first, second = await disconnect(gateway, made.name), await disconnect(gateway, made.name)

    assert first == second
    assert 1 == gateway.calls("oauth.revoke")


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status", "html"])
async def test_a_vendor_that_cannot_revoke_now_keeps_the_connection(gateway: World, kind: str) -> None:
    """A failed revocation fails the call, which can be repeated; the connection is not DISCONNECTED."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="oauth.revoke", kind=kind))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await disconnect(gateway, made.name)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="tiktok")
    assert (VALID, True) == ((await gateway.get(made.name)).status, await has_tokens(gateway, made.name))
    assert DISCONNECTED == (await disconnect(gateway, made.name)).status


async def test_a_vendor_that_refuses_to_revoke_for_good_does_not_keep_the_tokens(gateway: World) -> None:
    """With a broken application the tokens are wiped all the same, and the connection says that nobody was told."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="oauth.revoke", kind="error", code="invalid_client"))

    gone = await disconnect(gateway, made.name)

    assert (DISCONNECTED, connection_pb2.REASON_CODE_UNKNOWN_ERROR) == (gone.status, gone.reason_code)
    assert "invalid_client" == gone.last_error_code
    assert not await has_tokens(gateway, made.name)


async def test_a_dead_grant_can_be_disconnected(gateway: World) -> None:
    """What the user revoked already needs no revocation."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)

    assert DISCONNECTED == (await disconnect(gateway, made.name)).status


async def test_a_pending_connection_can_be_disconnected(gateway: World) -> None:
    """Disconnecting a PENDING connection ends its consent page without a vendor call."""
    made = await gateway.create()

    gone = await disconnect(gateway, made.name)

    assert (DISCONNECTED, False) == (gone.status, gone.HasField("authorization"))
    assert [] == gateway.vendor.requests


async def test_delete_revokes_and_removes(gateway: World) -> None:
    """A deleted connection is revoked at the vendor and gone with its account; the row of a merged one too."""
    made = await gateway.connect()

    await delete(gateway, made.name)

    assert ([], 1) == (await listed(gateway), gateway.calls("oauth.revoke"))
    accounts = await gateway.api.accounts.ListAccounts(account_service_pb2.ListAccountsRequest(parent="locations/l1"))
    assert [] == list(accounts.accounts)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await delete(gateway, made.name)
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_delete_with_an_old_etag_is_refused(gateway: World) -> None:
    """A connection that changed since it was read is not deleted; with its present etag it is."""
    made = await gateway.connect()
    changed = await verify(gateway, made.name)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await delete(gateway, made.name, etag=made.etag)

    assert_error(caught.value, Code.ABORTED, "ETAG_MISMATCH")
    await delete(gateway, made.name, etag=changed.etag)
    assert [] == await listed(gateway)


async def test_a_delete_with_a_request_id_can_be_repeated(gateway: World) -> None:
    """The repeated delete answers as the first did."""
    made = await gateway.create()
    request_id = str(uuid4())

    await delete(gateway, made.name, request_id=request_id)
    await delete(gateway, made.name, request_id=request_id)

    assert [] == await listed(gateway)


async def test_a_deleted_connections_id_can_be_used_again(gateway: World) -> None:
    """After a delete the same connection_id makes a new connection, which can be connected."""
    made = await gateway.create(connection_id="again")
    await gateway.complete(await gateway.consent(made.authorization.uri))
    await delete(gateway, made.name)

    again = await gateway.create(connection_id="again")

    assert VALID == (await gateway.complete(await gateway.consent(again.authorization.uri))).status
