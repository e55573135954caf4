"""A planner that refuses a post and keeps it all the same: what it lists decides, before the post FAILED and before it
is sent again.

Owns refusals that prove nothing. Lost responses are in test_publishing_vendor_lookup.py.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel, read, retry
from gateway.domain.publishing import journal
from gateway.errors import StateForbids
from providers.errors import ProviderError
from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.post_records import PostRecord
from providers.simulators.highlevel.posts import new_record
from providers.simulators.highlevel.tenants import BAKERY
from storage.database import DatabaseUnavailable
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning
from tests.flows.faults import URI, Outage, attempt_of
from tests.flows.test_publishing_vendor_lookup import Died, dying_at

VIDEO = b"v" * 5000
WORDS: dict[str, Any] = {"content": {"kind": "text", "sources": []}, "uploads": [], "options": {}}
SAID = "summary must be shorter"


def refuse(stage: PlannerStage, *, keep: bool, status: int = 422, said: str = SAID, times: int = 1) -> None:
    """Let the planner refuse the next posts, and keep them all the same."""
    body = json.dumps({"statusCode": status, "message": [said], "error": "Unprocessable Entity"})
    stage.fail("posts.create", "status", status=status, body=body, effect=keep, times=times)


def searches(stage: PlannerStage) -> int:
    """Return how often the planner's list was read."""
    return sum(call.operation == "posts.list" for call in stage.planner.requests)


def written_by_hand(stage: PlannerStage, account: str, summary: str, **body: Any) -> PostRecord:
    """Let a person write a post for the account in the planner itself."""
    [found] = [each for each in stage.planner.accounts.of(BAKERY) if each.platform == account]
    base = {"accountIds": [found.id], "type": "post", "media": [], "status": "draft", "summary": summary}
    return new_record(stage.planner, BAKERY, {**base, **body})


async def retried(stage: PlannerStage, post: PostRow) -> PostRow:
    """Let a person send the post again, and carry it to its end."""
    return await stage.finish(await retry.retry(stage.domain, LOCATION, post.id, None))


async def words(stage: PlannerStage, caption: str = "Words") -> PostRow:
    """Create a post of words alone."""
    await stage.connect()
    return await stage.planned("a1-facebook", "", caption, **WORDS)


@pytest.mark.parametrize(("status", "said"), [(422, SAID), (400, "Something is wrong"), (404, "Not found"), (413, "")])
async def test_a_post_that_was_refused_and_kept_is_published_once(
    status: int, said: str, database_url: str, tmp_path: Path
) -> None:
    """It is found by the medium that only it used, continues as if it had been accepted, and cannot be sent again."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=True, status=status, said=said)
        post = await stage.finish(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        with pytest.raises(StateForbids):
            await retried(stage, post)

    assert ("PUBLISHED", None, 1, 1) == (post.state, post.error, post.attempt, len(stage.published))
    assert stage.published[0].platform_post_id == post.provider_post_id


async def test_a_refusal_is_believed_after_one_look(database_url: str, tmp_path: Path) -> None:
    """The list does not have the post: it FAILED with the planner's words, and a person can send it again."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False)
        begun = stage.clock()
        post = await stage.finish(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        ended, looked, error = stage.clock() - begun, searches(stage), post.error or {}
        again = await retried(stage, post)

    # The list is read twice: what there is, and what was deleted.
    assert ("FAILED", 2, "CONTENT_REJECTED") == (post.state, looked, error["reason"])
    assert SAID in error["metadata"]["providerMessage"]
    assert ended <= timedelta(seconds=10)
    assert ("PUBLISHED", 1) == (again.state, len(stage.published))


@pytest.mark.parametrize(
    ("status", "said", "state"),
    [
        (429, "Too many requests", "PUBLISHED"),
        (401, "The token is not authorized for this scope.", "FAILED"),
        (403, "The token does not have access to this location.", "FAILED"),
        (400, "Location is not active", "FAILED"),
    ],
)
async def test_a_refusal_at_the_door_needs_no_look(
    status: int, said: str, state: str, database_url: str, tmp_path: Path
) -> None:
    """What is refused for its token, its rate or its location never reached the planner."""
    async with planning(database_url, tmp_path, SimulatorConfig(publish_now_results=True)) as stage:
        refuse(stage, keep=False, status=status, said=said)
        post = await stage.finish(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))

    assert (state, 0) == (post.state, searches(stage))


