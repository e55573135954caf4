"""What a post survives of the gateway's own faults: a store that returns no bytes, an unexpected exception.

Owns the proof that such a fault is counted, shown and ended, and that a temporary one costs only time. A missing table
stands for every unexpected error.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.domain.publishing import retry_policy
from providers.simulators.tiktok import Fault, SimulatorConfig
from storage.blobs import StoreUnavailable
from storage.posts import PostRow
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures import media
from tests.fixtures.domain import GOOD, LOCATION, Stage, opened
from tests.flows.faults import attempt_of, pulled, with_store

pytestmark = pytest.mark.chaos

SMALL = media.video(30_000)
CHUNKED = 67_840_000
"""A file of this size goes in six chunks."""

QUIET = SimulatorConfig(rate_limits=False, posts_per_day=None, processing_seconds=300, moderation_seconds=60)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor needs five minutes from the last byte to the post."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    """Log without rendering: formatting each fault's traceback would take longer than everything else."""
    with capture_logs():
        yield


@asynccontextmanager
async def without_quotas(stage: Stage) -> AsyncIterator[None]:
    """Hide a table that every vendor call needs."""
    async with stage.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE quotas RENAME TO hidden"))
    yield
    async with stage.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE hidden RENAME TO quotas"))


async def faulty(stage: Stage, post: PostRow, most: int = 50) -> tuple[PostRow, list[float]]:
    """Step a post through its faults, checking the shown error; return it and the delays in seconds."""
    state, pauses = post.state, []
    for _ in range(most):
        post = await stage.step(post)
        if post.state != state:
            break
        assert post.error is not None
        assert "INTERNAL" == post.error["reason"]
        assert post.due_at is not None
        assert post.next_attempt_time == post.due_at
        pauses.append((post.due_at - stage.clock()).total_seconds())
        stage.clock.time = post.due_at
    return post, pauses


GROWING = [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]


async def test_a_fault_before_the_submit_is_retried_then_fails_the_post(stage: Stage) -> None:
    """After eight growing delays with the fault shown, the ninth fault makes the post FAILED; the vendor was never
    called.
    """
    post = await stage.post(await stage.connect(), await stage.upload(SMALL))
    async with without_quotas(stage):
        post, pauses = await faulty(stage, post)

    assert ("FAILED", GROWING) == (post.state, pauses)
    assert post.error is not None
    assert ("INTERNAL", None) == (post.error["reason"], post.due_at)
    assert [] == stage.vendor.inits


@pytest.mark.parametrize("kind", ["file", "pull"])
async def test_a_fault_after_the_vendor_has_all_leaves_the_outcome_open(stage: Stage, kind: str) -> None:
    """The ninth fault makes it INDETERMINATE, never FAILED; once the fault is over the vendor's status decides."""
    account = await stage.connect()
    made = await (pulled(stage, account) if kind == "pull" else stage.post(account, await stage.upload(SMALL)))
    post = await stage.step(made)
    assert "PROCESSING" == post.state
    async with without_quotas(stage):
        post, pauses = await faulty(stage, post)

    assert ("INDETERMINATE", GROWING) == (post.state, pauses)
    assert post.error is not None
    assert "OUTCOME_UNKNOWN" == post.error["reason"]
    assert post.due_at is not None
    stage.clock.time = post.due_at
    assert "PUBLISHED" == (await stage.step(post)).state
    assert (1, 1) == (len(stage.vendor.inits), len(stage.vendor.posts))


async def test_a_fault_between_the_last_bytes_and_the_response_leaves_the_outcome_open(stage: Stage) -> None:
    """In FINAL_SENT nothing is sent again and the post does not fail."""
    post = await stage.post(await stage.connect(), await stage.upload(SMALL))
    stage.vendor.faults.add(
        Fault(match="upload", kind="drop_after"), Fault(match="status", kind="status", status=503, times=1)
    )
    post = await stage.step(post)
    assert "FINAL_SENT" == (await attempt_of(stage, post)).state
    async with without_quotas(stage):
        post, _ = await faulty(stage, post)

    assert "INDETERMINATE" == post.state
    assert post.due_at is not None
    stage.clock.time = post.due_at
    assert "PUBLISHED" == (await stage.step(post)).state
    assert (1, [sha256(SMALL).hexdigest()]) == (len(stage.vendor.inits), [each.sha256 for each in stage.vendor.posts])


async def test_a_fault_that_passes_costs_only_time(stage: Stage) -> None:
    """After five faults the table is back: the post is published, and has no error any more."""
    post = await stage.post(await stage.connect(), await stage.upload(SMALL))
    async with without_quotas(stage):
        post, _ = await faulty(stage, post, most=5)

    post = await stage.finish(post)

    assert ("PUBLISHED", None) == (post.state, post.error)
    assert 1 == len(stage.vendor.posts)


