"""A gateway killed at every step of a post through TikTok's API for Business: none lost, doubled or stuck.

Owns the list of places, each proved to be reached. The vendor really fetches, from whichever process stands there; its
ledger is the only witness of what was posted.
"""

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from tests.chaos import business, processes
from tests.chaos.test_kill_publish import KILLED
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

COMMITS = ("INTENT", "INIT_SENT", "PROCESSING", "PUBLISHED")
CALLS = ("creator-info", "init", "status")
PLACES = [f"publish.{when}-commit.{state}" for state in COMMITS for when in ("before", "after")]
PLACES += [f"publish.{when}-call.{call}" for call in CALLS for when in ("before", "after")]
PHOTOS = [media.jpeg(720, 1080), media.jpeg(1080, 1080)]
VIDEO = processes.pattern(300_000)


def video_post(account: str, uploads: list[str], place: str, number: int) -> post_service_pb2.CreatePostRequest:
    """Return the request for a public video, which can be found by its caption, the place."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption=place)
    post.video.source.upload = uploads[0]
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=f"v{number}")


def photo_post(account: str, uploads: list[str], place: str, number: int) -> post_service_pb2.CreatePostRequest:
    """Return the request for photos that anybody sees, which can be found by their caption, the place."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption=place)
    for upload in uploads[1:]:
        post.photos.sources.add().upload = upload
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=f"p{number}")


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("kind", ["video", "photos"])
async def test_a_kill_at_any_place_loses_doubles_and_sticks_nothing(
    kind: str, half: int, database_url: str, tmp_path: Path
) -> None:
    """One post per place: the process dies there, another takes over, and each post was made once, of all bytes."""
    gateway = processes.Gateway(database_url, "", tmp_path)
    edge = (f"http://127.0.0.1:{gateway.http_port}/",)
    quick: dict[str, Any] = {"processing_seconds": 0.2, "moderation_seconds": 0.1, "rate_limits": False}
    app = create_app(SimulatorConfig(pull_media=True, verified_urls=edge, **quick))
    request_of = video_post if kind == "video" else photo_post
    async with serve(app) as vendor_url:
        gateway.vendor_url, gateway.settings = vendor_url, business.settings(vendor_url, app.state.vendor)
        async with processes.running(gateway), gateway.client() as client:
            account = (await business.connect(client)).name
            uploads = [await processes.upload(gateway, VIDEO)]
            uploads += [await processes.upload(gateway, photo, "image/jpeg") for photo in PHOTOS]
        wanted = {place: request_of(account, uploads, place, number) for number, place in enumerate(PLACES[half::2])}
        for place, request in wanted.items():
            if place.endswith("creator-info"):
                await forget_settings(database_url)
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                await processes.create_post(gateway, request)
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        async with processes.running(gateway):
            names = [await processes.create_post(gateway, request) for request in wanted.values()]
            states = {name: (await processes.until_final(gateway, name, 90)).state for name in names}

    assert {post_pb2.Post.PUBLISHED} == set(states.values()), states
    assert dict.fromkeys(wanted, 1) == dict(Counter(post.post_info["caption"] for post in app.state.vendor.posts))
    whole = VIDEO if kind == "video" else b"".join(PHOTOS)
    assert {sha256(whole).hexdigest()} == {post.sha256 for post in app.state.vendor.posts}


async def forget_settings(database_url: str) -> None:
    """Delete the creator's settings that are kept for a minute: the next post asks for them."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as database:
        await database.execute("DELETE FROM creator_infos")
