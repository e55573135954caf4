"""The quota ledger at work: calls that wait or are refused before the vendor would refuse, caps learned from refusals.

Owns the proof of `gateway/domain/quotas/daily_caps.py` with a stepped clock; real processes are in
test_quotas_limiter_processes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import deadline
from gateway.domain import post_content
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import creator_info
from gateway.domain.context import Domain
from gateway.domain.post_content import Source
from gateway.domain.posts import read
from gateway.domain.quotas import daily_caps, sliding_window
from gateway.domain.quotas import standing as quota_standing
from gateway.domain.quotas.standing import Standing
from gateway.errors import QuotaExceeded
from providers.errors import DailyCapReached, ProviderError, QuotaUsedUp, RateLimited
from providers.models.accounts import ProfilePart
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage import accounts, events
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.rows import post_row

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SKEW = timedelta(seconds=sliding_window.SKEW_SECONDS)
PUBLIC = {"privacy_level": "public"}
CONFIG = SimulatorConfig(processing_seconds=1, moderation_seconds=1)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor counts calls, posts and drafts."""
    async with opened(database_url, tmp_path, CONFIG) as opened_stage:
        yield opened_stage


@dataclass
class Patience:
    """A domain whose waits move the stage's clock; `naps` are the seconds of each."""

    domain: Domain
    naps: list[float]


@pytest.fixture
def patient(stage: Stage) -> Patience:
    """Return the domain that sleeps by moving the clock."""
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        stage.clock.advance(timedelta(seconds=seconds))

    return Patience(replace(stage.domain, sleep=sleep), naps)


def access(domain: Domain, *, background: bool = False) -> ConnectionAccess:
    """Return access to the connection c1."""
    return ConnectionAccess(domain, "tiktok", LOCATION, "c1", background)


async def take(domain: Domain, metric: str = "video_init", times: int = 1, *, background: bool = False) -> None:
    """Make calls that take no time."""
    for _ in range(times):
        async with access(domain, background=background).slot(metric):
            pass


async def refused(domain: Domain, metric: str = "video_init", *, background: bool = False) -> QuotaUsedUp:
    """Expect that no slot is free, and return the error."""
    with pytest.raises(QuotaUsedUp) as caught:
        await take(domain, metric, background=background)
    return caught.value


async def standing(stage: Stage, metric: str, account: str = "a1") -> Standing:
    """Return the standing of one quota of an account."""
    async with stage.domain.db.read() as tx:
        row = await accounts.get(tx, LOCATION, account)
    return next(each for each in await quota_standing.of_account(stage.domain, row) if each.rule.metric == metric)


async def pulled(stage: Stage, account: str = "a1", **changes: Any) -> PostRow:
    """Create a post whose video the vendor fetches."""
    content = post_content.build_content("video", [Source(uri="https://media.example/video.mp4", vendor_pull=True)])
    return await stage.post(account, "", **{"content": content, "uploads": [], "options": PUBLIC, **changes})


async def draft(stage: Stage) -> PostRow:
    """Create a draft whose video the vendor fetches."""
    return await pulled(stage, mode="creator_inbox", options={})


async def event_states(stage: Stage, post: PostRow) -> list[str]:
    """Return the states in the post's events."""
    async with stage.domain.db.read() as tx:
        found = await events.after(tx, LOCATION, 0, subject=f"locations/{LOCATION}/posts/{post.id}", limit=100)
    return [event.payload["post"]["state"] for event in found]


async def until_final(stage: Stage, post: PostRow) -> PostRow:
    """Step a post until it is final."""
    return await stage.finish(post, within=timedelta(minutes=30))


# Windows


async def test_a_slot_counts_from_the_end_of_its_call(stage: Stage) -> None:
    """The vendor may count a call of 40 seconds at any time within: its minute begins when the call ends."""
    await take(stage.domain, times=5)
    async with access(stage.domain).slot("video_init"):
        stage.clock.advance(timedelta(seconds=40))
    ended = stage.clock()

    stage.clock.time = ended + MINUTE - SECOND
    await take(stage.domain, times=5)
    assert (ended + MINUTE + SKEW) - stage.clock() == (await refused(stage.domain)).retry_after
    stage.clock.time = ended + MINUTE + SKEW
    await take(stage.domain)


