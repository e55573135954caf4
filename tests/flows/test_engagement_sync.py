"""Engagement syncs on a simulated API for Business: complete whatever stops them, and cheap when nothing changed.

Owns the proofs of `gateway/domain/engagement/sync.py`, `gateway/domain/engagement/sync_steps.py` and
`gateway/domain/engagement/comment_scan.py`. What callers see of them is in tests/rpc/test_engagement_business.py.
"""

import asyncio
import random
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.engagement import sync, sync_run, sync_steps
from providers.simulators.tiktok_business import Fault
from storage import engagement, engagement_syncs, metric_points
from storage.states import MetricPeriod, SyncPhase, SyncState
from tests.fixtures import business as fixture
from tests.fixtures.business import BusinessWorld, counts, under_way
from tests.fixtures.waiting import until

OLD = timedelta(days=30)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[BusinessWorld]:
    """Yield a gateway with one connected account holder."""
    async with fixture.opened(database_url, tmp_path) as world:
        await world.connect()
        yield world


def fill(stage: BusinessWorld, videos: int, comments: int, *, age: timedelta = OLD) -> None:
    """Add old videos with comments, the newest of this age."""
    fixture.fill(stage.vendor, stage.world.clock() - age, videos, comments)


async def stored(stage: BusinessWorld) -> tuple[int, int]:
    """Return how many videos and comments are stored."""
    account = (await stage.account()).name.rpartition("/")[2]
    async with stage.world.domain.db.read() as tx:
        return await counts(tx, "l1", account)


def reads(stage: BusinessWorld) -> int:
    """Return how many calls read videos or comments."""
    return sum(stage.calls(each) for each in ("video.list", "comment.list", "reply.list", "business.get"))


def existing(stage: BusinessWorld) -> set[str]:
    """Return the ids of all comments at the vendor."""
    return {id for video in stage.vendor.account.videos.values() for id in video.comments}


async def stored_ids(stage: BusinessWorld) -> list[str]:
    """Return the ids of all stored comments."""
    account = (await stage.account()).name.rpartition("/")[2]
    async with stage.world.domain.db.read() as tx:
        found = await engagement.page(tx, "l1", account, reply_to=None, after=None, limit=100_000)
    return [each.comment for each in found]


async def received(stage: BusinessWorld) -> list[str]:
    """Return the comments that were told, in order."""
    events = await stage.world.events()
    return [each.subject.rpartition("/")[2] for each in events if each.type == "COMMENT_RECEIVED"]


async def test_a_sync_brings_everything(stage: BusinessWorld) -> None:
    """Videos, comments and replies are each stored once, and the end is an event."""
    fill(stage, 25, 45)
    made = await stage.sync()
    await stage.read_due()

    assert (25, 25 * 45) == await stored(stage)
    assert existing(stage) == set(await stored_ids(stage))
    found = await sync.get(stage.world.domain, "l1", made.name.rpartition("/")[2])
    assert (SyncState.SUCCEEDED, [SyncPhase.DONE]) == (found.row.state, [each.phase for each in found.runs])
    assert "ENGAGEMENT_SYNCED" == (await stage.world.events())[-1].type
    # What was there before the first sync is no news.
    assert [] == await received(stage)


async def test_a_second_sync_reads_what_changed(stage: BusinessWorld) -> None:
    """A comment and a reply that came, and one that went, are found; videos whose count stayed are not read."""
    fill(stage, 40, 35)
    await stage.sync()
    await stage.read_due()
    first = reads(stage)
    videos = list(stage.vendor.account.videos.values())
    new = stage.vendor.add_comment(videos[3].id, "new", tell=False)
    parent = next(iter(videos[4].comments))
    reply = stage.vendor.add_comment(videos[4].id, "reply", tell=False, parent=parent)
    gone = next(id for id, each in videos[5].comments.items() if each.text == "c7")
    stage.vendor.remove_comment(gone)

    stage.world.clock.advance(3600)
    await stage.sync()
    await stage.read_due()

    assert existing(stage) == set(await stored_ids(stage))
    assert {new.comment_id, reply.comment_id} == set(await received(stage))
    assert reads(stage) - first < 15


