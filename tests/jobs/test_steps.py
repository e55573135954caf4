"""Steps under leases: who makes a post due goes on with it, and nobody else does unless that process has died.

Owns the proofs of `gateway/jobs/steps.py` and `gateway/domain/leases.py`. The vendor is simulated, nothing sweeps.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.leases import Held, Lane
from gateway.domain.publishing import queue, step
from gateway.domain.publishing.submit import Known
from gateway.jobs.steps import Steps
from providers.simulators.highlevel import SimulatorConfig as PlannerConfig
from providers.simulators.tiktok import SimulatorConfig
from storage import posts
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import Stage, opened
from tests.fixtures.planner import planning
from tests.fixtures.waiting import until

SECOND = timedelta(seconds=1)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet and quick vendor."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, processing_seconds=0)) as made:
        yield made


@asynccontextmanager
async def stepping(stage: Stage, concurrency: int = 8) -> AsyncIterator[Steps]:
    """Take steps within the block."""
    over = asyncio.Event()
    steps = Steps(stage.domain, concurrency, stopping=over.is_set)
    steps.start()
    try:
        yield steps
    finally:
        over.set()
        await steps.stop(5)


async def created(stage: Stage, account: str) -> PostRow:
    """Create a post."""
    return await stage.post(account, await stage.upload(media.video()))


async def reached(stage: Stage, post: PostRow, state: str) -> PostRow:
    """Wait until the post is in a state, and return it."""

    async def there() -> bool:
        return (await stage.read(post)).state == state

    await until(there)
    return await stage.read(post)


async def taken(stage: Stage) -> list[str]:
    """Take the posts that are due, as another process would."""
    _, rows, _ = await queue.take_due(stage.domain, list(Lane), 10)
    return [row.id for row in rows]


async def test_the_process_that_creates_a_post_carries_it_to_its_end(stage: Stage) -> None:
    """Without any sweeper the post is submitted at once, and polled when its time has come."""
    async with stepping(stage):
        post = await created(stage, await stage.connect())
        waiting = await reached(stage, post, "PROCESSING")
        # The timer runs by itself; the vendor's clock is the stage's.
        stage.clock.advance(2 * SECOND)
        await reached(stage, post, "PUBLISHED")

    assert waiting.due_at is not None
    assert waiting.due_at - waiting.update_time > stage.domain.leases.length
    assert 1 == len(stage.vendor.posts)


async def test_nobody_takes_a_post_that_its_process_comes_back_to(stage: Stage) -> None:
    """At the time of its next poll the post is not due for others; once the lease is over it is."""
    account = await stage.connect()
    async with stepping(stage):
        post = await reached(stage, await created(stage, account), "PROCESSING")
        stage.clock.advance(2 * SECOND)
        at_its_time = await taken(stage)
        stage.clock.advance(stage.domain.leases.length)
        later = await taken(stage)

    assert ([], [post.id]) == (at_its_time, later)


async def test_a_stop_gives_the_leases_back(stage: Stage) -> None:
    """A post that waits for its poll is due at its time again, for whoever is there."""
    account = await stage.connect()
    async with stepping(stage):
        post = await reached(stage, await created(stage, account), "PROCESSING")
    stage.clock.advance(2 * SECOND)

    assert [post.id] == await taken(stage)


async def test_a_process_without_jobs_leaves_the_post_to_others_at_once(stage: Stage) -> None:
    """It takes no step itself: the post is due, and a process that takes steps is told."""
    post = await created(stage, await stage.connect())
    async with stepping(stage) as steps:
        await steps.take_due()
        await reached(stage, post, "PROCESSING")

    assert stage.clock() == post.due_at


async def test_a_process_that_takes_steps_hears_of_posts_that_are_due(stage: Stage) -> None:
    """The notification of another process wakes it before its next sweep."""
    account = await stage.connect()
    async with stepping(stage) as steps:
        stage.domain.leases.has_room = lambda: False
        await created(stage, account)
        await asyncio.wait_for(steps.woken.wait(), 20)


async def test_a_lease_that_was_lost_is_noticed(stage: Stage) -> None:
    """A step that comes back to a post which somebody else has taken up since does nothing."""
    post = await created(stage, await stage.connect())
    assert post.due_at is not None
    assert [post.id] == await taken(stage)
    await step.step(stage.domain, post.location, post.id, lease=post.due_at)

    assert (0, "QUEUED") == (len(stage.vendor.inits), (await stage.read(post)).state)


async def test_a_post_that_was_changed_before_its_first_step_is_read_again(stage: Stage) -> None:
    """What the check has found of the post as it was created is not used for the post as it is now."""
    account = await stage.connect()
    begun: list[object] = []
    stage.domain.leases.has_room = lambda: True
    stage.domain.leases.begin = lambda location, post, until, known: begun.append(known)
    post = await created(stage, account)
    async with stage.domain.db.transaction() as tx:
        await posts.change(tx, post.location, post.id, stage.clock(), expect=[post.state], caption="changed")
    [known] = begun
    assert isinstance(known, Known)
    await step.step(stage.domain, post.location, post.id, lease=post.due_at, known=known)
    early = len(stage.vendor.inits)
    await stage.finish(post)

    assert (0, ["changed"]) == (early, [each.title for each in stage.vendor.posts])


async def test_a_long_step_keeps_its_lease(stage: Stage) -> None:
    """While a step is under way its lease is renewed before it is over; afterwards it is not."""
    post, length = await created(stage, await stage.connect()), stage.domain.leases.length
    async with stepping(stage) as steps:
        _, [row], _ = await queue.take_due(stage.domain, list(Lane), 10)
        stage.domain.leases.held[post.location, post.id] = Held(stage.clock() + length)
        await steps.renew()
        early = (await stage.read(post)).due_at
        stage.clock.advance(length / 2)
        await steps.renew()
        late = (await stage.read(post)).due_at
        del stage.domain.leases.held[post.location, post.id]

    assert (row.due_at, stage.clock() + length) == (early, late)


async def test_posts_that_are_polled_together_are_left_to_the_sweeper(database_url: str, tmp_path: Path) -> None:
    """A planner returns the statuses of all posts with one call: none of them is polled by a timer of its own."""
    config = PlannerConfig(rate_limits=False, publish_now_results=True)
    async with planning(database_url, tmp_path, config) as stage:
        account, upload = await stage.connect(), await stage.upload(media.video())
        async with stepping(stage):
            post = await reached(stage, await stage.planned(account, upload), "PROCESSING")
            assert post.due_at is not None
            stage.clock.time = post.due_at
            _, alone, due = await queue.take_due(stage.domain, list(Lane), 10)

    assert post.due_at - post.update_time < stage.domain.leases.length
    assert ([], 1) == (alone, due)
