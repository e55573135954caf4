"""A gateway frozen between the commit of a submit of photos and the call, and woken when they are posted.

Owns the proof that a proof that nobody can fetch an attempt's media holds against whoever makes its links later.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import post_pb2
from tests.chaos import processes
from tests.chaos.test_frozen_worker import until_frozen
from tests.chaos.test_kill_photos import PHOTOS, request_of
from tests.chaos.test_kill_publish import vendor_config

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.mark.parametrize("place", ["publish.after-commit.INIT_SENT", "publish.before-call.init"])
async def test_a_woken_worker_gives_the_vendor_nothing_to_fetch(place: str, database_url: str, tmp_path: Path) -> None:
    """The post is made once, by the one that took over; nobody can fetch what the woken one submits late."""
    (tmp_path / "other").mkdir()
    sleeper = processes.Gateway(database_url, "", tmp_path)
    blobs = {"GATEWAY_BLOB_URL": (tmp_path / "blobs").as_uri()}
    other = processes.Gateway(database_url, "", tmp_path / "other", settings=blobs)
    urls = tuple(f"http://127.0.0.1:{gateway.http_port}/" for gateway in (sleeper, other))
    app = create_app(replace(vendor_config(), pull_media=True, verified_urls=urls))
    async with serve(app) as vendor_url:
        sleeper.vendor_url = other.vendor_url = vendor_url
        async with processes.running(sleeper):
            account = await processes.connect(sleeper)
            uploads = [await processes.upload(sleeper, photo, "image/jpeg") for photo in PHOTOS]
        async with processes.running(sleeper, failpoint=f"{place}=stop"):
            name = await processes.create_post(sleeper, request_of(account, uploads, place, 1))
            await until_frozen(sleeper)
            async with processes.running(other):
                post = await processes.until_final(other, name, 60)
                sleeper.wake()
                await asyncio.sleep(2)
                await app.state.vendor.idle()
                after = await processes.until_final(sleeper, name, 20)

    assert (post_pb2.Post.PUBLISHED, 2) == (post.state, post.attempt_count), post.error
    assert post_pb2.Post.PUBLISHED == after.state
    assert [sha256(b"".join(PHOTOS)).hexdigest()] == [made.sha256 for made in app.state.vendor.posts]
