"""Two gateways that are restarted one after the other under load: clients with the shipped service config see nothing.

Owns the proof of what docs/operations.md says about rolling restarts.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import event_service_pb2, post_pb2, upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.chaos.processes import LOCATION, Gateway, connect, new_post, pattern, running, until_final, upload
from tests.chaos.test_kill_publish import vendor_config
from tests.fixtures import media
from tests.fixtures.client import Client
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

CONFIG = (Path(__file__).parents[2] / "protos" / "service_config.json").read_text()
CALLERS, PAUSE = 40, 0.2
"""Forty callers, each five times a second: 200 calls a second."""

CALLS_SEEN = 400
"""How many more calls must end between two restarts, and after the last one."""


class Load:
    """Callers who share one channel to both gateways and call until they are told to stop."""

    def __init__(self, client: Client, account: str, uploaded: str) -> None:
        """Call nothing yet."""
        self.ends: Counter[str] = Counter()
        self.posts: list[str] = []
        self._client, self._account, self._uploaded = client, account, uploaded
        self._over = asyncio.Event()

    @property
    def count(self) -> int:
        """How many calls have ended."""
        return self.ends.total()

    def stop(self) -> None:
        """Make no more calls."""
        self._over.set()

    async def run(self) -> None:
        """Call until the stop."""
        calls: list[Callable[[], Awaitable[object]]] = [self._list, self._read, self._reserve, self._validate]
        await asyncio.gather(*(self._repeat(calls[number % len(calls)]) for number in range(CALLERS)), self._publish())

    async def _repeat(self, call: Callable[[], Awaitable[object]]) -> None:
        while not self._over.is_set():
            began = asyncio.get_running_loop().time()
            await self._count(call)
            await asyncio.sleep(max(0.0, began + PAUSE - asyncio.get_running_loop().time()))

    async def _count(self, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
            self.ends["OK"] += 1
        except grpc.aio.AioRpcError as error:
            self.ends[f"{call}: {error.code().name} {error.details()}"] += 1

    async def _list(self) -> object:
        return await self._client.call("PostService/ListPosts", parent=LOCATION, page_size=5)

    async def _read(self) -> object:
        return await self._client.call("UploadService/GetUpload", name=self._uploaded)

    async def _reserve(self) -> object:
        wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=1000)
        return await self._client.call(
            "UploadService/CreateUpload", parent=LOCATION, upload=wanted, request_id=str(uuid4())
        )

    async def _validate(self) -> object:
        request = new_post(self._account, self._uploaded, "tried", "")
        request.validate_only = True
        return await self._client.posts.CreatePost(request, timeout=20)

    async def _publish(self) -> None:
        """Create a post every other second: TikTok takes six in a minute."""
        while not self._over.is_set():
            id = f"rolling-{len(self.posts)}"
            await self._count(partial(self._create, id))
            self.posts.append(f"{LOCATION}/posts/{id}")
            await asyncio.sleep(2)

    async def _create(self, id: str) -> post_pb2.Post:
        request = new_post(self._account, self._uploaded, f"caption {id}", id)
        request.request_id = str(uuid4())
        return await self._client.posts.CreatePost(request, timeout=20)


def only_unavailable(error: grpc.aio.AioRpcError) -> None:
    """Raise what is not UNAVAILABLE: a stream that a restart ends says this, and nothing else."""
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        raise error


async def write_slowly(client: Client, data: bytes, over: asyncio.Event) -> int:
    """Upload a file that is longer on its way than both restarts take, and return in how many calls."""
    wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=len(data))
    name = (await client.call("UploadService/CreateUpload", parent=LOCATION, upload=wanted)).name
    for calls in range(1, 100):
        begin = (await client.call("UploadService/GetUpload", name=name)).committed_size

        async def messages(begin: int = begin) -> AsyncIterator[WriteUploadRequest]:
            at, piece = begin, 50_000
            while at < len(data):
                if at + piece >= len(data):
                    await over.wait()
                done = at + piece >= len(data)
                yield WriteUploadRequest(name=name, write_offset=at, data=data[at : at + piece], finish=done)
                at += piece
                await asyncio.sleep(0.05)

        try:
            written = await client.uploads.WriteUpload(messages())
        except grpc.aio.AioRpcError as error:
            only_unavailable(error)
            continue
        assert upload_pb2.Upload.COMPLETE == written.state
        return calls
    raise AssertionError("the upload never ended")


async def collect_events(client: Client, seen: list[str]) -> None:
    """Collect the names of a location's events, from the first on, with as many streams as it takes."""
    cursor = ""
    while True:
        request = event_service_pb2.StreamEventsRequest(parent=LOCATION, start_cursor=cursor)
        try:
            async for message in client.events.StreamEvents(request):
                seen += [each.name for each in message.events]
                cursor = message.cursor
        except grpc.aio.AioRpcError as error:
            only_unavailable(error)


