"""The consent: from the page to a grant, and everything that must not become one.

Owns CompleteConnection and what it shares with the browser's callback; the vendor's ledger says what it was asked.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import grpc
import pytest

from gateway.domain.connections import complete
from gateway.domain.connections.complete import ConsentFailed
from gateway.domain.credentials import connection_status
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, StateForbids
from providers.errors import Misconfigured, Unavailable
from providers.simulators.tiktok import Fault
from providers.tiktok.authorization import SCOPES
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import authorizations
from tests.fixtures.gateway import World, opened
from tests.fixtures.settings import REDIRECT_URI, RETURN_URI
from tests.rpc.answers import assert_error

VALID = connection_pb2.Connection.VALID
PENDING = connection_pb2.Connection.PENDING
DISCONNECTED = connection_pb2.Connection.DISCONNECTED
Code = grpc.StatusCode


async def refused(world: World, query: dict[str, str], reason: str, code: Code = Code.INVALID_ARGUMENT) -> None:
    """Complete a consent and assert the reason why it is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.complete(query)
    assert_error(caught.value, code, reason)


def state_in(uri: str) -> str:
    """Return the state inside a consent page's address."""
    return parse_qs(urlsplit(uri).query)["state"][0]


async def test_a_consent_page_carries_what_the_vendor_documents(gateway: World) -> None:
    """The address has TikTok's own parameters, comma scopes, a hex challenge and the gateway's own callback."""
    made = await gateway.create()

    query = {name: values[0] for name, values in parse_qs(urlsplit(made.authorization.uri).query).items()}
    assert ("sim-client-key", "code", "S256", "https://gateway.example/oauth/tiktok/callback") == (
        query["client_key"],
        query["response_type"],
        query["code_challenge_method"],
        query["redirect_uri"],
    )
    assert "user.info.basic,user.info.profile,user.info.stats,video.list,video.upload,video.publish" == query["scope"]
    assert 64 == len(query["code_challenge"])
    assert len(query["state"]) >= 43
    assert timedelta(minutes=10) == made.authorization.expire_time.ToDatetime() - made.create_time.ToDatetime()


async def test_a_completed_consent_gives_a_verified_connection_and_its_account(gateway: World) -> None:
    """One exchange, three calls to verify, a VALID connection with the user's id, and the account of that user."""
    made = await gateway.connect()

    assert VALID == made.status
    assert connection_pb2.REASON_CODE_VERIFICATION_OK == made.reason_code
    assert "-000SimPatisserieQ6fwOTWKQzsQ" == made.provider_subject
    assert made.capabilities.can_publish
    assert not made.HasField("authorization")
    assert (["ok"], 1, 2) == (
        gateway.exchanges("authorization_code"),
        gateway.calls("user.info"),
        gateway.calls("video.list"),
    )
    assert ["ACCOUNT_ATTACHED", "CONNECTION_STATUS_CHANGED"] == [event.type for event in await gateway.events()]


async def test_a_state_works_once(gateway: World) -> None:
    """The second use of a state is refused, asks the vendor nothing and changes nothing."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    done = await gateway.complete(query)
    asked = len(gateway.vendor.requests)

    await refused(gateway, query, "AUTHORIZATION_STATE_INVALID")

    assert asked == len(gateway.vendor.requests)
    assert done.etag == (await gateway.get(made.name)).etag


@pytest.mark.parametrize(
    "forge",
    [
        lambda state: ("y" if state[0] == "x" else "x") + state[1:],
        lambda state: state[:-2] + ("yy" if state[-2:] == "xx" else "xx"),
        lambda state: state.split(".")[0],
        lambda state: state + ".x",
        lambda state: "",
        lambda state: "ä" * 40,
        lambda state: "." * 5000,
    ],
    ids=["other id", "other signature", "no signature", "more", "empty", "not ascii", "long"],
)
async def test_a_forged_state_is_refused(gateway: World, forge) -> None:  # type: ignore[no-untyped-def]
    """A state that we did not sign, letter by letter, is refused and leaves the real one usable."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    forged = forge(query["state"])

    await refused(gateway, query | {"state": forged}, "AUTHORIZATION_STATE_INVALID" if forged else "FIELD_INVALID")

    assert VALID == (await gateway.complete(query)).status


