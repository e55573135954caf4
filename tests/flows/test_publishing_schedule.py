"""Posts that the gateway keeps until their time: when they go out, what stops or moves them, and what they wait for.

The clock is moved by hand; the vendor's ledger says what was submitted, and when.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.leases import Leases
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel, update
from gateway.domain.publishing import journal, step
from gateway.errors import Conflict, DomainError, EtagMismatch, StateForbids
from gateway.jobs import sweep
from gateway.jobs.runner import Jobs, JobsConfig
from providers.errors import DailyCapReached
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage import connections, events
from storage.database import Database, DatabaseUnavailable
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened, take_due
from tests.fixtures.planner import PUBLIC, PlannerStage, planning
from tests.fixtures.rows import as_grant
from tests.fixtures.waiting import until
from tests.flows.faults import lose

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
QUICK = SimulatorConfig(
    rate_limits=False,
    processing_seconds=0,
    moderation_seconds=0,
    pull_media=False,
    verified_urls=("http://127.0.0.1/", "https://media.example/"),
)
FAST = JobsConfig(sweep=0.05)
URI = "https://media.example/video.mp4"
VIDEO = b"v" * 5000


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet and quick vendor."""
    async with opened(database_url, tmp_path, QUICK) as made:
        yield made


async def scheduled(stage: Stage, account: str = "", *, after: timedelta = DAY, **values: Any) -> PostRow:
    """Create a post for a later time."""
    account = account or await stage.connect()
    values = {"uploads": [await stage.upload(VIDEO)], "caption": "Later", **values}
    return await stage.post(account, "", schedule_time=stage.clock() + after, **values)


async def change(stage: Stage, post: PostRow, *, etag: str = "", **values: Any) -> PostRow:
    """Change a post as a caller would."""
    return await update.update(stage.domain, LOCATION, post.id, values, None, etag=etag)


async def at_its_time(stage: Stage, post: PostRow, late: timedelta = timedelta(0)) -> PostRow:
    """Move the clock to a post's time, or later, and finish it."""
    assert post.schedule_time is not None
    stage.clock.time = post.schedule_time + late
    return await stage.finish(post)


async def told(stage: Stage, post: PostRow) -> list[tuple[str, str, str]]:
    """Return type, state and reason of each event of a post."""
    async with stage.domain.db.read() as tx:
        found = await events.after(tx, LOCATION, 0, subject=journal.subject(post), limit=100)
    shown = [(each.type, each.payload["post"]) for each in found]
    return [(type.removeprefix("POST_"), row["state"], (row["error"] or {}).get("reason", "")) for type, row in shown]


def kinds() -> Mapping[str, dict[str, Any]]:
    """Return the kinds of content, as values of a new post."""
    pulled = post_content.build_content("video", [Source(uri=URI, vendor_pull=True)])
    return {
        "file": {},
        "inbox": {"mode": "creator_inbox", "options": {}, "caption": ""},
        "pull": {"content": pulled, "uploads": []},
        "inbox pull": {"mode": "creator_inbox", "options": {}, "caption": "", "content": pulled, "uploads": []},
    }


@pytest.mark.parametrize("kind", kinds())
async def test_a_post_is_kept_until_its_time_and_goes_out_once(kind: str, stage: Stage) -> None:
    """It is SCHEDULED, nobody takes it up before, steps do nothing, and at its time it is submitted, once."""
    post = await scheduled(stage, **kinds()[kind])
    stage.clock.advance(DAY - SECOND)
    early = await take_due(stage.domain)
    kept = await stage.step(post)
    before = len(stage.vendor.inits)
    final = await at_its_time(stage, post)

    assert ("SCHEDULED", post.schedule_time, [], 0) == (kept.state, kept.due_at, early, before)
    assert ("AWAITING_CREATOR" if "inbox" in kind else "PUBLISHED") == final.state
    assert [True] == [post.schedule_time <= each.time for each in stage.vendor.inits if post.schedule_time]


async def test_photos_are_kept_until_their_time(stage: Stage) -> None:
    """Photos are submitted at their time too."""
    upload = await stage.upload(media.jpeg(), "image/jpeg", None)
    content = post_content.build_content("photos", [Source(upload=upload)])
    post = await scheduled(stage, uploads=[upload], content=content, options=PUBLIC)
    post = await at_its_time(stage, post)

    assert (1, post.schedule_time) == (len(stage.vendor.inits), stage.vendor.inits[0].time)


