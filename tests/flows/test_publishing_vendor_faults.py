"""What a publish survives: lost responses, failing vendors, expired addresses; nothing is posted twice or lost.

Owns the faults at every call of a publish. The vendor's ledger says what was posted; time is moved by hand.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from providers.simulators.tiktok import Fault, SimulatorConfig
from tests.fixtures import media
from tests.fixtures.domain import Stage, opened

SMALL = media.video(30_000)
# Seven chunks' worth is too slow for every fault: what matters is that there is a chunk before the last one.
LARGE = media.video(67_840_000)
QUIET = SimulatorConfig(rate_limits=False, posts_per_day=None, moderation_seconds=60)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet vendor."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


def posted(stage: Stage) -> list[tuple[str, str]]:
    """Return what the vendor posted: (title, sha256 of the bytes it received)."""
    return [(post.title, post.sha256) for post in stage.vendor.posts]


async def publish(stage: Stage, data: bytes, *faults: Fault) -> str:
    """Publish under the given faults, and return the final state."""
    account = await stage.connect()
    upload = await stage.upload(data)
    post = await stage.post(account, upload, "one")
    stage.vendor.faults.add(*faults)
    # What the creator allows is asked again before the submit only if the cached answer is old.
    stage.clock.advance(timedelta(minutes=2))
    final = await stage.finish(post)
    assert all(hits > 0 for hits in stage.vendor.faults.hits.values()), "a fault was never met"
    return final.state


async def test_without_faults_the_very_bytes_are_published(stage: Stage) -> None:
    """Without any fault the post is published and the vendor has the bytes that were uploaded."""
    state = await publish(stage, SMALL)

    assert "PUBLISHED" == state
    assert [("one", sha256(SMALL).hexdigest())] == posted(stage)


FAULTS = [
    Fault(match="video.init", kind="drop_before"),
    Fault(match="video.init", kind="drop_after"),
    Fault(match="video.init", kind="drop_after", times=4),
    Fault(match="video.init", kind="status", status=500),
    Fault(match="video.init", kind="status", status=503, times=3),
    Fault(match="video.init", kind="html"),
    Fault(match="video.init", kind="corrupt_json"),
    Fault(match="video.init", kind="error", code="rate_limit_exceeded"),
    Fault(match="creator_info", kind="status", status=503, times=2),
    Fault(match="status", kind="status", status=500, times=5),
    Fault(match="status", kind="html", times=2),
    Fault(match="status", kind="drop_before", times=2),
    Fault(match="upload", kind="drop_before"),
    Fault(match="upload", kind="drop_after"),
    Fault(match="upload", kind="status", status=500),
    Fault(match="upload", kind="status", status=502, times=3),
    Fault(match="upload", kind="expire_upload"),
    Fault(match="upload", kind="lose_progress"),
]


def name(fault: Fault) -> str:
    """Name a case."""
    return f"{fault.match}-{fault.kind}-x{fault.times}"


async def test_a_lost_response_to_an_init_posts_once(stage: Stage) -> None:
    """The vendor began a publish but its response was lost: the post is submitted again, and one video is public."""
    state = await publish(stage, SMALL, Fault(match="video.init", kind="drop_after"))

    assert "PUBLISHED" == state
    assert [("one", sha256(SMALL).hexdigest())] == posted(stage)


@pytest.mark.parametrize("fault", FAULTS, ids=name)
async def test_a_fault_with_one_chunk_neither_loses_nor_doubles(stage: Stage, fault: Fault) -> None:
    """For a file of one chunk, which is also the last one, every fault ends in exactly one post."""
    state = await publish(stage, SMALL, fault)

    assert "PUBLISHED" == state
    assert [("one", sha256(SMALL).hexdigest())] == posted(stage)


@pytest.mark.chaos
@pytest.mark.parametrize("after", [1, 5])
@pytest.mark.parametrize("fault", [each for each in FAULTS if each.match == "upload" and each.times == 1], ids=name)
async def test_a_fault_at_any_chunk_neither_loses_nor_doubles(stage: Stage, fault: Fault, after: int) -> None:
    """With six chunks, a fault at a middle one and at the last one ends in exactly one post of the very bytes."""
    at = Fault(match=fault.match, kind=fault.kind, status=fault.status, after=after)
    state = await publish(stage, LARGE, at)

    assert "PUBLISHED" == state
    assert [("one", sha256(LARGE).hexdigest())] == posted(stage)


async def test_the_last_response_and_the_next_polls_may_all_be_lost(stage: Stage) -> None:
    """The bytes arrived, the response did not, and polls fail for a while: still one post."""
    state = await publish(
        stage,
        SMALL,
        Fault(match="upload", kind="drop_after"),
        Fault(match="status", kind="status", status=503, times=6),
    )

    assert "PUBLISHED" == state
    assert 1 == len(stage.vendor.posts)
    assert 1 == len(stage.vendor.inits)


async def test_a_dead_address_is_not_believed_before_the_vendor_has_settled(stage: Stage) -> None:
    """After a 403 on the last chunk no new init call is made until the vendor has reported "incomplete" for 10 s."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(SMALL), "one")
    stage.vendor.faults.add(Fault(match="upload", kind="expire_upload"))

    await stage.step(post)
    early = len(stage.vendor.inits)
    stage.clock.advance(timedelta(seconds=9))
    await stage.step(post)
    still = len(stage.vendor.inits)
    final = await stage.finish(post)

    assert (1, 1) == (early, still)
    assert 2 == len(stage.vendor.inits)
    assert "PUBLISHED" == final.state
    assert 1 == len(stage.vendor.posts)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("frame_rate_check_failed", "MEDIA_INVALID"),
        ("picture_size_check_failed", "MEDIA_INVALID"),
        ("spam_risk_text", "CONTENT_REJECTED"),
        ("auth_removed", "REAUTHORIZATION_REQUIRED"),
        ("something_new", "CONTENT_REJECTED"),
    ],
)
async def test_a_refused_publish_fails_once_with_the_vendors_reason(stage: Stage, reason: str, expected: str) -> None:
    """A permanent fail reason ends the post, is stored verbatim, and is not retried."""
    stage.vendor.fail_next_publish(reason)
    account = await stage.connect()
    post = await stage.finish(await stage.post(account, await stage.upload(SMALL), "one"))

    assert "FAILED" == post.state
    assert post.error is not None
    assert (expected, reason) == (post.error["reason"], post.error["metadata"]["providerCode"])
    assert [] == stage.vendor.posts
    assert 1 == len(stage.vendor.inits)


