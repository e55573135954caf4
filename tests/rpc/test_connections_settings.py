"""Settings of connections, over a real server: what the provider makes of them, and grants that do not fit
them.

Owns what is said of places and kinds. The consent itself is in test_connections_complete.py, agencies' in
test_connections_agencies.py.
"""

import asyncio
from pathlib import Path

import grpc
import pytest

from gateway.domain.access import ConnectionAccess
from providers.simulators.highlevel import SCOPES, Fault
from providers.simulators.highlevel.tenants import BAKER, BAKERY, COMPANY, GARAGE, OWNER
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import connections
from tests.fixtures.highlevel import HighWorld, opened
from tests.fixtures.settings import REDIRECT_URI
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
VALID, LIMITED, PENDING = (
    connection_pb2.Connection.VALID,
    connection_pb2.Connection.LIMITED,
    connection_pb2.Connection.PENDING,
)


async def test_a_connection_is_of_the_location_with_our_id(high: HighWorld) -> None:
    """Nothing said: HighLevel's location has our location's id, the kind is a location's, and the caller sees both."""
    made = await high.begin(BAKERY)

    assert {"location_id": BAKERY} == dict(made.provider_settings)
    assert connection_pb2.GRANT_KIND_LOCATION == made.grant_kind
    assert connection_pb2.GRANT_ORIGIN_UNSPECIFIED == made.grant_origin


async def test_a_location_that_only_the_vendor_knows_is_the_one_that_the_grant_names(high: HighWorld) -> None:
    """Nobody stated a location_id: the first consent's is taken and kept, and a later consent for another is refused,
    on the same connection and on a new one in the same location.
    """
    begun = await high.begin("acme-paris")
    assert {} == dict(begun.provider_settings)
    made = await high.world.complete(await high.consent(begun.authorization.uri, BAKERY))
    assert (begun.name, VALID, BAKERY) == (made.name, made.status, made.provider_settings["location_id"])

    request = connection_service_pb2.ReauthorizeConnectionRequest(name=made.name, redirect_uri=REDIRECT_URI)
    again = await high.api.connections.ReauthorizeConnection(request)
    another = await high.begin("acme-paris")
    for each in (again, another):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await high.world.complete(await high.consent(each.authorization.uri, GARAGE))
        assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert BAKERY == (await high.world.get(made.name)).provider_settings["location_id"]
    renewed = await high.connect("acme-paris", BAKERY)
    assert (made.name, VALID) == (renewed.name, renewed.status)