async def kill_and_go_on(stage: BusinessWorld, rounds: int, picks: random.Random) -> None:
    """Let processes read, and kill each of them after a random number of calls, before or after an answer."""
    for _ in range(rounds):
        before, limit = reads(stage), picks.randrange(1, 8)
        working = asyncio.create_task(sync_steps.run_due(stage.running()))
        reached = lambda: reads(stage) >= before + limit or working.done()  # noqa: B023, E731 - called here only
        await until(reached)
        await asyncio.sleep(picks.random() / 500)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        # The lease of the dead process ends.
        stage.world.clock.advance(sync_run.LEASE + timedelta(seconds=1))
    await stage.read_due()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_sync_that_is_killed_ends_complete(stage: BusinessWorld, seed: int) -> None:
    """Killed at ten random moments it ends complete, each comment once, with at most a tenth more calls."""
    fill(stage, 60, 45)
    await stage.sync()
    await kill_and_go_on(stage, 10, random.Random(seed))

    assert (60, 60 * 45) == await stored(stage)
    assert existing(stage) == set(await stored_ids(stage))
    pages = 3 + 60 * (2 + 1) + 2
    assert reads(stage) <= pages * 1.1


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_a_large_account(stage: BusinessWorld) -> None:
    """500 videos with 20,000 comments: complete after ten kills with at most 1.1 times the calls, in little memory; a
    second sync without changes costs at most a twentieth of the first one's calls.
    """
    fill(stage, 500, 40)
    await stage.sync()
    tracemalloc.start()
    await kill_and_go_on(stage, 10, random.Random(7))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    first = reads(stage)

    assert (500, 20_000) == await stored(stage)
    assert existing(stage) == set(await stored_ids(stage))
    # Pages of videos, two of comments for each (their three replies come with them), profile and insights.
    assert first <= 1.1 * (25 + 500 * 2 + 2)
    assert peak < 32 * 1024 * 1024

    stage.world.clock.advance(3600)
    await stage.sync()
    await stage.read_due()
    assert reads(stage) - first <= first / 20


async def test_a_comment_that_comes_under_the_cursor_is_stored_once(stage: BusinessWorld) -> None:
    """Comments that come while their pages are read move the others: none is lost, none is doubled."""
    fill(stage, 1, 95)
    [video] = stage.vendor.account.videos.values()
    await stage.sync()
    domain, seen = stage.running(), 0
    while True:
        working = asyncio.create_task(sync_steps.run_due(domain))
        await until(lambda: stage.calls("comment.list") != seen or working.done())  # noqa: B023 - called here only
        seen = stage.calls("comment.list")
        stage.vendor.add_comment(video.id, f"late{seen}", tell=False)
        if working.done():
            break
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        stage.world.clock.advance(sync_run.LEASE + timedelta(seconds=1))
    await stage.read_due()
    stage.world.clock.advance(3600)
    await stage.sync()
    await stage.read_due()

    assert existing(stage) == set(await stored_ids(stage))
    assert 1 == max(Counter(await received(stage)).values())


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        ({"kind": "error", "code": "40100", "message": "App 7 reaches the QPM limit 600, current QPM is 601"}, True),
        ({"kind": "html"}, True),
        ({"kind": "status", "status": 503, "times": 2}, True),
        ({"kind": "error", "code": "40001"}, False),
    ],
    ids=["limit", "html", "503", "refused"],
)
async def test_a_fault_waits_or_ends_the_account(stage: BusinessWorld, fault: dict[str, Any], waits: bool) -> None:
    """What is temporary lets the sync wait and go on; a refusal ends the account with its error."""
    fill(stage, 21, 1)
    made = await stage.sync()
    stage.vendor.faults.add(Fault(match="video.list", after=1, **fault))
    await stage.read_due()

    found = await sync.get(stage.world.domain, "l1", made.name.rpartition("/")[2])
    [run] = found.runs
    assert (SyncState.SUCCEEDED if waits else SyncState.FAILED, waits) == (found.row.state, run.error is None)
    assert (21 if waits else 20) == run.videos


async def test_a_missing_scope_costs_what_needs_it(stage: BusinessWorld) -> None:
    """Without the scope of comments videos and metrics are still read."""
    fill(stage, 3, 2)
    for known in stage.vendor.tokens.access.values():
        known.grant.scopes = tuple(scope for scope in known.grant.scopes if not scope.startswith("comment"))
    made = await stage.sync()
    await stage.read_due()

    found = await sync.get(stage.world.domain, "l1", made.name.rpartition("/")[2])
    assert (SyncState.SUCCEEDED, (3, 0)) == (found.row.state, await stored(stage))


