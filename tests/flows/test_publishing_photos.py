"""Photos, and videos that the vendor fetches by our links: what is fetched, what that proves, what is posted.

Owns the proofs of `submit` and `reconcile` that rest on our own media links. The vendor really fetches, from the
gateway's real HTTP edge; its ledger says what was posted, and of which bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.media import links
from gateway.domain.post_content import Source
from gateway.domain.posts import read, retry
from providers.errors import ContentRefused
from providers.simulators.tiktok import Fault, SimulatorConfig
from providers.tiktok import client
from storage import attempts
from storage import posts as rows
from storage.posts import PostRow
from storage.states import AttemptState, PostState
from tests.fixtures import media as files
from tests.fixtures.domain import LOCATION, Stage, opened

FETCHING = SimulatorConfig(
    rate_limits=False,
    posts_per_day=None,
    processing_seconds=1,
    moderation_seconds=1,
    pull_media=True,
    verified_urls=("http://127.0.0.1/",),
)
PHOTOS = [files.jpeg(720, 1080), files.webp(640, 480), files.jpeg(1080, 1080)]
TYPES = ["image/jpeg", "image/webp", "image/jpeg"]
PUBLIC = {"privacy_level": "public"}


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor fetches media itself."""
    async with opened(database_url, tmp_path, FETCHING) as opened_stage:
        yield opened_stage


async def photos(stage: Stage, account: str, **changes: Any) -> PostRow:
    """Create a post of three photos."""
    uploads = [await stage.upload(data, kind, None) for data, kind in zip(PHOTOS, TYPES, strict=True)]
    found = [Source(upload=upload) for upload in uploads]
    content = post_content.build_content("photos", found, cover_index=2, title="Three")
    values = {"content": content, "uploads": uploads, "options": PUBLIC, **changes}
    return await stage.post(account, "", "caption", **values)


async def settled(stage: Stage, post: PostRow) -> PostRow:
    """Step the post until it is final, letting the vendor's own tasks run."""
    for _ in range(60):
        post = await stage.step(post)
        if post.state in ("PUBLISHED", "FAILED", "INDETERMINATE", "AWAITING_CREATOR", "CANCELLED"):
            return post
        for _ in range(200):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        stage.clock.time = max(stage.clock.time, post.due_at or stage.clock.time)
    raise AssertionError(f"stuck in {post.state}")


def posted(stage: Stage) -> list[tuple[str, str]]:
    """Return what the vendor posted: (title, SHA-256 of all bytes it fetched)."""
    return [(made.title, made.sha256) for made in stage.vendor.posts]


ALL = sha256(b"".join(PHOTOS)).hexdigest()


async def test_photos_are_fetched_in_order_and_published(stage: Stage) -> None:
    """The vendor gets exactly the bytes of each photo, in order, each from a link of this attempt."""
    post = await settled(stage, await photos(stage, await stage.connect()))

    assert ("PUBLISHED", None) == (post.state, post.error)
    assert [("Three", ALL)] == posted(stage)
    assert 3 == await links.count_fetched(stage.domain, LOCATION, post.id, 1)
    assert sum(map(len, PHOTOS)) == post.total_bytes


async def test_photos_reach_the_inbox(stage: Stage) -> None:
    """A draft of photos keeps title and caption, and waits for its creator."""
    post = await settled(stage, await photos(stage, await stage.connect(), mode="creator_inbox", options={}))

    assert ("AWAITING_CREATOR", []) == (post.state, stage.vendor.posts)
    (made,) = stage.vendor.publisher.publications.values()
    assert ("MEDIA_UPLOAD", "Three", "caption") == (made.mode, made.post_info["title"], made.post_info["description"])


async def test_an_uploaded_video_can_be_fetched_by_the_vendor(stage: Stage) -> None:
    """With vendor_pull the vendor gets a link of ours instead of chunks."""
    data = files.video(300_000)
    upload = await stage.upload(data)
    content = post_content.build_content("video", [Source(upload=upload, vendor_pull=True)])
    account = await stage.connect()

    post = await settled(stage, await stage.post(account, upload, "one", content=content))

    assert "PUBLISHED" == post.state
    assert [("one", sha256(data).hexdigest())] == posted(stage)
    assert ["PULL_FROM_URL"] == [init.source for init in stage.vendor.inits]


async def test_a_lost_submit_whose_links_were_never_fetched_is_repeated(stage: Stage) -> None:
    """The unused links are revoked, so the lost submit can have no effect, and the next one makes the one post."""
    stage.vendor.faults.add(Fault(match="content.init", kind="drop_before"))

    post = await settled(stage, await photos(stage, await stage.connect()))

    assert ("PUBLISHED", 2) == (post.state, post.attempt)
    assert [("Three", ALL)] == posted(stage)
    assert 0 == await links.count_fetched(stage.domain, LOCATION, post.id, 1)


