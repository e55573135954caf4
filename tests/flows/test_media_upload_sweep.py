"""How long bytes live: as long as a post needs them, then for the retention; and what belongs to nothing goes.

Both stores are tried: a local folder, and an object store served on loopback.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.media import links, upload_sweep, uploads
from gateway.domain.media.upload_sweep import Freed
from gateway.domain.posts import cancel, retry
from providers.simulators.tiktok import SimulatorConfig
from storage.posts import PostRow
from storage.uploads import UploadRow
from tests.fixtures import logs
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.s3 import S3

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
VIDEO = b"v" * 5000
QUICK = SimulatorConfig(rate_limits=False, processing_seconds=0, moderation_seconds=0)
GONE = Freed(1, len(VIDEO))


@pytest.fixture(params=["folder", "s3"])
async def stage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> AsyncIterator[Stage]:
    """Yield a stage with one of the stores, and a retention of two days."""
    values: dict[str, Any] = {"upload_retention_hours": 48}
    if request.param == "s3":
        s3: S3 = request.getfixturevalue("s3")
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        values["blob_url"] = s3.url
    async with opened(database_url, tmp_path, QUICK, **values) as made:
        yield made


async def scheduled(stage: Stage, upload: str, after: timedelta = 30 * DAY, **values: Any) -> PostRow:
    """Create a post for a time long after the upload's own expiry."""
    account = "a1" if values.pop("again", False) else await stage.connect()
    return await stage.post(account, upload, schedule_time=stage.clock() + after, **values)


async def row_of(stage: Stage, upload: str) -> UploadRow:
    """Return an upload as it is."""
    return await uploads.get(stage.domain, LOCATION, upload)


async def keys(stage: Stage) -> list[str]:
    """Return the keys of all stored bytes."""
    later = stage.clock().replace(year=2100)
    return sorted([key async for batch in stage.domain.blobs.older("uploads", later) for key in batch])


async def expire(stage: Stage) -> Freed:
    """Make one round."""
    return await upload_sweep.expire(stage.domain, stage.clock())


async def test_bytes_live_as_long_as_their_post_and_then_for_the_retention(stage: Stage) -> None:
    """An upload of a post for next month outlives its own week, and goes two days after the post was published."""
    upload = await stage.upload(VIDEO)
    post = await scheduled(stage, upload)
    stage.clock.advance(29 * DAY)
    kept = await expire(stage)
    stage.clock.time = post.schedule_time or stage.clock.time
    post = await stage.finish(post)
    stage.clock.advance(2 * DAY - SECOND)
    still = await expire(stage), len(await keys(stage))
    stage.clock.advance(5 * SECOND)
    dry = await upload_sweep.expire(stage.domain, stage.clock(), dry_run=True)
    gone = await expire(stage)

    assert ("PUBLISHED", Freed(), (Freed(), 1)) == (post.state, kept, still)
    assert (GONE, GONE, []) == (dry, gone, await keys(stage))
    assert ("EXPIRED", stage.clock()) == (
        (await row_of(stage, upload)).state,
        (await row_of(stage, upload)).expire_time,
    )


async def test_an_upload_goes_after_the_last_of_its_posts(stage: Stage) -> None:
    """Of two posts with one upload the later one counts; a cancelled one releases it too."""
    upload = await stage.upload(VIDEO)
    first = await scheduled(stage, upload)
    second = await scheduled(stage, upload, 40 * DAY, again=True)
    await cancel.cancel(stage.domain, LOCATION, first.id, None)
    stage.clock.advance(39 * DAY)
    kept = await expire(stage)
    await cancel.cancel(stage.domain, LOCATION, second.id, None)
    stage.clock.advance(2 * DAY)

    assert (Freed(), GONE) == (kept, await expire(stage))


async def test_what_may_be_retried_is_kept_for_that(stage: Stage) -> None:
    """The bytes of a post that FAILED are there for RetryPost until the retention is over, and anew after that."""
    upload = await stage.upload(VIDEO)
    post = await scheduled(stage, upload, late_tolerance_seconds=60)
    stage.clock.time = (post.schedule_time or stage.clock.time) + DAY
    failed = await stage.finish(post)
    stage.clock.advance(2 * DAY - SECOND)
    kept = await expire(stage)
    again = await stage.finish(await retry.retry(stage.domain, LOCATION, post.id, None))
    stage.clock.advance(2 * DAY - 10 * SECOND)
    anew = await expire(stage)

    assert ("FAILED", Freed(), "PUBLISHED", Freed()) == (failed.state, kept, again.state, anew)


async def test_an_upload_that_no_post_names_goes_at_its_own_time(stage: Stage) -> None:
    """It is kept for its week, whatever the retention."""
    await stage.upload(VIDEO)
    stage.clock.advance(7 * DAY - SECOND)
    kept = await expire(stage)
    stage.clock.advance(SECOND)

    assert (Freed(), GONE) == (kept, await expire(stage))


