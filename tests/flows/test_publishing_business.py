"""Posts through TikTok's API for Business: TikTok fetches everything from our links, and one call may publish.

Owns the proofs of `gateway/domain/publishing/routing.py`, `gateway/domain/publishing/submit.py` and
`gateway/domain/publishing/reconcile.py` for this route. The vendor really fetches, from the gateway's HTTP edge; its
ledger says what was posted, and of which bytes.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel, retry
from gateway.domain.webhooks import post_events
from gateway.errors import (
    CreatorRuleBroken,
    DomainError,
    MediaInvalid,
    OptionUnsupported,
    ScopeNotGranted,
    StateForbids,
)
from providers.models.webhooks import Webhook, WebhookKind
from providers.simulators.tiktok_business import Fault
from providers.tiktok_business.client import Client
from storage import attempts
from storage.attempts import AttemptRow
from storage.posts import PostRow
from tests.fixtures import media as files
from tests.fixtures.business_posts import ALL_SCOPES, BusinessStage, three_routes
from tests.fixtures.domain import GOOD, LOCATION, Stage
from tests.fixtures.planner import PUBLIC
from tests.flows.faults import lose

VIDEO = b"v" * 5000
VIDEO_HASH = sha256(VIDEO).hexdigest()
PHOTOS = [files.jpeg(720, 1080), files.webp(640, 480)]
ONLY_ME = {"privacy_level": "only_me"}


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[BusinessStage]:
    """Yield a stage with an account holder's grant and no other."""
    async with three_routes(database_url, tmp_path) as opened:
        yield opened


async def video(stage: BusinessStage, account: str, caption: str = "words", **changes: Any) -> PostRow:
    """Create a public post of an uploaded video."""
    return await stage.post(account, await stage.upload(VIDEO), caption, **{"options": PUBLIC, **changes})


async def photos(stage: BusinessStage, account: str, **changes: Any) -> PostRow:
    """Create a post of two photos."""
    kinds = ["image/jpeg", "image/webp"]
    uploads = [await stage.upload(data, kind, None) for data, kind in zip(PHOTOS, kinds, strict=True)]
    content = post_content.build_content("photos", [Source(upload=each) for each in uploads], title="Two")
    values = {"content": content, "uploads": uploads, "options": PUBLIC, **changes}
    return await stage.post(account, "", "words", **values)


def posted(stage: BusinessStage) -> list[str]:
    """Return the hash of the bytes of each post that the vendor made."""
    return [made.sha256 for made in stage.business.posts]


async def attempt_of(stage: BusinessStage, post: PostRow) -> AttemptRow:
    """Return the newest attempt of a post."""
    async with stage.domain.db.read() as tx:
        found = await attempts.find(tx, LOCATION, post.id, post.attempt)
    assert found is not None
    return found


