"""Responses that come only once: how the response to a submit is kept, and what happens without it.

Owns the proofs that a response survives a database that is away, a worker that is cancelled and one that is superseded;
that nothing is in doubt when nothing was sent; and which attempt a publish belongs to that only the vendor knows.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.access import ConnectionAccess
from gateway.domain.post_content import Source
from gateway.domain.posts import retry
from gateway.domain.publishing import journal, moves, reconcile, step
from gateway.domain.quotas import standing
from providers.errors import Unavailable
from providers.models.webhooks import Webhook, WebhookKind
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage import accounts
from storage.database import DatabaseUnavailable
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.waiting import until
from tests.flows.faults import PUBLIC, Outage, attempt_of, during, pulled, submitted
from tests.flows.test_webhooks_deliveries import telling_of

pytestmark = pytest.mark.chaos

SMALL = media.video(30_000)
QUIET = SimulatorConfig(
    rate_limits=False,
    posts_per_day=None,
    processing_seconds=60,
    moderation_seconds=60,
    verified_urls=("https://media.example/", "http://127.0.0.1/"),
)
MINE = "v_pub_url~v2.mine"
NEVER_SENT = Fault(match="video.init", kind="drop_before")
"""The call breaks before the vendor has it, which nobody here can know."""


@dataclass
class CountedOutage(Outage):
    """An outage that begins at a failpoint, and ends when the gateway has paused `pauses` times."""

    pauses: int = 0
    begun: int = 0

    def begin(self) -> None:
        """Take the database away, and count it."""
        self.begun += 1
        super().begin()

    def at(self, place: str) -> Callable[[str], None]:
        """Return a stand-in for `reach` that begins the outage at the first visit to the place."""

        def reach(name: str) -> None:
            if name == place and not self.begun:
                self.begin()

        return reach

    def survived(self, stage: Stage) -> Stage:
        """Return the stage with pauses that the outage counts."""

        async def pause(seconds: float) -> None:
            self.pauses -= 1
            if self.pauses == 0:
                self.end()
            await asyncio.sleep(0)

        return replace(stage, domain=replace(stage.domain, sleep=pause))


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor needs a minute to publish."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


async def made(stage: Stage, kind: str, account: str, **changes: Any) -> PostRow:
    """Create a post of one of the three kinds of submit, or a draft."""
    if kind == "pull":
        return await pulled(stage, account, **changes)
    upload = await stage.upload(SMALL)
    if kind == "draft":
        return await stage.post(account, upload, mode="creator_inbox", options={}, **changes)
    if kind == "link":
        content = post_content.build_content("video", [Source(upload=upload, vendor_pull=True)])
        return await stage.post(account, upload, content=content, **changes)
    return await stage.post(account, upload, **changes)


async def in_doubt(stage: Stage, account: str, caption: str = "one", **changes: Any) -> PostRow:
    """Return a post whose submit may have published it, as far as the gateway knows."""
    stage.vendor.faults.add(NEVER_SENT)
    post = await stage.step(await pulled(stage, account, caption, **changes))
    assert "INDETERMINATE" == post.state
    return post


async def ended(stage: Stage, post: PostRow) -> PostRow:
    """Step a post until it is published or no longer due."""
    for _ in range(300):
        if post.due_at is None or post.state == "PUBLISHED":
            return post
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)
    raise AssertionError(f"still {post.state}")


# Which attempt an unknown publish belongs to


async def test_a_retried_attempt_is_a_candidate_too(stage: Stage) -> None:
    """When neither init call of a post was answered, a webhook about one publish is applied to neither attempt."""
    post = await in_doubt(stage, await stage.connect())
    await retry.retry(stage.domain, LOCATION, post.id, None)
    stage.vendor.faults.add(NEVER_SENT)
    assert "INDETERMINATE" == (await stage.step(post)).state

    async with telling_of(stage) as vendor:
        assert [""] == await vendor.tell("post.publish.complete", {"publish_id": MINE})

    assert ["", ""] == [(await attempt_of(stage, post, number)).publish_id for number in (1, 2)]


async def test_a_submit_in_progress_is_a_candidate_too(stage: Stage) -> None:
    """One post is in doubt and another is being submitted: a webhook that overtakes its response is not applied to the
    first.
    """
    account = await stage.connect()
    doubted, under_way = await in_doubt(stage, account, "first"), await pulled(stage, account, "second")
    outcomes: list[str] = []
    async with telling_of(stage) as vendor:

        async def tell() -> None:
            outcomes.extend(await vendor.tell("post.publish.complete", {"publish_id": MINE}))

        during(stage, tell)
        stage.vendor.faults.add(Fault(match="video.init", kind="slow"))
        assert "PROCESSING" == (await stage.step(under_way)).state

    assert [""] == outcomes
    assert ("INDETERMINATE", "") == ((await stage.read(doubted)).state, (await attempt_of(stage, doubted)).publish_id)


@pytest.mark.parametrize(
    ("event", "content"),
    [
        ("inbox_delivered", {"publish_type": "INBOX_SHARE"}),
        ("complete", {"publish_type": "INBOX_SHARE"}),
        ("publicly_available", {"publish_type": "DIRECT_PUBLISH", "post_id": "7000000000000000001"}),
    ],
)
async def test_a_webhook_about_another_kind_of_publish_is_not_adopted(
    stage: Stage, event: str, content: dict[str, str]
) -> None:
    """The end of a draft is not that of a direct post, and a public post may have been made long ago."""
    post = await in_doubt(stage, await stage.connect())

    async with telling_of(stage) as vendor:
        assert [""] == await vendor.tell(f"post.publish.{event}", {"publish_id": MINE, **content})

    assert ("INDETERMINATE", "") == ((await stage.read(post)).state, (await attempt_of(stage, post)).publish_id)


async def test_a_webhook_about_the_right_kind_is_adopted(stage: Stage) -> None:
    """A webhook about a publish that only the one attempt in doubt can have made resolves it."""
    post = await in_doubt(stage, await stage.connect())

    async with telling_of(stage) as vendor:
        content = {"publish_id": MINE, "publish_type": "DIRECT_PUBLISH"}
        assert ["applied"] == await vendor.tell("post.publish.complete", content)

    assert ("PUBLISHED", MINE) == ((await stage.read(post)).state, (await attempt_of(stage, post)).publish_id)


async def test_an_id_of_one_attempt_is_not_given_to_another(stage: Stage) -> None:
    """Its own attempt got the id while the webhook was on its way."""
    account = await stage.connect()
    own = await stage.step(await pulled(stage, account, "first"))
    post = await in_doubt(stage, account, "second")
    id = (await attempt_of(stage, own)).publish_id
    webhook = Webhook(
        WebhookKind.PUBLISHED, "post.publish.complete", next(iter(stage.vendor.users)), "k", publish_id=id
    )

    assert not await reconcile.adopt(stage.domain, webhook, "tiktok")
    assert "" == (await attempt_of(stage, post)).publish_id


@pytest.mark.parametrize("kind", ["pull", "file"])
async def test_a_webhook_that_overtook_the_response_by_minutes_is_applied_with_it(stage: Stage, kind: str) -> None:
    """Five tries found no attempt with the publish id, and the webhook was stored as unknown: once the id is stored it
    is applied.
    """
    post = await made(stage, kind, await stage.connect())
    async with telling_of(stage) as vendor:
        outcomes = await vendor.tell("post.publish.complete", {"publish_id": MINE})
        for _ in range(5):
            outcomes += await vendor.apply()
        assert ["", "", "", "", "", "unknown_publish"] == outcomes
        data = {"publish_id": MINE, "upload_url": "http://127.0.0.1/video/?upload_id=1&upload_token=2"}
        answer = json.dumps({"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}})
        stage.vendor.faults.add(Fault(match="video.init", kind="body", body=answer))
        post = await (stage.step(post) if kind == "pull" else submitted(stage, post))

        assert ["applied"] == await vendor.apply()

    assert "PUBLISHED" == (await stage.read(post)).state


# The database is away when the response comes


@pytest.mark.parametrize("kind", ["pull", "file", "draft", "link"])
async def test_the_response_to_a_submit_survives_an_outage(stage: Stage, database_url: str, kind: str) -> None:
    """The database goes away during the call and is back seconds later: the id is stored, and nothing is in doubt."""
    post, outage = await made(stage, kind, await stage.connect()), CountedOutage(database_url, pauses=5)
    away = outage.survived(stage)

    async def begin() -> None:
        outage.begin()

    during(stage, begin)
    stage.vendor.faults.add(Fault(match="inbox.init" if kind == "draft" else "video.init", kind="slow"))

    post = await away.step(post)

    assert (1, 0) == (outage.begun, outage.pauses)
    assert ("PROCESSING", None) == (post.state, post.error)
    assert [(await attempt_of(stage, post)).publish_id] == [init.publish_id for init in stage.vendor.inits]


@pytest.mark.parametrize("place", ["publish.after-commit.INIT_SENT", "publish.before-call.init"])
@pytest.mark.parametrize("kind", ["pull", "file", "draft", "link"])
async def test_an_outage_before_the_call_leaves_no_doubt(
    stage: Stage, database_url: str, monkeypatch: pytest.MonkeyPatch, kind: str, place: str
) -> None:
    """Nothing was sent, so the submit is reverted together with the draft's slot; the post is submitted later."""
    post, outage = await made(stage, kind, await stage.connect()), CountedOutage(database_url, pauses=3)
    away = outage.survived(stage)
    for module in (journal, moves):
        monkeypatch.setattr(module, "reach", outage.at(place))

    post = await away.step(post)

    assert (1, 0, 0) == (outage.begun, outage.pauses, len(stage.vendor.inits))
    assert ("QUEUED", "INTENT", 1) == (post.state, (await attempt_of(stage, post)).state, post.attempt)
    assert post.next_attempt_time is not None
    assert 0 == await pending_drafts(stage)
    assert post.due_at is not None
    stage.clock.time = post.due_at
    assert "PROCESSING" == (await stage.step(post)).state
    assert (1, int(kind == "draft")) == (len(stage.vendor.inits), await pending_drafts(stage))


