"""Serves the HTTP edge on its sockets, in the process's own event loop.

Owns the sockets and the server's lifecycle. Knows nothing about the pages.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from gateway import addresses
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
    _sockets: Sequence[socket.socket] = field(repr=False)

    @classmethod
    async def start(cls, app: ASGIApp, address: str) -> "HttpServer":
        """Serve `app` on every address of `host:port` (port 0 picks a free one); raises OSError if one is taken."""
        bound = addresses.bind(address, "GATEWAY_HTTP_ADDRESS")
        server = _EmbeddedServer(_config(app))
        task = asyncio.create_task(server.serve(sockets=bound), name="http")
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            listening.cancel()
            _close(bound)
            await task
            raise OSError(f"the HTTP edge did not start on {address}")
        return cls(bound[0].getsockname()[1], server, task, bound)

    async def stop(self) -> None:
        """Stop accepting requests, let running ones finish, and close the sockets."""
        self._server.should_exit = True
        await self._task
        _close(self._sockets)


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


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