async def test_a_state_dies_after_ten_minutes(gateway: World) -> None:
    """A consent that comes back too late is refused, and the connection still waits for one."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    gateway.clock.advance(timedelta(minutes=10))

    await refused(gateway, query, "AUTHORIZATION_STATE_INVALID")

    now = await gateway.get(made.name)
    assert (PENDING, False) == (now.status, now.HasField("authorization"))


async def test_a_denied_consent_is_an_event_and_can_be_repeated(gateway: World) -> None:
    """Saying no answers AUTHORIZATION_DENIED, is recorded, and leaves the connection waiting for another consent."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri, approve=False)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(query)

    assert_error(
        caught.value,
        Code.FAILED_PRECONDITION,
        "AUTHORIZATION_DENIED",
        provider="tiktok",
        providerCode="access_denied",
    )
    now = await gateway.get(made.name)
    assert (PENDING, "access_denied") == (now.status, now.last_error_code)
    events = await gateway.events()
    assert [("CONNECTION_DENIED", made.name)] == [(event.type, event.subject) for event in events]
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    done = await gateway.complete(await gateway.consent(again.authorization.uri))
    assert (VALID, "") == (done.status, done.last_error_code)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        ("access_denied", Code.FAILED_PRECONDITION, "AUTHORIZATION_DENIED"),
        ("nobody_knows", Code.FAILED_PRECONDITION, "AUTHORIZATION_DENIED"),
        ("invalid_scope", Code.FAILED_PRECONDITION, "PROVIDER_MISCONFIGURED"),
        ("unauthorized_client", Code.FAILED_PRECONDITION, "PROVIDER_MISCONFIGURED"),
        ("temporarily_unavailable", Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        ("server_error", Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    ],
)
async def test_an_error_in_the_redirect_is_classed_as_at_the_token_endpoint(
    gateway: World, error: str, code: Code, reason: str
) -> None:
    """A person's no, our operator's fault, and "try again" are told apart by the call, the connection and the event."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    said = {"state": query["state"], "error": error, "error_description": "Said so."}

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(said)

    assert_error(caught.value, code, reason, provider="tiktok", providerCode=error, providerMessage="Said so.")
    now = await gateway.get(made.name)
    assert (PENDING, error, "Said so.") == (now.status, now.last_error_code, now.last_error_message)
    [event] = await gateway.events()
    assert ("CONNECTION_DENIED", error, reason) == (event.type, event.payload["error"], event.payload["reason"])
    assert [] == gateway.exchanges("authorization_code")
    # Only after "try again" the same page may be used again.
    if code is Code.UNAVAILABLE:
        assert VALID == (await gateway.complete(query)).status
    else:
        await refused(gateway, query, "AUTHORIZATION_STATE_INVALID")


async def test_a_bounded_application_asks_for_no_more_than_it_has(database_url: str, tmp_path: Path) -> None:
    """GATEWAY_TIKTOK_SCOPES: callers that name no scopes get a VALID connection with those of the application, others
    are refused, and a connection from before asks for what is left.
    """
    async with opened(database_url, tmp_path / "before") as world:
        before = await world.create("l2")
    async with opened(database_url, tmp_path, tiktok_scopes=("user.info.basic", "video.list")) as world:
        made = await world.create()
        assert ["user.info.basic", "video.list"] == list(made.requested_scopes)
        assert "user.info.basic,video.list" == parse_qs(urlsplit(made.authorization.uri).query)["scope"][0]
        assert VALID == (await world.complete(await world.consent(made.authorization.uri))).status

        again = await world.api.connections.ReauthorizeConnection(
            connection_service_pb2.ReauthorizeConnectionRequest(name=before.name)
        )
        assert "user.info.basic,video.list" == parse_qs(urlsplit(again.authorization.uri).query)["scope"][0]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await world.create(requested_scopes=["video.publish"])
        assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="connection.requested_scopes")


async def test_a_denied_reauthorization_leaves_a_working_connection_as_it_was(gateway: World) -> None:
    """A denied reauthorization leaves the connection as it was."""
    made = await gateway.connect()
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )

    await refused(
        gateway,
        await gateway.consent(again.authorization.uri, approve=False),
        "AUTHORIZATION_DENIED",
        Code.FAILED_PRECONDITION,
    )

    assert VALID == (await gateway.get(made.name)).status


async def test_neither_code_nor_error_is_refused_before_the_state_is_used(gateway: World) -> None:
    """A callback without anything in it does not use the state up."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)

    await refused(gateway, {"state": query["state"]}, "FIELD_INVALID")

    assert VALID == (await gateway.complete(query)).status


