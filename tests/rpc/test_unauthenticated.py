"""Callers without a key, and requests that never come: what they may hold of the server.

Owns the proofs of `gateway/interceptors/unauthenticated.py` and of when the frame reads a request.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway import server
from gateway.errors import DeadlineExceeded
from gateway.interceptors import unauthenticated
from socialgateway.v1 import provider_service_pb2
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error
from tests.rpc.serving import AUTH, Served, posts, raw_call, serving
from tests.rpc.test_server import SERVING, Held, a_service, health_of

LIST = "/socialgateway.v1.ProviderService/ListProviders"
CHECK = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
PATIENCE = 20.0
"""What the client waits: longer than any bound of ours here."""


async def never() -> AsyncIterator[bytes]:
    """Send nothing, and do not end either."""
    await asyncio.Event().wait()
    yield b""


def without_body(served: Served, method: str, metadata: Any = None) -> Any:
    """Call a method and keep its request back."""
    call: Any = served.channel.stream_unary(method)
    return call(never(), metadata=metadata, timeout=PATIENCE)


async def test_who_has_no_key_is_refused_before_the_request_comes() -> None:
    """A request that never comes holds no place when its caller has no key, however many there are."""
    async with serving(a_service(), max_calls=4) as served:
        for _ in range(3):
            calls = [without_body(served, LIST) for _ in range(4)]
            codes = [await call.code() for call in calls]
            assert set(codes) <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
            assert grpc.StatusCode.UNAUTHENTICATED in codes
        assert await raw_call(served, LIST, b"")


@pytest.mark.parametrize("method", [LIST, "/socialgateway.v1.PostService/WatchPost"])
async def test_a_request_that_never_comes_ends_at_the_servers_deadline(method: str) -> None:
    """A key does not help either: the request must be there within the deadline, whatever the client's own is."""
    async with serving(a_service(), posts(Held()), deadline_seconds=0.1) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await without_body(served, method, AUTH)
    assert_error(caught.value, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_call_without_a_request_says_so() -> None:
    """Who ends the stream without a message is told what is missing."""
    async with serving(a_service()) as served:
        call: Any = served.channel.stream_unary(LIST)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(iter(()), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="request")


async def test_a_probe_finds_a_place_among_strangers() -> None:
    """However many keep a request of health back, the next probe is answered: the oldest of them makes room."""
    async with serving(a_service()) as served:
        await served.server.set_ready(True)
        held = [without_body(served, CHECK) for _ in range(unauthenticated.MAX_SLOTS + 4)]
        await until(lambda: 4 == sum(call.done() for call in held), unauthenticated.SLOT_SECONDS / 2)
        assert {grpc.StatusCode.DEADLINE_EXCEEDED} == {await call.code() for call in held if call.done()}
        assert SERVING == await health_of(served)
        for call in held:
            call.cancel()


async def test_a_stranger_is_not_waited_for() -> None:
    """A request that needs no key has ten seconds, or less where that was said, to come."""
    held = unauthenticated.UnauthenticatedSlots()
    with pytest.raises(DeadlineExceeded):
        async with held.slot(0.01):
            await asyncio.Event().wait()


async def test_reflection_does_not_stay_open() -> None:
    """A stream of questions about the contract ends at the deadline."""
    async with serving(a_service(), deadline_seconds=0.1) as served:
        call: Any = served.channel.stream_stream(REFLECTION)
        assert grpc.StatusCode.DEADLINE_EXCEEDED == await call(never(), timeout=PATIENCE).code()


async def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and does not begin to speak HTTP/2 is disconnected."""
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.2)
    async with serving(a_service()) as served:
        reader, writer = await asyncio.open_connection("localhost", served.server.port)
        async with asyncio.timeout(PATIENCE):
            while await reader.read(1024):
                pass
        writer.close()


async def test_a_message_far_too_large_is_refused_by_the_transport() -> None:
    """What is beyond twice the limit is not even read: RESOURCE_EXHAUSTED, and the connection goes on."""
    request = provider_service_pb2.GetProviderRequest(name="x" * (11 * 1024 * 1024)).SerializeToString()
    async with serving(a_service()) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(served, "/socialgateway.v1.ProviderService/GetProvider", request)
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == caught.value.code()
        assert "larger than max" in (caught.value.details() or "")
        assert await raw_call(served, LIST, b"")
