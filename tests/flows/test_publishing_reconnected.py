"""Scheduled posts of an account that was reconnected under a new id of the planner's: they go with the account."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.accounts import sync
from gateway.domain.posts import update
from gateway.domain.publishing import batch_status
from providers.highlevel.publishing import HighLevelPublishing
from providers.highlevel.records import HighLevelRecords
from providers.models.publishing import PublishRequest, PublishStatus
from providers.simulators.highlevel.post_records import PostRecord
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


async def test_posts_to_move_are_not_polled_together(database_url: str, tmp_path: Path) -> None:
    """A move takes several calls, so each has a step of its own; nothing is asked for the batch."""
    async with planning(database_url, tmp_path) as stage:
        account, upload, time = await stage.connect(), await stage.upload(VIDEO), stage.clock() + HOUR
        posts = [await stage.planned(account, upload, f"Later {each}", schedule_time=time) for each in range(2)]
        for each in posts:
            await stage.step(await stage.step(each))
        new = await reconnect(stage)
        calls = len(stage.planner.requests)
        await batch_status.poll(stage.domain, LOCATION, "c1")
        asked = [each.operation for each in stage.planner.requests[calls:]]
        moved = [each.account_ids for each in stage.planner.planner.records.values()]

    assert (0, 2) == (asked.count("posts.list"), asked.count("posts.update"))
    assert [[new.id]] * 2 == moved


def edits(stage: PlannerStage) -> int:
    """Return how many updates the planner got."""
    return sum(each.operation == "posts.update" for each in stage.planner.requests)


def record_of(stage: PlannerStage) -> PostRecord:
    """Return the planner's only record."""
    [record] = stage.planner.planner.records.values()
    return record


async def change(stage: PlannerStage, post: PostRow, **values: Any) -> PostRow:
    """Change a post as a caller would."""
    return await update.update(stage.domain, LOCATION, post.id, values, None)


@pytest.mark.parametrize("late", [timedelta(days=5), timedelta(minutes=-1)], ids=["days late", "a minute early"])
async def test_a_post_whose_time_is_over_waits_for_its_caller(
    late: timedelta, database_url: str, tmp_path: Path
) -> None:
    """An account that is reconnected too late publishes none of its old posts; with a new time one goes out, once."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        record_of(stage).due = None
        stage.clock.advance(HOUR + late)
        await reconnect(stage)
        waiting = await stage.step(await stage.read(post))
        asked, published, error = edits(stage), len(stage.published), waiting.error or {}
        assert waiting.due_at is not None
        later = waiting.due_at > stage.clock()
        await change(stage, post, schedule_time=stage.clock() + 2 * HOUR)
        post = await stage.finish(post, within=4 * HOUR)

    assert ("SCHEDULED", 0, 0, True) == (waiting.state, asked, published, later)
    assert ("STATE_FORBIDS", True) == (error["reason"], "UpdatePost" in error["message"])
    assert "CancelPost" in error["message"]
    assert ("PUBLISHED", None, 1) == (post.state, post.error, len(stage.published))


async def test_what_a_person_changed_in_the_planner_is_not_overwritten(database_url: str, tmp_path: Path) -> None:
    """The post waits where it is, and callers see which fields they have to decide about."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        record_of(stage).summary = "By a person"
        await reconnect(stage)
        waiting = await stage.step(await stage.read(post))
        kept, asked, error = record_of(stage).summary, edits(stage), waiting.error or {}
        await change(stage, post, caption="Decided")
        post = await stage.finish(post, within=2 * HOUR)

    assert ("SCHEDULED", "By a person", 0) == (waiting.state, kept, asked)
    assert ("STATE_FORBIDS", "caption") == (error["reason"], error["metadata"]["fields"])
    assert ("PUBLISHED", None, ["Decided"]) == (post.state, post.error, [each.summary for each in stage.published])


@pytest.mark.parametrize("stored_first", [True, False], ids=["stored before the move", "stored after the move"])
async def test_a_change_during_the_move_wins(
    stored_first: bool, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """UpdatePost edits the planner while a worker is about to send the old words: in the end the new ones are there."""
    edit, sent, moved = HighLevelRecords.edit, asyncio.Event(), asyncio.Event()
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        await reconnect(stage)
        changing: list[asyncio.Task[PostRow]] = []

        async def overlapping(self: HighLevelRecords, access: Any, id: str, request: PublishRequest) -> None:
            if request.caption == "Later" and not changing:
                changing.append(asyncio.create_task(change(stage, post, caption="New")))
                await (changing[0] if stored_first else sent.wait())
            await edit(self, access, id, request)
            if request.caption == "New" and not sent.is_set():
                sent.set()
                await (asyncio.sleep(0) if stored_first else moved.wait())

        monkeypatch.setattr(HighLevelRecords, "edit", overlapping)
        await stage.step(await stage.read(post))
        moved.set()
        await changing[0]
        due = (await stage.read(post)).due_at
        assert due is not None
        at_once = due <= stage.clock()
        await stage.step(post)
        words = record_of(stage).summary
        post = await stage.finish(post, within=2 * HOUR)

    assert (True, "New") == (at_once, words)
    assert ("PUBLISHED", None, ["New"]) == (post.state, post.error, [each.summary for each in stage.published])


async def test_a_change_during_a_poll_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """A worker that read the post before UpdatePost, and the planner after it, compares and defers nothing."""
    status = HighLevelPublishing.status
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        changed: list[PostRow] = []

        async def overlapping(self: HighLevelPublishing, access: Any, id: str) -> PublishStatus:
            if not changed:
                changed.append(await change(stage, post, caption="New", schedule_time=stage.clock() + 2 * HOUR))
            return await status(self, access, id)

        monkeypatch.setattr(HighLevelPublishing, "status", overlapping)
        polled = await stage.step(post)

    assert (None, changed[0].due_at) == (polled.differences, polled.due_at)