async def test_a_retryable_failure_of_the_vendor_is_retried(stage: Stage) -> None:
    """The fail reason `internal`, which the vendor calls retryable, leads to a second submit and one post."""
    stage.vendor.fail_next_publish("internal")
    state = await publish(stage, SMALL)

    assert "PUBLISHED" == state
    assert 2 == len(stage.vendor.inits)
    assert 1 == len(stage.vendor.posts)


async def test_endless_failures_fail_the_post_with_the_reason(stage: Stage) -> None:
    """To a vendor that fails every publish the post is submitted three times, not for ever."""
    for _ in range(9):
        stage.vendor.fail_next_publish("internal")
    account = await stage.connect()
    post = await stage.finish(await stage.post(account, await stage.upload(SMALL), "one"))

    assert "FAILED" == post.state
    assert 3 == len(stage.vendor.inits)
    assert post.error is not None
    assert "internal" == post.error["metadata"]["providerCode"]


async def test_a_vendor_that_never_reports_the_outcome_leaves_it_to_a_person(stage: Stage) -> None:
    """After a day without an outcome the post is INDETERMINATE, and was not submitted again."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(SMALL), "one")
    stage.vendor.faults.add(Fault(match="status", kind="status", status=503, times=100_000))
    post = await stage.finish(post, within=timedelta(minutes=10))
    stage.clock.advance(timedelta(hours=24))
    final = await stage.finish(post)

    assert "INDETERMINATE" == final.state
    assert final.error is not None
    assert "OUTCOME_UNKNOWN" == final.error["reason"]
    assert 1 == len(stage.vendor.inits)


async def test_a_post_waits_visibly_for_a_revoked_grant_until_it_is_renewed(stage: Stage) -> None:
    """A revoked grant fails nothing: the post waits, shows for what, and is published once the grant is renewed."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(SMALL), "one")
    stage.vendor.revoke(next(iter(stage.vendor.users)))
    waiting = await stage.step(post)
    stage.clock.advance(timedelta(minutes=10))
    await stage.step(post)

    assert "QUEUED" == waiting.state
    assert waiting.error is not None
    assert "REAUTHORIZATION_REQUIRED" == waiting.error["reason"]
    assert waiting.next_attempt_time is not None
    assert [] == stage.vendor.posts


async def test_a_post_that_waited_too_long_fails_with_what_it_waited_for(stage: Stage) -> None:
    """Past its late tolerance a waiting post fails with the error that it waited for, and is never sent."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(SMALL), "one", late_tolerance_seconds=1800)
    stage.vendor.revoke(next(iter(stage.vendor.users)))
    final = await stage.finish(post)

    assert "FAILED" == final.state
    assert final.error is not None
    assert "REAUTHORIZATION_REQUIRED" == final.error["reason"]
    assert [] == stage.vendor.inits


async def test_two_posts_of_one_account_are_submitted_one_after_the_other(stage: Stage) -> None:
    """While one post of an account is between its submit and its last chunk, no other one is submitted."""
    account = await stage.connect()
    upload = await stage.upload(LARGE)
    first = await stage.post(account, upload, "first")
    second = await stage.post(account, upload, "second")
    stage.vendor.faults.add(Fault(match="upload", kind="status", status=500, after=2))

    await stage.step(first)
    waiting = await stage.step(second)
    submits = len(stage.vendor.inits)
    await stage.finish(first)
    await stage.finish(second)

    assert "QUEUED" == waiting.state
    assert 1 == submits
    assert ["first", "second"] == [post.title for post in stage.vendor.posts]


async def test_an_inbox_draft_ends_as_awaiting_creator(stage: Stage) -> None:
    """A draft is delivered to the inbox and waits there for its creator, in a final state."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(SMALL), mode="creator_inbox", options={})
    final = await stage.finish(post)

    assert "AWAITING_CREATOR" == final.state
    assert [] == stage.vendor.posts
    assert 1 == len(stage.vendor.pending_drafts(next(iter(stage.vendor.users))))


async def test_a_public_post_gets_its_id_after_moderation(stage: Stage) -> None:
    """A public post is PUBLISHED before its id is known; the exact id comes later, with the URL."""
    account = await stage.connect()
    upload = await stage.upload(SMALL)
    post = await stage.finish(await stage.post(account, upload, "one", options={"privacy_level": "public"}))
    before = post.provider_post_id
    while not post.provider_post_id and post.due_at is not None:
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)

    assert "" == before
    assert str(stage.vendor.posts[0].post_id) == post.provider_post_id
    assert f"https://www.tiktok.com/@creator/video/{post.provider_post_id}" == post.public_uri
    assert post.due_at is None
