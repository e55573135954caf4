"""A gateway killed around the one call that may publish: photos that the vendor fetches from the gateway itself.

Owns the list of places, each proved to be reached. The vendor really fetches, from whichever process stands there; its
ledger is the only witness of what was posted.
"""

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from providers.http import trust
from providers.http.transport import AiohttpTransport
from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import KILLED, vendor_config
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def _places(commits: tuple[str, ...], call: str) -> list[str]:
    places = [f"publish.{when}-commit.{state}" for state in commits for when in ("before", "after")]
    return places + [f"publish.{when}-call.{call}" for when in ("before", "after")]


# Until the id is stored, a post is made again only if the vendor fetched nothing; what it fetched is in doubt.
UNFETCHED = _places(("INTENT", "INIT_SENT", "PROCESSING"), "init")
FETCHED = _places(("PUBLISHED",), "status")
PLACES = UNFETCHED + FETCHED
ACCOUNTS = 4
PUBLISHED = post_pb2.Post.PUBLISHED
PHOTOS = [media.jpeg(720, 1080), media.jpeg(1080, 1080)]


class Outgoing(httpx.AsyncBaseTransport):
    """The vendor's connection to the gateway, on which it fetches nothing unless `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.network = AiohttpTransport(trust.context())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request as soon as the connection is open."""
        await self.open.wait()
        return await self.network.handle_async_request(request)


def request_of(account: str, uploads: list[str], place: str, number: int) -> post_service_pb2.CreatePostRequest:
    """Return the request for a post of both photos, whose title is the place."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT)
    post.photos.title = place
    for upload in uploads:
        post.photos.sources.add().upload = upload
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=f"p{number}")


async def killed(gateway: processes.Gateway, place: str, request: post_service_pb2.CreatePostRequest) -> None:
    """Create the post with a process that dies at the place."""
    async with processes.running(gateway, failpoint=f"{place}=kill"):
        await processes.create_post(gateway, request)
        assert KILLED == await gateway.died(20), f"{place} was not reached"


async def unpublished(gateway: processes.Gateway, requests: list[post_service_pb2.CreatePostRequest]) -> dict[str, str]:
    """Let a process finish the posts; return the error or state of those that are not published then, by title."""
    async with processes.running(gateway):
        names = [await processes.create_post(gateway, request) for request in requests]
        posts = [await processes.until_final(gateway, name, 90) for name in names]
    return {post.photos.title: str(post.error) or str(post.state) for post in posts if post.state != PUBLISHED}


async def test_a_kill_around_the_one_call_loses_doubles_and_sticks_nothing(database_url: str, tmp_path: Path) -> None:
    """One post per place: the process dies there, another takes over, and each post was made once, of all bytes."""
    gateway, outgoing = processes.Gateway(database_url, "", tmp_path), Outgoing()
    config = replace(vendor_config(), pull_media=True, verified_urls=(f"http://127.0.0.1:{gateway.http_port}/",))
    app = create_app(config, transport=outgoing)
    async with aclosing(outgoing.network), serve(app) as vendor_url:
        gateway.vendor_url = vendor_url
        async with processes.running(gateway):
            accounts = await processes.connect_many(gateway, app.state.vendor, ACCOUNTS)
            uploads = [await processes.upload(gateway, photo, "image/jpeg") for photo in PHOTOS]
        wanted = {
            place: request_of(accounts[number % ACCOUNTS], uploads, place, number)
            for number, place in enumerate(PLACES)
        }
        for place in UNFETCHED:
            outgoing.open.clear()
            await killed(gateway, place, wanted[place])
            outgoing.open.set()
            await app.state.vendor.idle()
        assert {} == await unpublished(gateway, [wanted[place] for place in UNFETCHED])
        for place in FETCHED:
            await killed(gateway, place, wanted[place])
        assert {} == await unpublished(gateway, [wanted[place] for place in FETCHED])

    assert dict.fromkeys(wanted, 1) == dict(Counter(post.title for post in app.state.vendor.posts))
    assert {sha256(b"".join(PHOTOS)).hexdigest()} == {post.sha256 for post in app.state.vendor.posts}
