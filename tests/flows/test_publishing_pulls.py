"""Posts whose media the vendor fetches itself: one call may publish, so a lost response is never just repeated.

Owns the proofs of `submit`, `reconcile` and `cancel` for pulls. The vendor's ledger says what was posted; time is moved
by hand.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel, retry
from gateway.domain.publishing import reconcile
from gateway.errors import Conflict, FieldInvalid, StateForbids
from providers.models.webhooks import Webhook, WebhookKind
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage import attempts, events
from storage import posts as rows
from storage.posts import PostRow
from storage.states import AttemptState, PostState
from tests.fixtures.domain import LOCATION, Stage, opened

URI = "https://media.example/video.mp4"
QUIET = SimulatorConfig(rate_limits=False, posts_per_day=None, moderation_seconds=60, processing_seconds=1)
PUBLIC = {"privacy_level": "public"}


@pytest.fixture
async def slow_stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a vendor that fetches for an hour."""
    async with opened(database_url, tmp_path, replace(QUIET, processing_seconds=3600)) as opened_stage:
        yield opened_stage


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet vendor."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


async def pulled(stage: Stage, account: str, caption: str = "one", **changes: Any) -> PostRow:
    """Create a post whose video the vendor fetches from the caller's own address."""
    content = post_content.build_content("video", [Source(uri=URI, vendor_pull=True)])
    values = {"content": content, "uploads": [], "options": PUBLIC, **changes}
    return await stage.post(account, "", caption, **values)


async def attempt_of(stage: Stage, post: PostRow) -> attempts.AttemptRow:
    """Return the newest attempt of a post."""
    row = await stage.read(post)
    async with stage.domain.db.read() as tx:
        found = await attempts.find(tx, row.location, row.id, row.attempt)
    assert found is not None
    return found


async def states(stage: Stage, post: PostRow) -> list[str]:
    """Return the states in the post's events, in order."""
    async with stage.domain.db.read() as tx:
        found = await events.after(tx, LOCATION, 0, subject=f"locations/{LOCATION}/posts/{post.id}", limit=100)
    return [event.payload["post"]["state"] for event in found if event.type == "POST_STATE_CHANGED"]


async def test_a_pull_is_published_from_one_call(stage: Stage) -> None:
    """No bytes are sent: the vendor gets the URL, and is polled until it has published."""
    post = await stage.finish(await pulled(stage, await stage.connect()))

    assert "PUBLISHED" == post.state
    assert [("PULL_FROM_URL", "one")] == [(init.source, made.title) for init, made in _ledger(stage)]
    assert ["QUEUED", "TRANSFERRING", "PROCESSING", "PUBLISHED"] == await states(stage, post)


def _ledger(stage: Stage) -> list[tuple[Any, Any]]:
    return list(zip(stage.vendor.inits, stage.vendor.posts, strict=True))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match="video.init", kind="drop_after"),
        Fault(match="video.init", kind="status", status=500, effect=True),
        Fault(match="video.init", kind="corrupt_json", effect=True),
    ],
    ids=["dropped", "500", "corrupt"],
)
async def test_a_lost_response_is_resolved_by_the_vendors_list(stage: Stage, fault: Fault) -> None:
    """The post is found among the account's videos and PUBLISHED with its id; it was submitted once."""
    account = await stage.connect()
    stage.vendor.faults.add(fault)

    post = await stage.step(await pulled(stage, account))
    assert "INDETERMINATE" == post.state
    assert post.error is not None
    assert "OUTCOME_UNKNOWN" == post.error["reason"]
    while post.state == "INDETERMINATE" and post.due_at is not None:
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)

    assert "PUBLISHED" == post.state
    assert [str(made.post_id) for made in stage.vendor.posts] == [post.provider_post_id]
    assert post.provider_post_id in post.public_uri
    assert 1 == len(stage.vendor.inits)


