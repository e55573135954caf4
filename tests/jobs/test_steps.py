"""Steps under leases: who makes a post due goes on with it, and nobody else does unless that process has died.

Owns the proofs of `gateway/jobs/steps.py` and `gateway/domain/leases.py`. The vendor is simulated, nothing sweeps.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.leases import Held, Lane
from gateway.domain.publishing import journal, queue, step
from gateway.domain.publishing.submit import Known
from gateway.jobs.steps import Steps
from providers.simulators.highlevel import SimulatorConfig as PlannerConfig
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage import locations, posts
from storage.database import Transaction
from storage.fair import FairPlaces, Tenant
from storage.posts import PostRow
from storage.states import AttemptState, PostState
from tests.fixtures import media
from tests.fixtures.domain import Stage, opened, take_due
from tests.fixtures.planner import planning
from tests.fixtures.rows import post_row
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
    rows = await take_due(stage.domain)
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
        stage.domain.leases.has_room = lambda tenant: False
        await created(stage, account)
        await asyncio.wait_for(steps.woken.wait(), 20)


async def test_a_lease_that_was_lost_is_noticed(stage: Stage) -> None:
    """A step that comes back to a post which somebody else has taken up since does nothing."""
    post = await created(stage, await stage.connect())
    assert post.due_at is not None
    assert [post.id] == await taken(stage)
    await step.step(stage.domain, post.location, post.id, lease=Held(post.due_at))

    assert (0, "QUEUED") == (len(stage.vendor.inits), (await stage.read(post)).state)


async def test_a_post_that_was_changed_before_its_first_step_is_read_again(stage: Stage) -> None:
    """What the check has found of the post as it was created is not used for the post as it is now."""
    account = await stage.connect()
    begun: list[object] = []
    stage.domain.leases.has_room = lambda tenant: True
    stage.domain.leases.begin = lambda tenant, post, until, known: begun.append(known)
    post = await created(stage, account)
    async with stage.domain.db.transaction() as tx:
        await posts.change(tx, post.location, post.id, stage.clock(), expect=[post.state], caption="changed")
    [known] = begun
    assert isinstance(known, Known)
    assert post.due_at is not None
    await step.step(stage.domain, post.location, post.id, lease=Held(post.due_at), known=known)
    early = len(stage.vendor.inits)
    await stage.finish(post)

    assert (0, ["changed"]) == (early, [each.title for each in stage.vendor.posts])


async def test_a_long_step_keeps_its_lease(stage: Stage) -> None:
    """While a step is under way its lease is renewed before it is over; afterwards it is not."""
    post, length = await created(stage, await stage.connect()), stage.domain.leases.length
    async with stepping(stage) as steps:
        [row] = await take_due(stage.domain)
        stage.domain.leases.held[post.location, post.id] = Held(stage.clock() + length, read=True)
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
            taken = await queue.take_due(stage.domain, Lane.POLLS, FairPlaces(10))

    assert post.due_at - post.update_time < stage.domain.leases.length
    assert ([], [post.id]) == (taken.rows, [row.id for row in taken.polls])


async def test_polls_of_one_agency_leave_places_to_others(stage: Stage) -> None:
    """Of an agency with twenty connections to poll only its share is taken; another's poll has a place beside it."""
    places = FairPlaces(8)
    row = {"provider": "highlevel", "state": "PROCESSING", "due_at": stage.clock()}
    async with stage.domain.db.transaction() as tx:
        for number in range(20):
            where = {"location": f"a{number % 5}", "id": f"p{number}", "connection": f"c{number}"}
            await locations.claim(tx, where["location"], "A", stage.clock())
            await posts.insert(tx, post_row(stage.clock(), **row, **where))
    flood = await queue.take_due(stage.domain, Lane.POLLS, places)
    async with stage.domain.db.transaction() as tx:
        await locations.claim(tx, "b", "B", stage.clock())
        await posts.insert(tx, post_row(stage.clock(), **row, location="b"))
    other = await queue.take_due(stage.domain, Lane.POLLS, places)

    assert (6, True) == (len(flood.polls), flood.more)
    assert [("b", "c1")] == [(row.location, row.connection) for row in other.polls]


async def test_a_lease_that_is_over_begins_nothing(stage: Stage) -> None:
    """A step that comes too late does nothing, although nobody else has taken the post up yet: somebody may at once."""
    post = await created(stage, await stage.connect())
    [id] = await taken(stage)
    leased = (await stage.read(post)).due_at
    assert leased is not None
    stage.clock.time = leased
    await step.step(stage.domain, post.location, id, lease=Held(leased))

    assert (0, "QUEUED") == (len(stage.vendor.inits), (await stage.read(post)).state)