async def test_another_agency_cannot_complete_a_consent(gateway: World) -> None:
    """A stolen state is worth nothing to another agency, and is not used up by the try."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    stranger = gateway.client(await gateway.key("other"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stranger.connections.CompleteConnection(connection_service_pb2.CompleteConnectionRequest(**query))

    assert_error(caught.value, Code.INVALID_ARGUMENT, "AUTHORIZATION_STATE_INVALID")
    assert VALID == (await gateway.complete(query)).status


async def test_unticked_scopes_limit_the_connection(gateway: World) -> None:
    """What the person unticked is missing from the capabilities, and the reason names it."""
    made = await gateway.connect(scopes=("user.info.profile", "user.info.stats", "video.list", "video.upload"))

    assert connection_pb2.Connection.LIMITED == made.status
    assert connection_pb2.REASON_CODE_MISSING_PUBLISH_SCOPE == made.reason_code
    assert (True, False, True) == (
        made.capabilities.can_list_videos,
        made.capabilities.can_publish,
        made.capabilities.can_upload_drafts,
    )
    assert "video.publish" not in made.granted_scopes


async def test_counts_that_were_unticked_limit_the_connection(gateway: World) -> None:
    """Without user.info.stats the profile can be read, its counts cannot: LIMITED, with the reason of the profile."""
    made = await gateway.connect(scopes=tuple(scope for scope in SCOPES if scope != "user.info.stats"))

    assert (connection_pb2.Connection.LIMITED, connection_pb2.REASON_CODE_MISSING_PROFILE_SCOPE) == (
        made.status,
        made.reason_code,
    )
    assert made.capabilities.can_read_profile


async def test_who_asked_for_less_comes_back_with_it(gateway: World) -> None:
    """From EXPIRED a new consent with all that was asked for leads straight to VALID: one event, no LIMITED between."""
    made = await gateway.create(requested_scopes=["user.info.basic", "video.list"])
    done = await gateway.complete(await gateway.consent(made.authorization.uri))
    gateway.vendor.revoke(done.provider_subject)
    await gateway.api.connections.VerifyConnection(connection_service_pb2.VerifyConnectionRequest(name=made.name))
    before = len(await gateway.events())

    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    assert VALID == (await gateway.complete(await gateway.consent(again.authorization.uri))).status

    told = [event.payload for event in (await gateway.events())[before:] if event.type == "CONNECTION_STATUS_CHANGED"]
    assert [("EXPIRED", "VALID")] == [(each["previous_status"], each["connection"]["status"]) for each in told]


async def test_who_asks_for_less_gets_a_valid_connection_with_it(gateway: World) -> None:
    """A connection for which only some scopes were asked is VALID when all of those work."""
    made = await gateway.create(requested_scopes=["user.info.basic", "video.list"])
    done = await gateway.complete(await gateway.consent(made.authorization.uri))

    assert VALID == done.status
    assert ["user.info.basic", "video.list"] == sorted(done.granted_scopes)


async def test_the_same_user_twice_in_one_location_is_one_connection(gateway: World) -> None:
    """The second consent of a user renews the first connection; the second one, which was only the way, is gone."""
    first = await gateway.connect()
    second = await gateway.create()

    done = await gateway.complete(await gateway.consent(second.authorization.uri))

    assert first.name == done.name
    listed = await gateway.api.connections.ListConnections(
        connection_service_pb2.ListConnectionsRequest(parent="locations/l1")
    )
    assert [first.name] == [each.name for each in listed.connections]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.get(second.name)
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_two_consents_of_one_user_at_once_end_in_one_connection(gateway: World) -> None:
    """Two browsers that finish in the same moment still leave one connection of the user."""
    made = [await gateway.create() for _ in range(2)]
    queries = [await gateway.consent(each.authorization.uri) for each in made]

    done = await asyncio.gather(*(gateway.complete(query) for query in queries))

    assert done[0].name == done[1].name
    assert VALID == (await gateway.get(done[0].name)).status


async def test_the_same_user_in_two_locations_shares_nothing(gateway: World) -> None:
    """The same TikTok user may be connected in two locations; each has a connection and tokens of its own."""
    first, second = await gateway.connect("l1"), await gateway.connect("l2")

    assert first.provider_subject == second.provider_subject
    assert first.name.startswith("locations/l1/")
    assert second.name.startswith("locations/l2/")


async def test_two_users_in_one_location_are_two_connections(gateway: World) -> None:
    """Two users who consent in one location make two connections."""
    first, second = await gateway.connect(), await gateway.connect(user=1)

    assert first.provider_subject != second.provider_subject
    assert first.name != second.name


async def test_another_user_cannot_take_a_connection_over(gateway: World) -> None:
    """A reauthorization by another user is refused, and the first user's grant keeps working."""
    first = await gateway.connect()
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=first.name)
    )

    await refused(
        gateway, await gateway.consent(again.authorization.uri, user=1), "STATE_FORBIDS", Code.FAILED_PRECONDITION
    )

    verified = await gateway.api.connections.VerifyConnection(
        connection_service_pb2.VerifyConnectionRequest(name=first.name)
    )
    assert (VALID, first.provider_subject) == (verified.status, verified.provider_subject)


