"""Serves the HTTP edge on a socket, in the process's own event loop.

Owns the socket and the server's lifecycle. Knows nothing about the pages.
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


class _EmbeddedServer(uvicorn.Server):
    """A uvicorn server that signals when it is listening, and leaves signal handling to the process."""

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
    """A running server; `port` is the port that was really bound."""

    port: int
    _server: _EmbeddedServer = field(repr=False)
    _task: "asyncio.Task[None]" = field(repr=False)
    _socket: socket.socket = field(repr=False)

    @classmethod
    async def start(cls, app: ASGIApp, address: str) -> "HttpServer":
        """Serve `app` on `host:port` (port 0 picks a free one); raises OSError if it cannot be bound."""
        bound = bind(address)
        server = _EmbeddedServer(_config(app))
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
        """Stop accepting requests, let running ones finish, and close the socket."""
        self._server.should_exit = True
        await self._task
        self._socket.close()


def bind(address: str) -> socket.socket:
    """Bind `host:port`; an IPv6 host is in brackets. Raises OSError naming the address.

    The socket is created with IPPROTO_TCP: without it asyncio leaves Nagle's algorithm on, which costs 44 ms per call.
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
        # Not httptools: it reads headers without a limit (32 MB were accepted, 2026-11-21); h11 refuses above 64 KiB.
        http=connection_limits.protocol(),
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        # In addition to the limit on connections: a request may still be running after its connection has closed.
        limit_concurrency=connection_limits.MAX_CONNECTIONS + 1,
        # Our own timer is the effective one: any byte stops uvicorn's.
        timeout_keep_alive=int(connection_limits.KEEP_ALIVE_SECONDS),
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
