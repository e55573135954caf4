"""Posts through a planner: at once, at a time, as drafts; lost responses; what is cancelled."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.accounts import sync
from gateway.domain.posts import cancel
from gateway.domain.publishing import moves, retry_policy
from gateway.errors import ReauthorizationRequired
from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning

VIDEO = b"v" * 5000


@pytest.mark.parametrize("named", [True, False], ids=["with an id", "without an id"])
async def test_a_post_is_published_at_once(named: bool, database_url: str, tmp_path: Path) -> None:
    """Its video is uploaded to the library, the post is created, and found by its media if the response has no id."""
    async with planning(database_url, tmp_path, SimulatorConfig(publish_now_results=named)) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Hello")
        post = await stage.finish(post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published))
    [published] = stage.published
    assert (published.platform_post_id, published.preview_link, "Hello") == (
        post.provider_post_id,
        post.public_uri,
        published.summary,
    )
    assert {"enableComment": False, "privacyLevel": "PUBLIC_TO_EVERYONE"}.items() <= published.details[
        "tiktokPostDetails"
    ].items()


async def test_a_post_waits_at_the_planner_for_its_time(database_url: str, tmp_path: Path) -> None:
    """It is submitted at once, is SCHEDULED, is not polled before its time, and is then published."""
    async with planning(database_url, tmp_path) as stage:
        time = stage.clock() + timedelta(hours=3)
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Later", schedule_time=time)
        post = await stage.step(post)
        post = await stage.step(post)
        calls = len(stage.planner.requests)
        stage.clock.advance(timedelta(hours=2))
        post = await stage.step(post)
        shown, asked = post.state, len(stage.planner.requests) - calls
        post = await stage.finish(post)

    assert ("SCHEDULED", 1) == (shown, asked)
    assert ("PUBLISHED", 1) == (post.state, len(stage.published))
    assert post.publish_time is not None
    assert post.publish_time >= time


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
async def test_a_lost_response_posts_once(kind: str, database_url: str, tmp_path: Path) -> None:
    """The planner's list shows whether the post was created: if so it continues, if it is missing for long it is
    resubmitted.
    """
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        stage.fail("posts.create", kind, **({"status": 502} if kind == "status" else {}))
        post = await stage.finish(await stage.planned(account, upload, "Once"))

    assert ("PUBLISHED", 1) == (post.state, len(stage.published)), post.error


async def test_a_submit_that_was_not_sent_in_time_is_never_sent(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker suspended between commit and call does not make the call: another one may have made it."""
    async with planning(database_url, tmp_path) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Slow")

        def stand_still(place: str) -> None:
            if place == "publish.before-call.init":
                stage.clock.advance(retry_policy.SUBMIT_WITHIN + timedelta(milliseconds=1))

        with monkeypatch.context() as patch:
            patch.setattr(moves, "reach", stand_still)
            post = await stage.step(post)
        asleep = post.state, len(stage.planner.created)
        post = await stage.finish(post)

    assert ("QUEUED", 0) == asleep
    assert ("PUBLISHED", 1, 1) == (post.state, len(stage.published), len(stage.planner.created))


async def test_two_equal_posts_are_distinguished(database_url: str, tmp_path: Path) -> None:
    """Both responses are lost: each post is found by the media that only it uses."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        stage.fail("posts.create", "drop_after", times=2)
        first = await stage.planned(account, upload, "Twin")
        second = await stage.planned(account, upload, "Twin")
        posts = [await stage.finish(first), await stage.finish(second)]

    assert ["PUBLISHED", "PUBLISHED"] == [post.state for post in posts]
    assert 2 == len({post.provider_post_id for post in posts}) == len(stage.published)


async def test_a_draft_waits_for_a_person(database_url: str, tmp_path: Path) -> None:
    """A draft stays in the planner, and the gateway does not publish it."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.finish(await stage.planned(account, upload, "Draft", mode="planner_draft"))

    assert ("AWAITING_CREATOR", []) == (post.state, stage.published)
    assert ["draft"] == [record.status for record in stage.planner.planner.records.values()]


async def test_a_text_post_is_published(database_url: str, tmp_path: Path) -> None:
    """A network that supports text posts accepts a post without media."""
    async with planning(database_url, tmp_path) as stage:
        await stage.connect()
        text = {"kind": "text", "sources": []}
        post = await stage.planned("a1-facebook", "", "Words", content=text, uploads=[], options={})
        post = await stage.finish(post)

    assert ("PUBLISHED", ["Words"]) == (post.state, [each.summary for each in stage.published])


async def _scheduled(stage: PlannerStage) -> tuple[str, PostRow]:
    time = stage.clock() + timedelta(hours=3)
    post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Later", schedule_time=time)
    await stage.step(post)
    return post.id, await stage.step(post)


@pytest.mark.parametrize("lost", ["", "drop_before", "drop_after"])
async def test_a_scheduled_post_is_cancelled(lost: str, database_url: str, tmp_path: Path) -> None:
    """Its record is deleted before its time, also if the response is lost; nothing is published."""
    async with planning(database_url, tmp_path) as stage:
        id, post = await _scheduled(stage)
        if lost:
            stage.fail("posts.delete", lost)
        await cancel.cancel(stage.domain, LOCATION, id, None)
        post = await stage.finish(post)
        stage.clock.advance(timedelta(hours=5))

    assert ("CANCELLED", []) == (post.state, stage.published)


