"""QuotaService: every limit that applies to an account, and the error when one is used up.

Owns ListQuotas and the statuses of a used-up quota; the ledger itself is tested in tests/flows.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from gateway.domain.quotas import sliding_window
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import account_pb2, account_service_pb2, connection_pb2, quota_pb2, quota_service_pb2
from storage import accounts
from tests.fixtures import highlevel
from tests.fixtures.clock import START, RunningClock
from tests.fixtures.gateway import World, opened
from tests.fixtures.rows import account_row
from tests.rpc.answers import assert_error, detail, status_of
from tests.rpc.test_accounts import account_of

Code = grpc.StatusCode
MINUTE = timedelta(minutes=1)
SKEW = timedelta(seconds=sliding_window.SKEW_SECONDS)
METRICS = {
    "active_creators": (0, 86_400),
    "content_init": (6, 60),
    "creator_info": (20, 60),
    "inbox_init": (6, 60),
    "pending_drafts": (5, 86_400),
    "posts_per_day": (0, 86_400),
    "status": (30, 60),
    "user_info": (600, 60),
    "video_init": (6, 60),
    "video_list": (600, 60),
    "video_query": (600, 60),
}


async def listed(world: World, parent: str, **values: Any) -> dict[str, quota_pb2.Quota]:
    """List the quotas of an account, by metric."""
    request = quota_service_pb2.ListQuotasRequest(parent=parent, **values)
    return {quota.metric: quota for quota in (await world.api.quotas.ListQuotas(request)).quotas}


async def ask(world: World, account: str, times: int = 1, **values: Any) -> account_pb2.CreatorInfo:
    """Ask the vendor for creator info, whatever is cached."""
    request = account_service_pb2.GetCreatorInfoRequest(name=f"{account}/creatorInfo", max_staleness=Duration())
    for _ in range(times):
        info = await world.api.accounts.GetCreatorInfo(request, **values)
    return info


async def test_every_quota_of_an_account_is_listed(gateway: World) -> None:
    """All limits of the vendor are listed, sorted, each with its name and its subject."""
    made = await gateway.connect()
    account = (await account_of(gateway)).name

    found = await listed(gateway, account)

    assert list(METRICS) == list(found)
    assert METRICS == {metric: (quota.limit, quota.window.seconds) for metric, quota in found.items()}
    assert {metric: f"{account}/quotas/{metric}" for metric in METRICS} == {
        metric: quota.name for metric, quota in found.items()
    }
    assert {"active_creators": "providers/tiktok", "pending_drafts": account, "posts_per_day": account} == {
        metric: quota.subject for metric, quota in found.items() if quota.subject != made.name
    }
    assert {quota_pb2.Quota.DOCUMENTED} == {quota.source for quota in found.values()}
    assert [] == [metric for metric, quota in found.items() if quota.HasField("reset_time")]


async def test_what_was_used_is_shown_until_its_window_ends(gateway: World) -> None:
    """Calls count per connection, for a minute; when none is free the next free time is shown."""
    await gateway.connect()
    account = (await account_of(gateway)).name
    await ask(gateway, account, 19)

    some = (await listed(gateway, account))["creator_info"]
    gateway.clock.advance(timedelta(seconds=30))
    await ask(gateway, account)
    all_used = (await listed(gateway, account))["creator_info"]

    assert (19, False) == (some.used, some.HasField("reset_time"))
    assert 20 == all_used.used
    expected = gateway.clock() - timedelta(seconds=30) + MINUTE + SKEW
    assert expected.timestamp() == pytest.approx(all_used.reset_time.ToDatetime(expected.tzinfo).timestamp())
    gateway.clock.advance(MINUTE + SKEW)
    after = (await listed(gateway, account))["creator_info"]
    assert (0, False) == (after.used, after.HasField("reset_time"))


async def test_quotas_are_listed_in_pages(gateway: World) -> None:
    """Every metric is listed once, whatever the page size; a page token belongs to its list."""
    await gateway.connect()
    account = (await account_of(gateway)).name
    found, token = [], ""
    while True:
        request = quota_service_pb2.ListQuotasRequest(parent=account, page_size=4, page_token=token)
        page = await gateway.api.quotas.ListQuotas(request)
        found += [quota.metric for quota in page.quotas]
        token = page.next_page_token
        if not token:
            break
        other = token

    assert list(METRICS) == found
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, f"{account}x", page_token=other)
    assert_error(caught.value, Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize("parent", ["locations/l1/accounts/nobody", "locations/l2/accounts/nobody"])
async def test_an_unknown_account_is_not_found(gateway: World, parent: str) -> None:
    """An unknown account is NOT_FOUND, also in a location of the agency's that was never used."""
    await gateway.connect()
    await gateway.key(locations=["l2"])

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, parent)

    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("parent", ["", "locations/l1", "locations/-/accounts/a", "locations/l1/connections/c1"])
