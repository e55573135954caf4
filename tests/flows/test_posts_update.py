"""What happens to posts that a planner has: changed, deleted, polled together."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.domain.concurrency import Superseded
from gateway.domain.posts import delete, read, update
from gateway.domain.publishing import batch_status, journal, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.errors import EtagMismatch, StateForbids
from providers.errors import OptionUnsupported, ProviderError, Unavailable
from storage.errors import NotFound
from storage.key_ring import KeyMissing
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning

VIDEO = b"v" * 5000
HOURS = timedelta(hours=1)


async def scheduled(stage: PlannerStage, caption: str = "Later", *, account: str = "", after: int = 3) -> PostRow:
    """Return a post that the planner keeps until its time."""
    account = account or await stage.connect()
    time = stage.clock() + after * HOURS
    post = await stage.planned(account, await stage.upload(VIDEO), caption, schedule_time=time)
    await stage.step(post)
    stage.clock.advance(timedelta(seconds=3))
    post = await stage.step(post)
    assert "SCHEDULED" == post.state
    return post


async def change(stage: PlannerStage, post: PostRow, **values: Any) -> PostRow:
    """Change a post as a caller would."""
    return await update.update(stage.domain, LOCATION, post.id, values, None)


async def test_a_planned_post_is_changed_in_the_planner(database_url: str, tmp_path: Path) -> None:
    """The planner has the new text and time and the same medium, and the post is published once, at the new time."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        [before] = [record.media for record in stage.planner.planner.records.values()]
        time = stage.clock() + 5 * HOURS
        post = await change(stage, post, caption="Changed", schedule_time=time)
        [record] = stage.planner.planner.records.values()
        shown = (record.summary, record.media == before, record.schedule and abs(record.schedule - time).seconds)
        stage.clock.advance(4 * HOURS)
        early = len(stage.published)
        post = await stage.finish(post, within=10 * HOURS)

    assert ("Changed", True, 0, 0) == (*shown, early)
    assert ("PUBLISHED", ["Changed"]) == (post.state, [each.summary for each in stage.published])


@pytest.mark.parametrize("lost", ["drop_before", "drop_after"])
async def test_a_change_whose_response_is_lost_can_be_repeated(lost: str, database_url: str, tmp_path: Path) -> None:
    """A lost response is an error that allows repeating the call; nothing is changed here before."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        stage.fail("posts.update", lost)
        with pytest.raises(Unavailable):
            await change(stage, post, caption="Changed")
        kept = (await stage.read(post)).caption
        post = await change(stage, post, caption="Changed")
        [record] = stage.planner.planner.records.values()

    assert ("Later", "Changed", "Changed") == (kept, post.caption, record.summary)


async def test_a_record_without_media_is_not_changed(database_url: str, tmp_path: Path) -> None:
    """A record that shows no media is left as it is, with the reason."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        [record] = stage.planner.planner.records.values()
        record.media.clear()
        with pytest.raises(ProviderError, match="lose") as caught:
            await change(stage, post, caption="Changed")
        record_after = record.summary

    assert ("media_would_be_lost", "Later") == (caught.value.code, record_after)


async def test_a_change_is_checked_like_a_new_post(database_url: str, tmp_path: Path) -> None:
    """An option that the network does not support is refused without a vendor call."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        calls = len(stage.planner.requests)
        with pytest.raises(Exception, match="no option") as caught:
            await change(stage, post, provider_extra={"nothing": 1})
        asked = len(stage.planner.requests) - calls

    assert (OptionUnsupported.__name__, 0) == (type(caught.value).__name__, asked)


async def test_a_waiting_post_is_changed_here(database_url: str, tmp_path: Path) -> None:
    """There is no vendor call, and a worker that was about to submit the old content is superseded."""
    async with planning(database_url, tmp_path) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Before")
        work = await journal.open_attempt(stage.domain, post, None, state="QUEUED")
        calls = len(stage.planner.requests)
        await change(stage, post, caption="After")
        asked = len(stage.planner.requests) - calls
        with pytest.raises(Superseded):
            await journal.claim_submit(stage.domain, Work(work.post, work.attempt))
        post = await stage.finish(post)

    assert (0, "PUBLISHED", ["After"]) == (asked, post.state, [each.summary for each in stage.published])


async def test_a_final_or_changed_post_is_not_changed(database_url: str, tmp_path: Path) -> None:
    """STATE_FORBIDS once the post is final, ETAG_MISMATCH after another change."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        with pytest.raises(EtagMismatch):
            await update.update(stage.domain, LOCATION, post.id, {"caption": "x"}, None, etag="1")
        post = await stage.finish(post, within=5 * HOURS)
        with pytest.raises(StateForbids):
            await change(stage, post, caption="too late")

    assert ["Later"] == [each.summary for each in stage.published]