async def test_a_refused_time_that_was_kept_is_not_sent_again(database_url: str, tmp_path: Path) -> None:
    """A refusal after which the same post is tried again by itself is looked up before that, too."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=True, said="scheduleDate must be after current date")
        time = stage.clock() + timedelta(hours=3)
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.planned(account, upload, "Once", schedule_time=time)
        post = await stage.finish(post, within=timedelta(hours=4))

    assert ("PUBLISHED", 1, 1) == (post.state, len(stage.published), len(stage.planner.created))


@pytest.mark.chaos
async def test_a_refusal_is_kept_through_an_outage(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away as the refusal is stored: the post FAILED with it, and is not sent a second time."""
    outage, begun = Outage(database_url), list[str]()

    def reach(name: str) -> None:
        if name == "publish.before-commit.PROCESSING" and not begun:
            begun.append(name)
            outage.begin()

    async def pause(seconds: float) -> None:
        outage.end()

    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False, times=30)
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once")
        monkeypatch.setattr(journal, "reach", reach)
        with suppress(DatabaseUnavailable):
            await replace(stage, domain=replace(stage.domain, sleep=pause)).step(post)
        outage.end()
        post = await stage.finish(post)
        submits = sum(call.operation == "posts.create" for call in stage.planner.requests)

    assert (1, "FAILED", 1) == (len(begun), post.state, submits)
    assert SAID in (post.error or {})["metadata"]["providerMessage"]