async def test_a_vendor_that_fetches_late_finds_the_links_revoked(stage: Stage) -> None:
    """The vendor got the submit whose response was lost and is slow to fetch: that publish fails, the next one
    succeeds.
    """
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="content.init", kind="drop_after"))
    stage.way.open.clear()

    post = await stage.step(await photos(stage, account))
    assert ("QUEUED", 2) == (post.state, post.attempt)
    stage.way.open.set()
    post = await settled(stage, post)

    assert "PUBLISHED" == post.state
    assert [("Three", ALL)] == posted(stage)
    assert {"FAILED", "PUBLISH_COMPLETE"} == {made.status for made in stage.vendor.publisher.publications.values()}


async def test_a_lost_response_after_a_fetch_leaves_the_outcome_open(stage: Stage) -> None:
    """Once a link was fetched the vendor may be publishing: there is no further submit until a person decides."""
    post = await stage.step(await photos(stage, await stage.connect(), options={"privacy_level": "only_me"}))
    for _ in range(200):
        if 3 == await links.count_fetched(stage.domain, LOCATION, post.id, 1):
            break
        await asyncio.sleep(0.01)
    async with stage.domain.db.transaction() as tx:
        attempt = await attempts.find(tx, LOCATION, post.id, 1)
        row = await rows.get(tx, LOCATION, post.id)
        assert attempt is not None
        # As a process leaves it that died before it saw the answer.
        attempt.state, attempt.publish_id, row.state, row.due_at = (
            AttemptState.INIT_SENT,
            "",
            PostState.TRANSFERRING,
            stage.clock(),
        )
        tx.add_all([attempt, row])

    post = await stage.step(post)

    assert ("INDETERMINATE", 1) == (post.state, len(stage.vendor.inits))
    assert post.error is not None
    assert "OUTCOME_UNKNOWN" == post.error["reason"]
    again = await retry.retry(stage.domain, LOCATION, post.id, None)
    assert ("QUEUED", 2) == (again.state, again.attempt)


@pytest.mark.chaos
async def test_a_photo_that_cannot_be_fetched_is_retried(stage: Stage) -> None:
    """The vendor's report of a failure proves that nothing was posted: there is another attempt, with its own links."""
    account = await stage.connect()
    stage.vendor.fail_next_publish("photo_pull_failed")

    post = await settled(stage, await photos(stage, account))

    assert ("PUBLISHED", 2) == (post.state, post.attempt)
    assert [("Three", ALL)] == posted(stage)


@pytest.mark.parametrize(("misses", "state", "attempts"), [(7, PostState.PUBLISHED, 8), (8, PostState.FAILED, 8)])
async def test_photos_wait_for_minutes_until_the_gateway_is_reached_again(
    stage: Stage, misses: int, state: PostState, attempts: int
) -> None:
    """A vendor that finds nobody at our address is asked again for over four minutes, and once more posts once."""
    account, began = await stage.connect(), stage.clock()
    for _ in range(misses):
        stage.vendor.fail_next_publish("photo_pull_failed")

    post = await settled(stage, await photos(stage, account))

    assert (state, attempts) == (post.state, post.attempt)
    assert stage.clock() - began > timedelta(minutes=4)
    assert (8 - misses) * [("Three", ALL)] == posted(stage)


@pytest.mark.parametrize("reason", ["picture_size_check_failed", "spam_risk_text", "auth_removed"])
async def test_a_refusal_of_the_content_is_final(stage: Stage, reason: str) -> None:
    """A failure that a retry cannot repair is not retried."""
    account = await stage.connect()
    stage.vendor.fail_next_publish(reason)

    post = await settled(stage, await photos(stage, account))

    assert ("FAILED", 1, []) == (post.state, post.attempt, stage.vendor.posts)
    assert post.error is not None
    assert reason == post.error["metadata"]["providerCode"]


async def test_a_refused_post_can_no_longer_be_fetched(stage: Stage) -> None:
    """A vendor that refuses photos and works on them all the same finds their links closed: FAILED is the truth."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="content.init", kind="error", code="invalid_params", status=400, effect=True))

    post = await settled(stage, await photos(stage, account))
    for _ in range(50):
        # Time for the vendor to fetch what it refused.
        await asyncio.sleep(0.02)
        stage.clock.advance(timedelta(seconds=1))

    assert ("FAILED", []) == (post.state, posted(stage))


async def test_a_refusal_of_what_was_fetched_is_doubt(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that has fetched a photo before it refuses may publish it: it is looked for, and not sent again."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="content.init", kind="error", code="invalid_params", status=400, effect=True))
    write = client.Client.write

    async def answer_late(*args: Any, **more: Any) -> Any:
        try:
            return await write(*args, **more)
        except ContentRefused:
            await until_fetched(stage)
            raise

    monkeypatch.setattr(client.Client, "write", answer_late)
    post = await settled(stage, await photos(stage, account))

    assert ("INDETERMINATE", 1, "invalid_params") == (
        post.state,
        post.attempt,
        (post.error or {})["metadata"]["providerCode"],
    )


async def until_fetched(stage: Stage) -> None:
    """Wait until the vendor has fetched a photo of the first attempt."""
    [post] = await read.page(stage.domain, locations=[LOCATION], agency="agency", after=None, limit=2)
    for _ in range(1000):
        if await links.count_fetched(stage.domain, LOCATION, post.id, 1):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was fetched")
