"""A clock that is set back: nothing waits for as long as that, and nothing is hurried by it.

Owns the proofs of `gateway/jobs/clock_watch.py` and `storage/clock_steps.py`.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.clock import is_younger
from gateway.domain.publishing.retry_policy import RETRY_MAX
from gateway.jobs import sweep
from gateway.jobs.clock_watch import ClockWatch
from gateway.jobs.runner import Jobs, JobsConfig
from providers.simulators.tiktok import SimulatorConfig
from storage import quotas, webhooks
from storage.posts import PostRow
from storage.webhooks import WebhookRow
from tests.fixtures import media
from tests.fixtures.clock import Clock
from tests.fixtures.domain import Stage, opened
from tests.fixtures.waiting import until

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet and quick vendor."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, processing_seconds=0)) as made:
        yield made


async def queued(stage: Stage) -> PostRow:
    """Create a post on a connected account."""
    return await stage.post(await stage.connect(), await stage.upload(media.video()))


async def test_polls_go_on_when_the_clock_is_set_back(stage: Stage) -> None:
    """A post in PROCESSING is polled seconds after the clock was set back by an hour, not an hour later."""
    jobs = Jobs(stage.domain, JobsConfig(sweep=0.05))
    await jobs.start()
    try:
        post = await queued(stage)

        async def processing() -> bool:
            return (await stage.read(post)).state == "PROCESSING"

        await until(processing)
        stage.clock.advance(-HOUR)
        began = stage.clock()

        async def published() -> bool:
            stage.clock.advance(SECOND)
            return (await stage.read(post)).state == "PUBLISHED"

        await until(published)
    finally:
        await jobs.stop(5)
    assert stage.clock() - began < HOUR / 2


async def test_waits_are_counted_from_the_last_change(stage: Stage) -> None:
    """A post keeps its wait of 40 s; one whose schedule is still to come, and one changed in the past, stay alone."""
    post = await queued(stage)
    now = stage.clock()
    due = {"waits": now + 40 * SECOND, "scheduled": now + 2 * HOUR, "past": now + 40 * SECOND}
    for name, changed in (("waits", now), ("scheduled", now), ("past", now - HOUR)):
        state = "SCHEDULED" if name == "scheduled" else "QUEUED"
        values = {"due": due[name], "changed": changed, "state": state, "at": now + HOUR}
        set_to = "due_at = :due, update_time = :changed, state = :state, schedule_time = :at"
        async with stage.domain.db.transaction() as tx:
            await tx.execute(text(f"UPDATE posts SET {set_to}"), values)
        stage.clock.time = now - HOUR
        await sweep.recover_from_clock_step(stage.domain)
        stage.clock.time = now
        found = await stage.read(post)
        moved = timedelta(0) if name != "waits" else HOUR
        assert (due[name] - moved) == found.due_at, name


async def test_a_quota_is_not_blocked_by_stamps_of_the_future(stage: Stage) -> None:
    """Calls that were made just before the step count as made now, and a vendor's refusal lasts as long as it said."""
    now = stage.clock()
    async with stage.domain.db.transaction() as tx:
        row = await quotas.lock(tx, "s", "m", now)
        row.stamps = [(now - 3 * SECOND).timestamp(), now.timestamp()]
        row.blocked_until = now + 30 * SECOND
    stage.clock.advance(-HOUR)
    await sweep.recover_from_clock_step(stage.domain)
    async with stage.domain.db.read() as tx:
        [found] = (await quotas.find(tx, ["s"])).values()
    assert [stage.clock().timestamp()] * 2 == found.stamps
    assert stage.clock() + 30 * SECOND == found.blocked_until


async def test_a_start_shortens_no_wait_that_a_vendor_named(stage: Stage) -> None:
    """A token's cool-down and a delivery that wait for two hours still do after a process started; once it sees a step
    back, which may have made them of any length, they wait for minutes.
    """
    await stage.connect()
    named = stage.clock() + 2 * HOUR
    row = WebhookRow(
        provider="tiktok",
        dedupe_key="k",
        id="w1",
        event="e",
        subject="s",
        body_sealed=b"",
        receive_time=stage.clock(),
        due_at=named,
    )
    async with stage.domain.db.transaction() as tx:
        await webhooks.insert(tx, row)
        await tx.execute(text("UPDATE tokens SET cooldown_until = :named"), {"named": named})

    async def waits() -> list[datetime]:
        query = "SELECT cooldown_until FROM tokens UNION ALL SELECT due_at FROM webhooks"
        async with stage.domain.db.read() as tx:
            return list((await tx.execute(text(query))).scalars())

    jobs = Jobs(stage.domain, JobsConfig(sweep=0.05))
    await jobs.start()
    try:
        await until(lambda: jobs.healthy)
        started = await waits()
        stage.clock.advance(-HOUR)

        async def shortened() -> bool:
            return [stage.clock() + RETRY_MAX] * 2 == await waits()

        await until(shortened)
    finally:
        await jobs.stop(5)
    assert [named] * 2 == started


def test_only_a_step_back_is_noticed() -> None:
    """The first look, and a clock that went back against one that only runs on; not a slow look, nor a step forward."""
    clock, running = Clock(), [0.0]
    watch = ClockWatch(clock, lambda: running[0])
    told = []
    for moved, ran in ((0, 0), (1, 1), (600, 600), (3600, 1), (-30, 1), (1, 1), (300, 3600), (0, 1)):
        clock.advance(moved)
        running[0] += ran
        told.append(watch.was_set_back())
        watch.look()
    assert [True, False, False, False, True, False, True, False] == told


def test_what_was_fetched_in_the_future_is_not_recent() -> None:
    """What was fetched before the clock was set back counts as old; a clock that differs a little changes nothing."""
    now = Clock()()
    assert [True, True, False, False] == [
        is_younger(now + HOUR / 60 * ago, HOUR / 60 * 2, now) for ago in (-1, 1, -2, 60)
    ]
