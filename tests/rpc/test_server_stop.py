"""A stop under load: how calls end that arrive during it, run over its end, or have not been received yet.

Owns the proofs of `gateway/sockets.py` and of the drain in `gateway/server.py`, with real channels that repeat nothing.
"""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway import sockets
from gateway.rpc.providers import ProviderService
from gateway.server import GrpcServer
from providers.capabilities import CapabilityTable, Limits
from socialgateway.v1 import provider_pb2, provider_service_pb2
from socialgateway.v1 import provider_service_pb2_grpc as provider_grpc
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error, trailer
from tests.rpc.certificates import make_certificate
from tests.rpc.serving import AUTH, providers, serving

LIST = provider_service_pb2.ListProvidersRequest()
GET = provider_service_pb2.GetProviderRequest(name="providers/tiktok")
ALONE = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
"""A connection of its own, and no repeats: those would hide how calls end."""

CHANNELS, CALLERS = 4, 4


def a_service() -> Any:
    """Serve an empty table."""
    return providers(ProviderService({"tiktok": CapabilityTable("tiktok", "TikTok", {}, Limits())}, b"s" * 32))


class Held(provider_grpc.ProviderServiceServicer):
    """A ProviderService whose GetProvider waits until it is let go."""

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self.inside = asyncio.Event()
        self.release = asyncio.Event()

    async def GetProvider(self, request: Any, context: Any) -> provider_pb2.Provider:
        """Wait, then answer."""
        self.inside.set()
        await self.release.wait()
        return provider_pb2.Provider(name=request.name)

    async def ListProviders(self, request: Any, context: Any) -> Any:
        """Answer at once."""
        return provider_service_pb2.ListProvidersResponse()


async def _ends_under_load(server: GrpcServer, connect: Callable[[], grpc.aio.Channel]) -> Counter[str]:
    """Stop a server while callers call without a pause; count how their calls ended."""
    ends: Counter[str] = Counter()
    stopped = asyncio.Event()

    async def call(channel: grpc.aio.Channel) -> None:
        stub = provider_grpc.ProviderServiceStub(channel)
        while not stopped.is_set():
            try:
                await stub.ListProviders(LIST, metadata=AUTH)
                ends["OK"] += 1
            except grpc.aio.AioRpcError as error:
                ends[error.code().name] += 1
                await asyncio.sleep(0.001)

    channels = [connect() for _ in range(CHANNELS)]
    callers = [asyncio.create_task(call(channel)) for channel in channels for _ in range(CALLERS)]
    await until(lambda: ends["OK"] > 200)
    await server.drain(delay=0, grace=10)
    stopped.set()
    await asyncio.gather(*callers)
    for channel in channels:
        await channel.close()
    return ends


@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
async def test_calls_that_arrive_during_a_stop_end_as_unavailable(way: str, tmp_path: Path) -> None:
    """Over every kind of connection, a call of a busy client ends as OK or UNAVAILABLE, never as CANCELLED."""
    values: dict[str, Any] = {}
    if way == "tls":
        certificate = make_certificate(tmp_path, "first")
        values = {"tls_cert": certificate.cert, "tls_key": certificate.key}
    if way == "unix":
        values = {"grpc_address": f"unix:{tmp_path}/s"}
    async with serving(a_service(), **values) as served:

        def connect() -> grpc.aio.Channel:
            if way == "tls":
                target = f"localhost:{served.server.port}"
                return grpc.aio.secure_channel(target, certificate.trusted(), options=ALONE)
            address = values.get("grpc_address", f"127.0.0.1:{served.server.port}")
            return grpc.aio.insecure_channel(address, options=ALONE)

        ends = await _ends_under_load(served.server, connect)
    assert {"OK", "UNAVAILABLE"} == set(ends)