async def test_each_step_of_a_kept_post_is_an_event(stage: Stage) -> None:
    """Events tell that it is scheduled, moved, and what becomes of it at its time."""
    post = await scheduled(stage)
    post = await change(stage, post, schedule_time=stage.clock() + 2 * DAY)
    await at_its_time(stage, post)

    assert [
        ("STATE_CHANGED", "SCHEDULED", ""),
        ("UPDATED", "SCHEDULED", ""),
        ("STATE_CHANGED", "QUEUED", ""),
        ("STATE_CHANGED", "TRANSFERRING", ""),
        ("STATE_CHANGED", "PROCESSING", ""),
        ("STATE_CHANGED", "PUBLISHED", ""),
    ] == await told(stage, post)


@pytest.mark.parametrize("to", [2 * HOUR, 2 * DAY], ids=["earlier", "later"])
async def test_a_kept_post_goes_out_at_the_time_it_was_moved_to(to: timedelta, stage: Stage) -> None:
    """Whether it was moved ahead or back, it is submitted at the new time, with its new words, and at no other."""
    post = await scheduled(stage)
    first, moved = post.due_at, await change(stage, post, schedule_time=stage.clock() + to, caption="Moved")
    if first is not None and moved.due_at is not None and first < moved.due_at:
        stage.clock.time = first
        assert "SCHEDULED" == (await stage.step(post)).state
    post = await at_its_time(stage, moved)

    assert ("PUBLISHED", [moved.schedule_time]) == (post.state, [each.time for each in stage.vendor.inits])
    assert ["Moved"] == [each.title for each in stage.vendor.posts]


async def test_a_post_without_its_time_goes_out_now(stage: Stage) -> None:
    """After days its schedule_time is removed: it is QUEUED, and not too late, because that counts from now."""
    post = await scheduled(stage, after=30 * DAY)
    stage.clock.advance(10 * DAY)
    post = await change(stage, post, schedule_time=None)
    assert "QUEUED" == post.state
    assert "PUBLISHED" == (await stage.finish(post)).state


async def test_a_queued_post_is_put_off(stage: Stage) -> None:
    """A post that waits in the queue, and one that waits for its grant, are SCHEDULED for the time they are given."""
    account = await stage.connect()
    waiting = await scheduled(stage, account)
    stage.vendor.revoke(next(iter(stage.vendor.users)))
    stage.clock.time = waiting.schedule_time or stage.clock.time
    waiting = await stage.step(await stage.step(waiting))
    assert ("QUEUED", "REAUTHORIZATION_REQUIRED") == (waiting.state, (waiting.error or {})["reason"])

    await renew(stage)
    moved = await change(stage, waiting, schedule_time=stage.clock() + HOUR)
    fresh = await stage.post(account, await stage.upload(VIDEO), "Fresh")
    fresh = await change(stage, fresh, schedule_time=stage.clock() + HOUR)
    shown = [(each.state, each.error, each.next_attempt_time) for each in (moved, fresh)]
    early = [await stage.step(each) for each in (moved, fresh)], len(stage.vendor.inits)

    assert [("SCHEDULED", None, None)] * 2 == shown
    assert (["SCHEDULED"] * 2, 0) == ([each.state for each in early[0]], early[1])
    assert "PUBLISHED" == (await at_its_time(stage, moved)).state
    assert "PUBLISHED" == (await stage.finish(fresh)).state
    assert 2 == len(stage.vendor.posts)


async def test_of_two_changes_with_one_etag_one_counts(stage: Stage) -> None:
    """The other one is refused with ETAG_MISMATCH, also when both are made at once."""
    post = await scheduled(stage)
    times = [stage.clock() + 2 * DAY, stage.clock() + 3 * DAY]
    both = [change(stage, post, etag=str(post.version), schedule_time=time) for time in times]
    found = await asyncio.gather(*both, return_exceptions=True)
    won = [each for each in found if isinstance(each, PostRow)]

    assert [EtagMismatch] == [type(each) for each in found if not isinstance(each, PostRow)]
    assert [(await stage.read(post)).schedule_time] == [each.schedule_time for each in won]