@pytest.mark.chaos
async def test_without_proof_nothing_is_sent_again(stage: Stage) -> None:
    """After a day without a result the post is INDETERMINATE, and may be retried once."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_before"))
    post = await stage.step(await pulled(stage, account))
    for _ in range(200):
        if post.due_at is None:
            break
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)

    assert ("INDETERMINATE", None) == (post.state, post.due_at)
    assert [] == stage.vendor.posts
    post = await stage.finish(await retry.retry(stage.domain, LOCATION, post.id, None))
    assert ("PUBLISHED", 1) == (post.state, len(stage.vendor.posts))


async def test_two_equal_posts_are_not_confused(stage: Stage) -> None:
    """When two posts of one text are in doubt, one video in the list proves neither of them."""
    account = await stage.connect()
    first = await pulled(stage, account)
    second = await pulled(stage, account)
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"), Fault(match="video.init", kind="drop_before"))
    for post in (first, second):
        await stage.step(post)
    stage.clock.advance(timedelta(minutes=10))
    found = [await stage.step(await stage.read(post)) for post in (first, second)]

    assert ["INDETERMINATE", "INDETERMINATE"] == [post.state for post in found]
    assert 1 == len(stage.vendor.posts)


async def test_a_process_that_died_before_the_response_does_not_submit_again(stage: Stage) -> None:
    """A worker that finds INIT_SENT in the journal of a pull asks the vendor instead of repeating the init call."""
    account = await stage.connect()
    post = await pulled(stage, account)
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"))
    await stage.step(post)
    async with stage.domain.db.transaction() as tx:
        row = await rows.get(tx, LOCATION, post.id)
        attempt = await attempts.find(tx, LOCATION, post.id, row.attempt)
        assert attempt is not None
        # As a process leaves it that died before it saw the answer.
        attempt.state, row.state, row.due_at = AttemptState.INIT_SENT, PostState.TRANSFERRING, stage.clock()
        tx.add_all([attempt, row])

    post = await stage.finish(post)

    assert "INDETERMINATE" == post.state
    assert 1 == len(stage.vendor.inits)


async def test_a_webhook_gives_a_lost_publish_its_id(stage: Stage) -> None:
    """An id that only the one attempt in doubt can have is adopted, and the vendor's report ends the doubt."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"))
    post = await stage.step(await pulled(stage, account, caption=""))
    made = next(iter(stage.vendor.publisher.publications.values()))
    webhook = Webhook(
        WebhookKind.PUBLISHED, "post.publish.complete", made.open_id, "key", stage.clock(), publish_id=made.publish_id
    )

    assert await reconcile.adopt(stage.domain, webhook, "tiktok")
    assert made.publish_id == (await attempt_of(stage, post)).publish_id
    stage.clock.advance(timedelta(minutes=1))
    assert "PUBLISHED" == (await stage.step(post)).state
    assert not await reconcile.adopt(stage.domain, webhook, "tiktok")


@pytest.mark.parametrize("kind", [WebhookKind.PUBLISH_FAILED, WebhookKind.NO_LONGER_AVAILABLE, WebhookKind.UNKNOWN])
async def test_a_webhook_about_a_failed_unknown_publish_is_not_adopted(stage: Stage, kind: WebhookKind) -> None:
    """A failure may be that of an attempt abandoned long ago: it is not applied to the one in doubt."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after"))
    post = await stage.step(await pulled(stage, account))
    webhook = Webhook(kind, "post.publish.failed", next(iter(stage.vendor.users)), "key", publish_id="v")

    assert not await reconcile.adopt(stage.domain, webhook, "tiktok")
    assert "" == (await attempt_of(stage, post)).publish_id


async def test_two_posts_in_doubt_adopt_nothing(stage: Stage) -> None:
    """With two posts in doubt an id is adopted by neither."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_after", times=2))
    for caption in ("one", "two"):
        await stage.step(await pulled(stage, account, caption))
    made = next(iter(stage.vendor.publisher.publications.values()))
    webhook = Webhook(WebhookKind.PUBLISHED, "post.publish.complete", made.open_id, "key", publish_id=made.publish_id)

    assert not await reconcile.adopt(stage.domain, webhook, "tiktok")


@pytest.mark.parametrize(
    "uri",
    [
        "http://media.example/v.mp4",
        "https://media.example:8443/v.mp4",
        "https://127.0.0.1/v.mp4",
        "https://[::1]/v.mp4",
    ],
)
async def test_an_address_that_only_a_local_vendor_could_fetch_is_refused(stage: Stage, uri: str) -> None:
    """Without the setting for simulators plain http, a port and a loopback address are refused by the field's path."""
    account = await stage.connect()
    at_large = Stage(replace(stage.domain, loopback_vendors=False), stage.vendor, stage.clock)
    content = post_content.build_content("video", [Source(uri=uri, vendor_pull=True)])

    with pytest.raises(FieldInvalid) as caught:
        await at_large.post(account, "", content=content, uploads=[], options=PUBLIC)

    assert ["post.video.source.uri"] == [each.field for each in caught.value.violations]
    assert [] == stage.vendor.inits


async def test_with_the_setting_for_simulators_a_vendor_may_fetch_from_this_machine(stage: Stage) -> None:
    """GATEWAY_ALLOW_LOOPBACK_VENDORS, which the stage has, lets a loopback address with a port pass."""
    content = post_content.build_content("video", [Source(uri="http://127.0.0.1:8080/v.mp4", vendor_pull=True)])

    assert "QUEUED" == (await pulled(stage, await stage.connect(), content=content)).state


