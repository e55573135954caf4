"""Scheduled posts of an account that was reconnected under a new id of the planner's: they go with the account."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from gateway.domain.accounts import sync
from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.tenants import BAKERY
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning

VIDEO = b"v" * 5000
HOUR = timedelta(hours=1)


async def reconnect(stage: PlannerStage) -> SimAccount:
    """Let the bakery's TikTok account be connected again under another id, and bring the copies up to date."""
    [old] = [each for each in stage.planner.accounts.of(BAKERY) if each.platform == "tiktok"]
    stage.planner.accounts.remove(old)
    new = stage.planner.accounts.add(
        location_id=BAKERY, platform="tiktok", origin_id=old.origin_id, name=old.name, type=old.type
    )
    await sync.refresh(stage.domain, LOCATION, "c1")
    return new


async def scheduled(stage: PlannerStage, **changes: Any) -> PostRow:
    """Return a post that the planner keeps until its time."""
    account, upload = await stage.connect(), await stage.upload(VIDEO)
    post = await stage.planned(account, upload, "Later", schedule_time=stage.clock() + HOUR, **changes)
    return await stage.step(await stage.step(post))


async def test_a_scheduled_post_goes_with_its_account(database_url: str, tmp_path: Path) -> None:
    """The planner's record is moved to the new id at once, and published once, by the same account of ours."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        new = await reconnect(stage)
        woken = await stage.read(post)
        post = await stage.step(woken)
        [record] = stage.planner.planner.records.values()
        moved, state = list(record.account_ids), post.state
        post = await stage.finish(post, within=2 * HOUR)

    assert woken.due_at is not None
    assert ([new.id], "SCHEDULED") == (moved, state)
    assert ("PUBLISHED", 1, "a1-tiktok", {}) == (post.state, len(stage.published), post.account, post.differences)
    assert new.id == stage.published[0].account_id


async def test_a_post_of_the_version_before_goes_too(database_url: str, tmp_path: Path) -> None:
    """Its attempt does not say for which id it was submitted: that is noted when the account gets the new one."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        async with stage.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE attempts SET media = media - 'account'"))
        await reconnect(stage)
        post = await stage.finish(await stage.read(post), within=2 * HOUR)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


async def test_a_move_that_fails_is_repeated(database_url: str, tmp_path: Path) -> None:
    """A planner that does not answer, or refuses, leaves the post where it is; callers see the refusal meanwhile."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        await reconnect(stage)
        stage.fail("posts.update", "drop_before")
        stage.fail("posts.update", "status", status=422, body='{"message": "No."}')
        post = await stage.step(await stage.read(post))
        quiet = post.error
        assert post.due_at is not None
        stage.clock.time = post.due_at
        post = await stage.step(post)
        refused = post.error or {}
        post = await stage.finish(post, within=2 * HOUR)

    assert (None, "CONTENT_REJECTED") == (quiet, refused["reason"])
    assert ("PUBLISHED", None, 1) == (post.state, post.error, len(stage.published))


async def test_a_post_that_is_looked_for_is_found_under_the_old_id(database_url: str, tmp_path: Path) -> None:
    """A reconnection during the search for a lost answer does not hide the record: nothing is sent twice."""
    async with planning(database_url, tmp_path) as stage:
        stage.fail("posts.create", "drop_after")
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.planned(account, upload, "Later", schedule_time=stage.clock() + HOUR)
        post = await stage.step(post)
        await reconnect(stage)
        post = await stage.finish(await stage.read(post), within=2 * HOUR)

    assert ("PUBLISHED", 1, 1) == (post.state, len(stage.published), len(stage.planner.created))