async def test_a_kept_post_is_cancelled_for_good(stage: Stage) -> None:
    """Nothing happens at its time, also if it had been moved before."""
    post = await change(stage, await scheduled(stage), schedule_time=stage.clock() + 2 * DAY)
    cancelled = await cancel.cancel(stage.domain, LOCATION, post.id, None)
    stage.clock.advance(2 * DAY)
    later = await stage.step(post)

    assert ("CANCELLED", None, 0) == (cancelled.state, cancelled.due_at, len(stage.vendor.inits))
    assert cancelled == later


# --- grants, outages and lateness -------------------------------------------------------------------------------------


async def renew(stage: Stage) -> None:
    """Store the grant of a new consent, as its completion does."""
    grant = as_grant(stage.vendor.grant(), stage.clock())
    await stage.domain.tokens.save(LOCATION, "c1", grant, read_version=1)


@pytest.mark.parametrize("within", [True, False])
async def test_a_due_post_waits_for_its_grant_as_long_as_it_may(within: bool, stage: Stage) -> None:
    """It is QUEUED and says for what, in an event too; renewed within its tolerance it goes out, else it has FAILED."""
    post = await scheduled(stage, late_tolerance_seconds=3600)
    await lose(stage)
    stage.clock.time = post.schedule_time or stage.clock.time
    waiting = [await stage.step(await stage.step(post)) for _ in range(2)][-1]
    stage.clock.advance(HOUR - SECOND if within else HOUR + SECOND)
    await renew(stage)
    final = await stage.finish(post)

    assert ("QUEUED", "REAUTHORIZATION_REQUIRED") == (waiting.state, (waiting.error or {})["reason"])
    seen = [
        ("STATE_CHANGED", "SCHEDULED", ""),
        ("STATE_CHANGED", "QUEUED", ""),
        ("UPDATED", "QUEUED", "REAUTHORIZATION_REQUIRED"),
    ]
    assert seen == (await told(stage, post))[:3]
    if within:
        assert ("PUBLISHED", 1) == (final.state, len(stage.vendor.posts))
    else:
        assert ("FAILED", 0) == (final.state, len(stage.vendor.inits))
        assert ("STATE_CHANGED", "FAILED", "REAUTHORIZATION_REQUIRED") == (await told(stage, post))[-1]


@pytest.mark.parametrize(("late", "state"), [(DAY, "PUBLISHED"), (DAY + SECOND, "FAILED"), (7 * DAY, "FAILED")])
async def test_after_an_outage_a_post_goes_out_a_day_late_at_most(late: timedelta, state: str, stage: Stage) -> None:
    """Without a late_tolerance a post that nobody took up for more than a day has FAILED, and is not submitted."""
    post = await at_its_time(stage, await scheduled(stage), late)
    reason = "" if state == "PUBLISHED" else "DEADLINE_EXCEEDED"

    assert (state, reason) == (post.state, (post.error or {}).get("reason", ""))
    assert (state == "PUBLISHED") == bool(stage.vendor.inits)


# --- what is checked again --------------------------------------------------------------------------------------------


async def test_what_the_creator_changed_since_fails_the_post(stage: Stage) -> None:
    """The creator's settings are asked for anew at its time: what they forbid then is never submitted."""
    post = await scheduled(stage, options={"privacy_level": "public"})
    user = next(iter(stage.vendor.users))
    stage.vendor.set_creator(user, private=True)
    post = await at_its_time(stage, post)

    assert ("FAILED", "CREATOR_RULE_BROKEN", 0) == (post.state, (post.error or {})["reason"], len(stage.vendor.inits))
    assert ("STATE_CHANGED", "FAILED", "CREATOR_RULE_BROKEN") == (await told(stage, post))[-1]


async def test_a_scope_that_is_gone_fails_the_post(stage: Stage) -> None:
    """A grant that no longer allows publishing is found before anything is submitted."""
    post = await scheduled(stage)
    async with stage.domain.db.transaction() as tx:
        await connections.change(tx, LOCATION, "c1", stage.clock(), capabilities={"can_list_videos": True})
    post = await at_its_time(stage, post)

    assert ("FAILED", "SCOPE_NOT_GRANTED", 0) == (post.state, (post.error or {})["reason"], len(stage.vendor.inits))


async def test_a_vendor_that_cannot_say_delays_the_post(stage: Stage) -> None:
    """When the creator's settings cannot be asked for at its time, the post waits a moment, and then goes out."""
    post = await scheduled(stage)
    stage.vendor.faults.add(Fault(match="creator_info", kind="status", status=503, times=2))
    post = await at_its_time(stage, post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.vendor.posts))


