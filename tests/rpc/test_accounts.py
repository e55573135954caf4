"""AccountService: profiles as fresh as the caller requests, by scope.

Owns GetAccount and ListAccounts; what a creator may post is test_accounts_creator_info.
"""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, account_service_pb2, connection_service_pb2
from tests.fixtures.gateway import World
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
NOW = Duration()
BASIC = ("video.list", "video.publish", "video.upload")


async def account_of(world: World, location: str = "l1") -> account_pb2.Account:
    """Return a location's one account, from the list."""
    request = account_service_pb2.ListAccountsRequest(parent=f"locations/{location}")
    (account,) = (await world.api.accounts.ListAccounts(request)).accounts
    return account


async def get(world: World, name: str, *paths: str, **values: Any) -> account_pb2.Account:
    """Get an account, with a mask when paths are given."""
    mask = FieldMask(paths=paths) if paths else None
    request = account_service_pb2.GetAccountRequest(name=name, read_mask=mask, **values)
    return await world.api.accounts.GetAccount(request)


async def test_a_connection_creates_its_account_with_the_whole_profile(gateway: World) -> None:
    """After a consent the account has what all three profile scopes show."""
    made = await gateway.connect()

    account = await account_of(gateway)

    assert (made.name, "tiktok", account_pb2.Account.ACTIVE) == (account.connection, account.platform, account.state)
    assert ("sim.patisserie", "Sim Pâtisserie", 1234, 0) == (
        account.username,
        account.display_name,
        account.follower_count,
        account.video_count,
    )
    assert made.provider_subject == account.provider_account_id
    assert 3 == len(account.avatar_uris)
    assert [] == list(account.unavailable_fields)


async def test_a_fresh_cached_profile_costs_no_vendor_call(gateway: World) -> None:
    """Within an hour the cached profile is returned, after it the vendor is asked once."""
    await gateway.connect()
    name = (await account_of(gateway)).name
    asked = gateway.calls("user.info")

    await get(gateway, name)
    gateway.clock.advance(timedelta(minutes=59))
    await get(gateway, name)
    assert asked == gateway.calls("user.info")

    gateway.clock.advance(timedelta(minutes=1))
    gateway.vendor.set_creator(next(iter(gateway.vendor.users)), follower_count=99)
    assert 99 == (await get(gateway, name)).follower_count
    assert asked + 1 == gateway.calls("user.info")


async def test_max_staleness_decides_when_the_vendor_is_asked(gateway: World) -> None:
    """0 always calls the vendor; a longer span only when the cached profile is older."""
    await gateway.connect()
    name = (await account_of(gateway)).name
    gateway.clock.advance(timedelta(minutes=10))
    asked = gateway.calls("user.info")

    await get(gateway, name, max_staleness=Duration(seconds=601))
    assert asked == gateway.calls("user.info")
    fresh = await get(gateway, name, max_staleness=NOW)

    assert asked + 1 == gateway.calls("user.info")
    assert gateway.clock() == fresh.fetch_time.ToDatetime(gateway.clock().tzinfo)


async def test_a_mask_returns_only_what_it_names(gateway: World) -> None:
    """Only the named fields are returned; fields that need no vendor cost no call, however old the cache is."""
    await gateway.connect()
    name = (await account_of(gateway)).name
    asked = gateway.calls("user.info")

    plain = await get(gateway, name, "state", "provider", max_staleness=NOW)
    named = await get(gateway, name, "username")

    assert account_pb2.Account(name=name, provider="providers/tiktok", state=account_pb2.Account.ACTIVE) == plain
    assert account_pb2.Account(name=name, username="sim.patisserie") == named
    assert asked == gateway.calls("user.info")


@pytest.mark.parametrize("path", ["nonsense", "fetch_time.seconds", "", "NAME"])
async def test_an_unknown_path_is_refused(gateway: World, path: str) -> None:
    """A mask may only name fields of an account."""
    await gateway.connect()
    name = (await account_of(gateway)).name

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, name, path)

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_missing_scopes_leave_fields_out_and_name_them(gateway: World) -> None:
    """Without the profile and stats scopes their fields are absent, named, and requested no second time."""
    await gateway.connect(scopes=BASIC)
    account = await account_of(gateway)
    asked = gateway.calls("user.info")

    again = await get(gateway, account.name)

    assert account == again
    assert ("Sim Pâtisserie", "", False) == (again.display_name, again.username, again.HasField("follower_count"))
    assert [
        "bio",
        "follower_count",
        "following_count",
        "like_count",
        "profile_uri",
        "username",
        "verified",
        "video_count",
    ] == list(again.unavailable_fields)
    assert asked == gateway.calls("user.info")