def replica(database_url: str, vendor_url: str, folder: Path, name: str) -> Gateway:
    """Return a gateway that shares its database and its uploads with others."""
    own = folder / name
    own.mkdir()
    settings = {
        "GATEWAY_BLOB_URL": (folder / "blobs").as_uri(),
        "GATEWAY_MAX_CALLS_PER_KEY": "1000",
        "GATEWAY_DRAIN_DELAY_SECONDS": "5",
        "GATEWAY_DRAIN_SECONDS": "5",
    }
    return Gateway(database_url, vendor_url, own, settings=settings)


async def some_calls(load: Load) -> None:
    """Wait until CALLS_SEEN more calls have ended."""
    seen = load.count
    await until(lambda: load.count >= seen + CALLS_SEEN, 60)


async def listed_events(client: Client) -> list[Any]:
    """Return all events of the location."""
    found, token = [], ""
    while True:
        page = await client.call("EventService/ListEvents", parent=LOCATION, page_token=token)
        found += page.events
        if not (token := page.next_page_token):
            return found


async def restart(gateway: Gateway) -> None:
    """Restart a process as a deployment does: SIGTERM, until it has ended by itself, and a new one."""
    await gateway.stop(signal.SIGTERM)
    assert gateway.process is not None
    assert gateway.process.returncode == 0
    await gateway.start()


async def test_two_gateways_are_restarted_under_load_and_no_call_fails(database_url: str, tmp_path: Path) -> None:
    """Of 200 calls a second none fails, an upload and a stream of events go on, and every post is published once."""
    app = create_app(vendor_config())
    async with AsyncExitStack() as stack:
        vendor_url = await stack.enter_async_context(serve(app))
        pair = [await stack.enter_async_context(running(replica(database_url, vendor_url, tmp_path, n))) for n in "ab"]
        account = await connect(pair[0])
        uploaded = await upload(pair[0], media.clip())
        target = "ipv4:" + ",".join(f"127.0.0.1:{each.grpc_port}" for each in pair)
        client = await stack.enter_async_context(Client(target, options=[("grpc.service_config", CONFIG)]))
        load, over, events = Load(client, account, uploaded), asyncio.Event(), list[str]()
        streaming = asyncio.create_task(collect_events(client, events))
        stack.callback(streaming.cancel)
        calling = asyncio.create_task(load.run())
        writing = asyncio.create_task(write_slowly(client, pattern(8_000_000), over))
        for gateway in pair:
            await some_calls(load)
            await restart(gateway)
        await some_calls(load)
        load.stop()
        over.set()
        await calling
        times_begun = await writing
        assert ["OK"] == list(load.ends), load.ends
        states = {(await until_final(pair[0], name, 60)).state for name in load.posts}
        told = [each.name for each in (await listed_events(client))]
        await until(lambda: events[-1:] == told[-1:], 30)

    assert times_begun > 1
    assert {post_pb2.Post.PUBLISHED} == states
    assert len(load.posts) == len(app.state.vendor.posts) > 0
    assert told[-len(events) :] == events