async def test_replicas_that_sweep_at_once_free_everything_once(stage: Stage) -> None:
    """Five rounds at the same time expire each upload once, and count its bytes once."""
    for _ in range(12):
        await stage.upload(VIDEO)
    stage.clock.advance(7 * DAY)
    freed = await asyncio.gather(*(expire(stage) for _ in range(5)))

    assert (12, 12 * len(VIDEO)) == (sum(each.count for each in freed), sum(each.bytes for each in freed))
    assert [] == await keys(stage)


async def test_bytes_without_a_row_go_when_they_are_old(stage: Stage) -> None:
    """Young ones, and listed ones, stay; a dry run removes nothing and counts the same."""
    upload = await stage.upload(VIDEO)
    await stage.domain.blobs.put(f"uploads/{LOCATION}/u-lost/0-x", b"lost")
    # Files are as old as the real clock says.
    young, old = stage.clock().replace(year=2020), stage.clock().replace(year=2100)
    found = [await upload_sweep.orphans(stage.domain, young)]
    found.append(await upload_sweep.orphans(stage.domain, old, dry_run=True))
    with logs.capture() as lines:
        found += [await upload_sweep.orphans(stage.domain, old) for _ in range(2)]

    assert [Freed(), Freed(1, 4), Freed(1, 4), Freed()] == found
    assert [f"uploads/{LOCATION}/{upload}/0"] == await keys(stage)
    assert (True, True) == ("uploads.orphans_deleted" in lines.getvalue(), '"bytes": 4' in lines.getvalue())


async def test_rows_without_bytes_expire(stage: Stage) -> None:
    """An upload whose bytes are gone at two looks, a day apart, is EXPIRED; one that a post needs is only logged."""
    whole, bare, needed = [await stage.upload(VIDEO) for _ in range(3)]
    await scheduled(stage, needed)
    await stage.domain.blobs.delete([f"uploads/{LOCATION}/{each}/0" for each in (bare, needed)])
    young = await upload_sweep.lost(stage.domain, stage.clock() + DAY - SECOND)
    first = await upload_sweep.lost(stage.domain, stage.clock() + DAY)
    dry = await upload_sweep.lost(stage.domain, stage.clock() + 2 * DAY, dry_run=True)
    with logs.capture() as lines:
        found = await upload_sweep.lost(stage.domain, stage.clock() + 2 * DAY)

    assert (Freed(), Freed(), Freed(2, 2 * len(VIDEO)), GONE) == (young, first, dry, found)
    states = [(await row_of(stage, each)).state for each in (whole, bare, needed)]
    assert ["COMPLETE", "EXPIRED", "COMPLETE"] == states
    assert [True, True] == [f"uploads/{each}" in lines.getvalue() for each in (bare, needed)]


async def test_bytes_that_came_back_were_never_missing(stage: Stage) -> None:
    """While a store is being moved some bytes are missing: what is there at the next look begins anew."""
    _, moved = [await stage.upload(VIDEO) for _ in range(2)]
    key = f"uploads/{LOCATION}/{moved}/0"
    found = []
    for day in range(1, 5):
        await (stage.domain.blobs.put(key, VIDEO) if day == 2 else stage.domain.blobs.delete([key]))
        found.append(await upload_sweep.lost(stage.domain, stage.clock() + day * DAY))

    assert [Freed(), Freed(), Freed(), GONE] == found


async def test_a_store_that_has_nothing_is_not_believed(stage: Stage) -> None:
    """When the bytes of no upload are found, the store is another one: nothing expires, and the log says so."""
    for _ in range(3):
        await stage.upload(VIDEO)
    await stage.domain.blobs.delete(await keys(stage))
    with logs.capture() as lines:
        found = await upload_sweep.lost(stage.domain, stage.clock() + DAY)

    assert (Freed(), True) == (found, "uploads.no_bytes_found" in lines.getvalue())


async def test_a_store_that_goes_away_in_a_round_loses_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are missing are not believed to be if those that were there a moment ago are missing too."""
    for _ in range(2):
        await stage.upload(VIDEO)
    looks = iter([True, False, False])

    async def look(*_: object) -> bool:
        return next(looks)

    monkeypatch.setattr(upload_sweep, "_is_whole", look)
    with logs.capture() as lines:
        found = await upload_sweep.lost(stage.domain, stage.clock() + DAY)

    assert (Freed(), 2) == (found, len(await keys(stage)))
    assert "uploads.no_bytes_found" in lines.getvalue()


async def test_what_a_vendor_may_still_fetch_is_kept(stage: Stage) -> None:
    """While a link to an upload is valid its bytes stay, also beyond the retention."""
    upload = await stage.upload(VIDEO)
    post = await scheduled(stage, upload)
    await links.create(stage.domain, post, 1, [await row_of(stage, upload)], stage.clock(), 5 * DAY)
    await cancel.cancel(stage.domain, LOCATION, post.id, None)
    stage.clock.advance(5 * DAY - SECOND)
    kept = await expire(stage)
    stage.clock.advance(SECOND)

    assert (Freed(), GONE) == (kept, await expire(stage))