async def test_todays_cap_refuses_no_post_of_tomorrow(stage: Stage) -> None:
    """An account whose creator may post no more today takes a post for tomorrow, and none for now."""
    account, user = await stage.connect(), next(iter(stage.vendor.users))
    stage.vendor.set_creator(user, too_many_posts=True)
    with pytest.raises(DailyCapReached):
        await stage.post(account, await stage.upload(VIDEO))
    post = await scheduled(stage, account, after=2 * DAY)
    stage.vendor.set_creator(user, too_many_posts=False)

    assert "PUBLISHED" == (await at_its_time(stage, post)).state


# --- clocks, workers and races ----------------------------------------------------------------------------------------


async def test_a_clock_that_is_set_back_sends_nothing_early(stage: Stage) -> None:
    """A post that was released just before is kept again until its time, and then goes out once."""
    post = await scheduled(stage)
    stage.clock.time = post.schedule_time or stage.clock.time
    released = await stage.step(post)
    stage.clock.advance(-HOUR)
    await sweep.recover_from_clock_step(stage.domain, observed=True)
    kept = await stage.step(post)
    assert ("QUEUED", "SCHEDULED", 0) == (released.state, kept.state, len(stage.vendor.inits))

    post = await at_its_time(stage, post)
    assert ("PUBLISHED", [post.schedule_time]) == (post.state, [each.time for each in stage.vendor.inits])


async def test_a_lease_from_before_a_step_back_releases_nothing(stage: Stage) -> None:
    """A post that was taken up at its time, before the clock was set back, is due again at its time."""
    post = await scheduled(stage)
    stage.clock.time = post.schedule_time or stage.clock.time
    rows = await take_due(stage.domain)
    stage.clock.advance(-HOUR)
    kept = await stage.step(post)

    assert ([post.id], "SCHEDULED", post.schedule_time) == ([each.id for each in rows], kept.state, kept.due_at)


async def test_two_workers_at_one_due_post_submit_it_once(stage: Stage) -> None:
    """Both take the step at the same time, again and again: the vendor has one init."""
    post = await scheduled(stage)
    stage.clock.time = post.schedule_time or stage.clock.time
    for _ in range(3):
        await asyncio.gather(*(step.step(stage.domain, LOCATION, post.id) for _ in range(2)))
    post = await stage.finish(post)

    assert ("PUBLISHED", 1, 1) == (post.state, len(stage.vendor.inits), len(stage.vendor.posts))


@pytest.mark.parametrize("act", ["move", "move with etag", "cancel"])
async def test_a_change_and_the_due_moment_have_one_winner(act: str, stage: Stage) -> None:
    """At its time a post is moved or cancelled while a worker submits it: the ledger agrees with the answer."""
    account = await stage.connect()
    for turn in range(8):
        post = await scheduled(stage, account)
        stage.clock.time = post.schedule_time or stage.clock.time
        before = len(stage.vendor.inits)
        _, answer = await asyncio.gather(_worker(stage, post), _answer(stage, post, act, turn))
        sent, now = len(stage.vendor.inits) - before, await stage.read(post)
        if isinstance(answer, PostRow):
            assert (answer.state, 0) == (now.state, sent), turn
            assert "CANCELLED" == now.state or post.schedule_time != now.schedule_time
        else:
            assert isinstance(answer, EtagMismatch if "etag" in act else StateForbids | Conflict), answer
            assert (1, post.schedule_time) == (sent or len(stage.vendor.inits) - before, now.schedule_time)
        await cancel.cancel(stage.domain, LOCATION, post.id, None) if now.state == "SCHEDULED" else None


async def _worker(stage: Stage, post: PostRow) -> None:
    for _ in range(2):
        await step.step(stage.domain, LOCATION, post.id)


async def _answer(stage: Stage, post: PostRow, act: str, turn: int) -> PostRow | DomainError:
    """Move or cancel the post after a while that grows with the turns, and return the answer."""
    await asyncio.sleep(0.004 * turn)
    etag = str((await stage.read(post)).version) if "etag" in act else ""
    try:
        if act == "cancel":
            return await cancel.cancel(stage.domain, LOCATION, post.id, None)
        return await change(stage, post, etag=etag, schedule_time=stage.clock() + DAY)
    except DomainError as error:
        return error


