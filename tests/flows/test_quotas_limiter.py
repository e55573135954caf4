"""HighLevel's rate limits: one count for all who call for one location, headers that are applied, background work that
yields.

Owns the proof over the simulator with its own windows, headers and 429s, and a clock that is moved by hand.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.domain.quotas import sliding_window, standing
from gateway.domain.quotas.standing import Standing
from gateway.rpc.quotas import to_proto
from providers.errors import QuotaUsedUp, RateLimited
from providers.models.accounts import ProfilePart
from providers.simulators.highlevel import Fault, SimulatorConfig, Vendor, create_app
from providers.simulators.highlevel.tenants import BAKERY, GARAGE
from socialgateway.v1 import quota_pb2
from storage import quotas as rows
from storage.quotas import QuotaRow
from tests.fixtures.clock import Clock
from tests.fixtures.domain import built, numbered
from tests.fixtures.planner import planning
from tests.fixtures.rows import account_row, as_grant, connect, connection_row
from tests.fixtures.settings import for_highlevel, make_settings
from tests.fixtures.waiting import no_time
from tests.flows.faults import Outage

BURST, DAY = "requests", "requests_per_day"
SKEW = timedelta(seconds=sliding_window.SKEW_SECONDS)
SECOND, TEN, HOUR = timedelta(seconds=1), timedelta(seconds=10), timedelta(hours=1)
DOCUMENTED = SimulatorConfig()
SMALL = SimulatorConfig(burst=12)
"""A vendor whose headers tell of twelve calls in ten seconds, where its documentation promises a hundred."""

SCOPES = ("locations.readonly",)
MONTHS = timedelta(days=300)


@dataclass
class Agencies:
    """Gateway locations of two agencies, connected to HighLevel; `domains` are processes that share one database."""

    domains: list[Domain]
    vendor: Vendor
    clock: Clock

    @property
    def domain(self) -> Domain:
        """The first process."""
        return self.domains[0]

    async def connect(self, location: str, connection: str, subject: str = BAKERY) -> None:
        """Connect one location of the gateway to one of HighLevel's."""
        now = self.clock()
        place = {"location": location, "id": connection, "provider": "highlevel"}
        row = connection_row(now, provider_subject=subject, granted_scopes=list(SCOPES), **place)
        grant = as_grant(
            {**self.vendor.grant(subject), "expires_in": MONTHS.total_seconds()}, now, scopes=SCOPES, subject=subject
        )
        await connect(self.domain, row, grant, [], f"agency-of-{location}")

    def access(self, location: str = "l1", connection: str = "c1", **more: Any) -> ConnectionAccess:
        """Return access to a connection, in the first process unless `domain` says otherwise."""
        return ConnectionAccess(more.pop("domain", self.domain), "highlevel", location, connection, **more)

    async def ask(self, *whose: str, **more: Any) -> None:
        """Make one call: the location's own profile."""
        access = self.access(*whose, **more)
        await access.domain.providers["highlevel"].accounts.profile(access, {ProfilePart.BASIC})

    async def asks(self, times: int, *whose: str, **more: Any) -> None:
        """Make calls one after the other."""
        for _ in range(times):
            await self.ask(*whose, **more)

    async def standing(self, metric: str = BURST, location: str = "l1", connection: str = "c1") -> Standing:
        """Return the standing of a quota of an account under a connection."""
        place = {"location": location, "connection": connection, "provider": "highlevel"}
        account = account_row(self.clock(), **place)
        return next(each for each in await standing.of_account(self.domain, account) if each.rule.metric == metric)

    async def row(self, metric: str = BURST, subject: str = BAKERY) -> QuotaRow:
        """Return the ledger's row of a HighLevel location."""
        key = f"providers/highlevel/subjects/{subject}"
        async with self.domain.db.read() as tx:
            return (await rows.find(tx, [key]))[key, metric]

    def statuses(self) -> list[int]:
        """Return what the vendor answered, call by call."""
        return [call.status for call in self.vendor.requests]


@asynccontextmanager
async def opened(
    database_url: str, folder: Path, config: SimulatorConfig = DOCUMENTED, processes: int = 1
) -> AsyncIterator[Agencies]:
    """Open several processes' domains over one database and one vendor."""
    clock = Clock()
    simulator = create_app(config, clock=clock)
    settings = make_settings(database_url, folder, **for_highlevel(config))
    overrides = {"highlevel": {"transport": httpx.ASGITransport(simulator)}}
    async with AsyncExitStack() as stack:
        vendor = await stack.enter_async_context(aclosing(simulator.state.vendor))
        rules = [built(settings, clock=clock, new_id=numbered(), overrides=overrides) for _ in range(processes)]
        domains = [(await stack.enter_async_context(each))[1] for each in rules]
        found = Agencies([replace(each, sleep=no_time) for each in domains], vendor, clock)
        await found.connect("l1", "c1")
        yield found


