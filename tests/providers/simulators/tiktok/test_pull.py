"""Pulls with pull_media, from a server on a socket (reference §3.6 and §3.9).

Owns: which media the simulated vendor accepts, and when it gives up. Knows nothing of our gateway.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from providers.simulators.serving import serve
from providers.simulators.tiktok import SimulatorConfig, create_app
from providers.simulators.tiktok.pull import LARGEST_PHOTO
from tests.fixtures.clock import Clock
from tests.fixtures.waiting import until
from tests.providers.simulators.tiktok.test_photos import CANCEL, INIT, photos
from tests.providers.simulators.tiktok.world import API, World

BLOCK = bytes(1_000_000)


@dataclass
class Server:
    """The web server of a caller: the requests it got, and those that wait in it."""

    asked: list[str] = field(default_factory=list)
    waiting: int = 0
    url: str = ""

    async def answer(self, request: Request) -> Response:
        """Return the response that the name of the file selects."""
        name = request.path_params["name"]
        self.asked.append(name)
        if name == "moved":
            return RedirectResponse("/a.jpg", 302)
        if name == "large.jpg":
            return StreamingResponse(self._blocks(LARGEST_PHOTO // len(BLOCK) + 1), media_type="image/jpeg")
        if name in ("short.jpg", "endless.jpg"):
            pieces = self._short() if name == "short.jpg" else self._stuck()
            return StreamingResponse(pieces, headers={"content-length": "4000"}, media_type="image/jpeg")
        kinds = {"jpg": "image/jpeg", "webp": "image/webp", "mp4": "video/mp4; codecs=avc1", "png": "image/png"}
        kind = kinds.get(name.rpartition(".")[2])
        return Response(name.encode(), 404 if name == "missing.jpg" else 200, {"content-type": kind} if kind else {})

    async def _blocks(self, count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield BLOCK

    async def _short(self) -> AsyncIterator[bytes]:
        yield b"half of it"

    async def _stuck(self) -> AsyncIterator[bytes]:
        self.waiting += 1
        try:
            yield b"half of it"
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


@asynccontextmanager
async def pulling(**values: Any) -> AsyncIterator[tuple[World, Server]]:
    """Yield a simulator that fetches, and a server to fetch from."""
    server, clock = Server(), Clock()
    async with serve(Starlette(routes=[Route("/{name}", server.answer)])) as server.url:
        verified = (server.url, "http://media.example/")
        config = SimulatorConfig(pull_media=True, processing_seconds=0, verified_urls=verified, **values)
        app = create_app(config, clock=clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=API) as http:
            world = World(app.state.vendor, http, clock)
            world.token = world.grant()
            try:
                yield world, server
            finally:
                await app.state.vendor.aclose()


async def begun(tiktok: World, *urls: str) -> str:
    """Begin a photo post of these URLs and return its publish_id."""
    answer = await tiktok.call(INIT, photos(photo_images=list(urls)))
    return str(answer.json()["data"]["publish_id"])


async def outcome(tiktok: World, publish_id: str) -> tuple[str, str | None]:
    """Return status and fail reason."""
    seen = await tiktok.status(publish_id)
    return seen["status"], seen.get("fail_reason")


async def test_photos_are_fetched_in_order_and_hashed_together() -> None:
    """Photos are fetched once, in order; hash and size in the ledger are of all bytes."""
    async with pulling() as (tiktok, server):
        publish_id = await begun(tiktok, *(f"{server.url}/{name}" for name in ("a.jpg", "b.webp", "c.jpg")))
        await tiktok.vendor.idle()
        assert ("PUBLISH_COMPLETE", None) == await outcome(tiktok, publish_id)
        assert 5 + 6 + 5 == (await tiktok.status(publish_id))["downloaded_bytes"]
    assert ["a.jpg", "b.webp", "c.jpg"] == server.asked
    assert [(hashlib.sha256(b"a.jpgb.webpc.jpg").hexdigest(), 16)] == [
        (post.sha256, post.size) for post in tiktok.vendor.posts
    ]


async def test_a_video_is_fetched() -> None:
    """A video is fetched from one URL; its content type may have parameters."""
    async with pulling() as (tiktok, server):
        await tiktok.direct({"source": "PULL_FROM_URL", "video_url": f"{server.url}/v.mp4"})
        await tiktok.vendor.idle()
        assert [hashlib.sha256(b"v.mp4").hexdigest()] == [post.sha256 for post in tiktok.vendor.posts]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.jpg", "photo_pull_failed"),
        ("moved", "photo_pull_failed"),
        ("short.jpg", "photo_pull_failed"),
        ("picture.png", "file_format_check_failed"),
        ("video.mp4", "file_format_check_failed"),
        ("untyped", "file_format_check_failed"),
        ("large.jpg", "picture_size_check_failed"),
    ],
)
async def test_one_bad_photo_fails_the_whole_post(name: str, reason: str) -> None:
    """A missing, moved, truncated, wrong or too large photo fails the post and ends the fetching."""
    async with pulling() as (tiktok, server):
        publish_id = await begun(tiktok, *(f"{server.url}/{each}" for each in ("a.jpg", name, "c.jpg")))
        await tiktok.vendor.idle()
        assert ("FAILED", reason) == await outcome(tiktok, publish_id)
    assert ["a.jpg", name] == server.asked
    assert [] == tiktok.vendor.posts


async def test_only_this_machine_is_fetched_from_without_tls() -> None:
    """Even a verified prefix of another host is not fetched over plain http."""
    async with pulling() as (tiktok, _):
        publish_id = await begun(tiktok, "http://media.example/a.jpg")
        await tiktok.vendor.idle()
        assert ("FAILED", "photo_pull_failed") == await outcome(tiktok, publish_id)


async def test_a_pull_ends_after_an_hour() -> None:
    """A pull from a server that stalls fails after an hour of the vendor's clock."""
    async with pulling() as (tiktok, server):
        publish_id = await begun(tiktok, f"{server.url}/endless.jpg")
        await until(lambda: server.waiting == 1)
        tiktok.clock.advance(3_599)
        assert ("PROCESSING_DOWNLOAD", None) == await outcome(tiktok, publish_id)
        tiktok.clock.advance(1)
        assert ("FAILED", "photo_pull_failed") == await outcome(tiktok, publish_id)
    await until(lambda: server.waiting == 0)
    assert [] == tiktok.vendor.posts


async def test_a_cancelled_pull_posts_nothing() -> None:
    """Bytes that arrive after the cancellation change nothing."""
    async with pulling() as (tiktok, server):
        publish_id = await begun(tiktok, f"{server.url}/endless.jpg")
        await until(lambda: server.waiting == 1)
        assert 200 == (await tiktok.call(CANCEL, {"publish_id": publish_id})).status_code
        tiktok.clock.advance(7_200)
        assert ("FAILED", "publish_cancelled") == await outcome(tiktok, publish_id)
    assert [] == tiktok.vendor.posts
