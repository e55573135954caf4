"""Answers that come only once: what keeps the one to an announcement, and what is done without it.

Owns the proofs that an answer outlives a database that is away, a worker that is cut off and one that is overtaken;
that nothing is in doubt when nothing was sent; and whose a publish is of which only the vendor knows.
"""

import asyncio
import json
from collections.abc import AsyncIterator
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
from storage import accounts, connections, locations
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable
from storage.posts import PostRow
from storage.states import ConnectionStatus
from tests.fixtures import media
from tests.fixtures.waiting import until
from tests.flows.stage import CAPABILITIES, LOCATION, SCOPES, Stage, as_grant, opened
from tests.flows.trouble import PUBLIC, Outage, announced, attempt_of, during, pulled, telling

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


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor needs a minute to publish."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


async def made(stage: Stage, kind: str, account: str, **changes: Any) -> PostRow:
    """Create a post of one of the three kinds of announcement, or a draft."""
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
    """Return a post whose announcement may have published it, for all that is known here."""
    stage.vendor.faults.add(NEVER_SENT)
    post = await stage.step(await pulled(stage, account, caption, **changes))
    assert "INDETERMINATE" == post.state
    return post


async def ended(stage: Stage, post: PostRow) -> PostRow:
    """Carry a post on until it is published or nobody looks at it any more."""
    for _ in range(300):
        if post.due_at is None or post.state == "PUBLISHED":
            return post
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)
    raise AssertionError(f"still {post.state}")


# Whose a publish is that nobody here knows


async def test_an_attempt_that_was_tried_again_may_be_the_one_too(stage: Stage) -> None:
    """Both announcements of a post were never answered: news of one publish are taken for neither of them."""
    post = await in_doubt(stage, await stage.connect())
    await retry.retry(stage.domain, LOCATION, post.id, None)
    stage.vendor.faults.add(NEVER_SENT)
    assert "INDETERMINATE" == (await stage.step(post)).state

    async with telling(stage) as vendor:
        assert [""] == await vendor.tell("post.publish.complete", {"publish_id": MINE})

    assert ["", ""] == [(await attempt_of(stage, post, number)).publish_id for number in (1, 2)]


async def test_an_announcement_under_way_may_be_the_one_too(stage: Stage) -> None:
    """One post is in doubt and another is being announced: news that overtake its answer are not taken for the one."""
    account = await stage.connect()
    doubted, under_way = await in_doubt(stage, account, "first"), await pulled(stage, account, "second")
    outcomes: list[str] = []
    async with telling(stage) as vendor:

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
async def test_news_of_another_kind_of_publish_are_not_taken(stage: Stage, event: str, content: dict[str, str]) -> None:
    """A draft's end is no direct post's, and what can be seen may have been made long ago."""
    post = await in_doubt(stage, await stage.connect())

    async with telling(stage) as vendor:
        assert [""] == await vendor.tell(f"post.publish.{event}", {"publish_id": MINE, **content})

    assert ("INDETERMINATE", "") == ((await stage.read(post)).state, (await attempt_of(stage, post)).publish_id)


async def test_news_of_the_right_kind_are_taken(stage: Stage) -> None:
    """A direct publish that nobody else can have made ends the doubt of the one attempt."""
    post = await in_doubt(stage, await stage.connect())

    async with telling(stage) as vendor:
        content = {"publish_id": MINE, "publish_type": "DIRECT_PUBLISH"}
        assert ["applied"] == await vendor.tell("post.publish.complete", content)

    assert ("PUBLISHED", MINE) == ((await stage.read(post)).state, (await attempt_of(stage, post)).publish_id)


async def test_an_id_that_has_an_attempt_is_given_to_no_other(stage: Stage) -> None:
    """Its own attempt got it while the news were on their way here."""
    account = await stage.connect()
    own = await stage.step(await pulled(stage, account, "first"))
    post = await in_doubt(stage, account, "second")
    id = (await attempt_of(stage, own)).publish_id
    told = Webhook(WebhookKind.PUBLISHED, "post.publish.complete", next(iter(stage.vendor.users)), "k", publish_id=id)

    assert not await reconcile.adopt(stage.domain, told, "tiktok")
    assert "" == (await attempt_of(stage, post)).publish_id