@pytest.fixture
async def agencies(database_url: str, tmp_path: Path) -> AsyncIterator[Agencies]:
    """Yield one location, connected to the bakery, before a vendor with the documented limits."""
    async with opened(database_url, tmp_path) as found:
        yield found


@pytest.fixture
async def small(database_url: str, tmp_path: Path) -> AsyncIterator[Agencies]:
    """Yield the same before a vendor that allows twelve calls in ten seconds."""
    async with opened(database_url, tmp_path, SMALL) as found:
        yield found


async def take(access: ConnectionAccess, metric: str = BURST, times: int = 1) -> int:
    """Take slots one after the other until none is free, and return how many there were."""
    for number in range(times):
        try:
            async with access.slot(metric):
                pass
        except QuotaUsedUp:
            return number
    return times


# Which row a call counts in


@pytest.mark.chaos
async def test_all_who_call_for_one_location_share_its_count(agencies: Agencies) -> None:
    """Two agencies' connections to one HighLevel location have 97 calls together; another location has its own."""
    await agencies.connect("l2", "c2")
    await agencies.connect("l2", "c3", GARAGE)

    assert 50 == await take(agencies.access("l1", "c1"), times=50)
    assert 47 == await take(agencies.access("l2", "c2"), times=100)
    assert 0 == await take(agencies.access("l1", "c1"))
    assert 97 == await take(agencies.access("l2", "c3"), times=100)


async def test_a_call_counts_for_the_subject_of_its_token(agencies: Agencies) -> None:
    """The subject comes with the token: a call looks nothing up, and counts in the same row as one that did."""
    await agencies.ask()
    assert 1 == await take(agencies.access())

    assert 2 == len((await agencies.row()).stamps)


@pytest.mark.chaos
async def test_no_caller_sees_who_shares_the_count(agencies: Agencies) -> None:
    """An account's caller sees its own connection in lists and errors, never the subject behind it."""
    await agencies.connect("l2", "c2")
    await take(agencies.access("l2", "c2"), times=100)

    shown = await agencies.standing()
    with pytest.raises(QuotaUsedUp) as caught:
        await agencies.ask()

    assert ("locations/l1/connections/c1", 100, 97) == (shown.subject, shown.limit, shown.used)
    shown_text = f"{to_proto('name', shown)} {caught.value!r} {caught.value} {caught.value.metadata}"
    assert "locations/l1/connections/c1" in shown_text
    for secret in ("l2", "c2", BAKERY, "subjects"):
        assert secret not in shown_text


@pytest.mark.chaos
async def test_a_connection_without_a_consent_counts_for_itself(agencies: Agencies) -> None:
    """A connection without a known subject has its own count."""
    await agencies.connect("l3", "c5", "")
    await take(agencies.access(), times=100)

    assert 1 == await take(agencies.access("l3", "c5"))
    assert 1 == (await agencies.standing(BURST, "l3", "c5")).used


async def test_two_concurrent_processes_never_exceed_the_limit(database_url: str, tmp_path: Path) -> None:
    """Forty callers over two pools: nine of the vendor's twelve slots are taken, the other calls were not sent."""
    async with opened(database_url, tmp_path, SMALL, processes=2) as agencies:
        await agencies.connect("l2", "c2")
        await agencies.ask()
        agencies.clock.advance(TEN + SECOND)
        places = [("l1", "c1", agencies.domains[0]), ("l2", "c2", agencies.domains[1])]
        results = await asyncio.gather(
            *(agencies.ask(*place[:2], domain=place[2]) for place in places * 20), return_exceptions=True
        )

        assert {"NoneType": 9, "QuotaUsedUp": 31} == Counter(type(each).__name__ for each in results)
        assert [200] * 10 == agencies.statuses()


# What it costs


@pytest.mark.chaos
async def test_a_days_row_stays_small_and_its_calls_cost_one_write(agencies: Agencies) -> None:
    """After ten thousand calls of a day the row is as large as after some hundred; a call's end writes nothing."""

    async def size() -> int:
        async with agencies.domain.db.read() as tx:
            statement = text("SELECT pg_column_size(quotas.*) FROM quotas WHERE metric = :metric")
            return int((await tx.execute(statement, {"metric": DAY})).scalar_one())

    await take(agencies.access(), DAY, times=200)
    before = await size()
    async with agencies.domain.db.transaction() as tx:
        row = await rows.lock(tx, f"providers/highlevel/subjects/{BAKERY}", DAY, agencies.clock())
        [bucket] = row.counts
        row.counts = {str(int(bucket) - number): 400 for number in range(25)}
    async with agencies.access().slot(DAY):
        held = (await agencies.row(DAY)).counts
        agencies.clock.advance(SECOND)

    assert (10_001, 25) == (sum(held.values()), len(held))
    assert held == (await agencies.row(DAY)).counts
    assert [] == (await agencies.row(DAY)).stamps
    assert before < await size() < 800, "a burst's hundred stamps alone take as much"