@pytest.fixture
def answers_late(stage: BusinessStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let TikTok fetch the media before its answer to a publish call arrives."""
    write = Client.write

    async def wait(*args: Any, **more: Any) -> Any:
        try:
            return await write(*args, **more)
        finally:
            await stage.let_fetch()

    monkeypatch.setattr(Client, "write", wait)


async def test_an_uploaded_video_is_fetched_and_published(stage: BusinessStage) -> None:
    """A file goes out by a link of ours, once, with every boolean set, and gets its public id."""
    post = await stage.settle(await video(stage, await stage.hold()))

    assert ("PUBLISHED", None, [VIDEO_HASH]) == (post.state, post.error, posted(stage))
    [made] = stage.business.posts
    assert {"disable_comment", "disable_duet", "disable_stitch"} == {
        name for name, value in made.post_info.items() if value is True
    }
    post = await stage.step(post) if post.provider_post_id == "" else post
    assert (str(made.post_id), f"https://www.tiktok.com/@creator/video/{made.post_id}") == (
        post.provider_post_id,
        post.public_uri,
    )


async def test_photos_are_fetched_in_order(stage: BusinessStage) -> None:
    """Photos keep their order, their title and the creator's own level."""
    post = await stage.settle(await photos(stage, await stage.hold(), options=ONLY_ME))

    assert ("PUBLISHED", [sha256(b"".join(PHOTOS)).hexdigest()]) == (post.state, posted(stage))
    [made] = stage.business.posts
    assert ("SELF_ONLY", "Two", "words") == tuple(
        made.post_info[each] for each in ("privacy_level", "title", "caption")
    )


@pytest.mark.parametrize("kind", ["video", "photos"])
async def test_a_draft_waits_in_the_inbox(stage: BusinessStage, kind: str) -> None:
    """A draft is not published; of a video TikTok takes nothing else."""
    account, values = await stage.hold(), {"mode": "creator_inbox", "options": {}}
    made = photos(stage, account, **values) if kind == "photos" else video(stage, account, "", **values)
    post = await stage.settle(await made)

    assert ("AWAITING_CREATOR", []) == (post.state, posted(stage))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"options": ONLY_ME}, OptionUnsupported),
        ({"options": {}}, DomainError),
        ({"options": {**PUBLIC, "allow_comments": True}}, CreatorRuleBroken),
        ({"provider_extra": {"is_ads_only": True}}, OptionUnsupported),
    ],
    ids=["level", "no level", "comments", "extra"],
)
async def test_what_would_be_ignored_is_refused(
    stage: BusinessStage, changes: dict[str, Any], refusal: type[DomainError]
) -> None:
    """A video of such an account is public, and its creator's settings hold: what they forbid is refused at once."""
    account = await stage.hold()
    stage.business.account.comment_disabled = True
    with pytest.raises(refusal):
        await video(stage, account, **changes)
    assert {} == stage.business.publisher.publications


async def test_a_private_account_publishes_no_video(stage: BusinessStage) -> None:
    """A private account does not offer the only level that its videos could have."""
    account = await stage.hold()
    stage.business.account.private = True
    with pytest.raises(CreatorRuleBroken):
        await video(stage, account)


@pytest.mark.parametrize(("mode", "scope"), [("direct", "video.publish"), ("creator_inbox", "video.upload")])
async def test_a_missing_scope_is_named(stage: BusinessStage, mode: str, scope: str) -> None:
    """Without its scope a post is refused before any call, by the name that this API has for it."""
    account = await stage.hold(scopes=tuple(each for each in ALL_SCOPES if each != scope))
    with pytest.raises(ScopeNotGranted) as caught:
        await video(stage, account, "", mode=mode, options=PUBLIC if mode == "direct" else {})
    assert scope == caught.value.metadata["scope"]


async def test_a_video_is_held_against_the_limits_of_this_api(stage: BusinessStage) -> None:
    """A side that is too short is refused before any call; this API names no longest side."""
    account = await stage.hold()
    for width, height in ((320, 640), (4000, 5000)):
        upload = await stage.upload(VIDEO, media=replace(GOOD, width=width, height=height))
        if width < 360:
            with pytest.raises(MediaInvalid) as caught:
                await stage.post(account, upload, "words", options=PUBLIC)
            assert "at least 360" in caught.value.message
        else:
            await stage.post(account, upload, "words", options=PUBLIC)


# The route


async def three(stage: BusinessStage) -> tuple[str, str, str]:
    """Connect one user of TikTok by all three routes, the account holder's grant first; return their accounts."""
    held = await stage.hold()
    direct = await Stage.connect(stage, "direct", "direct")
    planned = await stage.connect()
    await stage.name(planned, "creator")
    return direct, planned, held