async def test_a_failed_call_counts_too(stage: Stage) -> None:
    """Whatever the result of the call, the vendor may have counted it."""
    for _ in range(6):
        with pytest.raises(ValueError, match="no"):
            async with access(stage.domain).slot("video_init"):
                raise ValueError("no")

    await refused(stage.domain)


async def test_a_cancelled_call_counts_from_its_end(stage: Stage) -> None:
    """A caller that goes away leaves no slot that counts for longer than its call took."""
    entered = asyncio.Event()

    async def hang() -> None:
        async with access(stage.domain).slot("video_init"):
            entered.set()
            await asyncio.Event().wait()

    await take(stage.domain, times=5)
    call = asyncio.create_task(hang())
    await entered.wait()
    await refused(stage.domain)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    stage.clock.advance(MINUTE + SKEW)
    await take(stage.domain, times=6)


async def test_of_thirty_concurrent_callers_six_get_a_slot(stage: Stage) -> None:
    """Exactly six get a slot; all others receive QuotaUsedUp."""
    results = await asyncio.gather(*(take(stage.domain) for _ in range(30)), return_exceptions=True)

    assert (6, 24) == (results.count(None), sum(isinstance(each, QuotaUsedUp) for each in results))


async def test_a_process_that_died_in_its_call_keeps_the_slot_as_long_as_a_call_may_take(stage: Stage) -> None:
    """Six calls that never end block the window until the last moment at which the vendor can have seen them."""
    async with AsyncExitStack() as calls:
        for _ in range(6):
            await calls.enter_async_context(access(stage.domain).slot("video_init"))
        began = stage.clock()
        stage.clock.advance(timedelta(seconds=sliding_window.CALL_SECONDS) + MINUTE)
        await refused(stage.domain)

        stage.clock.time = began + timedelta(seconds=sliding_window.CALL_SECONDS) + MINUTE + SKEW
        await take(stage.domain, times=6)


async def test_a_frozen_process_that_wakes_up_counts_its_call_at_its_end(stage: Stage) -> None:
    """It was frozen for longer than a call may take and its slot went to others; its call was made all the same."""
    await stage.connect()
    async with access(stage.domain).slot("video_init"):
        stage.clock.advance(timedelta(seconds=sliding_window.CALL_SECONDS) + MINUTE * 2)
        await take(stage.domain)

    assert 2 == (await standing(stage, "video_init")).used


async def test_connections_and_metrics_do_not_share_a_window(stage: Stage) -> None:
    """The vendor counts per token and per operation: another connection, and another metric, have their own window."""
    await take(stage.domain, times=6)

    await take(stage.domain, "inbox_init", times=6)
    async with ConnectionAccess(stage.domain, "tiktok", LOCATION, "c2").slot("video_init"):
        pass
    async with ConnectionAccess(stage.domain, "tiktok", "l2", "c1").slot("video_init"):
        pass


async def test_a_metric_without_a_rule_has_no_limit(stage: Stage) -> None:
    """It is not in the table, so nothing is counted."""
    await take(stage.domain, "cancel", times=50)


# Waiting


async def test_a_caller_waits_for_a_slot_that_is_free_soon(stage: Stage, patient: Patience) -> None:
    """It waits up to ten seconds, then the call is made."""
    await take(patient.domain, times=6)
    stage.clock.advance(MINUTE - timedelta(seconds=8))
    before = stage.clock()

    await take(patient.domain)

    assert pytest.approx(8.25, abs=0.01) == sum(patient.naps)
    assert timedelta(seconds=8.25) <= stage.clock() - before < timedelta(seconds=8.3)


