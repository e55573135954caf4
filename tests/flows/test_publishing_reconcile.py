"""Reconciling publishes of which nobody knows whether they worked: which report of the vendor counts, and when.

Owns the doubt about the last bytes, about what a vendor reports of an abandoned attempt, and about the calls of a
person in between. The vendor's ledger says what was submitted and posted; time is moved by hand.
"""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.posts import cancel, retry
from gateway.errors import StateForbids
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage.blobs import StoreUnavailable
from storage.errors import NotFound
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.flows.faults import (
    PUBLIC,
    attempt_of,
    during,
    pulled,
    submitted,
    with_store,
)
from tests.flows.test_webhooks_deliveries import telling_of

pytestmark = pytest.mark.chaos

SMALL = media.video(30_000)
SLOW = timedelta(seconds=45)
"""How long a last chunk takes here: longer than any time for which a vendor must go on saying the same."""

QUIET = SimulatorConfig(rate_limits=False, posts_per_day=None, processing_seconds=300, moderation_seconds=60)
LOST = Fault(match="upload", kind="drop_after")
"""The vendor has the chunk, and its answer never comes."""

DENIED = "invalid_publish_id"


def status(**data: Any) -> str:
    """Return the vendor's response that it is still receiving; `data` are further fields."""
    answer = {"status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [], **data}
    return json.dumps({"data": answer, "error": {"code": "ok", "message": "", "log_id": "1"}})


def uploads_of(stage: Stage) -> int:
    """Count the chunks that reached the vendor, accepted or not."""
    return sum(call.operation == "upload" for call in stage.vendor.requests)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor needs five minutes from the last byte to the post."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


def dead(http: int, times: int | None = None) -> Fault:
    """Return a fault: the upload address no longer works."""
    return Fault(match="upload", kind="status", status=http, times=times)


def said(text: str, times: int | None = None) -> Fault:
    """Return a fault: the vendor answers status requests with this body."""
    return Fault(match="status", kind="body", body=text, times=times)


def slowly(stage: Stage, folder: Path) -> Stage:
    """Return the stage with a store from which the first read takes as long as a slow last chunk."""
    spans = iter([SLOW])
    return with_store(stage, folder, lambda: stage.clock.advance(next(spans, timedelta(0))))


async def small(stage: Stage, caption: str = "one") -> PostRow:
    """Create a post whose only chunk is the last one."""
    return await stage.post(await stage.connect(), await stage.upload(SMALL), caption)


def outcome(stage: Stage) -> tuple[int, list[str]]:
    """Return how many submits there were, and the digest of each post."""
    return len(stage.vendor.inits), [made.sha256 for made in stage.vendor.posts]


ONCE = (1, [sha256(SMALL).hexdigest()])


# An address that dies after the last bytes


@pytest.mark.parametrize("http", [403, 404, 405])
@pytest.mark.parametrize(
    ("word", "times"),
    [(status(uploaded_bytes=0), 4), (status(), 40), (status(uploaded_bytes=len(SMALL) - 1), 40)],
    ids=["nothing", "no number", "the last index"],
)
async def test_a_slow_last_chunk_whose_response_is_lost_is_submitted_once(
    stage: Stage, tmp_path: Path, http: int, word: str, times: int
) -> None:
    """The vendor has all bytes and closes the address, but its status lags behind: the gateway waits, and there is one
    post.
    """
    stage.vendor.faults.add(LOST, dead(http), said(word, times))

    final = await slowly(stage, tmp_path).finish(await small(stage))

    assert "PUBLISHED" == final.state
    assert ONCE == outcome(stage)


@pytest.mark.parametrize(("http", "seconds"), [(403, 10), (404, 30), (405, 30)])
async def test_an_address_that_died_with_bytes_missing_is_replaced_after_confirmation(
    stage: Stage, tmp_path: Path, http: int, seconds: int
) -> None:
    """However long the chunk took, the next submit comes 10 s (403) or 30 s after the address was found dead."""
    stage.vendor.faults.add(dead(http))

    post = await slowly(stage, tmp_path).finish(await small(stage), attempt=2)

    gone = (await attempt_of(stage, post)).gone_time
    assert gone is not None
    assert gone + timedelta(seconds=seconds) <= stage.clock.time < gone + timedelta(minutes=2)
    assert (1, []) == outcome(stage)
    stage.vendor.faults.clear()
    assert "PUBLISHED" == (await stage.finish(post)).state
    assert (2, [sha256(SMALL).hexdigest()]) == outcome(stage)


async def test_long_pauses_do_not_count_as_polls(stage: Stage) -> None:
    """Hours without a worker prove nothing: the vendor must have reported the same number in four polls."""
    stage.vendor.faults.add(dead(404))
    post = await stage.step(await small(stage))
    attempts = []
    for _ in range(5):
        attempts.append(post.attempt)
        stage.clock.advance(timedelta(minutes=5))
        post = await stage.step(post)

    assert [1, 1, 1, 1] == attempts[:4]
    assert 2 == post.attempt


async def test_a_number_that_still_changes_is_waited_for(stage: Stage) -> None:
    """While late bytes change the reported number it proves nothing: polls and seconds are counted from the last
    change.
    """
    stage.vendor.faults.add(dead(404), said(status(uploaded_bytes=0), 25), said(status(uploaded_bytes=10_000)))

    post = await stage.finish(await small(stage), attempt=2)

    first = await attempt_of(stage, post)
    assert 10_000 == first.confirmed
    assert first.gone_time is not None
    assert first.final_sent_time is not None
    assert first.final_sent_time < first.gone_time
    assert timedelta(seconds=30) <= stage.clock.time - first.gone_time


async def test_an_address_that_always_dies_leaves_the_outcome_open(stage: Stage) -> None:
    """After three submits there is no further one and the post does not fail: a late report still counts."""
    stage.vendor.faults.add(dead(403))
    post = await stage.finish(await small(stage), attempt=3)
    stage.vendor.faults.clear()
    stage.vendor.faults.add(LOST, dead(403), said(status(uploaded_bytes=0)))

    post = await stage.finish(post)

    assert ("INDETERMINATE", 3) == (post.state, len(stage.vendor.inits))
    assert post.error is not None
    assert "OUTCOME_UNKNOWN" == post.error["reason"]
    assert post.due_at is not None
    stage.vendor.faults.clear()
    stage.clock.advance(timedelta(minutes=6))
    assert "PUBLISHED" == (await stage.step(post)).state
    assert (3, [sha256(SMALL).hexdigest()]) == outcome(stage)


async def test_a_last_chunk_that_is_refused_for_good_fails_the_post(stage: Stage) -> None:
    """After three 400s from a vendor that reports missing bytes the post fails with that error, and nothing more is
    sent.
    """
    stage.vendor.faults.add(Fault(match="upload", kind="status", status=400, times=None))

    post = await stage.finish(await small(stage))

    assert ("FAILED", 3) == (post.state, uploads_of(stage))
    assert post.error is not None
    assert "http_400" == post.error["metadata"]["providerCode"]
    assert (1, []) == outcome(stage)


async def test_a_refused_resend_of_what_the_vendor_has_fails_nothing(stage: Stage) -> None:
    """The vendor refuses because it has everything, and reports so: the post is published."""
    stage.vendor.faults.add(LOST, Fault(match="upload", kind="status", status=400, times=None))
    stage.vendor.faults.add(said(status(uploaded_bytes=0), 2))

    assert "PUBLISHED" == (await stage.finish(await small(stage))).state
    assert ONCE == outcome(stage)


# Our own bytes


@pytest.mark.parametrize("error", [NotFound("blob", "k"), OSError("ends early"), StoreUnavailable("GenericError")])
async def test_an_unreadable_resend_proves_nothing_about_the_bytes_sent_before(
    stage: Stage, tmp_path: Path, error: Exception
) -> None:
    """The last chunk was sent, and the store fails when it is to be sent again: the vendor is polled, and has it."""
    reads = iter([True])

    def once() -> None:
        if not next(reads, False):
            raise error

    stage.vendor.faults.add(LOST, said(status(uploaded_bytes=0), 3))

    post = await with_store(stage, tmp_path, once).finish(await small(stage))

    assert ("PUBLISHED", None) == (post.state, post.error)
    assert ONCE == outcome(stage)


async def test_an_expired_address_is_not_used(stage: Stage) -> None:
    """No worker ran while the address was valid: a new one is requested, and nothing is sent to the old one."""
    post = await submitted(stage, await small(stage))
    stage.clock.advance(timedelta(minutes=66))

    assert "PUBLISHED" == (await stage.finish(post)).state
    assert 1 == uploads_of(stage)
    assert (2, [sha256(SMALL).hexdigest()]) == outcome(stage)


# Webhooks about an abandoned attempt


@pytest.mark.parametrize("state", ["INIT_SENT", "INIT_OK", "UPLOADING"])
async def test_a_webhook_that_the_older_attempt_was_published_stops_the_newer_one(stage: Stage, state: str) -> None:
    """A file that was not sent completely can be stopped: no byte of the newer attempt follows, one post is made."""
    account = await stage.connect()
    post = await stage.step(await stage.post(account, await stage.upload(SMALL)))
    first = (await attempt_of(stage, post)).publish_id
    async with telling_of(stage) as vendor:
        await vendor.tell("post.publish.failed", {"publish_id": first, "reason": "internal"})
        stage.clock.advance(timedelta(seconds=10))
        newer = await submitted(stage, post)
        async with stage.domain.db.transaction() as tx:
            # As it stands while a worker is at it.
            await tx.execute(text("UPDATE attempts SET state = :to WHERE number = 2"), {"to": state})
        sent = uploads_of(stage)
        stage.vendor.advance_processing(first)

        assert ["applied"] == await vendor.tell("post.publish.complete", {"publish_id": first})

    after = await stage.step(newer)
    assert ("PUBLISHED", 2, sent) == (after.state, after.attempt, uploads_of(stage))
    assert (2, [sha256(SMALL).hexdigest()]) == outcome(stage)


async def test_further_webhooks_about_the_revived_attempt_contradict_nothing(stage: Stage) -> None:
    """The newer attempt, stopped in favour of the older one, has its publish id: further webhooks about that id are no
    contradiction.
    """
    account = await stage.connect()
    post = await stage.step(await stage.post(account, await stage.upload(SMALL), options=PUBLIC))
    first = (await attempt_of(stage, post)).publish_id
    async with telling_of(stage) as vendor:
        await vendor.tell("post.publish.failed", {"publish_id": first, "reason": "internal"})
        await vendor.tell("post.publish.complete", {"publish_id": first})
        stage.clock.advance(timedelta(seconds=5))

        assert ["known"] == await vendor.tell("post.publish.complete", {"publish_id": first})
        assert ["applied"] == await vendor.tell(
            "post.publish.publicly_available", {"publish_id": first, "post_id": "7"}
        )

        assert [] == await vendor.events("PROVIDER_UNKNOWN")
        assert 1 == len(await vendor.events("POST_PUBLICLY_AVAILABLE"))
    found = await stage.read(post)
    assert ("PUBLISHED", "7") == (found.state, found.provider_post_id)


# A person who retries or cancels


async def refused_though_taken(stage: Stage) -> PostRow:
    """Return a post that FAILED although the vendor has all its bytes: it lagged behind, and refused them twice."""
    stage.vendor.faults.add(LOST, Fault(match="upload", kind="status", status=400, times=None))
    stage.vendor.faults.add(said(status(uploaded_bytes=0)))
    post = await stage.finish(await small(stage))
    assert "FAILED" == post.state
    stage.vendor.faults.clear()
    return post


async def test_a_failed_post_that_was_published_is_not_retried(stage: Stage) -> None:
    """RetryPost polls the vendor first: what was published is PUBLISHED, and no second post is made."""
    post = await refused_though_taken(stage)
    stage.clock.advance(timedelta(minutes=6))

    with pytest.raises(StateForbids) as caught:
        await retry.retry(stage.domain, LOCATION, post.id, None)

    assert "PUBLISHED" == caught.value.metadata["state"]
    assert "PUBLISHED" == (await stage.read(post)).state
    assert ONCE == outcome(stage)


@pytest.mark.parametrize("word", ["it lacks bytes", "it failed"])
async def test_a_failed_post_that_was_not_published_is_retried(stage: Stage, word: str) -> None:
    """RetryPost polls the vendor, which knows of no post: there is one new attempt, and one post."""
    stage.vendor.faults.add(Fault(match="upload", kind="status", status=400, times=None))
    post = await stage.finish(await small(stage))
    stage.vendor.faults.clear()
    if word == "it failed":
        [publication] = stage.vendor.publisher.publications.values()
        stage.vendor.publisher.fail(publication, "internal")

    again = await retry.retry(stage.domain, LOCATION, post.id, None)

    assert ("QUEUED", 2) == (again.state, again.attempt)
    assert "PUBLISHED" == (await stage.finish(again)).state
    assert (2, [sha256(SMALL).hexdigest()]) == outcome(stage)


async def test_a_retry_during_the_webhook_reports_that_it_was_published(stage: Stage) -> None:
    """While RetryPost polls the vendor a webhook publishes the post: the call is STATE_FORBIDS with PUBLISHED, not
    INTERNAL.
    """
    stage.vendor.faults.add(Fault(match="status", kind="error", code=DENIED, times=11))
    post = await stage.finish(await small(stage))
    assert "INDETERMINATE" == post.state
    publish_id = (await attempt_of(stage, post)).publish_id
    stage.clock.advance(timedelta(minutes=10))
    async with telling_of(stage) as vendor:
        during(stage, lambda: vendor.tell("post.publish.complete", {"publish_id": publish_id}))
        stage.vendor.faults.add(Fault(match="status", kind="slow"))

        with pytest.raises(StateForbids) as caught:
            await retry.retry(stage.domain, LOCATION, post.id, None)

    assert "PUBLISHED" == caught.value.metadata["state"]
    assert ONCE == outcome(stage)


async def test_a_cancel_during_the_last_poll_reports_that_it_was_published(stage: Stage) -> None:
    """While the vendor is asked to cancel, a poll finds the post published: STATE_FORBIDS with PUBLISHED."""
    post = await stage.step(await pulled(stage, await stage.connect()))
    publish_id = (await attempt_of(stage, post)).publish_id

    async def end() -> None:
        stage.vendor.advance_processing(publish_id)
        assert "PUBLISHED" == (await stage.step(post)).state

    during(stage, end)
    stage.vendor.faults.add(Fault(match="cancel", kind="slow"))

    with pytest.raises(StateForbids) as caught:
        await cancel.cancel(stage.domain, LOCATION, post.id, None)

    assert "PUBLISHED" == caught.value.metadata["state"]
    assert "PUBLISHED" == (await stage.read(post)).state


# An id that is denied


@pytest.mark.parametrize(
    "faults",
    [
        (Fault(match="status", kind="status", status=503, times=10), Fault(match="status", kind="error", code=DENIED)),
        (
            Fault(match="status", kind="error", code=DENIED, times=10),
            Fault(match="status", kind="body", body=status(), times=1),
            Fault(match="status", kind="error", code=DENIED, times=10),
        ),
    ],
    ids=["other failures before", "a good answer between"],
)
async def test_only_denials_in_a_row_make_an_outcome_unknown(stage: Stage, faults: tuple[Fault, ...]) -> None:
    """Other failures do not count as denials, and a success resets the count."""
    stage.vendor.faults.add(*faults)

    assert "PUBLISHED" == (await stage.finish(await small(stage))).state
    assert all(stage.vendor.faults.hits.values())
    assert ONCE == outcome(stage)


async def test_an_unknown_outcome_is_polled_with_growing_delays(stage: Stage) -> None:
    """An id that was denied eleven times leaves the post INDETERMINATE and due, until the vendor knows it again."""
    stage.vendor.faults.add(Fault(match="status", kind="error", code=DENIED, times=16))
    post = await stage.finish(await small(stage))
    waits = []
    while post.state == "INDETERMINATE" and post.due_at is not None:
        waits.append((post.due_at - stage.clock()).total_seconds())
        stage.clock.time = post.due_at
        post = await stage.step(post)

    assert [10, 10, 20, 40, 80, 160] == waits
    assert "PUBLISHED" == post.state
    assert ONCE == outcome(stage)