async def test_a_draft_is_deleted_from_the_planner_too(database_url: str, tmp_path: Path) -> None:
    """Its record and its row are deleted."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.finish(await stage.planned(account, upload, "Draft", mode="planner_draft"))
        await delete.delete(stage.domain, LOCATION, post.id, None)
        with pytest.raises(NotFound):
            await read.get(stage.domain, LOCATION, post.id)

    assert ["deleted"] == [record.status for record in stage.planner.planner.records.values()]


async def test_a_published_post_stays_on_its_network(database_url: str, tmp_path: Path) -> None:
    """DeletePost is refused with the reason; with `force` its records are deleted, the post on the network stays."""
    async with planning(database_url, tmp_path) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Out")
        post = await stage.finish(post)
        with pytest.raises(StateForbids, match="stays on its network"):
            await delete.delete(stage.domain, LOCATION, post.id, None)
        await delete.delete(stage.domain, LOCATION, post.id, None, force=True)
        with pytest.raises(NotFound):
            await read.get(stage.domain, LOCATION, post.id)

    assert 1 == len(stage.published)


async def test_an_unfinished_post_is_not_deleted(database_url: str, tmp_path: Path) -> None:
    """It must be cancelled first."""
    async with planning(database_url, tmp_path) as stage:
        post = await scheduled(stage)
        with pytest.raises(StateForbids, match="CancelPost"):
            await delete.delete(stage.domain, LOCATION, post.id, None, force=True)


async def test_one_call_returns_the_statuses_of_many_posts(database_url: str, tmp_path: Path) -> None:
    """Twelve posts are published: one call settles them all."""
    async with planning(database_url, tmp_path) as stage:
        account = await stage.connect()
        made = [await scheduled(stage, f"Post {number}", account=account, after=1) for number in range(12)]
        stage.clock.advance(2 * HOURS)
        calls = len(stage.planner.requests)
        await batch_status.poll(stage.domain, LOCATION, "c1")
        asked = [call.operation for call in stage.planner.requests[calls:]]
        states = {(await stage.read(post)).state for post in made}

    assert (["posts.list"], {"PUBLISHED"}) == (asked, states)


async def test_a_failing_list_delays_no_post(database_url: str, tmp_path: Path) -> None:
    """When the list fails, the status of each post is requested separately."""
    async with planning(database_url, tmp_path) as stage:
        account = await stage.connect()
        made = [await scheduled(stage, f"Post {number}", account=account, after=1) for number in range(2)]
        stage.clock.advance(2 * HOURS)
        stage.fail("posts.list", "html", times=2)
        await batch_status.poll(stage.domain, LOCATION, "c1")
        states = {(await stage.read(post)).state for post in made}

    assert {"PUBLISHED"} == states


async def ended(stage: PlannerStage, number: int) -> list[PostRow]:
    """Return posts that the planner has published and that are due to be polled."""
    account = await stage.connect()
    made = [await scheduled(stage, f"Post {each}", account=account, after=1) for each in range(number)]
    stage.clock.advance(2 * HOURS)
    return made


async def states(stage: PlannerStage, posts: list[PostRow]) -> list[str]:
    """Return the states of posts now."""
    return [(await stage.read(each)).state for each in posts]


@pytest.mark.parametrize("table", ["posts", "attempts"])
async def test_a_locked_post_stops_no_other(table: str, database_url: str, tmp_path: Path) -> None:
    """A row that a person with a console keeps locked belongs to one post of the batch; the others get their status."""
    column = {"posts": "id", "attempts": "post"}[table]
    async with planning(database_url, tmp_path, database_lock_seconds=0.1) as stage:
        made = await ended(stage, 3)
        async with await psycopg.AsyncConnection.connect(database_url) as person:
            await person.execute(f"SELECT 1 FROM {table} WHERE {column} = %s FOR UPDATE", [made[0].id])
            await batch_status.poll(stage.domain, LOCATION, "c1")
            locked = await states(stage, made)
        await batch_status.poll(stage.domain, LOCATION, "c1")
        later = await states(stage, made)

    assert (["SCHEDULED", "PUBLISHED", "PUBLISHED"], ["PUBLISHED"] * 3) == (locked, later)


@pytest.mark.parametrize("error", [NotFound("account", "a9"), KeyMissing("k9"), RuntimeError("a fault")], ids=repr)
async def test_what_is_wrong_with_one_post_stops_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """That post is left to its own step, which knows what follows; the others get their status."""
    apply, raised = vendor_status.apply, list[str]()

    async def failing(domain: Any, work: Work, status: Any) -> Any:
        if not raised:
            raised.append(work.post.id)
            raise error
        return await apply(domain, work, status)

    async with planning(database_url, tmp_path) as stage:
        made = await ended(stage, 3)
        monkeypatch.setattr(vendor_status, "apply", failing)
        await batch_status.poll(stage.domain, LOCATION, "c1")
        found = await states(stage, made)

    assert (1, ["PUBLISHED"] * 3) == (len(raised), found)


async def test_a_batch_ends_when_the_process_stops(database_url: str, tmp_path: Path) -> None:
    """After the post that it has begun."""
    answers = iter([False])
    async with planning(database_url, tmp_path) as stage:
        made = await ended(stage, 3)
        await batch_status.poll(stage.domain, LOCATION, "c1", stopping=lambda: next(answers, True))
        found = await states(stage, made)

    assert ["PUBLISHED", "SCHEDULED", "SCHEDULED"] == sorted(found)