async def test_headers_that_agree_with_the_ledger_are_stored_once(agencies: Agencies) -> None:
    """The first answer's limits are written; the next thirty answers change nothing, and write nothing."""
    await agencies.asks(31)

    for metric, limit in ((BURST, 100), (DAY, 200_000)):
        row, shown = await agencies.row(metric), await agencies.standing(metric)
        first = (row.told_limit, row.told_left)
        assert (limit, limit - 1 - 30) == first
        assert (True, 31, limit) == (shown.reported, shown.used, shown.limit)
        assert quota_pb2.Quota.HEADER == to_proto("name", shown).source


async def test_an_unavailable_ledger_does_not_lose_an_answer(agencies: Agencies, database_url: str) -> None:
    """The vendor's answer counts more than what its headers say of a quota."""
    outage = Outage(database_url)

    async def think(seconds: float) -> None:
        outage.begin()

    await agencies.ask()
    agencies.vendor.sleep = think
    agencies.vendor.faults.add(Fault(match="locations.search", kind="slow"))
    for _ in range(95):
        agencies.vendor.windows.admit(BAKERY, agencies.clock())
    agencies.vendor.windows.fill_day(BAKERY, agencies.clock(), 10)

    await agencies.ask()

    outage.end()
    assert [200, 200] == agencies.statuses()
    assert 98 == (await agencies.row()).told_left


# What the headers say


async def test_callers_wait_when_hardly_any_calls_are_left(small: Agencies) -> None:
    """The headers' limit counts; with three calls left all wait for the end of the interval, and none is refused."""
    await small.asks(9)
    with pytest.raises(QuotaUsedUp) as caught:
        await small.ask()

    assert TEN + SKEW == caught.value.retry_after
    shown = await small.standing()
    assert (12, 9, small.clock() + TEN + SKEW, True) == (shown.limit, shown.used, shown.reset_time, shown.reported)
    small.clock.advance(TEN + SECOND)
    await small.asks(9)
    assert [200] * 18 == small.statuses()


async def test_calls_of_other_processes_are_noticed(small: Agencies) -> None:
    """A foreign process used most of the interval: one answer shows it, and no call is refused."""
    await small.ask()
    small.clock.advance(TEN + SECOND)
    for _ in range(8):
        small.vendor.windows.admit(BAKERY, small.clock())

    await small.ask()
    with pytest.raises(QuotaUsedUp):
        await small.ask()

    assert (12, 9) == ((shown := await small.standing()).limit, shown.used)
    assert [200, 200] == small.statuses()


async def test_background_work_stops_when_the_day_is_nearly_used_up(agencies: Agencies) -> None:
    """The last 1,500 calls are for callers; an hour later, when a new day may have begun, it tries again."""
    agencies.vendor.windows.fill_day(BAKERY, agencies.clock(), 1_501)
    await agencies.ask()

    with pytest.raises(QuotaUsedUp) as caught:
        await agencies.ask(background=True)
    assert (DAY, HOUR) == (caught.value.metadata["quota"], caught.value.retry_after)
    await agencies.ask()
    shown = await agencies.standing(DAY)
    assert (200_000, 198_501, True, None) == (shown.limit, shown.used, shown.reported, shown.reset_time)
    agencies.clock.advance(HOUR + SECOND)
    await agencies.ask(background=True)
    with pytest.raises(QuotaUsedUp):
        await agencies.ask(background=True)
    agencies.clock.advance(timedelta(days=1))
    await agencies.asks(2, background=True)


async def test_callers_stop_when_the_day_is_used_up(agencies: Agencies) -> None:
    """Nothing is left, and the vendor is not called before an hour is over."""
    agencies.vendor.windows.fill_day(BAKERY, agencies.clock(), 1)
    await agencies.ask()

    with pytest.raises(QuotaUsedUp) as caught:
        await agencies.ask()

    assert (DAY, HOUR) == (caught.value.metadata["quota"], caught.value.retry_after)
    assert [200] == agencies.statuses()


