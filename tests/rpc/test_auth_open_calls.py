"""Streams and uploads whose key is revoked, expires or may do less than before: they end as a new call would."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest

from gateway.caller import Caller
from gateway.domain import api_keys
from gateway.domain.media.upload_stream import Writer
from gateway.errors import DeadlineExceeded, LocationForbidden, Unauthenticated
from gateway.interceptors.calls import Call
from gateway.interceptors.open_calls import OpenCalls
from gateway.server import KEYS_EVERY_SECONDS
from socialgateway.v1 import post_service_pb2, post_service_pb2_grpc, upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from storage import api_keys as rows
from storage.database import DatabaseUnavailable
from tests.fixtures.gateway import World
from tests.rpc.answers import assert_error
from tests.rpc.serving import AUTH, CALLERS, posts, serving

WATCH = post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1")


class Watched:
    """A PostService that watches for ever, and has no other method."""

    def __getattr__(self, name: str) -> Any:
        """Serve the other methods by nothing."""

        async def nothing(request: Any, context: Any) -> Any:
            raise NotImplementedError

        return nothing

    async def WatchPost(self, request: Any, context: Any) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Send one message, then wait for ever."""
        yield post_service_pb2.WatchPostResponse(checkpoint=True)
        await asyncio.Event().wait()


class Keys:
    """Knows one key, whose caller or refusal a test changes."""

    def __init__(self) -> None:
        """Admit the key."""
        self.now: Caller | Exception = CALLERS["good"]
        self.asked = asyncio.Event()

    async def __call__(self, key: str) -> Caller:
        """Return the caller as it is now."""
        self.asked.set()
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


REFUSALS = [
    (Unauthenticated(), grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID"),
    (replace(CALLERS["good"], scopes=frozenset({"uploads.read"})), grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"),
]


@pytest.mark.parametrize(("later", "code", "reason"), REFUSALS)
async def test_a_stream_ends_when_its_key_does(later: Any, code: grpc.StatusCode, reason: str) -> None:
    """A watcher whose key is refused from now on, or has lost the scope, gets what a new call gets, within a second."""
    assert KEYS_EVERY_SECONDS < 1
    keys = Keys()
    async with serving(posts(Watched()), known=keys) as served:
        call = post_service_pb2_grpc.PostServiceStub(served.channel).WatchPost(WATCH, metadata=AUTH)
        await call.read()
        keys.now = later
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert_error(caught.value, code, reason)


async def test_a_key_that_cannot_be_checked_may_still_be_good() -> None:
    """While the database does not answer, open streams go on."""
    keys = Keys()
    async with serving(posts(Watched()), known=keys) as served:
        call = post_service_pb2_grpc.PostServiceStub(served.channel).WatchPost(WATCH, metadata=AUTH)
        await call.read()
        keys.now = DatabaseUnavailable("down")
        for _ in range(2):
            keys.asked.clear()
            await keys.asked.wait()
        assert not call.done()
        call.cancel()


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_an_upload_ends_when_its_key_does(gateway: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open upload of a key that is revoked, or expires, ends as UNAUTHENTICATED; what it has received is kept."""
    received, write = asyncio.Event(), Writer.write

    async def noted(self: Writer, piece: Any) -> None:
        await write(self, piece)
        received.set()

    async def messages() -> AsyncIterator[WriteUploadRequest]:
        yield WriteUploadRequest(name=made.name, data=b"x" * 700)
        await asyncio.Event().wait()

    monkeypatch.setattr(Writer, "write", noted)
    client = gateway.client(await gateway.key(expire_time=gateway.clock() + timedelta(hours=1)))
    wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=1000)
    made = await client.call("UploadService/CreateUpload", parent="locations/l1", upload=wanted)
    call: Any = client.uploads.WriteUpload(messages())
    await received.wait()
    if how == "revoked":
        async with gateway.domain.db.read() as tx:
            [row] = await rows.page(tx)
        await api_keys.revoke(gateway.store, row.id)
    else:
        gateway.clock.advance(timedelta(hours=2))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert_error(caught.value, grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID")
    assert 700 == (await gateway.api.call("UploadService/GetUpload", name=made.name)).committed_size


async def test_only_what_lasts_is_ended() -> None:
    """A location that the key lost ends its streams and uploads; a single request goes on to its answer."""

    async def forbidden(caller: Caller) -> None:
        raise LocationForbidden("l1")

    async def admit(key: str) -> Caller:
        return CALLERS["good"]

    async def running(call: Call) -> None:
        opened.enter(call)
        await asyncio.Event().wait()

    opened = OpenCalls()
    made = [
        Call("/m", "r", scope="posts.read", lasting=lasting, header="Bearer key", authorize=authorize)
        for lasting, authorize in ((True, forbidden), (False, forbidden), (True, None))
    ]
    tasks = [asyncio.create_task(running(call)) for call in made]
    await asyncio.sleep(0)
    await opened.check_keys(admit)
    await asyncio.sleep(0)
    assert [True, False, False] == [task.done() for task in tasks]
    assert [LocationForbidden, type(None), type(None)] == [type(call.ended_by) for call in made]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_an_answer_that_is_being_sent_is_not_interrupted() -> None:
    """Ending all calls leaves one alone whose answer is on its way, so that the caller gets it."""
    opened, call = OpenCalls(), Call("/m", "r", answered=True)

    async def running() -> str:
        opened.enter(call)
        await asyncio.sleep(0.01)
        return "answer"

    task = asyncio.create_task(running())
    await asyncio.sleep(0)
    await opened.end_all()
    assert "answer" == await task


async def test_each_call_ends_at_its_own_limit() -> None:
    """One timer ends every call that is too late, the later ones too, and nobody whose limit was lifted."""
    opened = OpenCalls(0.01)
    early, lifted, late = calls = [Call("/m", "r") for _ in range(3)]

    async def running(call: Call) -> None:
        opened.enter(call)
        if call is late:
            await asyncio.sleep(0.02)
        opened.limit(call)
        if call is lifted:
            call.ends = math.inf
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(running(call)) for call in calls]
    await asyncio.wait((tasks[0], tasks[2]))
    assert [DeadlineExceeded, type(None), DeadlineExceeded] == [type(call.ended_by) for call in (early, lifted, late)]
    assert not tasks[1].done()
    tasks[1].cancel()
    await asyncio.wait(tasks)
