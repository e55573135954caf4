"""Serve a simulator on a socket: for the demo, for tests that kill processes, for other languages.

Owns: the socket and the lifecycle of the server. Knows nothing of the app it serves.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
import uvloop
from starlette.types import ASGIApp


class _Guest(uvicorn.Server):
    """A server embedded in another process: it reports when it listens, and leaves the signals to the host."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a bound TCP socket; port 0 picks a free port.

    asyncio disables Nagle's algorithm only when the socket's protocol is IPPROTO_TCP; without it each call waits
    44 ms for an acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


def _url(bound: socket.socket, host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"


@asynccontextmanager
async def serve(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` in this event loop while the block runs. Yield the base URL, without a trailing slash."""
    bound = listen(host, port)
    server = _Guest(_config(app))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await server.ready.wait()
        yield _url(bound, host)
    finally:
        server.should_exit = True
        await task
        bound.close()


async def _until_signal(app: ASGIApp, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with serve(app, host=host, port=port) as url:
        on_ready(url)
        await stop.wait()


def run(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, on_ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve `app` in a new event loop until SIGINT or SIGTERM. `on_ready` is called with the base URL."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signal(app, host, port, on_ready))
