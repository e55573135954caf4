"""What could make a post through a planner be published twice, never, or hang: crashes, late responses, equal posts,
edits by others.

Owns the doubt about posts that the planner may have. The usual course is in test_publishing_planner.py; the planner's
ledger says what was published.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel
from gateway.errors import DomainError, StateForbids
from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.post_records import PostRecord
from providers.simulators.highlevel.tenants import BAKERY
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning
from tests.flows.faults import URI, attempt_of

pytestmark = pytest.mark.chaos

VIDEO = b"v" * 5000
HOUR = timedelta(hours=1)
WORDS: dict[str, Any] = {"content": {"kind": "text", "sources": []}, "uploads": [], "options": {}}


def record_of(stage: PlannerStage) -> PostRecord:
    """Return the one post that the planner has."""
    [record] = stage.planner.planner.records.values()
    return record


async def scheduled(stage: PlannerStage, after: timedelta = HOUR) -> PostRow:
    """Return a post that the planner keeps until its time."""
    time = stage.clock() + after
    post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Later", schedule_time=time)
    post = await stage.step(await stage.step(post))
    assert "scheduled" == record_of(stage).status
    return post


async def until(stage: PlannerStage, post: PostRow, state: str) -> PostRow:
    """Step a post until it is in this state."""
    for _ in range(60):
        if post.state == state:
            return post
        assert post.due_at is not None
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)
    raise AssertionError(f"still {post.state}")


# Crashes


class Died(BaseException):
    """The process ends here."""


def dying_at(place: str) -> Callable[[str], None]:
    """Return a stand-in for `reach` that ends the process at the first visit to the place."""
    armed = [place]

    def reach(name: str) -> None:
        if name in armed:
            armed.clear()
            raise Died(name)

    return reach


@pytest.mark.parametrize("named", [True, False], ids=["with an id", "without an id"])
@pytest.mark.parametrize(
    "place",
    [
        "after-call.store",
        "before-commit.INIT_SENT",
        "after-commit.INIT_SENT",
        "after-call.init",
        "before-commit.PROCESSING",
        "after-commit.PROCESSING",
        "after-call.status",
        "before-commit.PUBLISHED",
    ],
)
async def test_a_crash_at_any_failpoint_posts_once(
    place: str, named: bool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker finds in the journal, or in the planner's list, how far the post came. A crash right before a
    call is one right after the commit, or the call, before it.
    """
    async with planning(database_url, tmp_path, SimulatorConfig(publish_now_results=named)) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once")
        reach = dying_at(f"publish.{place}")
        monkeypatch.setattr("gateway.domain.publishing.journal.reach", reach)
        monkeypatch.setattr("gateway.domain.publishing.moves.reach", reach)
        with pytest.raises(Died):
            await stage.finish(post)
        post = await stage.finish(await stage.read(post))

    assert ("PUBLISHED", 1) == (post.state, len(stage.published)), post.error