async def test_a_caller_does_not_wait_for_a_slot_that_is_free_late(stage: Stage, patient: Patience) -> None:
    """Eleven seconds are too many: the error says whose quota it is, and when to retry."""
    await take(patient.domain, times=6)
    stage.clock.advance(MINUTE - timedelta(seconds=11))

    error = await refused(patient.domain)

    assert [] == patient.naps
    assert {"quota": "video_init", "subject": f"locations/{LOCATION}/connections/c1", "limit": "6"} == error.metadata
    assert timedelta(seconds=11.25) == error.retry_after
    assert stage.clock() + timedelta(seconds=11.25) == error.retry_at
    stage.clock.advance(error.retry_after)
    await take(patient.domain)
    assert [] == patient.naps


@pytest.mark.parametrize(("seconds", "waits"), [(5.9, True), (4.0, False), (0.0, False)])
async def test_a_caller_waits_no_longer_than_its_deadline_allows(
    stage: Stage, patient: Patience, seconds: float, waits: bool
) -> None:
    """One second of the caller's deadline is reserved for the vendor call."""
    await take(patient.domain, times=6)
    stage.clock.advance(MINUTE - timedelta(seconds=4))
    deadline.begin(seconds)

    if waits:
        await take(patient.domain)
    else:
        await refused(patient.domain)

    assert waits == bool(patient.naps)


async def test_background_work_leaves_a_reserve_to_callers(stage: Stage, patient: Patience) -> None:
    """Of thirty status calls a minute the last six are for callers; background work is deferred."""
    await take(patient.domain, "status", times=24, background=True)
    await refused(patient.domain, "status", background=True)
    await take(patient.domain, "status", times=6)
    stage.clock.advance(MINUTE - timedelta(seconds=3))

    await refused(patient.domain, "status", background=True)
    assert [] == patient.naps
    await take(patient.domain, "status")


async def test_after_a_429_no_call_is_made_until_the_window_ends(stage: Stage) -> None:
    """Others may use the same token: after a 429 there is no call before its window is over."""
    await stage.connect()
    stage.vendor.faults.add(Fault(match="user.info", kind="error", code="rate_limit_exceeded", status=429))
    provider = stage.domain.providers["tiktok"]

    with pytest.raises(RateLimited):
        await provider.accounts.profile(access(stage.domain), {ProfilePart.BASIC})
    seen = await standing(stage, "user_info")
    with pytest.raises(QuotaUsedUp):
        await provider.accounts.profile(access(stage.domain), {ProfilePart.BASIC})

    assert (True, 600, 1) == (seen.learned, seen.limit, seen.used)
    assert 1 == sum(call.operation == "user.info" for call in stage.vendor.requests)
    assert seen.reset_time is not None
    stage.clock.time = seen.reset_time
    await provider.accounts.profile(access(stage.domain), {ProfilePart.BASIC})
    assert not (await standing(stage, "user_info")).learned


# Posts


@pytest.mark.chaos
async def test_a_seventh_submit_of_a_minute_waits_visibly_for_the_window(stage: Stage) -> None:
    """The vendor is not called, callers see why and until when, and the post is submitted with its first attempt."""
    await stage.connect()
    made = [await pulled(stage) for _ in range(7)]
    first, *_, seventh = [await stage.step(post) for post in made]
    assert 6 == len(stage.vendor.inits)

    assert ["QUEUED"] == await event_states(stage, seventh)
    assert ("QUEUED", 1) == (seventh.state, seventh.attempt)
    assert seventh.error is not None
    assert ("QUOTA_EXCEEDED", "video_init") == (seventh.error["reason"], seventh.error["metadata"]["quota"])
    assert stage.clock() + MINUTE + SKEW == seventh.next_attempt_time == seventh.due_at
    assert seventh.next_attempt_time is not None
    stage.clock.time = seventh.next_attempt_time - timedelta(milliseconds=1)
    await stage.step(seventh)
    assert 6 == len(stage.vendor.inits)

    done = await until_final(stage, seventh)
    assert ("PUBLISHED", 1, None) == (done.state, done.attempt, done.error)
    assert [200] * 7 == [call.status for call in stage.vendor.requests if call.operation == "video.init"]
    assert "PROCESSING" == first.state


