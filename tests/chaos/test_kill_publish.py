"""A gateway killed before and after every commit and every vendor call of a publish: none lost, doubled or stuck.

Owns the list of places, and the proof that each was reached. The vendor's ledger is the only witness.
"""

from collections import Counter
from pathlib import Path

import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import SimulatorConfig, create_app
from socialgateway.v1 import post_pb2
from tests.chaos import processes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

COMMITS = ("INTENT", "INIT_SENT", "INIT_OK", "UPLOADING", "FINAL_SENT", "PROCESSING", "PUBLISHED")
CALLS = ("init", "chunk", "final-chunk", "status")
PLACES = [f"publish.{when}-commit.{state}" for state in COMMITS for when in ("before", "after")]
PLACES += [f"publish.{when}-call.{call}" for call in CALLS for when in ("before", "after")]
SIZE = 66_259_900
SMALL = 1_000_000
KILLED = -9
ACCOUNTS = 4


def vendor_config() -> SimulatorConfig:
    """Return a vendor that is quick and sets no caps: what is tested is who posts, not how often one may."""
    return SimulatorConfig(
        processing_seconds=0.2, moderation_seconds=0.1, rate_limits=False, posts_per_day=None, pending_drafts=None
    )


def needs_chunks(place: str) -> bool:
    """Return whether a publish comes by the place only when there is a chunk before the last one."""
    return place.endswith((".INIT_OK", ".UPLOADING", ".chunk"))


@pytest.mark.parametrize("half", [0, 1])
async def test_a_kill_at_any_place_loses_doubles_and_sticks_nothing(
    half: int, database_url: str, tmp_path: Path
) -> None:
    """One post per place: the process dies there, the next one takes over, and in the end each post was made once."""
    app = create_app(vendor_config())
    async with serve(app) as vendor_url:
        gateway = processes.Gateway(database_url, vendor_url, tmp_path)
        async with processes.running(gateway):
            accounts = await processes.connect_many(gateway, app.state.vendor, ACCOUNTS)
            # Only a file of several chunks comes by every place; where one chunk will do, it saves minutes.
            large = await processes.upload(gateway, processes.pattern(SIZE))
            small = await processes.upload(gateway, processes.pattern(SMALL))
        wanted = {
            place: processes.new_post(
                accounts[number % ACCOUNTS], large if needs_chunks(place) else small, place, f"p{number}"
            )
            for number, place in enumerate(PLACES[half::2])
        }
        for place, request in wanted.items():
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                await processes.create_post(gateway, request)
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        async with processes.running(gateway):
            # A kill may have come before the call was answered, or made: a caller asks again, under the same id.
            names = [await processes.create_post(gateway, request) for request in wanted.values()]
            states = {name: (await processes.until_final(gateway, name, 60)).state for name in names}

    made = Counter(post.title for post in app.state.vendor.posts)
    assert {post_pb2.Post.PUBLISHED} == set(states.values()), states
    assert dict.fromkeys(wanted, 1) == dict(made)
    assert {SIZE, SMALL} == {post.size for post in app.state.vendor.posts}
    assert 2 == len({post.sha256 for post in app.state.vendor.posts})