async def test_a_new_day_frees_background_work(agencies: Agencies) -> None:
    """The day began anew: the next caller's answer frees background work before the hour is over."""
    agencies.vendor.windows.fill_day(BAKERY, agencies.clock(), 1_000)
    await agencies.ask()
    agencies.vendor.windows.fill_day(BAKERY, agencies.clock(), 200_000)

    with pytest.raises(QuotaUsedUp):
        await agencies.ask(background=True)
    await agencies.ask()
    await agencies.ask(background=True)


async def test_background_work_leaves_forty_of_a_burst(agencies: Agencies) -> None:
    """It may make sixty calls in ten seconds; callers still get a slot."""
    assert 60 == await take(agencies.access(background=True), times=100)
    assert 37 == await take(agencies.access(), times=100)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Max": "0", "X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Max": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Milliseconds": "999999999999"},
        {"X-RateLimit-Max": "-1", "X-RateLimit-Remaining": "-99"},
        {"X-RateLimit-Max": "999999999999", "X-RateLimit-Remaining": "999999999999"},
        {"X-RateLimit-Limit-Daily": "999999999999", "X-RateLimit-Daily-Remaining": "999999999999"},
        {"X-RateLimit-Limit-Daily": "1" * 400, "X-RateLimit-Remaining": "NaN", "X-RateLimit-Max": ""},
    ],
    ids=str,
)
async def test_hostile_headers_stop_calls_no_longer_than_the_interval(
    agencies: Agencies, headers: dict[str, str]
) -> None:
    """The answer is returned, no impossible number is stored, and the next interval is free."""
    body = '{"locations": [{"id": "x", "name": "n"}]}'
    agencies.vendor.faults.add(Fault(match="locations.search", kind="body", body=body, headers=headers, status=200))

    await agencies.ask()
    agencies.clock.advance(TEN + SECOND)
    await agencies.ask()

    for metric, documented in ((BURST, 100), (DAY, 200_000)):
        shown = await agencies.standing(metric)
        assert 0 <= shown.used <= shown.limit <= 10 * documented


# Refusals


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 10), (4, 4), (30, 30)])
async def test_a_refusal_is_waited_out(
    database_url: str, tmp_path: Path, retry_after: int | None, seconds: int
) -> None:
    """After a 429 no connection calls before Retry-After, or before the interval is over."""
    async with opened(database_url, tmp_path, replace(SMALL, retry_after=retry_after)) as agencies:
        await agencies.connect("l2", "c2")
        for _ in range(12):
            agencies.vendor.windows.admit(BAKERY, agencies.clock())

        with pytest.raises(RateLimited) as caught:
            await agencies.ask()
        assert timedelta(seconds=seconds) == caught.value.retry_after
        agencies.clock.advance(timedelta(seconds=seconds) - SECOND)
        with pytest.raises(QuotaUsedUp):
            await agencies.ask("l2", "c2")
        assert [429] == agencies.statuses()
        agencies.clock.advance(TEN)
        await agencies.ask("l2", "c2")


async def test_a_call_without_a_burst_slot_does_not_count_for_the_day(agencies: Agencies) -> None:
    """What was not sent was not counted by the vendor either."""
    await agencies.ask()
    await take(agencies.access(), times=100)
    for _ in range(5):
        with pytest.raises(QuotaUsedUp):
            await agencies.ask()

    assert 1 == sum((await agencies.row(DAY)).counts.values())


# Posts


async def test_a_rate_limited_create_is_sent_once_after_the_wait(database_url: str, tmp_path: Path) -> None:
    """The post waits visibly as long as HighLevel said, and is then created with its first attempt."""
    async with planning(database_url, tmp_path) as stage:
        account = await stage.connect()
        stage.fail("posts.create", "error", message="Too Many Requests", status=429, headers={"Retry-After": "30"})
        post = await stage.planned(account, await stage.upload(b"video"), "words")
        while "posts.create" not in (asked := [call.operation for call in stage.planner.requests]):
            post = await stage.step(post)

        assert ("QUEUED", 1, 0) == (post.state, post.attempt, len(stage.published))
        assert post.error is not None
        assert "PROVIDER_RATE_LIMITED" == post.error["reason"]
        assert stage.clock() + timedelta(seconds=30) == post.next_attempt_time
        stage.clock.advance(timedelta(seconds=29))
        await stage.step(post)
        assert len(asked) == len(stage.planner.requests)

        stage.clock.advance(2 * SECOND)
        done = await stage.finish(post)

    created = [call.status for call in stage.planner.requests if call.operation == "posts.create"]
    assert ("PUBLISHED", 1, [429, 201], 1) == (done.state, done.attempt, created, len(stage.published))