@pytest.mark.chaos
async def test_a_cap_of_posts_is_learned_and_ends_a_day_after_the_first_of_them(stage: Stage) -> None:
    """Fifteen fit, the vendor refuses the sixteenth: the limit is fifteen until the first of them is a day old."""
    account = await stage.connect()
    began = stage.clock()
    for _ in range(15):
        assert "PUBLISHED" == (await until_final(stage, await pulled(stage))).state
        stage.clock.advance(MINUTE)
    before = await standing(stage, "posts_per_day")
    assert (0, 15, None, False) == (before.limit, before.used, before.reset_time, before.learned)

    with pytest.raises(DailyCapReached) as caught:
        await pulled(stage)

    assert began + DAY == caught.value.retry_at
    after = await standing(stage, "posts_per_day")
    assert (15, 15, True) == (after.limit, after.used, after.learned)
    assert after.reset_time is not None
    assert began + DAY == after.reset_time
    [error] = await daily_caps.check(stage.domain, await _like(stage, account))
    assert (after.reset_time, "posts_per_day") == (error.retry_at, error.metadata["quota"])


async def test_a_learned_cap_ends_when_the_creator_may_post_again(stage: Stage) -> None:
    """A learned limit that the vendor's answers disprove is removed."""
    account = await stage.connect()
    subject = next(iter(stage.vendor.users))
    stage.vendor.set_creator(subject, too_many_posts=True)
    with pytest.raises(DailyCapReached):
        await pulled(stage)
    blocked = await standing(stage, "posts_per_day")
    assert (1, True, stage.clock() + DAY) == (blocked.limit, blocked.learned, blocked.reset_time)

    stage.vendor.set_creator(subject, too_many_posts=False)
    stage.clock.advance(MINUTE)
    assert "PUBLISHED" == (await until_final(stage, await pulled(stage, account))).state

    freed = await standing(stage, "posts_per_day")
    assert (0, 1, False, None) == (freed.limit, freed.used, freed.learned, freed.reset_time)


async def test_a_submit_refused_for_a_cap_teaches_it_too(stage: Stage) -> None:
    """The check passed a moment ago, the submit is refused: the post fails, and callers see until when."""
    await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="error", code="spam_risk_too_many_posts", status=403))

    failed = await stage.step(await pulled(stage))

    assert "FAILED" == failed.state
    assert failed.error is not None
    assert "PROVIDER_DAILY_CAP" == failed.error["reason"]
    seen = await standing(stage, "posts_per_day")
    assert (0, True, stage.clock() + DAY) == (seen.used, seen.learned, seen.reset_time)


async def test_active_creators_are_counted_once_and_a_cap_stops_only_new_ones(
    database_url: str, tmp_path: Path
) -> None:
    """With one creator a day the first may continue; the second is refused until the first's day is over."""
    async with opened(database_url, tmp_path, replace(CONFIG, active_creators=1)) as stage:
        stage.vendor.add_user(open_id="second", username="second", display_name="Second")
        one, two = await stage.connect(), await stage.connect("c2", "a2", user=-1)
        began = stage.clock()
        for _ in range(2):
            assert "PUBLISHED" == (await until_final(stage, await pulled(stage, one))).state
        with pytest.raises(DailyCapReached):
            await pulled(stage, two)

        for account in (one, two):
            seen = await standing(stage, "active_creators", account)
            assert ("providers/tiktok", 1, 1, began + DAY) == (seen.subject, seen.limit, seen.used, seen.reset_time)
        assert [] == await daily_caps.check(stage.domain, await _like(stage, one))
        assert ["active_creators"] == [each.metadata["quota"] for each in await _check(stage, two)]
        stage.clock.advance(MINUTE)
        assert "PUBLISHED" == (await until_final(stage, await pulled(stage, one))).state
        assert ["active_creators"] == [each.metadata["quota"] for each in await _check(stage, two)]