# --- routes -----------------------------------------------------------------------------------------------------------


async def both(stage: PlannerStage) -> tuple[str, str]:
    """Connect one user of TikTok by both providers, and return the direct account and the planner's."""
    direct, planned = await Stage.connect(stage, "direct", "direct"), await stage.connect()
    await stage.name(planned, "Creator")
    return direct, planned


async def anyway(stage: PlannerStage, account: str, time: datetime) -> PostRow:
    """Create a post for a later time that any account of the user may publish."""
    values = {"options": PUBLIC, "route_policy": "ANY", "schedule_time": time}
    return await stage.post(account, await stage.upload(VIDEO), "Anyway", **values)


async def test_a_planner_takes_over_at_the_time(database_url: str, tmp_path: Path) -> None:
    """The post is kept here for the named account; when that cannot publish it then, the planner does so at once."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage)
        post = await anyway(stage, direct, stage.clock() + DAY)
        await lose(stage, "direct")
        stage.clock.advance(HOUR)
        kept, early = await stage.step(post), (len(stage.vendor.inits), len(stage.published))
        post = await at_its_time(stage, post)

    assert ("SCHEDULED", (0, 0)) == (kept.state, early)
    assert ("PUBLISHED", 0, 1) == (post.state, len(stage.vendor.inits), len(stage.published))


async def test_an_account_without_a_clock_keeps_what_a_planner_cannot(database_url: str, tmp_path: Path) -> None:
    """A post that was queued for a planner is kept here when the other account takes it over before its time."""
    async with planning(database_url, tmp_path) as stage:
        _, planned = await both(stage)
        post = await anyway(stage, planned, stage.clock() + DAY)
        await lose(stage)
        kept = await stage.step(post)
        early = (len(stage.vendor.inits), len(stage.published))
        post = await at_its_time(stage, kept)

    assert ("SCHEDULED", post.schedule_time, "tiktok", (0, 0)) == (kept.state, kept.due_at, kept.provider, early)
    assert ("PUBLISHED", 1, 0) == (post.state, len(stage.vendor.posts), len(stage.published))


# --- whole processes --------------------------------------------------------------------------------------------------


async def test_two_processes_send_out_what_is_due_once_each(stage: Stage) -> None:
    """Twelve posts of an account are due at once: two sets of workers submit each of them once, and none before."""
    account = await stage.connect()
    posts = [await scheduled(stage, account, after=HOUR + number * SECOND) for number in range(12)]
    workers = [Jobs(stage.domain, FAST), Jobs(replace(stage.domain, leases=Leases()), FAST)]
    for each in workers:
        await each.start()
    try:
        await asyncio.sleep(0.3)
        early = len(stage.vendor.inits)
        stage.clock.advance(HOUR + 15 * SECOND)

        async def out() -> bool:
            stage.clock.advance(SECOND)
            return {"PUBLISHED"} == {(await stage.read(post)).state for post in posts}

        await until(out, 60)
    finally:
        await asyncio.gather(*(each.stop(5) for each in workers))

    assert (0, 12, 12) == (early, len(stage.vendor.inits), len(stage.vendor.posts))


async def test_a_database_that_was_away_at_the_time_delays_the_post(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no transaction can be begun nothing is submitted; afterwards the post goes out by itself, once."""
    post = await scheduled(stage)
    away = [False]
    begin, read_begin = Database.transaction, Database.read

    def unless_away(whole: Any) -> Any:
        def opened_unless(db: Database, *args: Any, **more: Any) -> Any:
            if away[0]:
                raise DatabaseUnavailable("away")
            return whole(db, *args, **more)

        return opened_unless

    monkeypatch.setattr(Database, "transaction", unless_away(begin))
    monkeypatch.setattr(Database, "read", unless_away(read_begin))
    worker = Jobs(stage.domain, FAST)
    await worker.start()
    try:
        away[0] = True
        stage.clock.advance(DAY + HOUR)
        await asyncio.sleep(0.5)
        during = len(stage.vendor.inits)
        away[0] = False

        async def out() -> bool:
            stage.clock.advance(SECOND)
            return (await stage.read(post)).state == "PUBLISHED"

        await until(out, 60)
    finally:
        away[0] = False
        await worker.stop(5)

    assert (0, 1, 1) == (during, len(stage.vendor.inits), len(stage.vendor.posts))