@pytest.mark.parametrize("keep", [True, False])
async def test_a_look_that_fails_is_repeated(keep: bool, database_url: str, tmp_path: Path) -> None:
    """Until the planner's list answers, the post is neither FAILED nor sent again."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=keep)
        stage.fail("posts.list", "status", times=6)
        post = await stage.step(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        stage.clock.advance(timedelta(seconds=6))
        waiting = await stage.step(post)
        post = await stage.finish(post)

    assert ("PROCESSING", "PUBLISHED" if keep else "FAILED") == (waiting.state, post.state)
    assert int(keep) == len(stage.published)


async def test_a_kept_post_that_the_list_shows_late_is_found_by_the_retry(database_url: str, tmp_path: Path) -> None:
    """It FAILED, because the list did not have it yet; RetryPost looks before it sends, and finds it."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=True)
        post = await stage.step(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        [record] = stage.planner.planner.records.values()
        stage.planner.planner.records.clear()
        post = await stage.finish(post)
        failed = post.state
        stage.planner.planner.add(record)
        with pytest.raises(StateForbids):
            await retried(stage, post)
        post = await stage.finish(await stage.read(post))

    assert ("FAILED", "PUBLISHED", None, 1) == (failed, post.state, post.error, len(stage.published))
    assert 1 == len(stage.planner.created)


async def test_a_retry_without_an_answer_sends_nothing(database_url: str, tmp_path: Path) -> None:
    """A planner that cannot list its posts now cannot be asked whether it kept the post: RetryPost says so."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False)
        post = await stage.finish(await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once"))
        stage.fail("posts.list", "status", times=2)
        with pytest.raises(ProviderError):
            await retried(stage, post)
        post = await stage.read(post)

    assert ("FAILED", 1, []) == (post.state, post.attempt, stage.published)


async def test_a_post_of_somebody_elses_does_not_hold_up_a_refusal(database_url: str, tmp_path: Path) -> None:
    """A post with other words that shows another medium is not ours, even if it was made at the same time."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        media = [{"url": "https://elsewhere.example/a.mp4", "type": "video/mp4"}]
        written_by_hand(stage, "tiktok", "Something else", media=media)
        refuse(stage, keep=False)
        post = await stage.finish(await stage.planned(account, upload, "Once"))

    assert "FAILED" == post.state


@pytest.mark.parametrize("shown", ["Once upon", ""], ids=["cut words", "no words"])
async def test_a_kept_post_that_lost_its_medium_is_not_called_failed(
    shown: str, database_url: str, tmp_path: Path
) -> None:
    """Without its medium it is nobody's for sure: the outcome is unknown, and nothing is sent without a person."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        refuse(stage, keep=True)
        post = await stage.step(await stage.planned(account, upload, "Once upon a time"))
        [record] = stage.planner.planner.records.values()
        record.media, record.summary = [], shown
        post = await stage.finish(post, within=timedelta(minutes=10))

    assert ("INDETERMINATE", 1) == (post.state, len(stage.published))


# Words alone, and addresses of the caller's


async def test_words_that_were_refused_and_kept_are_found(database_url: str, tmp_path: Path) -> None:
    """No medium tells them apart, but nothing else has the same words."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=True)
        post = await stage.finish(await words(stage))

    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


async def test_words_that_were_refused_fail_if_nothing_is_listed(database_url: str, tmp_path: Path) -> None:
    """A list without any post of that time is proof."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False)
        post = await stage.finish(await words(stage))

    assert ("FAILED", []) == (post.state, stage.published)


@pytest.mark.parametrize("kind", ["words", "address"])
async def test_without_a_medium_of_its_own_a_listed_stranger_is_doubt(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    """The planner may have changed the words: after two minutes a person decides, and only then it is sent again."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False)
        content = post_content.build_content("video", [Source(uri=URI, vendor_pull=True)])
        if kind == "words":
            post = await words(stage)
        else:
            post = await stage.planned(await stage.connect(), "", "Pulled", content=content, uploads=[])
        network = "facebook" if kind == "words" else "tiktok"
        written_by_hand(stage, network, "Something else")
        begun = stage.clock()
        post = await stage.finish(post, within=timedelta(minutes=10))
        took, doubtful = stage.clock() - begun, post
        out = len(stage.published)
        post = await retried(stage, post)

    assert ("INDETERMINATE", 0, "OUTCOME_UNKNOWN") == (doubtful.state, out, (doubtful.error or {})["reason"])
    assert timedelta(minutes=2) <= took
    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


async def test_doubt_ends_with_the_stranger(database_url: str, tmp_path: Path) -> None:
    """Once the list has no post any more that may be it, the refusal is believed."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=False)
        post = await words(stage)
        stranger = written_by_hand(stage, "facebook", "Something else")
        post = await stage.finish(post, within=timedelta(minutes=10))
        doubtful = post.state
        del stage.planner.planner.records[stranger.id]
        post = await read.refresh(stage.domain, LOCATION, post.id)

    assert ("INDETERMINATE", "FAILED", "CONTENT_REJECTED") == (doubtful, post.state, (post.error or {})["reason"])


async def test_a_stranger_that_appears_before_the_retry_is_doubt(database_url: str, tmp_path: Path) -> None:
    """RetryPost sends nothing while two posts with the same words may be it; the second RetryPost is a decision."""
    async with planning(database_url, tmp_path, SimulatorConfig(publish_now_results=True)) as stage:
        refuse(stage, keep=False)
        failed = await stage.finish(await words(stage))
        for _ in range(2):
            written_by_hand(stage, "facebook", "Words")
        with pytest.raises(StateForbids):
            await retried(stage, failed)
        doubtful = await stage.read(failed)
        post = await retried(stage, doubtful)

    assert ("FAILED", "INDETERMINATE") == (failed.state, doubtful.state)
    assert ("PUBLISHED", 1) == (post.state, len(stage.published))


# Calls in between


@pytest.mark.parametrize("keep", [True, False])
async def test_a_refused_post_can_be_cancelled_before_the_look(keep: bool, database_url: str, tmp_path: Path) -> None:
    """What was kept is deleted in the planner; what was not is CANCELLED by the look."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=keep)
        time = stage.clock() + timedelta(hours=3)
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.step(await stage.planned(account, upload, "Once", schedule_time=time))
        await cancel.cancel(stage.domain, LOCATION, post.id, None)
        post = await stage.finish(await stage.read(post))
        stage.clock.advance(timedelta(hours=4))

    assert ("CANCELLED", []) == (post.state, stage.published)


@pytest.mark.chaos
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "place",
    ["before-commit.PROCESSING", "after-commit.PROCESSING", "after-call.list"],
)
async def test_a_death_between_the_refusal_and_the_look_posts_once(
    place: str, keep: bool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that could not be stored is an answer that was lost; a stored one waits for its look."""
    async with planning(database_url, tmp_path) as stage:
        refuse(stage, keep=keep, times=1 if keep else 2)
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once")
        reach = dying_at(f"publish.{place}")
        monkeypatch.setattr("gateway.domain.publishing.journal.reach", reach)
        monkeypatch.setattr("gateway.domain.publishing.moves.reach", reach)
        with pytest.raises(Died):
            await stage.finish(post)
        post = await stage.finish(await stage.read(post))
        stored = "refused" in (await attempt_of(stage, post, post.attempt)).media

    assert ("PUBLISHED" if keep else "FAILED", int(keep)) == (post.state, len(stage.published)), post.error
    assert stored or keep
