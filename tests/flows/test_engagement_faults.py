"""What one refused object costs a sync: what the call would have read, and nothing else.

Owns the proofs of `is_passed_over` in `gateway/domain/engagement/sync_run.py`, and that no sync goes on for ever.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from gateway.domain.engagement import sync
from providers.simulators.tiktok_business import Fault
from socialgateway.v1.engagement_service_pb2 import ListCommentsRequest
from storage.states import SyncState
from tests.fixtures import business as fixture
from tests.fixtures.business import BusinessWorld
from tests.flows.test_engagement_sync import existing, fill, stored_ids


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