async def test_the_third_route_comes_last(stage: BusinessStage) -> None:
    """With any account allowed the others go first; what neither can carry goes out through the account holder's."""
    direct, planned, held = await three(stage)
    await lose(stage, "direct")
    first = await stage.settle(await video(stage, direct, route_policy="ANY"))
    await lose(stage, "c1")
    second = await stage.settle(await video(stage, direct, route_policy="ANY"))

    assert [planned, held] == [first.account, second.account]
    assert ["PUBLISHED"] * 2 == [first.state, second.state]
    assert (direct, 1, 1) == (second.named_account, len(stage.published), len(stage.business.posts))


async def test_a_waiting_file_takes_the_third_route(stage: BusinessStage) -> None:
    """A post that was to be sent as a file is fetched instead once the other grants are gone, and goes out once."""
    direct, _, held = await three(stage)
    post = await video(stage, direct, route_policy="ANY")
    await lose(stage, "direct")
    await lose(stage, "c1")
    post = await stage.settle(post)

    assert ("PUBLISHED", held, [VIDEO_HASH]) == (post.state, post.account, posted(stage))


async def test_what_it_could_not_carry_is_sent_as_a_file_elsewhere(stage: BusinessStage) -> None:
    """The other way round a post that was to be fetched is sent in chunks: nothing of the first route stays with it."""
    direct, _, held = await three(stage)
    post = await video(stage, held, route_policy="ANY")
    await lose(stage, "c9")
    await lose(stage, "c1")
    post = await stage.settle(post)

    assert ("PUBLISHED", direct, []) == (post.state, post.account, posted(stage))
    assert ["FILE_UPLOAD"] == [each.source for each in stage.vendor.inits]


async def test_a_private_post_does_not_take_the_third_route(stage: BusinessStage) -> None:
    """A post that only its creator may see is never published to everybody because another route failed."""
    direct, _, _ = await three(stage)
    await lose(stage, "direct")
    await lose(stage, "c1")
    with pytest.raises(DomainError):
        await video(stage, direct, route_policy="ANY", options=ONLY_ME)
    assert ([], {}) == (stage.published, stage.business.publisher.publications)


# The journal


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "html"])
async def test_a_lost_answer_without_a_fetch_is_sent_again(stage: BusinessStage, kind: str) -> None:
    """Links that nobody fetched are revoked: whatever became of the call, there is one post."""
    account = await stage.hold()
    stage.way.open.clear()
    stage.business.faults.add(Fault(match="video.publish", kind=kind, effect=kind == "html"))
    post = await stage.step(await video(stage, account))
    stage.way.open.set()
    post = await stage.settle(post)

    assert ("PUBLISHED", 2, [VIDEO_HASH]) == (post.state, post.attempt, posted(stage))


@pytest.mark.usefixtures("answers_late")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after"},
        {"kind": "status", "status": 502, "effect": True},
        {"kind": "body", "body": '{"code":0,"message":"OK","request_id":"1","data":{}}', "effect": True},
        {"kind": "error", "code": "50000", "effect": True},
        {"kind": "error", "code": "40050", "effect": True},
        {"kind": "error", "code": "40002", "effect": True},
    ],
    ids=["dropped", "502", "no id", "50000", "duplicate", "refused"],
)
async def test_a_lost_answer_after_a_fetch_is_looked_up_in_the_list(
    stage: BusinessStage, fault: dict[str, Any]
) -> None:
    """TikTok has the video: nothing is sent again, and the list of the account's videos ends the doubt."""
    account = await stage.hold()
    stage.business.faults.add(Fault(match="video.publish", **fault))
    post = await stage.step(await video(stage, account))
    assert "INDETERMINATE" == post.state
    while post.state == "INDETERMINATE" and post.due_at is not None:
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)

    assert ("PUBLISHED", 1, [VIDEO_HASH]) == (post.state, post.attempt, posted(stage))
    assert [str(made.post_id) for made in stage.business.posts] == [post.provider_post_id]