async def pending_drafts(stage: Stage) -> int:
    """Return how many slots of the creator's inbox are counted as occupied."""
    async with stage.domain.db.read() as tx:
        account = await accounts.get(tx, LOCATION, "a1")
    [found] = [
        each for each in await standing.of_account(stage.domain, account) if each.rule.metric == "pending_drafts"
    ]
    return found.used


async def test_a_worker_without_a_token_sent_nothing(stage: Stage, database_url: str) -> None:
    """Background work retries when the database is away before the call; a caller gets the error."""
    await stage.connect()
    stage.clock.advance(timedelta(hours=25))
    outage = Outage(database_url)
    outage.begin()

    with pytest.raises(Unavailable, match="nothing was sent"):
        await ConnectionAccess(stage.domain, "tiktok", LOCATION, "c1", True).token()
    with pytest.raises(DatabaseUnavailable):
        await ConnectionAccess(stage.domain, "tiktok", LOCATION, "c1").token()
    outage.end()


# Another worker, or none


@pytest.mark.parametrize("kind", ["pull", "file"])
async def test_a_response_after_the_attempt_was_abandoned_is_stored_with_it(stage: Stage, kind: str) -> None:
    """The response to a worker that lost its lease still resolves the publish, in one post."""
    post = await made(stage, kind, await stage.connect())
    states = []

    async def give_up() -> None:
        states.append((await stage.step(post)).state)

    during(stage, give_up)
    stage.vendor.faults.add(Fault(match="video.init", kind="slow"))

    await stage.step(post)

    assert ["INDETERMINATE" if kind == "pull" else "QUEUED"] == states
    assert stage.vendor.inits[0].publish_id == (await attempt_of(stage, post)).publish_id
    stage.clock.advance(timedelta(minutes=2))
    assert "PUBLISHED" == (await ended(stage, await stage.read(post))).state
    assert 1 == len(stage.vendor.posts)


