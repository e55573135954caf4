"""Serves the HTTP edge on its sockets, in the process's own event loop.

Owns the sockets and the server's lifecycle. Knows nothing about the pages.
"""

import asyncio
import math
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from gateway import addresses, log
from gateway.http import connection_limits
from gateway.http.connection_limits import Limits, Timers

_log = log.get("gateway.http")

GRACE_SECONDS = 5
TICK_SECONDS = 1.0
SPARE_FILES = 1024
"""For everything that is no HTTP connection: the database, gRPC, vendors, blobs."""


class _EmbeddedServer(uvicorn.Server):
    """A uvicorn server that signals when it is listening, and leaves signal handling to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening, self.exiting = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Tick once a second, for the date in the headers, until `exit`; uvicorn itself wakes up ten times as often."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.exiting.wait(), TICK_SECONDS)

    def exit(self) -> None:
        """Stop serving at once."""
        self.should_exit = True
        self.exiting.set()

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
    async def start(
        cls,
        app: ASGIApp,
        address: str,
        *,
        limits: Limits | None = None,
        timers: Timers | None = None,
        bound: Sequence[socket.socket] = (),
        setting: str = "GATEWAY_HTTP_ADDRESS",
    ) -> "HttpServer":
        """Serve `app` on every address of `host:port` (port 0 picks a free one), or on sockets that are `bound` to them
        already; raises OSError if one is taken.

        The limits are measured with `timers`, the event loop unless given; errors name the `setting`.
        """
        limits = limits or Limits()
        _allow_files(limits.places.connections + SPARE_FILES)
        bound = bound or addresses.bind(address, setting)
        server = _EmbeddedServer(_config(app, limits, timers))
        task = asyncio.create_task(server.serve(sockets=list(bound)), name="http")
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
        self._server.exit()
        await self._task
        _close(self._sockets)


def _allow_files(wanted: int) -> None:
    """Raise this process's limit on open files to `wanted`, or as far as it may be raised: every connection is one, and
    with too few nobody can connect, whoever would make room.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning("too few open files are allowed for all HTTP connections", allowed=allowed, wanted=wanted)


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _config(app: ASGIApp, limits: Limits, timers: Timers | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # Not httptools: it reads headers without a limit (32 MB were accepted, 2026-11-21); h11 refuses above 64 KiB.
        http=connection_limits.protocol(limits, timers),
        ws="none",
        loop="none",
        lifespan="off",
        # Each request begins with none of what the one before it on its connection was: caller, act, deadline.
        reset_contextvars=True,
        log_config=None,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        # Our own timer is the effective one: any byte stops uvicorn's.
        timeout_keep_alive=math.ceil(limits.keep_alive_seconds) + 1,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
