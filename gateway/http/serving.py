"""The HTTP edge on a socket, inside the process's own event loop.

Owns the socket and the server's life. Knows nothing of the pages.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from gateway.http import connection_limits

GRACE_SECONDS = 5
MAX_HEAD_BYTES = 64 * 1024


class _Guest(uvicorn.Server):
    """A server that says when it listens, and leaves the signals to its host."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class HttpServer:
    """A running server; `port` is the one that was really taken."""

    port: int
    _server: _Guest = field(repr=False)
    _task: "asyncio.Task[None]" = field(repr=False)
    _socket: socket.socket = field(repr=False)

    @classmethod
    async def start(cls, app: ASGIApp, address: str) -> "HttpServer":
        """Serve `app` on `host:port` (port 0 takes a free one); raises OSError when it cannot be had."""
        bound = listen(address)
        server = _Guest(_config(app))
        task = asyncio.create_task(server.serve(sockets=[bound]), name="http")
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            listening.cancel()
            bound.close()
            await task
            raise OSError(f"the HTTP edge did not start on {address}")
        return cls(bound.getsockname()[1], server, task, bound)

    async def stop(self) -> None:
        """Take no more requests, let running ones end, close."""
        self._server.should_exit = True
        await self._task
        self._socket.close()


def listen(address: str) -> socket.socket:
    """Bind `host:port`; an IPv6 host stands in brackets.

    The socket must say that it is TCP: without IPPROTO_TCP asyncio leaves Nagle's algorithm on, which costs 44 ms a
    call. Raises OSError that names the address.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
    except (OSError, OverflowError, ValueError) as error:
        bound.close()
        raise OSError(f"GATEWAY_HTTP_ADDRESS {address}: {error}") from error
    return bound


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # Not on httptools: it reads a head without end (32 MB were taken, 2026-11-21); h11 refuses one of 64 KiB.
        http=connection_limits.protocol(),
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        # Beside the bound on connections: what a request began may go on when its connection is gone.
        limit_concurrency=connection_limits.MAX_CONNECTIONS + 1,
        # Ours is the one that counts: uvicorn's stops at any byte.
        timeout_keep_alive=int(connection_limits.KEEP_ALIVE_SECONDS),
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