async def test_two_first_consents_at_once_determine_one_location(high: HighWorld) -> None:
    """Of two consents for different locations in one location of ours, where nobody stated one, one is refused."""
    begun = [await high.begin("acme-paris") for _ in range(2)]
    queries = [
        await high.consent(each.authorization.uri, picked) for each, picked in zip(begun, (BAKERY, GARAGE), strict=True)
    ]

    done = await asyncio.gather(*(high.world.complete(query) for query in queries), return_exceptions=True)

    [refused] = [each for each in done if isinstance(each, grpc.aio.AioRpcError)]
    assert_error(refused, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert 1 == len([each for each in await high.listed() if each.status == VALID])


async def test_a_second_location_can_be_stated(high: HighWorld) -> None:
    """What a caller states is taken beside what a grant determined."""
    await high.connect("acme-paris", BAKERY)
    made = await high.connect("acme-paris", GARAGE, said={"location_id": GARAGE})

    assert (VALID, GARAGE) == (made.status, made.provider_settings["location_id"])


async def test_a_static_token_needs_its_location(high: HighWorld) -> None:
    """Such a token names no location, so that one must be stated where our location's id cannot be HighLevel's."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create("acme-paris", static_token=high.vendor.private_token(BAKERY))

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="connection.provider_settings")
    assert [] == high.vendor.requests


BAD: dict[str, tuple[str, dict[str, str]]] = {
    "unknown name": ("", {"locationId": BAKERY}),
    "a path": ("", {"location_id": "../x"}),
    "a query": ("", {"user_id": "x?y=1"}),
    "too long": ("", {"company_id": "x" * 65}),
    "an agency with a location": ("GRANT_KIND_COMPANY", {"location_id": BAKERY}),
    "a foreign kind": ("GRANT_KIND_USER", {}),
}


@pytest.mark.parametrize("case", BAD)
async def test_settings_that_cannot_be_are_refused(high: HighWorld, case: str) -> None:
    """FIELD_INVALID, no connection, no call."""
    kind, said = BAD[case]

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, kind=kind, said=said)

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert ([], []) == (await high.listed(), high.vendor.requests)


async def test_a_consent_says_the_rest(high: HighWorld) -> None:
    """Company and acting user come from the grant; what the caller said of the user stays."""
    made = await high.connect("shop", BAKERY, said={"location_id": BAKERY, "user_id": BAKER})

    assert {"location_id": BAKERY, "company_id": COMPANY, "user_id": BAKER} == dict(made.provider_settings)
    assert (VALID, BAKERY, connection_pb2.GRANT_ORIGIN_CONSENT) == (
        made.status,
        made.provider_subject,
        made.grant_origin,
    )
    events = [event.type for event in await high.world.events("shop")]
    assert [*["ACCOUNT_ATTACHED"] * 3, "CONNECTION_STATUS_CHANGED"] == events


async def test_a_consent_for_another_location_is_refused(high: HighWorld) -> None:
    """Whose accounts would be posted to is never another client's: STATE_FORBIDS, and nothing of the grant is kept."""
    made = await high.begin(BAKERY)
    query = await high.consent(made.authorization.uri, GARAGE)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(query)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    now = await high.world.get(made.name)
    assert (PENDING, "", {"location_id": BAKERY}) == (now.status, now.provider_subject, dict(now.provider_settings))
    assert not now.HasField("access_expire_time")


async def test_a_reauthorization_for_another_location_touches_nothing(high: HighWorld) -> None:
    """The old grant goes on working."""
    made = await high.connect(BAKERY)
    again = await high.begin(BAKERY, said={"location_id": BAKERY})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(await high.consent(again.authorization.uri, GARAGE))

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert made == await high.world.get(made.name)


async def test_another_wish_for_the_user_comes_with_a_new_consent(high: HighWorld) -> None:
    """Connected again with another user, the older connection is renewed and takes what is said now."""
    made = await high.connect(BAKERY)
    again = await high.connect(BAKERY, said={"user_id": BAKER})

    assert (made.name, OWNER, BAKER) == (
        again.name,
        made.provider_settings["user_id"],
        again.provider_settings["user_id"],
    )
    assert 1 == len(await high.listed())


async def test_a_location_s_consent_is_none_of_an_agency(high: HighWorld) -> None:
    """A connection for an agency refuses the grant of one location."""
    made = await high.begin("agency", kind="GRANT_KIND_COMPANY")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(await high.consent(made.authorization.uri, BAKERY))

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")


@pytest.mark.parametrize("replicas", [1, 2])
async def test_a_lent_token_says_the_settings_of_now(high: HighWorld, replicas: int) -> None:
    """A change of settings makes the tokens that are cached stale at once, here and on another replica."""
    made = await high.connect(BAKERY)
    _, location, _, id = made.name.split("/")
    async with high.world.another("other") as other:
        asking = (high.world if replicas == 1 else other).domain
        access = ConnectionAccess(asking, "highlevel", location, id)
        before = (await access.token()).settings["user_id"]
        async with high.world.domain.db.transaction() as tx:
            said = {**made.provider_settings, "user_id": BAKER}
            await connections.change(tx, location, id, high.world.clock(), provider_settings=said)

        async def is_said() -> bool:
            return (await access.token()).settings["user_id"] == BAKER

        await until(is_said)

    assert OWNER == before


# The acting user


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_an_acting_user_is_found(database_url: str, tmp_path: Path, version: str) -> None:
    """A static token names nobody: the location's first admin is asked for, and kept; not asked for again."""
    async with opened(database_url, tmp_path, version=version) as high:
        made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))
        asked = len(high.vendor.requests)
        verified = await high.verify(made.name)

    assert (VALID, OWNER) == (made.status, made.provider_settings["user_id"])
    assert (OWNER, 1) == (verified.provider_settings["user_id"], len(high.vendor.requests) - asked)


async def test_without_an_admin_the_first_user_acts(high: HighWorld) -> None:
    """Deleted ones never do."""
    high.vendor.tenants.set_user(OWNER, deleted=True)

    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    assert (VALID, BAKER) == (made.status, made.provider_settings["user_id"])


async def test_a_location_without_users_is_limited(high: HighWorld) -> None:
    """A location without users is LIMITED, with a reason."""
    for user in (OWNER, BAKER):
        high.vendor.tenants.set_user(user, deleted=True)

    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    assert (LIMITED, connection_pb2.REASON_CODE_MISSING_ACTING_USER) == (made.status, made.reason_code)
    assert "user_id" not in made.provider_settings


async def test_who_may_not_ask_for_users_says_one(high: HighWorld) -> None:
    """Without users.readonly it is LIMITED, and the scope is named; with a user that was said all is well."""
    token = high.vendor.private_token(BAKERY, tuple(scope for scope in SCOPES if scope != "users.readonly"))

    limited = await high.create(BAKERY, static_token=token)
    said = await high.create(BAKERY, static_token=token, said={"user_id": BAKER})

    assert (LIMITED, connection_pb2.REASON_CODE_MISSING_ACTING_USER, "scope_not_granted") == (
        limited.status,
        limited.reason_code,
        limited.last_error_code,
    )
    assert (limited.name, VALID, BAKER) == (said.name, said.status, said.provider_settings["user_id"])


async def test_users_that_cannot_be_asked_for_now_change_nothing(high: HighWorld) -> None:
    """A vendor that is down while users are asked for: the last known status, and the next verification finds them."""
    made = await high.connect(BAKERY)
    async with high.world.domain.db.transaction() as tx:
        _, location, _, id = made.name.split("/")
        await connections.change(tx, location, id, high.world.clock(), provider_settings={"location_id": BAKERY})
    high.vendor.faults.add(Fault(match="users.list", kind="status", status=503, times=2))

    away = await high.verify(made.name)
    back = await high.verify(made.name)

    assert (VALID, connection_pb2.REASON_CODE_TEMPORARY_API_FAILURE) == (away.status, away.reason_code)
    assert (VALID, OWNER) == (back.status, back.provider_settings["user_id"])