async def test_another_kind_of_parent_is_refused(gateway: World, parent: str) -> None:
    """Quotas are listed for one account."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, parent)

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_another_agency_sees_nothing(gateway: World) -> None:
    """An existing and an unknown account get the same error; a shared count shows only the caller's own names."""
    await gateway.connect()
    account = (await account_of(gateway)).name
    stranger = gateway.client(await gateway.key("other"))

    answers = []
    for parent in (account, "locations/l1/accounts/nobody"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.quotas.ListQuotas(quota_service_pb2.ListQuotasRequest(parent=parent))
        answers.append((caught.value.code(), caught.value.details()))

    assert [(Code.PERMISSION_DENIED, answers[0][1])] * 2 == answers


async def test_a_used_up_quota_is_a_status_with_all_details(gateway: World) -> None:
    """RESOURCE_EXHAUSTED has the quota, its subject, how long to wait, and until when; there is no vendor call."""
    made = await gateway.connect()
    account = (await account_of(gateway)).name
    await ask(gateway, account, 20)
    asked = gateway.calls("creator_info")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(gateway, account)

    assert_error(
        caught.value,
        Code.RESOURCE_EXHAUSTED,
        "QUOTA_EXCEEDED",
        quota="creator_info",
        subject=made.name,
        limit="20",
        provider="tiktok",
        retryAt=(gateway.clock() + MINUTE + SKEW).isoformat(),
    )
    status = status_of(caught.value)
    failure = detail(status, error_details_pb2.QuotaFailure)
    retry = detail(status, error_details_pb2.RetryInfo)
    assert failure is not None
    assert [(made.name, "tiktok", "creator_info")] == [
        (each.subject, each.api_service, each.quota_id) for each in failure.violations
    ]
    assert retry is not None
    assert MINUTE + SKEW == retry.retry_delay.ToTimedelta()
    assert 20 == asked == gateway.calls("creator_info")


@pytest.fixture
async def ticking(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[World, connection_pb2.Connection]]:
    """Yield a gateway in real time, with a connection whose creator-info calls of this minute are used up."""
    async with opened(database_url, tmp_path, clock=RunningClock(START)) as world:
        made = await world.connect()
        await ask(world, (await account_of(world)).name, 20)
        yield world, made


async def test_a_call_waits_inside_its_deadline(ticking: tuple[World, connection_pb2.Connection]) -> None:
    """A call waits for a slot that is free soon: the caller only sees that it took longer."""
    world, _ = ticking
    account = (await account_of(world)).name
    world.clock.advance(MINUTE - timedelta(seconds=0.5))

    assert (await ask(world, account, timeout=20)).can_post

    times = [call.time for call in world.vendor.requests if call.operation == "creator_info"]
    assert (21, True) == (len(times), MINUTE <= times[20] - times[0])


async def test_a_call_with_too_short_a_deadline_is_refused_at_once(
    ticking: tuple[World, connection_pb2.Connection],
) -> None:
    """Five seconds are too long for a caller who waits four: the error has the reason, not DEADLINE_EXCEEDED."""
    world, made = ticking
    account = (await account_of(world)).name
    world.clock.advance(MINUTE - timedelta(seconds=5))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(world, account, timeout=4)

    assert_error(caught.value, Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", quota="creator_info", subject=made.name)
    assert 20 == world.calls("creator_info")


async def test_a_learned_cap_is_listed_as_learned(gateway: World) -> None:
    """The vendor's refusal shows its limit; none is free until a day is over, or the vendor says otherwise."""
    made = await gateway.connect()
    account = (await account_of(gateway)).name
    gateway.vendor.set_creator(made.provider_subject, too_many_posts=True)

    assert not (await ask(gateway, account)).can_post

    cap = (await listed(gateway, account))["posts_per_day"]
    assert (quota_pb2.Quota.LEARNED, 1, 0) == (cap.source, cap.limit, cap.used)
    assert (gateway.clock() + timedelta(days=1)).replace(tzinfo=None) == cap.reset_time.ToDatetime()
    gateway.vendor.set_creator(made.provider_subject, too_many_posts=False)
    await ask(gateway, account)
    free = (await listed(gateway, account))["posts_per_day"]
    assert (quota_pb2.Quota.LEARNED, 1, False) == (free.source, free.limit, free.HasField("reset_time"))


async def test_a_shared_count_is_shown_under_the_own_connection_only(database_url: str, tmp_path: Path) -> None:
    """Two agencies are connected to one location of HighLevel: each sees the vendor's numbers, and nothing of the
    other.
    """
    async with highlevel.opened(database_url, tmp_path, rate_limits=True) as high:
        stranger = high.world.client(await high.world.key("other"))
        mine = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))
        theirs = await high.create(
            "elsewhere",
            api=stranger.connections,
            said={"location_id": BAKERY},
            static_token=high.vendor.private_token(BAKERY),
        )
        shown = await listed(high.world, await _account(high, mine))
        request = quota_service_pb2.ListQuotasRequest(parent=await _account(high, theirs))
        shown_there = {each.metric: each for each in (await stranger.quotas.ListQuotas(request)).quotas}
        calls = len(high.vendor.requests)

    for metric, limit in (("requests", 100), ("requests_per_day", 200_000)):
        here, there = shown[metric], shown_there[metric]
        assert (quota_pb2.Quota.HEADER, limit, mine.name) == (here.source, here.limit, here.subject)
        assert (quota_pb2.Quota.HEADER, limit, theirs.name) == (there.source, there.limit, there.subject)
        # Each token was proved by one call that is not counted here, there was no connection yet; the vendor counts it.
        assert calls - 2 <= here.used == there.used <= calls
        assert [] == [word for word in ("elsewhere", theirs.name, "subjects") if word in str(here)]


async def _account(high: highlevel.HighWorld, made: connection_pb2.Connection) -> str:
    """Attach an account of the connection, and return its name."""
    _, location, _, connection = made.name.split("/")
    place = {"location": location, "connection": connection, "provider": "highlevel"}
    async with high.world.domain.db.transaction() as tx:
        row = await accounts.attach(tx, account_row(high.world.clock(), **place))
    return f"locations/{location}/accounts/{row.id}"