@pytest.mark.parametrize("kind", ["pull", "file"])
async def test_a_worker_cancelled_during_the_call_loses_nothing(stage: Stage, kind: str) -> None:
    """When the job is cancelled during the call, the call completes, and its response is stored."""
    post, gate = await made(stage, kind, await stage.connect()), asyncio.Event()
    during(stage, gate.wait)
    slow = Fault(match="video.init", kind="slow")
    stage.vendor.faults.add(slow)
    working = asyncio.create_task(step.step(stage.domain, post.location, post.id))
    await until(lambda: bool(stage.vendor.faults.hits["video.init slow"]))

    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    gate.set()

    async def kept() -> bool:
        return bool((await attempt_of(stage, post)).publish_id)

    await until(kept)
    assert working.cancelled()
    assert "PUBLISHED" == (await stage.finish(post)).state
    assert (1, 1) == (len(stage.vendor.inits), len(stage.vendor.posts))


# One user in several locations


async def test_equal_posts_of_one_user_are_not_taken_for_each_other_in_any_location(stage: Stage) -> None:
    """Two locations have the same account, each a post of one text in doubt: one video proves neither of them."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"), NEVER_SENT)
    first = await stage.step(await pulled(stage, account, options=PUBLIC))
    other = await stage.connect(location="l2")
    second = await stage.step(await pulled(stage, other, location="l2", options=PUBLIC))
    stage.clock.advance(timedelta(minutes=10))

    assert ["INDETERMINATE"] * 2 == [(await stage.step(post)).state for post in (first, second)]
    assert 1 == len(stage.vendor.posts)


async def test_a_video_that_is_another_locations_post_proves_nothing(stage: Stage) -> None:
    """The same text was published for another location a moment ago, with a known id: that is not the lost post."""
    account, other = await stage.connect(), await stage.connect(location="l2")
    went_out = await stage.step(await pulled(stage, other, location="l2", options=PUBLIC))
    lost = await in_doubt(stage, account, options=PUBLIC)
    while not went_out.provider_post_id:
        assert went_out.due_at is not None
        stage.clock.time = max(stage.clock.time, went_out.due_at)
        went_out = await stage.step(went_out)
    stage.clock.advance(timedelta(minutes=10))

    lost = await stage.step(lost)

    assert ("INDETERMINATE", "") == (lost.state, lost.provider_post_id)
    assert [str(video.post_id) for video in stage.vendor.posts] == [went_out.provider_post_id]