async def test_a_running_pull_is_cancelled(slow_stage: Stage) -> None:
    """The vendor is asked to stop; the post is CANCELLING until the vendor reports that it was cancelled."""
    post = await slow_stage.step(await pulled(slow_stage, await slow_stage.connect()))
    assert "PROCESSING" == post.state

    post = await cancel.cancel(slow_stage.domain, LOCATION, post.id, None)
    assert "CANCELLING" == post.state
    again = await cancel.cancel(slow_stage.domain, LOCATION, post.id, None)
    assert post.version == again.version
    post = await slow_stage.finish(post)

    assert ("CANCELLED", []) == (post.state, slow_stage.vendor.posts)
    assert ["QUEUED", "TRANSFERRING", "PROCESSING", "CANCELLING", "CANCELLED"] == await states(slow_stage, post)


async def test_a_cancel_without_a_response_is_repeated(slow_stage: Stage) -> None:
    """The post is CANCELLING, and the next poll repeats the vendor call."""
    post = await slow_stage.step(await pulled(slow_stage, await slow_stage.connect()))
    slow_stage.vendor.faults.add(Fault(match="cancel", kind="drop_before"))

    post = await cancel.cancel(slow_stage.domain, LOCATION, post.id, None)
    assert "CANCELLING" == post.state
    assert "CANCELLED" == (await slow_stage.finish(post)).state


async def test_a_vendor_that_published_first_decides(stage: Stage) -> None:
    """A pull that was published despite the cancel is PUBLISHED."""
    account = await stage.connect()
    post = await stage.step(await pulled(stage, account))
    stage.vendor.faults.add(Fault(match="cancel", kind="drop_before"))
    post = await cancel.cancel(stage.domain, LOCATION, post.id, None)
    assert "CANCELLING" == post.state
    stage.clock.advance(timedelta(seconds=2))

    assert "PUBLISHED" == (await stage.finish(post)).state


async def test_what_can_no_longer_be_stopped_continues(stage: Stage) -> None:
    """When the vendor refuses to cancel, the call is STATE_FORBIDS, and the post stays PROCESSING."""
    account = await stage.connect()
    post = await stage.step(await pulled(stage, account))
    stage.vendor.faults.add(Fault(match="cancel", kind="error", code="publish_not_cancellable"))

    with pytest.raises(StateForbids):
        await cancel.cancel(stage.domain, LOCATION, post.id, None)

    assert "PROCESSING" == (await stage.read(post)).state
    assert "PUBLISHED" == (await stage.finish(post)).state


async def test_a_post_that_was_not_started_is_cancelled_at_once(stage: Stage) -> None:
    """A queued post never reaches the vendor, and its worker stops."""
    post = await pulled(stage, await stage.connect())

    cancelled = await cancel.cancel(stage.domain, LOCATION, post.id, None)
    after = await stage.step(post)

    assert ("CANCELLED", "CANCELLED") == (cancelled.state, after.state)
    assert [] == stage.vendor.inits


async def test_a_waiting_attempt_is_cancelled_at_once(stage: Stage) -> None:
    """A post whose submit was deferred is cancelled together with its attempt."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="error", code="rate_limit_exceeded"))
    post = await stage.step(await pulled(stage, account))
    assert "QUEUED" == post.state

    post = await cancel.cancel(stage.domain, LOCATION, post.id, None)

    assert ("CANCELLED", "CANCELLED") == (post.state, (await attempt_of(stage, post)).state)
    assert "CANCELLED" == (await stage.step(post)).state


@pytest.mark.parametrize("state", ["PUBLISHED", "FAILED", "INDETERMINATE", "AWAITING_CREATOR"])
async def test_a_final_post_is_not_cancelled(stage: Stage, state: str) -> None:
    """A final state does not change."""
    post = await stage.step(await pulled(stage, await stage.connect()))
    async with stage.domain.db.transaction() as tx:
        row = await rows.get(tx, LOCATION, post.id)
        row.state = PostState(state)
        tx.add(row)

    with pytest.raises(StateForbids) as caught:
        await cancel.cancel(stage.domain, LOCATION, post.id, None)

    assert state == caught.value.metadata["state"]


async def test_a_submit_in_progress_cannot_be_cancelled(stage: Stage) -> None:
    """Between the submit of a pull and its response a cancel is a CONFLICT: a moment later it can be decided."""
    post = await stage.step(await pulled(stage, await stage.connect()))
    async with stage.domain.db.transaction() as tx:
        attempt = await attempts.find(tx, LOCATION, post.id, 1)
        assert attempt is not None
        attempt.state, attempt.publish_id = AttemptState.INIT_SENT, ""
        tx.add(attempt)
    async with stage.domain.db.transaction() as tx:
        row = await rows.get(tx, LOCATION, post.id)
        row.state = PostState.TRANSFERRING
        tx.add(row)

    with pytest.raises(Conflict):
        await cancel.cancel(stage.domain, LOCATION, post.id, None)
