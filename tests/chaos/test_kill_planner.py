"""A gateway killed around every commit and every call of a post through HighLevel's planner: none lost, doubled, stuck.

Owns the list of deaths, each proved to be died, and what the planner has of the post by then. A submit that never
arrived is repeated only after the post was missing in the planner's list for two minutes: those posts wait in parallel.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.domain.publishing import retry_policy
from socialgateway.v1 import post_pb2
from socialgateway.v1.post_service_pb2 import CreatePostRequest
from tests.chaos import planners, processes
from tests.chaos.test_kill_publish import KILLED
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

LOST_SECONDS = (retry_policy.LOOKUP_SPAN + retry_policy.LOOKUP_MISSES * retry_policy.LOOKUP_MAX).total_seconds()
"""After so many seconds a post that is missing in the planner's list has been resubmitted: nobody looked for it while
processes started and died, and then each of the looks may be the one after the longest pause.
"""


@dataclass(frozen=True)
class Death:
    """One death of the process, over a post that is asked for then, or that died before and goes on; `made` is how many
    records the planner has of it by then.
    """

    place: str
    post: str
    made: int


# One death after the other, and none while another post is on its way to the planner: what never arrives waits for two
# minutes, and all that must wait begins early.
DEATHS = [
    Death("publish.before-commit.PROCESSING", "answered", 1),
    Death("publish.before-call.init", "not called", 0),
    Death("publish.after-commit.INIT_SENT", "announced", 0),
    Death("publish.after-call.init", "called", 1),
    # Without its id: the planner's list gives it back.
    Death("publish.after-commit.PROCESSING", "called", 1),
    Death("publish.before-call.list", "called", 1),
    Death("publish.after-call.list", "called", 1),
    Death("publish.before-call.status", "called", 1),
    Death("publish.after-call.status", "called", 1),
    Death("publish.before-commit.PUBLISHED", "called", 1),
    Death("publish.after-commit.PUBLISHED", "called", 1),
    Death("publish.before-commit.INTENT", "begun", 0),
    Death("publish.after-commit.INTENT", "begun", 0),
    Death("publish.before-call.store", "begun", 0),
    Death("publish.after-call.store", "begun", 0),
    # The commit that keeps the medium's address in the library: its attempt is there already.
    Death("publish.before-commit.INTENT", "begun", 0),
    Death("publish.after-commit.INTENT", "begun", 0),
    Death("publish.before-commit.INIT_SENT", "begun", 0),
]
REPLACED = ("publish.before-commit.ABANDONED", "publish.after-commit.ABANDONED")
"""Where a new attempt takes the place of one that never arrived."""

PLACES = [*(death.place for death in DEATHS), *REPLACED]


async def die(gateway: processes.Gateway, place: str, request: CreatePostRequest | None, seconds: float = 30) -> None:
    """Run a process that dies at the place, over the post that it is given, or one that it finds."""
    async with processes.running(gateway, failpoint=f"{place}=kill"):
        if request is not None:
            await processes.create_post(gateway, request)
        assert KILLED == await gateway.died(seconds), f"{place} was not reached"


async def test_a_kill_at_any_place_loses_doubles_and_sticks_nothing(database_url: str, tmp_path: Path) -> None:
    """The process dies at each place, and the next one takes over: in the end each post was made once, and is known."""
    data = media.clip()
    captions = list(dict.fromkeys(death.post for death in DEATHS))
    async with planners.planning(database_url, tmp_path) as planner:
        vendor, gateway = planner.vendor, planner.gateway(database_url, tmp_path)
        async with processes.running(gateway):
            upload = await processes.upload(gateway, data)
        wanted = {
            each: planners.new_post(account, upload, each, each.replace(" ", "-"))
            for each, account in zip(captions, planner.accounts * 2, strict=False)
        }
        for death in DEATHS:
            await die(gateway, death.place, wanted[death.post])
            assert death.made == planner.made(death.post), death
        for place in REPLACED:
            await die(gateway, place, None, LOST_SECONDS)
        async with processes.running(gateway):
            names = [await processes.create_post(gateway, request) for request in wanted.values()]
            ended = await asyncio.gather(*(processes.until_final(gateway, name, LOST_SECONDS) for name in names))
        stored = {file.url: file.sha256 for file in vendor.media_files.files.values()}

    assert [] == [post for post in ended if post.state != post_pb2.Post.PUBLISHED]
    assert dict.fromkeys(captions, 1) == dict(Counter(post.summary for post in vendor.posts))
    assert {post.provider_post_id for post in ended} == {post.platform_post_id for post in vendor.posts}
    assert len(captions) == len(vendor.created)
    assert {sha256(data).hexdigest()} == {stored.get(uri) for post in vendor.posts for uri in post.media}