async def test_a_reauthorization_revives_a_disconnected_connection(gateway: World) -> None:
    """After a disconnect the same user's consent brings the connection, and its account, back under the old name."""
    made = await gateway.connect()
    await gateway.api.connections.DisconnectConnection(
        connection_service_pb2.DisconnectConnectionRequest(name=made.name)
    )
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    assert DISCONNECTED == again.status

    done = await gateway.complete(await gateway.consent(again.authorization.uri))

    assert (made.name, VALID) == (done.name, done.status)


async def test_a_newer_consent_page_ends_the_older_one(gateway: World) -> None:
    """Only the newest page of a connection counts."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    assert state_in(made.authorization.uri) != state_in(again.authorization.uri)

    await refused(gateway, query, "AUTHORIZATION_STATE_INVALID")


async def test_a_request_id_makes_a_completion_repeatable(gateway: World) -> None:
    """The same completion with the same request_id gives the same connection; one exchange is made."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    request_id = str(uuid4())

    done = await asyncio.gather(*(gateway.complete(query, request_id=request_id) for _ in range(4)))
    later = await gateway.complete(query, request_id=request_id)

    assert {made.name} == {each.name for each in (*done, later)}
    assert {VALID} == {each.status for each in (*done, later)}
    assert ["ok"] == gateway.exchanges("authorization_code")


