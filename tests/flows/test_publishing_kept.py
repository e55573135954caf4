"""What a planner keeps otherwise than it was sent is shown in the post: after the create as after an edit."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.posts import read, retry, update
from gateway.domain.publishing import batch_status
from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.planner import Planner
from providers.simulators.highlevel.post_records import PostRecord
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning

VIDEO = b"v" * 5000
HOUR = timedelta(hours=1)
CAPTION = "A caption that is cut"
ChangeNew = Callable[[Callable[[PostRecord], None]], None]


@pytest.fixture
def change_new(monkeypatch: pytest.MonkeyPatch) -> ChangeNew:
    """Return a function that lets planners change the records that they make, without a word."""
    add = Planner.add

    def install(change: Callable[[PostRecord], None]) -> None:
        def add_changed(self: Planner, record: PostRecord) -> None:
            change(record)
            add(self, record)

        monkeypatch.setattr(Planner, "add", add_changed)

    return install


async def waiting(stage: PlannerStage, **changes: Any) -> PostRow:
    """Return a post that the planner keeps until its time, an hour from now."""
    account, upload = await stage.connect(), await stage.upload(VIDEO)
    values: dict[str, Any] = {"schedule_time": stage.clock() + HOUR, **changes}
    post = await stage.planned(account, upload, CAPTION, **values)
    return await stage.step(await stage.step(post))


def cut(record: PostRecord) -> None:
    """Cut the caption."""
    record.summary = record.summary[:9]


def lose(record: PostRecord) -> None:
    """Lose the media."""
    record.media = []


def move(record: PostRecord) -> None:
    """Move the post to a later hour."""
    assert record.due is not None
    record.due = record.schedule = record.due + HOUR


def keep_back(record: PostRecord) -> None:
    """Keep the post as a draft."""
    record.status, record.due = "draft", None


@pytest.mark.parametrize(
    ("change", "field", "shown", "state"),
    [
        (cut, "caption", "A caption", "SCHEDULED"),
        (lose, "media", "0", "SCHEDULED"),
        (move, "schedule_time", "T", "SCHEDULED"),
        (keep_back, "mode", "POST_MODE_PLANNER_DRAFT", "AWAITING_CREATOR"),
    ],
)
async def test_what_a_planner_changes_is_shown(
    change: Callable[[PostRecord], None],
    field: str,
    shown: str,
    state: str,
    change_new: ChangeNew,
    database_url: str,
    tmp_path: Path,
) -> None:
    """The first look after the create compares what is kept with what was sent."""
    async with planning(database_url, tmp_path) as stage:
        change_new(change)
        post = await waiting(stage)

    assert (state, [field]) == (post.state, list(post.differences or {}))
    assert shown in (post.differences or {})[field]


async def test_a_post_that_went_out_before_its_time_is_shown(
    change_new: ChangeNew, database_url: str, tmp_path: Path
) -> None:
    """A planner that ignores the time publishes at once: the post is PUBLISHED, and no time was kept."""

    def at_once(record: PostRecord) -> None:
        record.due = record.schedule = stage.clock()

    async with planning(database_url, tmp_path) as stage:
        change_new(at_once)
        post = await waiting(stage)
        post = await stage.finish(post)

    assert ("PUBLISHED", {"schedule_time": ""}) == (post.state, post.differences)


@pytest.mark.parametrize("named", [True, False], ids=["with an id", "without an id"])
async def test_a_post_that_is_out_is_compared_too(
    named: bool, change_new: ChangeNew, database_url: str, tmp_path: Path
) -> None:
    """The words that are out are not those that were sent, also where the record had to be found in the list."""
    async with planning(database_url, tmp_path, SimulatorConfig(publish_now_results=named)) as stage:
        change_new(cut)
        post = await stage.finish(await stage.planned(await stage.connect(), await stage.upload(VIDEO), CAPTION))

    assert ("PUBLISHED", {"caption": "A caption"}) == (post.state, post.differences)


async def test_a_post_that_is_kept_as_sent_shows_nothing(database_url: str, tmp_path: Path) -> None:
    """From the create to the publication."""
    async with planning(database_url, tmp_path) as stage:
        post = await waiting(stage)
        before = post.differences
        post = await stage.finish(post, within=timedelta(hours=2))

    assert ("PUBLISHED", {}, {}) == (post.state, before, post.differences)


async def test_the_list_of_many_compares_each(database_url: str, tmp_path: Path) -> None:
    """Posts that are polled with one call are compared as well, and what was changed there later is shown."""
    async with planning(database_url, tmp_path) as stage:
        account, upload, time = await stage.connect(), await stage.upload(VIDEO), stage.clock() + HOUR
        posts = [await stage.planned(account, upload, f"{CAPTION} {each}", schedule_time=time) for each in range(2)]
        posts = [await stage.step(await stage.step(each)) for each in posts]
        for record in stage.planner.planner.records.values():
            cut(record)
        stage.clock.advance(HOUR + timedelta(minutes=1))
        await batch_status.poll(stage.domain, LOCATION, "c1")
        shown = [(await stage.read(each)).differences for each in posts]

    assert [{"caption": "A caption"}] * 2 == shown


async def test_an_edit_that_is_kept_ends_the_difference(
    change_new: ChangeNew, database_url: str, tmp_path: Path
) -> None:
    """UpdatePost makes the planner's record right, which the edit itself proves: nothing is shown any more."""
    async with planning(database_url, tmp_path) as stage:
        change_new(cut)
        post = await waiting(stage)
        change_new(lambda record: None)
        await update.update(stage.domain, LOCATION, post.id, {"caption": "Short"}, None)
        edited = await stage.read(post)
        later = await stage.step(edited)

    assert ({"caption": "A caption"}, None) == (post.differences, edited.differences)
    assert ("Short", {}) == (later.caption, later.differences or {})


async def test_a_draft_that_a_person_changes_and_releases_is_no_difference_of_mode(
    database_url: str, tmp_path: Path
) -> None:
    """Where a post is belongs to the person once it waited for one; the words are compared as long as it is asked."""
    async with planning(database_url, tmp_path) as stage:
        post = await waiting(stage, mode="planner_draft", schedule_time=None)
        [record] = stage.planner.planner.records.values()
        record.status, record.summary, record.due = "scheduled", "Other", stage.clock() + HOUR
        post = await read.refresh(stage.domain, LOCATION, post.id)

    assert ("SCHEDULED", "Other") == (post.state, (post.differences or {})["caption"])
    assert "mode" not in (post.differences or {})


async def test_a_new_round_begins_without_differences(change_new: ChangeNew, database_url: str, tmp_path: Path) -> None:
    """RetryPost sends the whole post again: what the first record kept does not count any more."""
    async with planning(database_url, tmp_path) as stage:
        change_new(cut)
        post = await waiting(stage)
        [record] = stage.planner.planner.records.values()
        record.status, record.error = "failed", "something"
        stage.clock.advance(HOUR + timedelta(minutes=1))
        failed = await stage.step(post)
        again = await retry.retry(stage.domain, LOCATION, post.id, None)

    assert ("FAILED", {"caption": "A caption"}, None) == (failed.state, failed.differences, again.differences)