@pytest.mark.parametrize("when", ["waiting", "asking"])
async def test_a_first_fault_after_many_failures_of_the_vendor_ends_nothing(stage: Stage, when: str) -> None:
    """Ten failures of the vendor do not count as internal faults: the first of those is retried."""
    post = await stage.post(await stage.connect(), await stage.upload(SMALL))
    stage.vendor.faults.add(
        Fault(match="video.init", kind="error", code="rate_limit_exceeded", times=None)
        if when == "waiting"
        else Fault(match="status", kind="status", status=503, times=None)
    )
    post = await stage.step(post)
    while (await attempt_of(stage, post)).failures < 10:
        assert post.due_at is not None
        stage.clock.time = max(stage.clock.time, post.due_at)
        post = await stage.step(post)
    stage.vendor.faults.clear()
    assert post.due_at is not None
    stage.clock.time = post.due_at
    before = post.state
    async with without_quotas(stage):
        post, _ = await faulty(stage, post, most=3)

    assert before == post.state
    assert "PUBLISHED" == (await stage.finish(post)).state
    assert 1 == len(stage.vendor.posts)


async def test_a_fault_during_reconciliation_does_not_end_it(stage: Stage) -> None:
    """An INDETERMINATE post keeps its state and its error, and stays due, however often the fault occurs."""
    account = await stage.connect()
    stage.vendor.faults.add(Fault(match="video.init", kind="drop_before"))
    post = await stage.step(await pulled(stage, account, options={"privacy_level": "public"}))
    async with without_quotas(stage):
        for _ in range(12):
            assert post.due_at is not None
            stage.clock.time = post.due_at
            post = await stage.step(post)
            assert post.error is not None
            assert ("INDETERMINATE", "OUTCOME_UNKNOWN") == (post.state, post.error["reason"])

    assert post.due_at is not None
    assert timedelta(0) < post.due_at - stage.clock() <= retry_policy.RETRY_MAX


# The blob store


async def promised(stage: Stage, size: int) -> str:
    """Insert an upload of which only the row exists, and return its id."""
    now = stage.clock()
    row = UploadRow(
        location=LOCATION,
        id="large",
        mime_type="video/mp4",
        size_bytes=size,
        committed_size=size,
        sha256="0" * 64,
        state=UploadState.COMPLETE,
        media=GOOD.to_json(),
        create_time=now,
        expire_time=now + timedelta(days=7),
    )
    async with stage.domain.db.transaction() as tx:
        tx.add(row)
        await tx.flush()
        tx.add(UploadPartRow(location=LOCATION, upload=row.id, first=0, size=size, key="uploads/l1/large/0"))
    return row.id


async def test_an_unreadable_chunk_is_tried_eight_times_in_each_of_three_attempts(stage: Stage, tmp_path: Path) -> None:
    """Before the last chunk nothing can be published: the same chunk again, then the file from its beginning, then
    FAILED.
    """
    reads = 0

    def refuse() -> None:
        nonlocal reads
        reads += 1
        raise StoreUnavailable("GenericError")

    post = await stage.post(await stage.connect(), await promised(stage, CHUNKED))

    post = await with_store(stage, tmp_path, refuse).finish(post, within=timedelta(hours=12))

    assert ("FAILED", 3 * (retry_policy.MAX_CHUNK_FAILURES + 1), 3) == (post.state, reads, len(stage.vendor.inits))
    assert post.error is not None
    assert "PROVIDER_UNAVAILABLE" == post.error["reason"]
    assert [] == stage.vendor.posts


async def test_bytes_that_are_lost_between_the_chunks_fail_the_post_at_once(stage: Stage, tmp_path: Path) -> None:
    """A blob that became shorter cannot be repaired by a retry: the post's error says that its media is incomplete."""

    def short() -> None:
        raise OSError("the blob ends early")

    post = await stage.post(await stage.connect(), await promised(stage, CHUNKED))

    post = await with_store(stage, tmp_path, short).finish(post)

    assert ("FAILED", 1) == (post.state, len(stage.vendor.inits))
    assert post.error is not None
    assert "MEDIA_INVALID" == post.error["reason"]


async def test_a_file_lost_before_its_only_chunk_fails_with_that_reason(stage: Stage, tmp_path: Path) -> None:
    """The only chunk is the last one, so the vendor is polled first; it has nothing, and a retry cannot help."""

    def short() -> None:
        raise OSError("the blob ends early")

    post = await stage.post(await stage.connect(), await stage.upload(SMALL))

    post = await with_store(stage, tmp_path, short).finish(post, within=timedelta(minutes=2))

    assert ("FAILED", 1, []) == (post.state, len(stage.vendor.inits), stage.vendor.posts)
    assert post.error is not None
    assert "MEDIA_INVALID" == post.error["reason"]


async def test_an_unavailable_object_store_is_distinguished_from_a_missing_blob(stage: Stage, tmp_path: Path) -> None:
    """Whatever the store's library raises that is not a missing blob is StoreUnavailable, without its text."""
    blobs = stage.domain.blobs
    await blobs.put("uploads/l1/file", b"a file, where a folder is asked for")

    with pytest.raises(StoreUnavailable) as caught:
        _ = [piece async for piece in blobs.stream("uploads/l1/file/0", 0, 10)]

    assert str(tmp_path) not in str(caught.value)
