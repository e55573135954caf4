"""Posts of one account go out in the order in which they were made, one hand-over at a time; fifty at once keep to it.

Owns the order. How many bytes fit at once is proved in test_upload_memory.py and in `tests/chaos`.
"""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from providers.simulators.tiktok import Fault, SimulatorConfig
from storage.posts import PostRow
from tests.flows.stage import Stage, opened

QUIET = SimulatorConfig(rate_limits=True, posts_per_day=None, processing_seconds=1)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Give a stage whose vendor keeps its rate limits."""
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
    """Carry all posts on, in any order of the workers, until each is final."""
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
    """Whichever worker comes first, the post that was made first goes out first."""
    older, younger = await made(stage, 2)

    assert "QUEUED" == (await stage.step(younger)).state
    assert "PROCESSING" == (await stage.step(older)).state
    stage.clock.advance(timedelta(seconds=1))
    assert "PROCESSING" == (await stage.step(younger)).state
    assert ["0", "1"] == [publication.post_info["title"] for publication in stage.vendor.works.publications.values()]


async def test_an_older_post_that_was_put_off_lets_others_pass(stage: Stage) -> None:
    """A post that waits for the vendor does not hold up the account."""
    older, younger = await made(stage, 2)
    stage.vendor.faults.add(Fault(match="creator_info", kind="status", status=503, times=2))
    assert "QUEUED" == (await stage.step(older)).state

    assert "PROCESSING" == (await stage.step(younger)).state


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.chaos)])
async def test_posts_of_one_account_keep_their_order_and_the_vendors_limits(stage: Stage, count: int) -> None:
    """However the workers take them up, all posts arrive in order, and the vendor refuses no call for its rate."""
    posts = await made(stage, count)

    ended = await carried(stage, posts, random.Random(7))

    assert ["PUBLISHED"] * count == [post.state for post in ended]
    assert [str(number) for number in range(count)] == [work.title for work in stage.vendor.posts]
    assert [] == [call for call in stage.vendor.requests if call.status == 429]
