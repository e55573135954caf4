"""What one refused object costs a sync: what the call would have read, and nothing else.

Owns the proofs of `is_passed_over` in `gateway/domain/engagement/sync_run.py`, and that no sync goes on for ever.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import text

from gateway.domain.engagement import sync, sync_run, sync_steps
from gateway.jobs import sweep
from providers.simulators.tiktok_business import Fault
from socialgateway.v1.engagement_service_pb2 import ListCommentsRequest
from storage.fair import FairPlaces
from storage.states import SyncPhase, SyncState
from tests.fixtures import business as fixture
from tests.fixtures.business import BusinessWorld
from tests.flows.test_engagement_sync import existing, fill, received, stored, stored_ids


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[BusinessWorld]:
    """Yield a gateway with one connected account holder."""
    async with fixture.opened(database_url, tmp_path) as world:
        await world.connect()
        yield world


async def state_of(stage: BusinessWorld, name: str) -> SyncState:
    """Return the state of a sync."""
    return (await sync.get(stage.world.domain, "l1", name.rpartition("/")[2])).row.state


@pytest.mark.parametrize(
    "fault",
    [{"code": "40053"}, {"code": "40001"}, {"code": "49999", "times": 3}],
    ids=["content", "permission", "broken"],
)
async def test_a_refused_video_costs_itself_only(stage: BusinessWorld, fault: dict[str, Any]) -> None:
    """The other videos are read, and the next sync reads the one that was refused."""
    fill(stage, 3, 2)
    made = await stage.sync()
    stage.vendor.faults.add(Fault(match="comment.list", kind="error", **fault))
    await stage.read_due()
    assert (SyncState.SUCCEEDED, 4) == (await state_of(stage, made.name), len(await stored_ids(stage)))

    stage.world.clock.advance(3600)
    await stage.sync()
    await stage.read_due()
    assert existing(stage) == set(await stored_ids(stage))


async def test_refused_figures_cost_themselves_only(stage: BusinessWorld) -> None:
    """An account whose insights are refused has its videos and comments."""
    fill(stage, 2, 2)
    made = await stage.sync()
    stage.vendor.faults.add(Fault(match="business.get", kind="error", code="40001", times=9))
    await stage.read_due()
    assert (SyncState.SUCCEEDED, 4) == (await state_of(stage, made.name), len(await stored_ids(stage)))


@pytest.mark.parametrize("code", ["40101", "40105"], ids=["application", "token"])
async def test_what_every_call_would_meet_ends_the_account(stage: BusinessWorld, code: str) -> None:
    """An application or a grant that is refused is no fault of one video."""
    fill(stage, 2, 2)
    made = await stage.sync()
    stage.vendor.faults.add(Fault(match="comment.list", kind="error", code=code, times=9))
    await stage.read_due()
    assert SyncState.FAILED == await state_of(stage, made.name)


@pytest.mark.parametrize("listed", [False, True], ids=["synced", "listed"])
async def test_replies_that_were_deleted_go(stage: BusinessWorld, listed: bool) -> None:
    """A reply that is gone at the vendor is removed, also when a caller's list saw the lower count first."""
    fill(stage, 1, 1)
    [video] = stage.vendor.account.videos.values()
    [parent] = video.comments
    [first, _] = [stage.vendor.add_comment(video.id, f"r{n}", tell=False, parent=parent).comment_id for n in range(2)]
    await stage.sync()
    await stage.read_due()
    stage.vendor.remove_comment(first)
    stage.world.clock.advance(3600)
    if listed:
        await look(stage, video.id)
    await stage.sync()
    await stage.read_due()
    assert existing(stage) == set(await stored_ids(stage))


async def test_replies_are_read_that_a_list_has_counted(stage: BusinessWorld) -> None:
    """A list that shows more replies than it brings leaves the others to the next sync, which tells them."""
    fill(stage, 1, 1)
    [video] = stage.vendor.account.videos.values()
    [parent] = video.comments
    await stage.sync()
    await stage.read_due()
    stage.world.clock.advance(timedelta(hours=1))
    for number in range(5):
        stage.vendor.add_comment(video.id, f"r{number}", tell=False, parent=parent)
    await look(stage, video.id)
    await stage.sync()
    await stage.read_due()
    assert existing(stage) == set(await stored_ids(stage))


async def look(stage: BusinessWorld, video: str) -> None:
    """List the newest comments of a video as a caller."""
    account = (await stage.account()).name
    request = ListCommentsRequest(parent=account, video=f"{account}/videos/{video}", max_staleness=Duration(nanos=1))
    await stage.api.engagement.ListComments(request)


async def test_a_comment_that_a_scan_missed_is_told_once(stage: BusinessWorld) -> None:
    """One that moves under the cursor is missed, and comes back with the next scan without a second event."""
    fill(stage, 1, 1)
    [video] = stage.vendor.account.videos.values()
    await again(stage)
    late = [stage.vendor.add_comment(video.id, f"late{number}", tell=False).comment_id for number in range(45)]
    await again(stage)
    assert set(late) == set(await received(stage))
    stage.vendor.remove_comment(min(late))
    newest = sorted(late)[-2:]

    async def remove(seconds: float) -> None:
        stage.vendor.remove_comment(newest.pop())

    stage.vendor.sleep, usual = remove, stage.vendor.sleep
    stage.vendor.faults.add(Fault(match="comment.list", kind="slow", after=1))
    await again(stage)
    stage.vendor.sleep = usual
    assert existing(stage) - set(await stored_ids(stage))
    # The vendor's count of comments changes once more.
    stage.vendor.remove_comment(newest.pop())
    await again(stage)
    assert existing(stage) == set(await stored_ids(stage))
    assert 1 == max(Counter(await received(stage)).values())


