"""What a vendor's status adds to a post that is published: each of the ids it became, kept whole and in order.

Owns the proof that `gateway/domain/publishing/vendor_status.py` loses no id, whoever learns of one first.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.accounts import videos
from gateway.domain.engagement import post_metrics
from gateway.domain.publishing import vendor_status
from gateway.domain.publishing.journal import Work
from gateway.rpc.post_to_proto import to_proto
from providers.models.publishing import PublishPhase, PublishStatus
from storage import attempts, post_matching, posts
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.media import video

DATA = video(100_000)
FIRST, SECOND = "7602997070760331001", "7602997070760331002"


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage before TikTok."""
    async with opened(database_url, tmp_path) as made:
        yield made


async def published(stage: Stage) -> tuple[PostRow, str]:
    """Publish a draft that its creator posts twice; return the post once it is final, and its account."""
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(DATA), mode="creator_inbox", options={})
    post = await stage.finish(post)
    work = await working(stage, post)
    for _ in range(2):
        stage.vendor.post_draft(work.attempt.publish_id)
    return post, account


async def working(stage: Stage, post: PostRow) -> Work:
    """Return the post and its attempt as they are."""
    async with stage.domain.db.read() as tx:
        row = await posts.get(tx, post.location, post.id)
        attempt = await attempts.find(tx, row.location, row.id, row.attempt)
    assert attempt is not None
    return Work(row, attempt)


async def test_every_id_of_a_publish_is_kept(stage: Stage) -> None:
    """A draft that was posted twice has two ids and two videos, each of which leads back to the post."""
    post, account = await published(stage)
    made = [str(each.post_id) for each in stage.vendor.posts]
    stage.clock.advance(timedelta(hours=1))

    post = await stage.step(post)

    assert 2 == len(set(made))
    assert ("PUBLISHED", made, made[0]) == (post.state, post.provider_post_ids, post.provider_post_id)
    shown = to_proto(post, ["tiktok"])
    assert made == list(shown.provider_post_ids)
    parent = f"locations/{LOCATION}/accounts/{account}/videos"
    assert [f"{parent}/{id}" for id in made] == list(shown.published_videos)
    assert shown.published_video == shown.published_videos[0]
    listed = (await videos.page(stage.domain, LOCATION, account, cursor="", limit=10)).videos
    assert dict.fromkeys(made, post.id) == {each.video.provider_video_id: each.post for each in listed}
    counted = await post_metrics.query(stage.domain, LOCATION, post.id)
    assert made == list(counted)
    assert all(each.view_count is not None for each in counted.values())


async def test_an_id_that_comes_later_is_added(stage: Stage) -> None:
    """A status after the end adds the ids that are missing, and takes none away; the public address stays."""
    account = await stage.connect()
    post = await stage.finish(await stage.post(account, await stage.upload(DATA), options={"privacy_level": "only_me"}))
    for ids in ((FIRST,), (SECOND,), (), (FIRST,)):
        await vendor_status.apply_late(
            stage.domain, await working(stage, post), PublishStatus(PublishPhase.PUBLISHED, post_ids=ids)
        )

    post = await stage.read(post)

    assert ([FIRST, SECOND], FIRST) == (post.provider_post_ids, post.provider_post_id)
    assert post.public_uri.endswith(FIRST)


async def test_two_who_learn_an_id_each_lose_none(stage: Stage) -> None:
    """Two workers that read the post before either wrote keep both ids."""
    account = await stage.connect()
    post = await stage.finish(await stage.post(account, await stage.upload(DATA), options={"privacy_level": "only_me"}))
    work = await working(stage, post)

    await asyncio.gather(
        *(
            vendor_status.apply_late(stage.domain, work, PublishStatus(PublishPhase.PUBLISHED, post_ids=(id,)))
            for id in (FIRST, SECOND)
        )
    )

    assert {FIRST, SECOND} == set((await stage.read(post)).provider_post_ids)


async def test_a_post_of_the_version_before_has_its_one_id(stage: Stage) -> None:
    """A row that has the one column alone is shown with its id, is found by it, and gets further ones behind it."""
    account = await stage.connect()
    post = await stage.finish(await stage.post(account, await stage.upload(DATA), options={"privacy_level": "only_me"}))
    async with stage.domain.db.transaction() as tx:
        row = await posts.get(tx, LOCATION, post.id)
        row.provider_post_id, row.provider_post_ids = FIRST, []
        tx.add(row)

    assert [FIRST] == list(to_proto(await stage.read(post), ["tiktok"]).provider_post_ids)
    async with stage.domain.db.read() as tx:
        assert {FIRST: post.id} == await post_matching.by_provider_post_ids(tx, LOCATION, account, [FIRST, SECOND, ""])
    status = PublishStatus(PublishPhase.PUBLISHED, post_ids=(SECOND,))
    await vendor_status.apply_late(stage.domain, await working(stage, post), status)
    assert [FIRST, SECOND] == (await stage.read(post)).provider_post_ids
    async with stage.domain.db.read() as tx:
        other = PostRow(**{**post.model_dump(), "id": "another"})
        assert {FIRST, SECOND} == await post_matching.claimed_post_ids(tx, other, [FIRST, SECOND, "3"])