async def test_a_call_that_outlasts_the_grace_is_told_so() -> None:
    """A call that still runs when the grace is over ends as UNAVAILABLE with its request id, not as CANCELLED."""
    servicer = Held()
    async with serving(providers(servicer)) as served:
        running = asyncio.ensure_future(
            provider_grpc.ProviderServiceStub(served.channel).GetProvider(GET, metadata=AUTH)
        )
        await servicer.inside.wait()
        await served.server.drain(delay=0, grace=0)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await running
    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
    assert trailer(caught.value, "x-request-id")


async def test_connections_without_calls_are_closed_first() -> None:
    """While a call runs on one connection, the others are closed: their clients connect elsewhere at once."""
    servicer = Held()
    async with serving(providers(servicer), channel_options=ALONE) as served:
        idle = grpc.aio.insecure_channel(f"127.0.0.1:{served.server.port}", options=ALONE)
        await provider_grpc.ProviderServiceStub(idle).ListProviders(LIST, metadata=AUTH)
        stub = provider_grpc.ProviderServiceStub(served.channel)
        running = asyncio.ensure_future(stub.GetProvider(GET, metadata=AUTH))
        await servicer.inside.wait()
        draining = asyncio.create_task(served.server.drain(delay=0, grace=60))
        while idle.get_state() is grpc.ChannelConnectivity.READY:
            await idle.wait_for_state_change(grpc.ChannelConnectivity.READY)
        assert not draining.done()
        servicer.release.set()
        assert GET.name == (await running).name
        await draining
        await idle.close()


def test_an_answer_on_its_way_arrives() -> None:
    """A connection whose client has not received everything yet is not closed; it is once the client has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = sockets.of_address("127.0.0.1:0", listener.getsockname()[1])
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as served:
            served.setblocking(False)
            sent = 0
            with suppress(BlockingIOError):
                while True:
                    sent += served.send(b"x" * 100_000)
            assert 1 == ours.close_idle(())
            while sent:
                sent -= len(client.recv(1_000_000))
            while ours.close_idle(()):
                pass
            assert b"" == client.recv(1)


async def test_a_port_that_is_closed_is_only_ours(tmp_path: Path) -> None:
    """Closing one server's listener and connections touches no other socket of the process."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as mine:
        ours = sockets.of_address("127.0.0.1:0", mine.getsockname()[1])
        with (
            socket.create_connection(other.getsockname()) as theirs,
            socket.create_connection(mine.getsockname()) as client,
        ):
            accepted, _ = mine.accept()
            ours.stop_listening()
            key = sockets.peer_key(f"ipv4:127.0.0.1:{client.getsockname()[1]}")
            assert (1, 0) == (ours.close_idle({key}), ours.close_idle(()))
            assert b"" == client.recv(1)
            served, _ = other.accept()
            with served, accepted:
                served.send(b"x")
                assert b"x" == theirs.recv(1)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", ours.local)).close()


def test_addresses_of_every_kind_are_known() -> None:
    """A TCP port, a Unix socket by its path or its abstract name, and a vsock port name the sockets to look for."""
    wanted = {"127.0.0.1:0": 5, "[::]:0": 5, "unix:/run/s": "/run/s", "unix:///run/s": "/run/s"}
    wanted |= {"unix-abstract:name": b"\0name", "vsock:3:77": 77}
    assert wanted == {address: sockets.of_address(address, 5).local for address in wanted}
    assert ["5", "7", ""] == [sockets.peer_key(peer) for peer in ("ipv4:1.2.3.4:5", "ipv6:%5B::1%5D:7", "unix:")]


async def test_no_descriptor_is_lost(tmp_path: Path) -> None:
    """A stop leaves as many descriptors open as there were before the start."""
    before = len(os.listdir("/dev/fd"))
    async with serving(a_service()) as served:
        await provider_grpc.ProviderServiceStub(served.channel).ListProviders(LIST, metadata=AUTH)
    await until(lambda: len(os.listdir("/dev/fd")) <= before)