@pytest.mark.usefixtures("answers_late")
async def test_a_webhook_brings_the_id_of_a_lost_answer(stage: BusinessStage) -> None:
    """A report of success can only be about the one post in doubt; its id is kept, and no retry sends it twice."""
    account = await stage.hold()
    stage.business.faults.add(Fault(match="video.publish", kind="drop_after"))
    post = await stage.step(await video(stage, account))
    stage.clock.advance(timedelta(seconds=30))
    [made] = stage.business.publisher.publications.values()
    event, id = "post.publish.complete", made.publish_id
    webhook = Webhook(WebhookKind.PUBLISHED, event, made.open_id, "key", stage.clock(), publish_id=id)
    await post_events.apply_publish_event(stage.domain, "tiktok", webhook)
    post = await stage.settle(await stage.read(post))

    assert ("PUBLISHED", id) == (post.state, (await attempt_of(stage, post)).publish_id)
    with pytest.raises(StateForbids):
        await retry.retry(stage.domain, LOCATION, post.id, None)


@pytest.mark.usefixtures("answers_late")
async def test_a_post_in_doubt_that_nothing_shows_waits_for_a_person(stage: BusinessStage) -> None:
    """Photos for their creator alone are in no list: nothing is sent again, and after a day a person decides."""
    account = await stage.hold()
    stage.business.faults.add(Fault(match="photo.publish", kind="drop_after"))
    post = await stage.step(await photos(stage, account, options=ONLY_ME))
    while post.due_at is not None:
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)

    assert ("INDETERMINATE", 1) == (post.state, len(stage.business.publisher.publications))


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("40002", "FAILED", "CONTENT_REJECTED"),
        ("40100", "QUEUED", "PROVIDER_RATE_LIMITED"),
        ("40130", "FAILED", "SCOPE_NOT_GRANTED"),
        ("40118", "FAILED", "PROVIDER_MISCONFIGURED"),
    ],
)
async def test_a_refused_call_publishes_nothing(stage: BusinessStage, code: str, state: str, reason: str) -> None:
    """A code that refuses the call is believed, because nobody fetched the links."""
    account = await stage.hold()
    stage.business.faults.add(Fault(match="video.publish", kind="error", code=code))
    post = await stage.step(await video(stage, account))

    assert (state, []) == (post.state, posted(stage))
    assert reason == (post.error or {})["reason"]


@pytest.mark.parametrize(
    ("reason", "state", "attempt"),
    [("frame_rate_check_failed", "FAILED", 1), ("video_pull_failed", "PUBLISHED", 2), ("spam_risk_text", "FAILED", 1)],
)
async def test_a_failure_is_told_by_its_reason(stage: BusinessStage, reason: str, state: str, attempt: int) -> None:
    """TikTok's reason decides whether the post is tried again: a failed fetch is, a refused video is not."""
    account = await stage.hold()
    stage.business.fail_next_publish(reason)
    post = await stage.settle(await video(stage, account))

    assert (state, attempt) == (post.state, post.attempt)


async def test_what_tiktok_has_cannot_be_cancelled(stage: BusinessStage) -> None:
    """This API has no call that stops a publish: the cancel is refused and the post goes on, once."""
    post = await stage.step(await video(stage, await stage.hold()))
    with pytest.raises(StateForbids):
        await cancel.cancel(stage.domain, LOCATION, post.id, None)
    post = await stage.settle(post)

    assert ("PUBLISHED", [VIDEO_HASH]) == (post.state, posted(stage))


async def test_a_days_cap_is_told_and_holds_nothing_back(stage: BusinessStage) -> None:
    """TikTok documents no cap for this API, and does not say when one ends: it is told, and no other post waits."""
    direct, _, held = await three(stage)
    stage.business.fail_next_publish("spam_risk_too_many_posts")
    post = await stage.settle(await video(stage, held))
    again, other = await stage.settle(await video(stage, held)), await stage.settle(await video(stage, direct))

    assert ("FAILED", "PROVIDER_DAILY_CAP") == (post.state, (post.error or {})["reason"])
    assert ["PUBLISHED"] * 2 == [again.state, other.state]