async def test_a_caller_that_goes_away_in_the_exchange_loses_nothing(gateway: World) -> None:
    """A caller's end in the middle of the exchange ends the call, not the consent."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    async with gateway.holding("oauth.token") as held:
        call = gateway.api.connections.CompleteConnection(connection_service_pb2.CompleteConnectionRequest(**query))
        waiting = asyncio.ensure_future(call)
        await held.reached()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await gateway.domain.tokens.close()

    assert VALID == (await gateway.get(made.name)).status


async def test_a_lost_answer_to_the_exchange_is_told_and_asks_for_a_new_consent(gateway: World) -> None:
    """An exchange whose answer never came is not repeated; a new consent works."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="drop_after"))

    await refused(gateway, query, "PROVIDER_UNAVAILABLE", Code.UNAVAILABLE)
    await refused(gateway, query, "AUTHORIZATION_STATE_INVALID")

    again = await gateway.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )
    assert VALID == (await gateway.complete(await gateway.consent(again.authorization.uri))).status


async def test_a_vendor_that_refused_to_look_leaves_the_code_good(gateway: World) -> None:
    """When nothing happened at the vendor the same page may be loaded again, with the same request_id too."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    request_id = str(uuid4())
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="error", code="temporarily_unavailable"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(query, request_id=request_id)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    assert VALID == (await gateway.complete(query, request_id=request_id)).status


async def test_a_code_the_vendor_refuses_is_a_denied_consent(gateway: World) -> None:
    """The vendor's refusal of a code is AUTHORIZATION_DENIED with its own words, and stands at the connection."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.complete(query | {"code": "no-such-code"})

    assert_error(
        caught.value, Code.FAILED_PRECONDITION, "AUTHORIZATION_DENIED", provider="tiktok", providerCode="invalid_grant"
    )
    assert "invalid_grant" == (await gateway.get(made.name)).last_error_code


async def test_a_vendor_that_cannot_verify_now_leaves_a_connection_that_is_verified_later(gateway: World) -> None:
    """The grant of a consent is kept although the calls after it fail, and a later verification completes it."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    gateway.vendor.faults.add(Fault(match="user.info", kind="status", status=503, times=4))

    done = await gateway.complete(query)

    assert (PENDING, connection_pb2.REASON_CODE_TEMPORARY_API_FAILURE) == (done.status, done.reason_code)
    gateway.vendor.faults.clear()
    verified = await gateway.api.connections.VerifyConnection(
        connection_service_pb2.VerifyConnectionRequest(name=made.name)
    )
    assert VALID == verified.status


async def test_the_browsers_door_is_the_same_function(gateway: World) -> None:
    """The callback completes without a caller, and gives the return_uri with success and with refusal."""
    made = await gateway.create(return_uri=RETURN_URI)
    query = await gateway.consent(made.authorization.uri)
    done = await complete.complete_callback(gateway.domain, "tiktok", state=query["state"], code=query["code"])
    other = await gateway.create("l2", return_uri=RETURN_URI)
    query = await gateway.consent(other.authorization.uri, approve=False)

    with pytest.raises(ConsentFailed) as caught:
        await complete.complete_callback(gateway.domain, "tiktok", state=query["state"], error=query["error"])

    assert (RETURN_URI, "VALID") == (done.return_uri, done.connection.status)
    assert isinstance(caught.value.error, AuthorizationDenied)
    assert (RETURN_URI, other.name) == (caught.value.return_uri, caught.value.connection)


async def test_a_callback_that_is_opened_again_ends_as_the_first_did(gateway: World) -> None:
    """Connected, denied, refused, misconfigured, lost: the second visit has the same end, asks the vendor nothing and
    changes nothing.
    """
    names, first, second = {}, {}, {}
    for number, case in enumerate(("connected", "denied", "refused", "misconfigured", "code", "lost")):
        made = await gateway.connect(f"l{number}") if case == "refused" else await gateway.create(f"l{number}")
        uri = made.authorization.uri
        if case == "refused":
            request = connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
            uri = (await gateway.api.connections.ReauthorizeConnection(request)).authorization.uri
        query = await gateway.consent(uri, user=int(case == "refused"), approve=case != "denied")
        if case == "misconfigured":
            query = {"state": query["state"], "error": "invalid_scope"}
        if case == "code":
            query["code"] = "no-such-code"
        if case == "lost":
            gateway.vendor.faults.add(Fault(match="oauth.token", kind="drop_after"))
        names[case], first[case] = made.name, await visited(gateway, query)
        state, calls = await gateway.get(made.name), len(gateway.vendor.requests)
        second[case] = await visited(gateway, query)
        assert (state, calls) == (await gateway.get(made.name), len(gateway.vendor.requests))

    assert first == second
    assert {
        "connected": names["connected"],
        "denied": AuthorizationDenied,
        "refused": StateForbids,
        "misconfigured": Misconfigured,
        "code": AuthorizationDenied,
        "lost": Unavailable,
    } == first


async def visited(world: World, query: dict[str, str]) -> object:
    """Open the callback; return the connection's name, or the class of the error."""
    try:
        done = await complete.complete_callback(world.domain, "tiktok", **query)
    except ConsentFailed as failed:
        return type(failed.error)
    return connection_status.resource_name(done.connection)