async def test_what_waits_for_half_its_lease_is_left_to_others(stage: Stage) -> None:
    """A post for which there is no room is not begun on what is left of its lease; whoever looks finds it due."""
    post = await created(stage, await stage.connect())
    async with stepping(stage, concurrency=1) as steps:
        places, other = steps.places[Lane.HAND_OVERS], Tenant("other")
        places.take(other)
        [row] = await take_due(stage.domain)
        assert row.due_at is not None
        steps.begin(row.tenant, post.id, row.due_at, None)
        stage.clock.advance(stage.domain.leases.length * 0.6)
        places.leave(other)
        begun = list(steps._tasks)
        stage.clock.advance(stage.domain.leases.length)
        later = await taken(stage)

    assert ([], [post.id]) == (begun, later)


async def test_a_lease_is_not_renewed_before_its_step_has_read_the_post(stage: Stage) -> None:
    """Otherwise the step would find another lease than it began with, and do nothing."""
    post, length = await created(stage, await stage.connect()), stage.domain.leases.length
    async with stepping(stage) as steps:
        [row] = await take_due(stage.domain)
        assert row.due_at is not None
        stage.domain.leases.held[post.location, post.id] = Held(row.due_at)
        stage.clock.advance(length / 2)
        await steps.renew()
        kept = (await stage.read(post)).due_at
        del stage.domain.leases.held[post.location, post.id]

    assert row.due_at == kept


async def test_a_row_that_is_locked_costs_no_other_its_lease(stage: Stage) -> None:
    """While somebody keeps one post locked, the leases of the others are renewed."""
    account = await stage.connect()
    posts_made, length = [await created(stage, account) for _ in range(2)], stage.domain.leases.length
    async with stepping(stage) as steps:
        rows = await take_due(stage.domain)
        for row in rows:
            assert row.due_at is not None
            stage.domain.leases.held[row.location, row.id] = Held(row.due_at, read=True)
        stage.clock.advance(length / 2)
        async with stage.domain.db.transaction() as tx:
            await posts.get(tx, posts_made[0].location, posts_made[0].id, lock=True)
            await steps.renew()
        due = [(await stage.read(post)).due_at for post in posts_made]
        stage.domain.leases.held.clear()

    assert [stage.clock() + length / 2, stage.clock() + length] == due


async def test_what_was_rolled_back_is_no_lease(stage: Stage) -> None:
    """A move whose transaction fails leaves the lease as it was: what is noted is what is stored."""
    post = await created(stage, await stage.connect())
    [row] = await take_due(stage.domain)
    assert row.due_at is not None
    held = stage.domain.leases.held[post.location, post.id] = Held(row.due_at, read=True)
    work = await journal.open_attempt(stage.domain, await stage.read(post), None, state=PostState.QUEUED)

    async def fail(tx: Transaction) -> None:
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError):
        await journal.move(stage.domain, work, AttemptState.INIT_SENT, working=True, before_move=fail)
    before = held.until
    stage.clock.advance(SECOND)
    await journal.move(stage.domain, work, AttemptState.INIT_SENT, working=True)

    assert row.due_at == before
    assert stage.clock() + stage.domain.leases.length == held.until == (await stage.read(post)).due_at


async def test_a_post_that_is_due_again_during_its_step_gets_one_more(stage: Stage) -> None:
    """Whoever takes the post up in the process that steps it already makes it take another step right after."""
    account = await stage.connect()
    gate, entered = asyncio.Event(), asyncio.Event()

    async def think(seconds: float) -> None:
        entered.set()
        await gate.wait()

    stage.vendor.sleep = think
    async with stepping(stage) as steps:
        post = await reached(stage, await created(stage, account), "PROCESSING")
        stage.vendor.faults.add(Fault(match="status", kind="slow"))
        stage.clock.advance(2 * SECOND)
        await asyncio.wait_for(entered.wait(), 20)
        stage.clock.advance(2 * stage.domain.leases.length)
        async with stage.domain.db.transaction() as tx:
            await posts.set_due(tx, post.location, post.id, stage.clock())
        await steps.take_due()
        more = stage.domain.leases.held[post.location, post.id].more
        gate.set()
        await reached(stage, post, "PUBLISHED")

    assert more


async def test_a_reauthorization_leaves_a_transfer_under_way_alone(stage: Stage) -> None:
    """Posts that wait are due at once, one whose submit or transfer is under way is not."""
    account = await stage.connect()
    post = await created(stage, account)
    async with stage.domain.db.transaction() as tx:
        leased = stage.clock() + SECOND
        values: dict[str, Any] = {"state": PostState.TRANSFERRING, "due_at": leased}
        await posts.change(tx, post.location, post.id, stage.clock(), expect=[PostState.QUEUED], **values)
        row = await posts.get(tx, post.location, post.id)
        woken = await posts.wake_connection(tx, post.location, row.connection, stage.clock())
        values = {"next_attempt_time": leased}
        await posts.change(tx, post.location, post.id, stage.clock(), expect=[PostState.TRANSFERRING], **values)
        waiting = await posts.wake_connection(tx, post.location, row.connection, stage.clock())

    assert (0, 1) == (woken, waiting)