@pytest.mark.parametrize("place", ["after-call.list", "before-commit.INTENT", "after-commit.INTENT"])
async def test_a_crash_while_a_lost_post_is_searched_for_posts_once(
    place: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A create call that never reached the planner is resolved by any worker that continues the search."""
    async with planning(database_url, tmp_path) as stage:
        stage.fail("posts.create", "drop_before")
        post = await stage.step(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        reach = dying_at(f"publish.{place}")
        monkeypatch.setattr("gateway.domain.publishing.journal.reach", reach)
        monkeypatch.setattr("gateway.domain.publishing.moves.reach", reach)
        with pytest.raises(Died):
            await stage.finish(post)
        post = await stage.finish(await stage.read(post))

    assert ("PUBLISHED", 1, 2) == (post.state, len(stage.published), post.attempt), post.error


# Lost responses


async def test_a_post_that_the_list_shows_late_is_not_resubmitted(database_url: str, tmp_path: Path) -> None:
    """It was missing in four searches within ninety seconds: that is no proof yet."""
    async with planning(database_url, tmp_path) as stage:
        stage.fail("posts.create", "drop_after")
        begun = stage.clock()
        post = await stage.step(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        record = record_of(stage)
        stage.planner.planner.records.clear()
        while post.due_at is not None and post.due_at < begun + timedelta(seconds=90):
            stage.clock.time = post.due_at
            post = await stage.step(post)
        denials = (await attempt_of(stage, post)).denials
        stage.planner.planner.add(record)
        post = await stage.finish(post)

    assert (4, "PUBLISHED", 1, 1) == (denials, post.state, post.attempt, len(stage.published))


@pytest.mark.parametrize("kinds", [("drop_after", "drop_after"), ("drop_after", "drop_before")])
async def test_equal_text_posts_are_not_resubmitted(kinds: tuple[str, str], database_url: str, tmp_path: Path) -> None:
    """When either of two posts may be the planner's record, both wait for proof, and neither is sent again."""
    async with planning(database_url, tmp_path) as stage:
        await stage.connect()
        for kind in kinds:
            stage.fail("posts.create", kind)
        made = [await stage.step(await stage.planned("a1-facebook", "", "Words", **WORDS)) for _ in kinds]
        posts = [await stage.finish(each, within=timedelta(minutes=4)) for each in made]

    assert (["PROCESSING"] * 2, kinds.count("drop_after")) == ([each.state for each in posts], len(stage.published))


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_video_at_the_callers_address_is_found_by_its_caption(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    """A URL may belong to many posts; text that no other post has identifies the record."""
    async with planning(database_url, tmp_path) as stage:
        stage.fail("posts.create", kind)
        content = post_content.build_content("video", [Source(uri=URI, vendor_pull=True)])
        post = await stage.planned(await stage.connect(), "", "Pulled", content=content, uploads=[])
        post = await stage.finish(post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published)), post.error


async def test_a_post_whose_address_the_planner_changed_is_found_by_its_caption(
    database_url: str, tmp_path: Path
) -> None:
    """The planner may store media under its own URLs: the post is then found by its text."""
    async with planning(database_url, tmp_path) as stage:
        stage.fail("posts.create", "drop_after")
        post = await stage.step(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        record_of(stage).media[0]["url"] = "https://cdn.example/other.mp4"
        post = await stage.finish(post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published)), post.error


async def test_a_scheduled_post_that_was_denied_for_a_while_continues(database_url: str, tmp_path: Path) -> None:
    """Its outcome counted as unknown; found again in the planner, it waits for its time and is published."""
    async with planning(database_url, tmp_path) as stage:
        account, upload, time = await stage.connect(), await stage.upload(VIDEO), stage.clock() + 3 * HOUR
        stage.fail("posts.get", "status", status=404, times=11, body='{"statusCode": 404, "message": "Not found"}')
        post = await until(stage, await stage.planned(account, upload, schedule_time=time), "INDETERMINATE")
        post = await until(stage, post, "SCHEDULED")
        shown = (post.error, (await attempt_of(stage, post)).state)
        post = await stage.finish(post, within=4 * HOUR)

    assert (None, "PROCESSING") == shown
    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


# Clocks


async def test_a_planner_whose_clock_is_ahead_gets_the_post_late(database_url: str, tmp_path: Path) -> None:
    """It refuses a time that is past there; the submit is retried until our clock is past it too, and nothing fails."""
    async with planning(database_url, tmp_path) as stage:
        stage.planner.advance_clock(180)
        time = stage.clock() + timedelta(seconds=100)
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once", schedule_time=time)
        post = await stage.finish(post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published)), post.error
    assert stage.published[0].time - timedelta(seconds=180) >= time


# Edits in the planner


@pytest.mark.parametrize(("moved", "early"), [(timedelta(hours=6), 0), (timedelta(minutes=-30), 1)])
async def test_a_time_changed_in_the_planner_counts(
    moved: timedelta, early: int, database_url: str, tmp_path: Path
) -> None:
    """Earlier or later, it is published once, and the post shows it."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        record = record_of(stage)
        assert record.due is not None
        record.due = record.schedule = record.due + moved
        stage.clock.advance(timedelta(minutes=50))
        out = len(stage.published)
        stage.clock.advance(max(timedelta(0), moved))
        post = await stage.finish(post)

    assert (early, "PUBLISHED", 1) == (out, post.state, len(stage.published))


async def test_a_record_deleted_in_the_planner_cancels_its_post(database_url: str, tmp_path: Path) -> None:
    """It is CANCELLED, and not resubmitted."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        stage.planner.planner.delete(record_of(stage))
        post = await stage.finish(post)

    assert ("CANCELLED", [], 1) == (post.state, stage.published, post.attempt)