async def again(stage: BusinessWorld) -> str:
    """Sync an hour later, and return the sync's name."""
    stage.world.clock.advance(3600)
    made = await stage.sync()
    await stage.read_due()
    return str(made.name)


def page(**data: Any) -> str:
    """Return the body of an answer."""
    return json.dumps({"code": 0, "message": "OK", "request_id": "1", "data": data})


async def test_a_video_that_is_listed_twice_is_kept_once(stage: BusinessWorld) -> None:
    """A page with the same video twice is read like any other."""
    fill(stage, 1, 1)
    [video] = stage.vendor.account.videos.values()
    body = page(videos=[{"item_id": video.id, "comments": 1}] * 2, has_more=False)
    stage.vendor.faults.add(Fault(match="video.list", kind="body", body=body, times=None))
    assert SyncState.SUCCEEDED == await state_of(stage, await again(stage))
    assert existing(stage) == set(await stored_ids(stage))


async def test_a_list_that_promises_more_for_ever_ends(stage: BusinessWorld) -> None:
    """After some pages with nothing on them a video is left, and nothing of it is taken for deleted."""
    fill(stage, 1, 3)
    [video] = stage.vendor.account.videos.values()
    await again(stage)
    before = stage.calls("comment.list")
    stage.vendor.add_comment(video.id, "new", tell=False)
    for number in range(1, 30):
        body = page(comments=[], cursor=number, has_more=True)
        stage.vendor.faults.add(Fault(match="comment.list", kind="body", body=body))
    assert SyncState.SUCCEEDED == await state_of(stage, await again(stage))
    assert (sync_run.MAX_EMPTY, 3) == (stage.calls("comment.list") - before, len(await stored_ids(stage)))

    stage.vendor.faults.clear()
    await again(stage)
    assert existing(stage) == set(await stored_ids(stage))


async def test_a_vendor_that_always_names_a_pause_is_given_up(stage: BusinessWorld) -> None:
    """Only a limit is no failed try: one that is unavailable ends the sync, however soon it says to come back."""
    fault = Fault(match="video.list", kind="status", status=503, headers={"retry-after": "1"}, times=None)
    stage.vendor.faults.add(fault)
    assert SyncState.FAILED == await state_of(stage, await again(stage))


async def test_a_large_account_lets_others_have_their_turn(stage: BusinessWorld) -> None:
    """With one place, an account that needs more steps than its share goes on after the other one has had its own."""
    fill(stage, sync_steps.STEPS, 1)
    await stage.connect("l2")
    made = [await stage.sync("l1"), await stage.sync("l2")]

    def tick() -> datetime:
        # No quota makes them wait, and leave their place.
        stage.world.clock.advance(1)
        return stage.world.clock()

    domain = replace(stage.running(), syncs=FairPlaces(1), clock=tick)
    assert 2 == await sync_steps.run_due(domain)
    for each in made:
        _, location, _, id = each.name.split("/")
        [run] = (await sync.get(domain, location, id)).runs
        assert (SyncPhase.COMMENTS, True) == (run.phase, run.comments > 0)
    await stage.read_due()
    assert [SyncState.SUCCEEDED] * 2 == [
        (await sync.get(domain, *each.name.split("/")[1::2])).row.state for each in made
    ]


async def test_what_was_pruned_is_not_told_again(stage: BusinessWorld) -> None:
    """A comment that is read again after its retention is no news; a video that is gone is forgotten."""
    stage.world.domain = replace(stage.world.domain, engagement_retention=timedelta(days=30))
    fill(stage, 2, 1)
    gone, video = stage.vendor.account.videos.values()
    await again(stage)
    old = stage.vendor.add_comment(video.id, "old", tell=False).comment_id
    await again(stage)
    assert [old] == await received(stage)
    stage.vendor.account.videos.pop(gone.id)
    stage.world.clock.advance(timedelta(days=31))
    await sweep.old(stage.world.domain)
    assert (0, 0) == await stored(stage)
    new = stage.vendor.add_comment(video.id, "new", tell=False).comment_id
    await again(stage)
    assert new in await received(stage)
    assert (await received(stage)).count(old) <= 1
    assert existing(stage) == set(await stored_ids(stage))


async def test_a_video_may_lose_more_comments_than_a_statement_has_parameters(stage: BusinessWorld) -> None:
    """A scan that finds tens of thousands of comments gone removes them all, and ends."""
    fill(stage, 1, 3)
    [video] = stage.vendor.account.videos.values()
    await again(stage)
    many = """
        INSERT INTO engagement_comments
        SELECT (jsonb_populate_record(c, jsonb_build_object('comment', n::text))).*
        FROM (SELECT e FROM engagement_comments AS e LIMIT 1) AS each (c), generate_series(1, 66000) AS n
    """
    async with stage.world.domain.db.transaction() as tx:
        await tx.execute(text(many))
    stage.vendor.remove_comment(next(iter(video.comments)))
    assert SyncState.SUCCEEDED == await state_of(stage, await again(stage))
    assert existing(stage) == set(await stored_ids(stage))