async def test_a_sixth_pending_draft_is_refused_without_a_call(stage: Stage) -> None:
    """Five are in the inbox: the sixth's error says when the first is a day old; a posted one frees a slot."""
    await stage.connect()
    began = stage.clock()
    made = [await stage.step(await draft(stage)) for _ in range(5)]
    asked = len(stage.vendor.requests)

    with pytest.raises(QuotaExceeded) as caught:
        await draft(stage)

    assert (began + DAY + SKEW, "pending_drafts") == (caught.value.retry_at, caught.value.metadata["quota"])
    assert asked == len(stage.vendor.requests)
    stage.clock.advance(MINUTE)
    waiting = await until_final(stage, made[0])
    assert "AWAITING_CREATOR" == waiting.state
    stage.vendor.post_draft(stage.vendor.inits[0].publish_id)
    stage.clock.advance(MINUTE)
    assert "PUBLISHED" == (await read.refresh(stage.domain, LOCATION, waiting.id)).state
    assert (4, None) == (
        (await standing(stage, "pending_drafts")).used,
        (await standing(stage, "pending_drafts")).reset_time,
    )
    await draft(stage)


FULL = Fault(match="inbox.init", kind="error", code="spam_risk_too_many_pending_share", status=403)
"""The vendor's inbox is full, although our ledger knows of a place: others send drafts too."""


@pytest.mark.parametrize("freed_by", ["its creator", "a failure"])
async def test_a_draft_that_leaves_the_inbox_ends_the_learned_cap(stage: Stage, freed_by: str) -> None:
    """The vendor refuses a draft for too many pending ones: no other is accepted until one of them leaves, then at
    once.
    """
    await stage.connect()
    waiting = await stage.step(await draft(stage))
    if freed_by == "its creator":
        waiting = await until_final(stage, waiting)
    else:
        stage.vendor.fail_next_publish("file_format_check_failed")
    stage.clock.advance(MINUTE)
    stage.vendor.faults.add(FULL)
    assert "FAILED" == (await stage.step(await draft(stage))).state
    assert 1 == (await standing(stage, "pending_drafts")).used
    with pytest.raises(QuotaExceeded) as caught:
        await draft(stage)
    assert "pending_drafts" == caught.value.metadata["quota"]

    if freed_by == "its creator":
        stage.vendor.post_draft(stage.vendor.inits[0].publish_id)
        await read.refresh(stage.domain, LOCATION, waiting.id)
    else:
        assert "FAILED" == (await until_final(stage, waiting)).state

    assert (0, None) == ((found := await standing(stage, "pending_drafts")).used, found.reset_time)
    assert "PROCESSING" == (await stage.step(await draft(stage))).state


async def test_a_sixth_queued_draft_waits_until_a_slot_is_free(stage: Stage) -> None:
    """Six were created before any was submitted: the sixth shows what it waits for, without a call, and is submitted
    later.
    """
    await stage.connect()
    made = [await draft(stage) for _ in range(6)]
    *others, sixth = [await stage.step(post) for post in made]

    assert (5, "QUEUED") == (len(stage.vendor.inits), sixth.state)
    assert sixth.error is not None
    assert ("QUOTA_EXCEEDED", "pending_drafts") == (sixth.error["reason"], sixth.error["metadata"]["quota"])
    assert sixth.next_attempt_time is not None
    assert [200] * 5 == [call.status for call in stage.vendor.requests if call.operation == "inbox.init"]

    first = await until_final(stage, others[0])
    stage.vendor.post_draft(stage.vendor.inits[0].publish_id)
    await read.refresh(stage.domain, LOCATION, first.id)
    stage.clock.time = max(stage.clock.time, sixth.next_attempt_time)
    gone = await stage.step(sixth)
    assert ("PROCESSING", None, 6) == (gone.state, gone.error, len(stage.vendor.inits))


