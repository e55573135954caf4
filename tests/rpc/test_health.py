"""Health over gRPC when its watchers behave badly, or are too many.

Owns the proofs of `gateway/rpc/health.py`; that it follows the server's life is proved in `test_server.py`.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from gateway.interceptors import calls
from gateway.rpc.health import HealthService
from gateway.server import WATCHED_SECONDS
from tests.fixtures.waiting import until
from tests.rpc.serving import serving
from tests.rpc.test_server import NOT_SERVING, SERVING, a_service, health_of

UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
WATCH = "/grpc.health.v1.Health/Watch"
WHOLE = health_pb2.HealthCheckRequest()


# No client library opens a call and never reads its answer, so a few frames of HTTP/2 are written by hand (RFC 9113,
# and RFC 7541 without compression).
HEADERS, SETTINGS = 1, 4
_END_HEADERS, _ACK = 4, 1
_INITIAL_WINDOW = 4
_EMPTY_MESSAGE = b"\0\0\0\0\0"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _header(name: str, value: str) -> bytes:
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _opening(path: str) -> bytes:
    """Return a connection's first bytes: flow-control windows of 0, and one call with an empty message."""
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x"}
    headers |= {"content-type": "application/grpc", "te": "trailers"}
    block = b"".join(_header(name, value) for name, value in headers.items())
    closed = _frame(SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, 0))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return preface + closed + _frame(HEADERS, _END_HEADERS, 1, block) + _frame(0, 1, 1, _EMPTY_MESSAGE)


@asynccontextmanager
async def silent_call(port: int, path: str) -> AsyncIterator[None]:
    """Call a method and read nothing of its answer but the headers, for the length of a block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_opening(path))
    kind = None
    while kind != HEADERS:
        head = await reader.readexactly(9)
        kind = head[3]
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not head[4] & _ACK:
            writer.write(_frame(SETTINGS, _ACK, 0))
    try:
        yield
    finally:
        writer.close()


def watch(service: HealthService, name: str = "") -> Any:
    """Watch without a server."""
    return service.Watch(health_pb2.HealthCheckRequest(service=name), None)


async def test_a_watcher_who_does_not_read_holds_nobody_up() -> None:
    """Another watcher, whoever checks, and the drain hear of every change, although one watcher takes nothing."""
    async with serving(a_service()) as served, silent_call(served.server.port, WATCH):
        other = health_pb2_grpc.HealthStub(served.channel).Watch(WHOLE)
        async with asyncio.timeout(10):
            assert NOT_SERVING == (await other.read()).status
            await served.server.set_ready(True)
            assert SERVING == (await other.read()).status
            assert SERVING == await health_of(served)
            await served.server.set_ready(False)
            assert NOT_SERVING == (await other.read()).status
            other.cancel()
            await served.server.drain(delay=0, grace=0)


async def test_a_watcher_who_goes_without_reading_is_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks while something is being sent ends its call as CANCELLED, not as INTERNAL."""
    ended: list[str] = []
    monkeypatch.setattr(calls, "write_line", lambda call, quiet: ended.append(call.code))
    async with serving(a_service()) as served:
        async with silent_call(served.server.port, WATCH):
            await until(lambda: 1 == served.server.health.watchers)
        await until(lambda: bool(ended))
    assert ["CANCELLED"] == ended


async def test_every_service_is_listed() -> None:
    """List returns the status of the server and of each service."""
    async with serving(a_service()) as served:
        await served.server.set_ready(True)
        found = (await health_pb2_grpc.HealthStub(served.channel).List(health_pb2.HealthListRequest())).statuses
    assert {"": SERVING, "socialgateway.v1.ProviderService": SERVING} == {name: found[name].status for name in found}


async def test_a_service_that_is_not_here_may_be_watched() -> None:
    """A service is SERVICE_UNKNOWN until its status is set, as the protocol requires."""
    service = HealthService()
    watching = watch(service, "a.Service")
    assert UNKNOWN == (await anext(watching)).status
    service.set_status(["a.Service"], serving=True)
    assert SERVING == (await anext(watching)).status


async def test_a_slow_watcher_hears_the_newest() -> None:
    """A slow watcher receives the newest status, and none if it changed back meanwhile."""
    service = HealthService()
    service.set_status([""], serving=False)
    watching = watch(service)
    assert NOT_SERVING == (await anext(watching)).status
    for serving_ in (True, False, True):
        service.set_status([""], serving=serving_)
    assert SERVING == (await anext(watching)).status


async def test_watchers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would be one too many hears UNIMPLEMENTED, as of a server without health; a place is free when its watcher
    goes.
    """
    async with serving(a_service()) as served:
        monkeypatch.setattr(served.server.health, "_max_watchers", 1)
        stub = health_pb2_grpc.HealthStub(served.channel)
        first = stub.Watch(WHOLE)
        assert NOT_SERVING == (await first.read()).status
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Watch(WHOLE).read()
        assert grpc.StatusCode.UNIMPLEMENTED is caught.value.code()
        first.cancel()
        await until(lambda: 0 == served.server.health.watchers)
        assert NOT_SERVING == (await stub.Watch(WHOLE).read()).status


@pytest.mark.parametrize(("watched", "seconds"), [(True, WATCHED_SECONDS), (False, 0.0)])
async def test_a_stop_waits_for_those_who_watch(watched: bool, seconds: float) -> None:
    """Unless the operator says how long, clients that watch health get seconds to go elsewhere, and a stop without any
    waits for nobody.
    """
    paused: list[float] = []

    async def sleep(how_long: float) -> None:
        paused.append(how_long)

    async with serving(a_service()) as served:
        if watched:
            watching = health_pb2_grpc.HealthStub(served.channel).Watch(WHOLE)
            await watching.read()
        await served.server.drain(delay=None, grace=0, sleep=sleep)
    assert [seconds] == paused
