"""How a simulated vendor calls out."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from threading import Thread

import httpx
import pytest

from providers.simulators.common import outgoing
from providers.simulators.tiktok import create_app

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting() -> Iterator[str]:
    """Yield the URL of a server that resets every connection as soon as it is there, as a killed process does."""
    server = socket.create_server(("127.0.0.1", 0), backlog=128)

    def reset_all() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            connection.close()

    thread = Thread(target=reset_all, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


async def test_a_connection_that_is_reset_at_once_always_ends_in_an_http_error(resetting: str) -> None:
    """A thousand fetches of a server that is being killed all raise what the simulators handle."""
    async with outgoing.make_client(create_app().state.vendor, timeout=30) as client:
        for _ in range(20):
            results = await asyncio.gather(*(client.get(resetting) for _ in range(50)), return_exceptions=True)
            assert all(isinstance(result, httpx.TransportError) for result in results), results