async def test_a_named_field_needs_its_scope(gateway: World) -> None:
    """A field outside the granted scopes is named unavailable; a mask of only such fields is SCOPE_NOT_GRANTED."""
    await gateway.connect(scopes=BASIC)
    name = (await account_of(gateway)).name

    mixed = await get(gateway, name, "display_name", "follower_count")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, name, "following_count", "follower_count")

    assert ("Sim Pâtisserie", False) == (mixed.display_name, mixed.HasField("follower_count"))
    assert "follower_count" in mixed.unavailable_fields
    assert_error(caught.value, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", parts="stats")
    assert "Sim Pâtisserie" == (await get(gateway, name, "display_name", max_staleness=NOW)).display_name


async def test_a_new_consent_with_more_scopes_returns_more(gateway: World) -> None:
    """Fields appear when the user grants their scope later, and disappear when it is revoked."""
    made = await gateway.connect(scopes=BASIC)
    await gateway.connect()
    full = await account_of(gateway)
    await gateway.connect(scopes=BASIC)
    less = await account_of(gateway)

    assert made.name == full.connection == less.connection
    assert (1234, []) == (full.follower_count, list(full.unavailable_fields))
    assert ("", False) == (less.username, less.HasField("follower_count"))


async def test_an_unavailable_vendor_is_reported(gateway: World) -> None:
    """When the cache is too old and the vendor is unavailable, the call fails; a longer age still returns the cached
    profile.
    """
    await gateway.connect()
    name = (await account_of(gateway)).name
    gateway.clock.advance(timedelta(hours=2))
    gateway.vendor.faults.add(Fault(match="user.info", kind="status", status=503, times=None))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, name)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="tiktok")
    assert "sim.patisserie" == (await get(gateway, name, max_staleness=Duration(seconds=86400))).username


async def test_a_response_that_breaks_the_contract_is_reported(gateway: World) -> None:
    """HTML instead of JSON is PROVIDER_CONTRACT_BROKEN, never INTERNAL."""
    await gateway.connect()
    name = (await account_of(gateway)).name
    gateway.vendor.faults.add(Fault(match="user.info", kind="html", times=None))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, name, max_staleness=NOW)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN", provider="tiktok")


async def test_a_revoked_grant_requires_a_new_consent(gateway: World) -> None:
    """A profile that must be fetched through a revoked grant is REAUTHORIZATION_REQUIRED and names the connection."""
    made = await gateway.connect()
    name = (await account_of(gateway)).name
    gateway.vendor.revoke(made.provider_subject)

    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await get(gateway, name, max_staleness=NOW)
        assert_error(caught.value, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED", connection=made.name)
    assert ["invalid_grant"] == gateway.exchanges()


async def test_a_detached_account_is_returned_from_the_cache(gateway: World) -> None:
    """After a disconnect the last cached profile can be read; a call to the vendor is refused."""
    made = await gateway.connect()
    await gateway.api.connections.DisconnectConnection(
        connection_service_pb2.DisconnectConnectionRequest(name=made.name)
    )
    gateway.clock.advance(timedelta(days=1))
    name = (await account_of(gateway)).name

    assert (account_pb2.Account.DETACHED, "sim.patisserie") == (
        (await get(gateway, name)).state,
        (await get(gateway, name)).username,
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, name, max_staleness=NOW)
    assert_error(caught.value, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED", connection=made.name)


@pytest.mark.parametrize(
    "span", [Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=315_576_000_001)], ids=["-1 s", "-1 ns", "huge"]
)
async def test_an_impossible_age_is_refused(gateway: World, span: Duration) -> None:
    """A negative or endless max_staleness is FIELD_INVALID."""
    await gateway.connect()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, (await account_of(gateway)).name, max_staleness=span)

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="max_staleness")


async def test_an_absent_account_is_not_found_and_a_foreign_one_is_forbidden(gateway: World) -> None:
    """An absent account is RESOURCE_NOT_FOUND for its agency, LOCATION_FORBIDDEN for another, like an existing one."""
    await gateway.connect()
    stranger = gateway.client(await gateway.key("other"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, "locations/l1/accounts/none")
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource="locations/l1/accounts/none")
    for name in ("locations/l1/accounts/none", (await account_of(gateway)).name):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.accounts.GetAccount(account_service_pb2.GetAccountRequest(name=name))
        assert_error(caught.value, Code.PERMISSION_DENIED, "LOCATION_FORBIDDEN")


async def test_a_list_is_not_filtered_by_a_connection_of_another_location(gateway: World) -> None:
    """A filter that could never match is FIELD_INVALID."""
    await gateway.connect()
    request = account_service_pb2.ListAccountsRequest(parent="locations/l1", connection="locations/l2/connections/main")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.api.accounts.ListAccounts(request)

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="connection")


async def test_accounts_are_listed_by_connection_and_paged(gateway: World) -> None:
    """Two users in one location are two accounts; a connection filters the list, which comes in pages."""
    first = await gateway.connect()
    gateway.clock.advance(timedelta(seconds=1))
    second = await gateway.connect(user=1)

    async def names(**values: Any) -> tuple[list[str], str]:
        request = account_service_pb2.ListAccountsRequest(parent="locations/l1", **values)
        answer = await gateway.api.accounts.ListAccounts(request)
        return [each.connection for each in answer.accounts], answer.next_page_token

    page, token = await names(page_size=1)
    assert ([second.name], [first.name]) == (page, (await names(page_size=1, page_token=token))[0])
    assert [first.name] == (await names(connection=first.name))[0]
    assert [] == (await names(platform="instagram"))[0]
