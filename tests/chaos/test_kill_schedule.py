"""A gateway killed at each place from the moment a kept post is due to its submission: none lost, doubled or stuck.

Owns the list of places, and the proof that each was reached. The vendor's ledger is the only witness.
"""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from gateway.clock import now
from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import post_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import ACCOUNTS, KILLED, SMALL, vendor_config

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

STEPS = ("commit.INTENT", "call.creator-info", "commit.INIT_SENT", "call.init")
PLACES = [f"publish.{when}-{step}" for step in STEPS for when in ("before", "after")]


def make_due(database_url: str, post: str) -> None:
    """Let the time of a post come, long after its creator's settings were asked for."""
    with psycopg.connect(database_url) as connection:
        due = "schedule_time = clock_timestamp(), due_at = clock_timestamp()"
        connection.execute(f"UPDATE posts SET {due} WHERE id = %s AND state = 'SCHEDULED'", [post])
        connection.execute("UPDATE creator_infos SET fetch_time = fetch_time - interval '1 hour'")


async def test_a_kill_after_a_post_is_due_loses_doubles_and_sticks_nothing(database_url: str, tmp_path: Path) -> None:
    """One scheduled post per place: the process dies there, the next one takes over, and each post is made once."""
    app = create_app(vendor_config())
    async with serve(app) as vendor_url:
        gateway = processes.Gateway(database_url, vendor_url, tmp_path)
        names = {}
        async with processes.running(gateway):
            accounts = await processes.connect_many(gateway, app.state.vendor, ACCOUNTS)
            upload = await processes.upload(gateway, processes.pattern(SMALL))
            for number, place in enumerate(PLACES):
                request = processes.new_post(accounts[number % ACCOUNTS], upload, place, f"p{number}")
                request.post.schedule_time.FromDatetime(now() + timedelta(hours=1))
                names[place] = await processes.create_post(gateway, request)
        assert [] == app.state.vendor.inits
        for place, name in names.items():
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                make_due(database_url, name.rpartition("/")[2])
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        async with processes.running(gateway):
            states = {place: (await processes.until_final(gateway, name, 60)).state for place, name in names.items()}

    assert dict.fromkeys(PLACES, post_pb2.Post.PUBLISHED) == states
    assert dict.fromkeys(PLACES, 1) == dict(Counter(post.title for post in app.state.vendor.posts))