@pytest.mark.parametrize("spoilt", ["words", "clock"])
async def test_a_record_that_may_be_ours_prevents_a_resubmit(spoilt: str, database_url: str, tmp_path: Path) -> None:
    """So does a record whose text the planner changed, and one dated by a clock that is minutes behind."""
    async with planning(database_url, tmp_path) as stage:
        await stage.connect()
        stage.fail("posts.create", "drop_after")
        text = {"kind": "text", "sources": []}
        post = await stage.planned("a1-facebook", "", "See https://long.example", content=text, uploads=[], options={})
        post = await stage.step(post)
        [record] = stage.planner.planner.records.values()
        if spoilt == "words":
            record.summary = "See https://sho.rt/1"
        else:
            record.created_at -= timedelta(minutes=2)
        post = await stage.finish(post, within=timedelta(minutes=30))

    assert 1 == len(stage.published)
    assert ("PROCESSING" if spoilt == "words" else "PUBLISHED") == post.state


async def test_a_record_that_is_gone_after_a_cancel_is_cancelled(database_url: str, tmp_path: Path) -> None:
    """A planner that no longer knows the post has cancelled it."""
    async with planning(database_url, tmp_path) as stage:
        id, post = await _scheduled(stage)
        gone = '{"statusCode": 404, "message": "Post not found"}'
        stage.fail("posts.get", "status", times=None, after=1, status=404, body=gone)
        await cancel.cancel(stage.domain, LOCATION, id, None)
        post = await stage.finish(post)

    assert "CANCELLED" == post.state


async def _in_review(stage: PlannerStage) -> PostRow:
    values = {"mode": "planner_review", "provider_extra": {"approver": OWNER}}
    time = stage.clock() + timedelta(hours=2)
    account, upload = await stage.connect(), await stage.upload(VIDEO)
    post = await stage.finish(await stage.planned(account, upload, "Review", schedule_time=time, **values))
    assert "AWAITING_CREATOR" == post.state
    return post


@pytest.mark.parametrize("approve", [True, False])
async def test_the_decision_of_a_reviewer_is_applied(approve: bool, database_url: str, tmp_path: Path) -> None:
    """An approved post is SCHEDULED and published at its time; one that then fails has the error."""
    async with planning(database_url, tmp_path) as stage:
        post = await _in_review(stage)
        [record] = stage.planner.planner.records.values()
        stage.planner.review(record.id, approve=True)
        if not approve:
            stage.planner.fail_next_publish("Refused by the network")
        stage.clock.advance(timedelta(minutes=20))
        post = await stage.step(post)
        shown = post.state
        post = await stage.finish(post, within=timedelta(hours=5))

    assert ("SCHEDULED", "PUBLISHED" if approve else "FAILED") == (shown, post.state)


async def test_a_draft_is_cancelled(database_url: str, tmp_path: Path) -> None:
    """A draft that waits for a person in the planner can be cancelled: its record is deleted."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        post = await stage.finish(await stage.planned(account, upload, "Draft", mode="planner_draft"))
        await cancel.cancel(stage.domain, LOCATION, post.id, None)
        post = await stage.finish(await stage.read(post))

    assert ("CANCELLED", ["deleted"]) == (post.state, [each.status for each in stage.planner.planner.records.values()])


async def test_a_post_that_the_planner_keeps_too_long_shows_an_error(database_url: str, tmp_path: Path) -> None:
    """Its account is expired there: callers see it, and it is still published once that is repaired."""
    async with planning(database_url, tmp_path) as stage:
        _, post = await _scheduled(stage)
        account = next(each for each in stage.planner.accounts.of(BAKERY) if each.platform == "tiktok")
        stage.planner.set_account(account.id, expired=True)
        late = await stage.finish(post, within=timedelta(hours=4))
        stage.planner.set_account(account.id, expired=False)
        done = await stage.finish(late)

    assert ("SCHEDULED", "PROVIDER_UNAVAILABLE") == (late.state, (late.error or {}).get("reason"))
    assert ("PUBLISHED", None, 1) == (done.state, done.error, len(stage.published))


async def test_a_post_for_an_expired_account_is_refused_until_it_is_connected_again(
    database_url: str, tmp_path: Path
) -> None:
    """The cached account is refreshed before a post is refused; an account that expires later makes its post wait."""
    async with planning(database_url, tmp_path) as stage:
        account, upload = await stage.connect(), await stage.upload(VIDEO)
        there = next(each for each in stage.planner.accounts.of(BAKERY) if each.platform == "tiktok")
        stage.planner.set_account(there.id, expired=True)
        await sync.refresh(stage.domain, LOCATION, "c1")
        with pytest.raises(ReauthorizationRequired, match="connected to its network again"):
            await stage.planned(account, upload, "Refused")
        stage.planner.set_account(there.id, expired=False)
        post = await stage.planned(account, upload, "Accepted")
        stage.planner.set_account(there.id, expired=True)
        await sync.refresh(stage.domain, LOCATION, "c1")
        post = await stage.step(post)
        waits = (post.state, (post.error or {}).get("reason"))
        stage.planner.set_account(there.id, expired=False)
        post = await stage.finish(post)

    assert ("QUEUED", "REAUTHORIZATION_REQUIRED") == waits
    assert ("PUBLISHED", ["Accepted"]) == (post.state, [each.summary for each in stage.published])
