"""A server has every address that its setting stands for, or does not start: gRPC and HTTP alike.

Owns the proofs of `gateway/addresses.py` with real sockets.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest

from gateway import addresses
from gateway.http.serving import HttpServer
from tests.rpc.serving import serving
from tests.rpc.test_server import a_service

SETTING = "GATEWAY_HTTP_ADDRESS"
LOOPBACKS = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


def listening(host: str, port: int = 0) -> socket.socket:
    """Return a socket of another process that listens on this address alone."""
    taken = socket.socket(LOOPBACKS[host], socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((host, port))
    taken.listen()
    return taken


def is_free(host: str, port: int) -> bool:
    """Return whether nobody listens on an address."""
    with socket.socket(LOOPBACKS[host], socket.SOCK_STREAM) as probe:
        return probe.connect_ex((host, port)) != 0


@asynccontextmanager
async def grpc_on(address: str) -> AsyncIterator[int]:
    """Serve gRPC on an address."""
    async with serving(a_service(), grpc_address=address) as served:
        yield served.server.port


@asynccontextmanager
async def http_on(address: str) -> AsyncIterator[int]:
    """Serve HTTP on an address."""

    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        raise AssertionError("nobody asks")

    server = await HttpServer.start(app, address)
    try:
        yield server.port
    finally:
        await server.stop()


BOTH = pytest.mark.parametrize("serve", [grpc_on, http_on], ids=["grpc", "http"])


@BOTH
@pytest.mark.parametrize("host", LOOPBACKS)
@pytest.mark.parametrize("name", ["localhost", "[::]"])
async def test_half_an_address_is_a_refusal(serve: Any, host: str, name: str) -> None:
    """Where another process has one of the addresses that a name stands for, the start fails and says which."""
    with closing(listening(host)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises((OSError, RuntimeError), match=rf"GATEWAY_\w+_ADDRESS .*:{port}: .*:{port}: .*in use"):
            async with serve(f"{name}:{port}"):
                pass
        other = next(each for each in LOOPBACKS if each != host)
        assert is_free(other, port)


@BOTH
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST"])
async def test_a_name_stands_for_all_its_addresses(serve: Any, name: str) -> None:
    """`localhost` is both loopback addresses, on one port, also when the port is picked."""
    async with serve(f"{name}:0") as port:
        assert [False, False] == [is_free(host, port) for host in LOOPBACKS]
    assert [True, True] == [is_free(host, port) for host in LOOPBACKS]


@BOTH
@pytest.mark.parametrize("host", LOOPBACKS)
async def test_an_address_is_itself_alone(serve: Any, host: str) -> None:
    """An IP address is bound by itself; what another process has on the other one does not matter."""
    other = next(each for each in LOOPBACKS if each != host)
    with closing(listening(other)) as taken:
        port = taken.getsockname()[1]
        async with serve(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as bound:
            assert port == bound
            assert not is_free(host, port)


def test_an_address_that_this_machine_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without IPv6 a name whose other address is IPv6 is served; an absent address alone is an error."""

    def resolved(*hosts: str) -> Any:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 0)) for host in hosts]
        return lambda *args, **values: found

    monkeypatch.setattr(socket, "getaddrinfo", resolved("203.0.113.1", "127.0.0.1"))
    with closing(addresses.bind("name.example:0", SETTING)[0]) as bound:
        assert "127.0.0.1" == bound.getsockname()[0]
    monkeypatch.setattr(socket, "getaddrinfo", resolved("203.0.113.1"))
    with pytest.raises(OSError, match=r"GATEWAY_HTTP_ADDRESS name\.example:0"):
        addresses.bind("name.example:0", SETTING)


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1", "no.such.invalid:1"])
def test_what_is_no_address_is_said(address: str) -> None:
    """A malformed address and an unknown name are errors with the setting."""
    with pytest.raises(OSError, match=f"{SETTING} {address}"):
        addresses.bind(address, SETTING)
