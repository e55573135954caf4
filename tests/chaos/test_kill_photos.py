"""A gateway killed around the one call that may publish: photos that the vendor fetches from the gateway itself.

Owns the list of places, each proved to be reached. The vendor really fetches, from whichever process stands there; its
ledger is the only witness of what was posted.
"""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import KILLED, vendor_config
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]

COMMITS = ("INTENT", "INIT_SENT", "PROCESSING", "PUBLISHED")
CALLS = ("init", "status")
PLACES = [f"publish.{when}-commit.{state}" for state in COMMITS for when in ("before", "after")]
PLACES += [f"publish.{when}-call.{call}" for call in CALLS for when in ("before", "after")]
ACCOUNTS = 4
PHOTOS = [media.jpeg(720, 1080), media.jpeg(1080, 1080)]


def request_of(account: str, uploads: list[str], place: str, number: int) -> post_service_pb2.CreatePostRequest:
    """Return the request for a post of both photos, whose title is the place."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT)
    post.photos.title = place
    for upload in uploads:
        post.photos.sources.add().upload = upload
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=f"p{number}")


async def test_a_kill_around_the_one_call_loses_doubles_and_sticks_nothing(database_url: str, tmp_path: Path) -> None:
    """One post per place: the process dies there, another takes over, and each post was made once, of all bytes."""
    gateway = processes.Gateway(database_url, "", tmp_path)
    config = replace(vendor_config(), pull_media=True, verified_urls=(f"http://127.0.0.1:{gateway.http_port}/",))
    app = create_app(config)
    async with serve(app) as vendor_url:
        gateway.vendor_url = vendor_url
        async with processes.running(gateway):
            accounts = await processes.connect_many(gateway, app.state.vendor, ACCOUNTS)
            uploads = [await processes.upload(gateway, photo, "image/jpeg") for photo in PHOTOS]
        wanted = {
            place: request_of(accounts[number % ACCOUNTS], uploads, place, number)
            for number, place in enumerate(PLACES)
        }
        for place, request in wanted.items():
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                await processes.create_post(gateway, request)
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        async with processes.running(gateway):
            names = [await processes.create_post(gateway, request) for request in wanted.values()]
            states = {name: (await processes.until_final(gateway, name, 90)).state for name in names}

    assert {post_pb2.Post.PUBLISHED} == set(states.values()), states
    assert dict.fromkeys(wanted, 1) == dict(Counter(post.title for post in app.state.vendor.posts))
    assert {sha256(b"".join(PHOTOS)).hexdigest()} == {post.sha256 for post in app.state.vendor.posts}