async def test_a_record_deleted_after_publication_leaves_its_post_published(database_url: str, tmp_path: Path) -> None:
    """Only the planner's record is gone."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        stage.clock.advance(HOUR + timedelta(seconds=20))
        assert 1 == len(stage.published)
        stage.planner.planner.delete(record_of(stage))
        post = await stage.finish(post)

    assert ("PUBLISHED", stage.published[0].platform_post_id) == (post.state, post.provider_post_id)


async def test_a_post_whose_account_expired_waits_for_it(database_url: str, tmp_path: Path) -> None:
    """The post neither fails nor is sent again, can be cancelled meanwhile, and is published after the reconnect."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        account = stage.planner.accounts.of(BAKERY)[0].id
        stage.planner.set_account(account, expired=True)
        post = await stage.finish(post, within=HOUR + timedelta(minutes=20))
        waiting = (post.state, len(stage.published))
        stage.planner.set_account(account, expired=False)
        post = await stage.finish(post)

    assert ("SCHEDULED", 0) == waiting
    assert ("PUBLISHED", 1, 1) == (post.state, len(stage.published), post.attempt)


async def test_a_post_that_may_be_publishing_is_not_cancelled(database_url: str, tmp_path: Path) -> None:
    """Ten seconds before its time a post cannot be cancelled: the call is refused, and the post is published."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        stage.clock.advance(HOUR - timedelta(seconds=10))
        with pytest.raises(StateForbids):
            await cancel.cancel(stage.domain, LOCATION, post.id, None)
        post = await stage.finish(await stage.read(post))

    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


async def test_a_post_that_waits_for_its_account_is_cancelled(database_url: str, tmp_path: Path) -> None:
    """Twenty minutes after its time nothing is being published, nor when the account comes back."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        account = stage.planner.accounts.of(BAKERY)[0].id
        stage.planner.set_account(account, expired=True)
        stage.clock.advance(HOUR + timedelta(minutes=20))
        await cancel.cancel(stage.domain, LOCATION, post.id, None)
        post = await stage.finish(await stage.read(post))
        stage.planner.set_account(account, expired=False)
        stage.clock.advance(HOUR)

    assert ("CANCELLED", []) == (post.state, stage.published)


# Limits


async def test_an_expired_account_fails_a_post_for_now(database_url: str, tmp_path: Path) -> None:
    """An expired account fails the post for now, and the error says who can help."""
    async with planning(database_url, tmp_path) as stage:
        account = await stage.connect()
        stage.planner.set_account(stage.planner.accounts.of(BAKERY)[0].id, expired=True)
        post = await stage.finish(await stage.planned(account, await stage.upload(VIDEO), "Once"))

    assert ("FAILED", "REAUTHORIZATION_REQUIRED") == (post.state, (post.error or {})["reason"])


async def test_a_post_beyond_the_days_limit_fails_once(database_url: str, tmp_path: Path) -> None:
    """A post beyond the daily limit fails with the reason, and is not retried automatically."""
    async with planning(database_url, tmp_path, SimulatorConfig(posts_per_day=2)) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        posts = [await stage.finish(await stage.planned(account, upload, f"{number}")) for number in range(3)]

    assert ["PUBLISHED", "PUBLISHED", "FAILED"] == [each.state for each in posts]
    assert ("PROVIDER_DAILY_CAP", 1, 2) == (posts[2].error["reason"], posts[2].attempt, len(stage.published))  # type: ignore[index]


async def test_a_caption_is_published_whole_or_not_at_all(database_url: str, tmp_path: Path) -> None:
    """A personal TikTok account allows 150 units, to which the planner would silently cut; an emoji has two."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        with pytest.raises(DomainError, match="150"):
            await stage.planned(account, upload, "🍞" * 75 + "x")
        post = await stage.finish(await stage.planned(account, upload, "🍞" * 75))

    assert ("PUBLISHED", ["🍞" * 75]) == (post.state, [each.summary for each in stage.published])