async def test_two_visits_at_once_end_alike(gateway: World) -> None:
    """A callback that a browser opens twice at once is exchanged once, and both visits show the same end."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)

    ends = await asyncio.gather(*(visited(gateway, query) for _ in range(3)))

    assert [made.name] * 3 == ends
    assert ["ok"] == gateway.exchanges("authorization_code")


async def test_a_visit_after_a_death_is_not_kept_waiting(gateway: World) -> None:
    """A first visit that never ended is not waited for once its time is over."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    async with gateway.domain.db.transaction() as tx:
        await authorizations.consume(tx, query["state"].split(".")[0], gateway.clock())
    gateway.clock.advance(timedelta(minutes=2))

    assert AuthorizationStateInvalid is await visited(gateway, query)


async def test_a_state_is_not_used_up_at_another_providers_door(gateway: World) -> None:
    """The callback of another network refuses it, and asks nobody; at its own it works as if nothing had been."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)

    with pytest.raises(AuthorizationStateInvalid):
        await complete.complete_callback(gateway.domain, "other", state=query["state"], code=query["code"])

    assert [] == gateway.exchanges("authorization_code")
    done = await complete.complete_callback(gateway.domain, "tiktok", state=query["state"], code=query["code"])
    assert "VALID" == done.connection.status


async def test_a_caller_may_host_the_callback_at_an_allowed_address(gateway: World) -> None:
    """With an allowed redirect_uri the vendor sends the browser there, and the exchange names the same address."""
    made = await gateway.create(redirect_uri=REDIRECT_URI)

    assert [REDIRECT_URI] == parse_qs(urlsplit(made.authorization.uri).query)["redirect_uri"]
    assert VALID == (await gateway.complete(await gateway.consent(made.authorization.uri))).status


async def test_a_key_brings_its_own_allowed_addresses(gateway: World) -> None:
    """An address on the key's own list is allowed for that key and for no other."""
    uri = "https://agency.example/back"
    client = gateway.client(await gateway.key(redirect_uris=(uri,)))
    request = connection_service_pb2.CreateConnectionRequest(
        parent="locations/l1", connection=connection_pb2.Connection(provider="providers/tiktok"), return_uri=uri
    )

    assert PENDING == (await client.connections.CreateConnection(request)).status
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.api.connections.CreateConnection(request)
    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="return_uri")


async def test_the_state_and_the_verifier_lie_sealed(gateway: World) -> None:
    """Nothing that opens a consent can be read in the database."""
    made = await gateway.create()
    state = state_in(made.authorization.uri)

    async with gateway.domain.db.read() as tx:
        row = await authorizations.find(tx, state.split(".")[0])

    assert row is not None
    assert state.encode() not in row.uri_sealed
    assert state not in repr(row)