@pytest.mark.parametrize("kind", ["pull", "file"])
async def test_news_that_overtook_an_answer_by_minutes_are_placed_when_it_comes(stage: Stage, kind: str) -> None:
    """Five times nobody knew the publish, and the news were put aside: with the id they are applied after all."""
    post = await made(stage, kind, await stage.connect())
    async with telling(stage) as vendor:
        outcomes = await vendor.tell("post.publish.complete", {"publish_id": MINE})
        for _ in range(5):
            outcomes += await vendor.apply()
        assert ["", "", "", "", "", "unknown_publish"] == outcomes
        data = {"publish_id": MINE, "upload_url": "http://127.0.0.1/video/?upload_id=1&upload_token=2"}
        answer = json.dumps({"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}})
        stage.vendor.faults.add(Fault(match="video.init", kind="body", body=answer))
        post = await (stage.step(post) if kind == "pull" else announced(stage, post))

        assert ["applied"] == await vendor.apply()

    assert "PUBLISHED" == (await stage.read(post)).state


# The database is away when the answer comes


@pytest.mark.parametrize("kind", ["pull", "file", "draft", "link"])
async def test_the_answer_to_an_announcement_outlives_an_outage(stage: Stage, database_url: str, kind: str) -> None:
    """The database goes while the vendor answers and is back seconds later: the id is kept, nothing is in doubt."""
    post, outage = await made(stage, kind, await stage.connect()), Outage(database_url, pauses=5)
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
    """Nothing was sent, so the announcement is taken back with the place that a draft held; later the post goes out."""
    post, outage = await made(stage, kind, await stage.connect()), Outage(database_url, pauses=3)
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
    """Return how many places of the creator's inbox are counted as taken."""
    async with stage.domain.db.read() as tx:
        account = await accounts.get(tx, LOCATION, "a1")
    [found] = [
        each for each in await standing.of_account(stage.domain, account) if each.rule.metric == "pending_drafts"
    ]
    return found.used


async def test_a_worker_without_a_token_sent_nothing(stage: Stage, database_url: str) -> None:
    """In the background a database that is away before the call is a reason to come back; a caller hears what it is."""
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
async def test_an_answer_that_comes_after_the_attempt_was_given_up_is_kept_with_it(stage: Stage, kind: str) -> None:
    """The worker was taken for dead: what the vendor answers it then still tells how the publish ended, in one post."""
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
async def test_a_worker_that_is_cut_off_in_the_call_loses_nothing(stage: Stage, kind: str) -> None:
    """The job is cancelled while the vendor answers: the call goes on and its answer is kept, without any doubt."""
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


async def connect_elsewhere(stage: Stage, location: str) -> str:
    """Connect the vendor's first user in another location too; give the account's id."""
    now, grant = stage.clock(), stage.vendor.grant()
    async with stage.domain.db.transaction() as tx:
        await locations.claim(tx, location, "agency", now)
        row = ConnectionRow(location=location, id="c1", provider="tiktok", create_time=now, update_time=now)
        row.status, row.capabilities, row.granted_scopes = ConnectionStatus.VALID, CAPABILITIES, list(SCOPES)
        row.provider_subject = grant["open_id"]
        await connections.insert(tx, row)
        account = AccountRow(
            location=location,
            id="a1",
            connection="c1",
            provider="tiktok",
            platform="tiktok",
            provider_account_id=grant["open_id"],
            username="creator",
            create_time=now,
            update_time=now,
        )
        await accounts.attach(tx, account)
    await stage.domain.tokens.save(location, "c1", as_grant(grant, now), read_version=0)
    return "a1"


async def test_equal_posts_of_one_user_are_not_taken_for_each_other_in_any_location(stage: Stage) -> None:
    """Two locations have the same account, each a post of one text in doubt: one video proves neither of them."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"), NEVER_SENT)
    first = await stage.step(await pulled(stage, account, options=PUBLIC))
    other = await connect_elsewhere(stage, "l2")
    second = await stage.step(await pulled(stage, other, location="l2", options=PUBLIC))
    stage.clock.advance(timedelta(minutes=10))

    assert ["INDETERMINATE"] * 2 == [(await stage.step(post)).state for post in (first, second)]
    assert 1 == len(stage.vendor.posts)


async def test_a_video_that_is_another_locations_post_proves_nothing(stage: Stage) -> None:
    """The same text went out for another location a moment ago, with its id known: a lost one is not that."""
    account, other = await stage.connect(), await connect_elsewhere(stage, "l2")
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