async def test_a_draft_occupies_its_slot_from_its_submit(stage: Stage) -> None:
    """One that waited for 25 hours is in the inbox only since its submit, so it counts for another day."""
    await stage.connect()
    stage.vendor.faults.add(Fault(match="inbox.init", kind="error", code="rate_limit_exceeded", status=429))
    made = await pulled(stage, mode="creator_inbox", options={}, late_tolerance_seconds=48 * 3600)
    post = await stage.step(made)
    assert "QUEUED" == post.state
    stage.clock.advance(timedelta(hours=25))

    assert "PROCESSING" == (await stage.step(post)).state

    assert 1 == (await standing(stage, "pending_drafts")).used
    stage.clock.advance(DAY - MINUTE)
    assert 1 == (await standing(stage, "pending_drafts")).used


async def test_a_cap_reported_only_after_processing_is_learned(stage: Stage) -> None:
    """The publish fails for the daily cap: callers see which quota and until when, and the next post is refused."""
    account = await stage.connect()
    stage.vendor.fail_next_publish("spam_risk_too_many_posts")

    failed = await until_final(stage, await pulled(stage))

    assert "FAILED" == failed.state
    assert failed.error is not None
    seen = await standing(stage, "posts_per_day")
    assert (0, 1, True) == (seen.used, seen.limit, seen.learned)
    assert seen.reset_time is not None
    assert ("PROVIDER_DAILY_CAP", "posts_per_day", seen.reset_time.isoformat()) == (
        failed.error["reason"],
        failed.error["metadata"]["quota"],
        failed.error["metadata"]["retryAt"],
    )
    assert ["posts_per_day"] == [each.metadata["quota"] for each in await _check(stage, account)]


async def test_a_draft_whose_submit_was_lost_occupies_its_slot(stage: Stage) -> None:
    """It may be in the creator's inbox, so it counts; one that was refused does not."""
    await stage.connect()
    stage.vendor.faults.add(
        Fault(match="inbox.init", kind="drop_after"),
        Fault(match="inbox.init", kind="error", code="invalid_params", status=400),
    )

    await stage.step(await draft(stage))
    assert 1 == (await standing(stage, "pending_drafts")).used
    assert "FAILED" == (await stage.step(await draft(stage))).state
    assert 1 == (await standing(stage, "pending_drafts")).used


async def test_the_cost_of_a_post_is_reported_beforehand(stage: Stage) -> None:
    """A direct video uses one of each of its calls, one of the day's posts, and one creator if it is the first."""
    account = await stage.connect()
    first = {each.rule.metric for each in await quota_standing.costs(stage.domain, await _like(stage, account))}
    assert {"creator_info", "video_init", "status", "posts_per_day", "active_creators"} == first

    await until_final(stage, await pulled(stage))

    again = {each.rule.metric: each for each in await quota_standing.costs(stage.domain, await _like(stage, account))}
    assert first - {"active_creators"} == set(again)
    assert 1 == again["posts_per_day"].used


async def test_background_creator_checks_leave_a_reserve_to_callers(stage: Stage) -> None:
    """Of twenty calls a minute the last four are reserved for callers."""
    await stage.connect()
    async with stage.domain.db.read() as tx:
        row = await accounts.get(tx, LOCATION, "a1")
    now = timedelta(0)
    for _ in range(16):
        await creator_info.fresh(stage.domain, row, max_age=now, background=True)

    with pytest.raises(ProviderError):
        await creator_info.fresh(stage.domain, row, max_age=now, background=True)
    assert (await creator_info.fresh(stage.domain, row, max_age=now)).can_post


async def _like(stage: Stage, account: str) -> PostRow:
    """Return a direct post of an account that is not created."""
    content = post_content.build_content("video", [Source(uri="https://media.example/video.mp4", vendor_pull=True)])
    own = {"id": "not-made", "account": account, "connection": account.replace("a", "c"), "content": content}
    return post_row(stage.clock(), **own)


async def _check(stage: Stage, account: str) -> list[QuotaExceeded]:
    """Return which daily caps forbid a direct post of an account."""
    return await daily_caps.check(stage.domain, await _like(stage, account))
