"""Posts of one account go out in the order of their creation, one submit at a time, also fifty created at once.

Owns the order. How many bytes fit at once is proved in test_media_upload_memory.py and in `tests/chaos`.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.jobs.runner import Jobs, JobsConfig
from providers.simulators.tiktok import Fault, SimulatorConfig
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2, upload_pb2, upload_service_pb2
from storage.posts import PostRow
from tests.fixtures import gateway, media
from tests.fixtures.clock import START, RunningClock
from tests.fixtures.domain import Stage, opened
from tests.fixtures.waiting import until
from tests.rpc.test_accounts import account_of
from tests.rpc.uploading import messages

QUIET = SimulatorConfig(rate_limits=True, posts_per_day=None, processing_seconds=1)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose vendor keeps its rate limits."""
    async with opened(database_url, tmp_path, QUIET) as opened_stage:
        yield opened_stage


async def made(stage: Stage, count: int) -> list[PostRow]:
    """Create posts one after the other, a millisecond apart."""
    account, upload = await stage.connect(), await stage.upload(b"one file for all")
    posts = []
    for number in range(count):
        posts.append(await stage.post(account, upload, f"{number}"))
        stage.clock.advance(timedelta(milliseconds=1))
    stage.clock.advance(timedelta(minutes=1))
    return posts


async def carried(stage: Stage, posts: list[PostRow], shuffle: random.Random) -> list[PostRow]:
    """Step all posts, in any order of the workers, until each is final."""
    open_ones = {post.id: post for post in posts}
    for _ in range(400):
        due = [post for post in open_ones.values() if post.due_at is not None and post.due_at <= stage.clock()]
        shuffle.shuffle(due)
        for post in due:
            open_ones[post.id] = await stage.step(post)
        open_ones = {id: post for id, post in open_ones.items() if post.due_at is not None}
        if not open_ones:
            break
        soonest = min(post.due_at for post in open_ones.values() if post.due_at is not None)
        stage.clock.time = max(stage.clock.time, soonest)
    return [await stage.read(post) for post in posts]


async def test_a_younger_post_waits_for_an_older_one(stage: Stage) -> None:
    """Whichever worker comes first, the post that was created first is submitted first."""
    older, younger = await made(stage, 2)

    assert "QUEUED" == (await stage.step(younger)).state
    assert "PROCESSING" == (await stage.step(older)).state
    stage.clock.advance(timedelta(seconds=1))
    assert "PROCESSING" == (await stage.step(younger)).state
    assert ["0", "1"] == [each.post_info["title"] for each in stage.vendor.publisher.publications.values()]


async def test_the_further_behind_a_post_is_the_longer_it_waits(stage: Stage) -> None:
    """A post with n posts ahead of it is due again after n seconds, and after 15 at most."""
    posts = await made(stage, 18)

    waits = [(await stage.step(posts[place])).due_at for place in (1, 3, 17)]

    assert [timedelta(seconds=seconds) for seconds in (1, 3, 15)] == [at - stage.clock() for at in waits if at]
    assert [] == stage.vendor.inits


async def test_an_older_deferred_post_lets_others_pass(stage: Stage) -> None:
    """A post that waits for the vendor does not hold up the account."""
    older, younger = await made(stage, 2)
    stage.vendor.faults.add(Fault(match="creator_info", kind="status", status=503, times=2))
    assert "QUEUED" == (await stage.step(older)).state

    assert "PROCESSING" == (await stage.step(younger)).state


@pytest.mark.chaos
@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.chaos)])
async def test_posts_of_one_account_keep_their_order_and_the_vendors_limits(stage: Stage, count: int) -> None:
    """Whatever the order of the workers, posts are published in order, and the vendor refuses no call for its rate."""
    posts = await made(stage, count)

    ended = await carried(stage, posts, random.Random(7))

    assert ["PUBLISHED"] * count == [post.state for post in ended]
    assert [str(number) for number in range(count)] == [work.title for work in stage.vendor.posts]
    assert [] == [call for call in stage.vendor.requests if call.status == 429]


@pytest.mark.chaos
async def test_many_workers_keep_the_order(database_url: str, tmp_path: Path) -> None:
    """Posts that are queued or leased are not overtaken: a lease does not count as waiting."""
    quiet = SimulatorConfig(rate_limits=False, posts_per_day=None, processing_seconds=0)
    async with opened(database_url, tmp_path, quiet) as stage:
        account, upload = await stage.connect(), await stage.upload(b"one file for all")
        jobs = Jobs(stage.domain, JobsConfig(sweep=0.05))
        await jobs.start()
        try:
            posts = []
            for number in range(12):
                posts.append(await stage.post(account, upload, f"{number}"))
                stage.clock.advance(timedelta(milliseconds=50))

            async def all_out() -> bool:
                stage.clock.advance(timedelta(milliseconds=500))
                return len(stage.vendor.publisher.publications) == len(posts)

            await until(all_out, 30)
        finally:
            await jobs.stop(5)

        titles = [publication.post_info["title"] for publication in stage.vendor.publisher.publications.values()]
        assert [str(number) for number in range(12)] == titles


@pytest.mark.chaos
@pytest.mark.timeout(280)
async def test_fifty_files_uploaded_at_once_are_published_in_order(database_url: str, tmp_path: Path) -> None:
    """One caller uploads and posts 50 files in parallel: all are published, byte for byte, in the order of creation."""
    files = {f"{number}": media.video(30_000, seed=number) for number in range(50)}
    async with gateway.opened(database_url, tmp_path, clock=RunningClock(START)) as world:
        await world.connect()
        account = (await account_of(world)).name
        jobs = Jobs(world.domain, JobsConfig(sweep=0.05))
        await jobs.start()
        try:
            async with world.holding("video.init"):
                # The first that is there may go out at once; who comes before whom is settled while it does.
                answers = await asyncio.gather(*(sent(world, account, *each) for each in files.items()))

            async def all_out() -> bool:
                world.clock.advance(timedelta(seconds=0.5))
                return len(world.vendor.posts) == len(files)

            await until(all_out, 180)
        finally:
            await jobs.stop(5)

    order = [post.caption for post in sorted(answers, key=lambda post: (post.create_time.ToNanoseconds(), post.name))]
    first, *others = [work.post_info["title"] for work in world.vendor.publisher.publications.values()]
    assert [title for title in order if title != first] == others
    assert {title: sha256(data).hexdigest() for title, data in files.items()} == {
        post.title: post.sha256 for post in world.vendor.posts
    }


async def sent(world: gateway.World, account: str, title: str, data: bytes) -> post_pb2.Post:
    """Upload and post one file, as a caller does."""
    upload = upload_pb2.Upload(mime_type="video/mp4", size_bytes=len(data))
    creating = upload_service_pb2.CreateUploadRequest(parent="locations/l1", upload=upload)
    name = (await world.api.uploads.CreateUpload(creating)).name
    await world.api.uploads.WriteUpload(iter(messages(name, data, piece=10_000)))
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption=title)
    post.video.source.upload = name
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    request = post_service_pb2.CreatePostRequest(parent="locations/l1", post=post)
    made: post_pb2.Post = await world.api.posts.CreatePost(request)
    return made