async def test_an_account_is_synced_again_by_itself(stage: BusinessWorld) -> None:
    """After its interval, somewhat shortened, an account is due again; an interval of nought ends that."""
    fill(stage, 1, 1)
    await stage.sync()
    await stage.read_due()
    assert 0 == await sync.start_due(stage.world.domain)
    stage.world.clock.advance(timedelta(hours=5))
    assert 0 == await sync.start_due(stage.world.domain)
    stage.world.clock.advance(timedelta(hours=1, seconds=1))
    assert 1 == await sync.start_due(stage.world.domain)
    await stage.read_due()

    await stage.sync(sync_interval=timedelta(0))
    await stage.read_due()
    stage.world.clock.advance(timedelta(days=30))
    assert 0 == await sync.start_due(stage.world.domain)


async def test_deleting_the_connection_deletes_what_was_synced(stage: BusinessWorld) -> None:
    """Nothing that was read under a grant stays when its connection is deleted, and a sync under way ends."""
    fill(stage, 2, 3)
    await stage.sync()
    await stage.read_due()
    account = (await stage.account()).name.rpartition("/")[2]
    made = await stage.sync()
    [connection] = (await stage.api.call("ConnectionService/ListConnections", parent="locations/l1")).connections
    await stage.api.call("ConnectionService/DeleteConnection", name=connection.name)

    async with stage.world.domain.db.read() as tx:
        assert (0, 0) == await counts(tx, "l1", account)
        assert not await metric_points.page(tx, "l1", account, after=None, limit=10)
        assert await engagement_syncs.schedule_of(tx, "l1", account) is None
        assert not await under_way(tx)
    found = await sync.get(stage.world.domain, "l1", made.name.rpartition("/")[2])
    assert SyncState.FAILED == found.row.state
    ended = [each.subject for each in await stage.world.events() if each.type == "ENGAGEMENT_SYNCED"]
    assert made.name == ended[-1]


async def test_a_users_account_has_counters_only(stage: BusinessWorld) -> None:
    """An account with a user's grant is read through the v2 API: its videos and counters, and no comments."""
    await stage.world.connect("l2")
    stage.world.vendor.add_video(next(iter(stage.world.vendor.users)), like_count=7)
    await stage.sync("l2")
    await stage.read_due()
    account = (await stage.account("l2")).name.rpartition("/")[2]

    async with stage.world.domain.db.read() as tx:
        assert (1, 0) == await counts(tx, "l2", account)
        [followers, *_] = await metric_points.page(tx, "l2", account, after=None, limit=10)
    assert ("followers", 1234) == (followers.metric, followers.value)


async def test_what_is_read_during_a_disconnect_is_not_kept(stage: BusinessWorld) -> None:
    """A page that comes after its connection was disconnected is thrown away, whoever asked for it."""
    fill(stage, 30, 1)
    await stage.sync()
    account = (await stage.account()).name.rpartition("/")[2]
    [connection] = (await stage.api.call("ConnectionService/ListConnections", parent="locations/l1")).connections
    gate, usual = asyncio.Event(), stage.vendor.sleep
    # The quota of the connecting second is used up.
    stage.world.clock.advance(10)

    async def wait(seconds: float) -> None:
        await gate.wait()

    stage.vendor.sleep = wait
    stage.vendor.faults.add(Fault(match="video.list", kind="slow"))
    working = asyncio.create_task(sync_steps.run_due(stage.running()))
    await until(lambda: stage.vendor.faults.hits["video.list slow"] == 1)
    await stage.api.call("ConnectionService/DisconnectConnection", name=connection.name)
    gate.set()
    stage.vendor.sleep = usual
    await working

    async with stage.world.domain.db.read() as tx:
        assert (0, 0) == await counts(tx, "l1", account)
        assert not await under_way(tx)


async def test_days_that_no_sync_has_read_are_read_later(stage: BusinessWorld) -> None:
    """After three weeks without a sync the next one reads the days from the last one that is kept."""
    for days in (0, 21):
        stage.world.clock.advance(timedelta(days=days))
        await stage.sync()
        await stage.read_due()
    account = (await stage.account()).name.rpartition("/")[2]
    async with stage.world.domain.db.read() as tx:
        found = await metric_points.page(tx, "l1", account, after=None, limit=1000)
    times = sorted(each.time for each in found if (each.metric, each.period) == ("views", MetricPeriod.DAY))
    assert len(times) > 21
    assert {timedelta(days=1)} == {later - earlier for earlier, later in pairwise(times)}
