"""Media links in the life of a post: as long as the vendor may come, the bytes are there, and no longer than they help.

Owns the proofs that links, uploads and posts agree on how long something is needed. What a link answers is proved in
`tests/http/test_media.py`.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.domain.media import links as media_links
from gateway.domain.media import upload_sweep, uploads
from gateway.domain.posts import retry
from gateway.errors import StateForbids
from gateway.jobs import sweep
from providers.simulators.tiktok import Fault
from storage import posts as rows
from storage.posts import PostRow
from storage.states import PostState
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.flows.test_publishing_photos import ALL, FETCHING, photos, posted, settled

YEAR = 365 * 86_400


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor fetches what it is told to."""
    async with opened(database_url, tmp_path, FETCHING) as opened_stage:
        yield opened_stage


async def set_state(stage: Stage, post: PostRow, state: str) -> None:
    """Put a post into a state, as its publish would."""
    async with stage.domain.db.transaction() as tx:
        row = await rows.get(tx, LOCATION, post.id)
        row.state = PostState(state)
        tx.add(row)


async def counted(stage: Stage) -> int:
    """Count the links that are known."""
    async with stage.domain.db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM media_links"))).scalar_one())


async def test_a_post_that_waited_for_days_goes_out_with_links_that_live(stage: Stage) -> None:
    """Photos whose uploads are past their own time are kept for the post, and can be fetched when it goes out."""
    post = await photos(stage, await stage.connect(), late_tolerance_seconds=YEAR)
    stage.clock.advance(timedelta(days=8))
    await upload_sweep.expire(stage.domain, stage.clock())

    post = await settled(stage, post)

    assert ("PUBLISHED", 1) == (post.state, post.attempt)
    assert [("Three", ALL)] == posted(stage)


async def test_what_a_vendor_may_still_fetch_is_not_deleted(stage: Stage) -> None:
    """An upload of a post whose outcome is unknown stays while its links live, and can be deleted then."""
    post = await photos(stage, await stage.connect())
    files = [await uploads.get(stage.domain, LOCATION, upload) for upload in post.uploads]
    await media_links.create(stage.domain, post, 1, files, stage.clock(), timedelta(hours=1))
    await set_state(stage, post, "INDETERMINATE")

    with pytest.raises(StateForbids):
        await uploads.delete(stage.domain, LOCATION, post.uploads[0], None)
    stage.clock.advance(timedelta(hours=1))
    await uploads.delete(stage.domain, LOCATION, post.uploads[0], None)
    await media_links.revoke(stage.domain, LOCATION, post.id, 1)
    await uploads.delete(stage.domain, LOCATION, post.uploads[1], None)


async def test_a_final_post_holds_nothing_back(stage: Stage) -> None:
    """Whoever posted may delete the files at once, although the links' time is not over."""
    post = await settled(stage, await photos(stage, await stage.connect()))

    for upload in post.uploads:
        await uploads.delete(stage.domain, LOCATION, upload, None)


async def test_links_are_forgotten_after_thirty_days_but_not_of_an_open_post(stage: Stage) -> None:
    """However long a gateway stood still, it does not forget that something was fetched, and posts nothing twice."""
    post = await photos(stage, await stage.connect())
    files = [await uploads.get(stage.domain, LOCATION, upload) for upload in post.uploads]
    links = await media_links.create(stage.domain, post, 1, files, stage.clock(), timedelta(hours=1))
    token = links[0].reveal().rpartition("/")[2]
    found = await media_links.find(stage.domain, token)
    assert found is not None
    assert await media_links.open_link(stage.domain, found.link, media_links.Fetch("203.0.113.7", "", 0, 1, 206))

    stage.clock.advance(timedelta(hours=1) + sweep.MEDIA_RETENTION + timedelta(seconds=1))
    await sweep.old(stage.domain)
    assert 3 == await counted(stage)
    assert not await media_links.revoke_unfetched(stage.domain, LOCATION, post.id, 1)

    await set_state(stage, post, "PUBLISHED")
    await sweep.old(stage.domain)
    assert 0 == await counted(stage)


async def test_a_retry_has_links_of_its_own(stage: Stage) -> None:
    """Each announcement names other addresses, and only the newest open anything."""
    account = await stage.connect()
    stage.vendor.fail_next_publish("spam_risk_text")
    post = await settled(stage, await photos(stage, account))
    assert "FAILED" == post.state
    await retry.retry(stage.domain, LOCATION, post.id, None)
    stage.vendor.faults.add(Fault(match="content.init", kind="drop_before"))

    post = await settled(stage, await stage.read(post))

    named = [url for init in stage.vendor.publisher.publications.values() for url in init.urls]
    assert ("PUBLISHED", 3) == (post.state, post.attempt)
    assert len(named) == len(set(named)) == 6
