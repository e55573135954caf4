"""Gateways frozen just before, and just after, the one call that makes a post in HighLevel's planner, and then woken.

Owns the proof that a call which did not leave soon never leaves: by then another has looked for the post, in vain, and
made it.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from socialgateway.v1 import post_pb2
from tests.chaos import planners, processes
from tests.chaos.test_frozen_worker import until_frozen
from tests.chaos.test_kill_planner import LOST_SECONDS
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

PLACES = {"early": "publish.before-call.init", "late": "publish.after-call.init"}
ATTEMPTS = {"early": 2, "late": 1}


async def test_a_woken_worker_makes_no_second_post(database_url: str, tmp_path: Path) -> None:
    """Each post is finished by the one that took over, once; those that wake go on living and make nothing."""
    async with planners.planning(database_url, tmp_path) as planner:
        other = planner.gateway(database_url, tmp_path)
        sleepers = {each: planner.gateway(database_url, tmp_path / each, tmp_path) for each in PLACES}
        async with processes.running(other):
            upload = await processes.upload(other, media.clip())
        posts, after = dict[str, post_pb2.Post](), dict[str, post_pb2.Post]()
        accounts = zip(PLACES, planner.accounts, strict=False)
        wanted = {each: planners.new_post(account, upload, each, each) for each, account in accounts}
        try:
            for each, sleeper in sleepers.items():
                await sleeper.start(failpoint=f"{PLACES[each]}=stop")
                await processes.create_post(sleeper, wanted[each])
                await until_frozen(sleeper, 60)
            async with processes.running(other):
                # One that sleeps in the middle of a transaction holds rows of other posts: the first to be done wakes.
                for each in ("late", "early"):
                    name = f"{processes.LOCATION}/posts/{each}"
                    posts[each] = await processes.until_final(other, name, LOST_SECONDS)
                    sleepers[each].wake()
                    await asyncio.sleep(2)
                    after[each] = await processes.until_final(sleepers[each], name, 20)
        finally:
            for sleeper in sleepers.values():
                await sleeper.stop()
        calls = Counter(call.operation for call in planner.vendor.requests)

    assert dict.fromkeys(PLACES, post_pb2.Post.PUBLISHED) == {each: post.state for each, post in posts.items()}, posts
    assert dict.fromkeys(PLACES, post_pb2.Post.PUBLISHED) == {each: post.state for each, post in after.items()}
    assert ATTEMPTS == {each: post.attempt_count for each, post in posts.items()}
    assert dict.fromkeys(PLACES, 1) == dict(Counter(post.summary for post in planner.vendor.posts))
    assert len(PLACES) == calls["posts.create"]
