"""Raw connections to the HTTP edge, for peers that no HTTP client would be.

Owns connecting, from any loopback address, and reading an answer. Does not know what is sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.http.serving import HttpServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n"
"""A request whose body has not come."""

PATIENCE = 20.0
"""How long a test waits in real time for what should be there at once."""


@asynccontextmanager
async def serving(app: Any, **values: Any) -> AsyncIterator[HttpServer]:
    """Serve an app on a free port; `values` are limits and timers."""
    server = await HttpServer.start(app, "127.0.0.1:0", **values)
    try:
        yield server
    finally:
        await server.stop()


async def connect(server: HttpServer, first: bytes = b"", host: str = "127.0.0.1") -> Streams:
    """Connect from a loopback address, and send something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(host, 0))
    writer.write(first)
    return reader, writer


async def status(reader: asyncio.StreamReader) -> int:
    """Read one response with its body, and return its status; 0 if the connection was closed instead."""
    async with asyncio.timeout(PATIENCE):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionResetError, asyncio.IncompleteReadError):
            return 0
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if lengths:
            await reader.readexactly(int(lengths[0].partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


async def ask(server: HttpServer, request: bytes = GET, host: str = "127.0.0.1") -> int:
    """Send a request over a connection of its own, and return the status; 0 for none."""
    reader, writer = await connect(server, request, host)
    try:
        return await status(reader)
    finally:
        writer.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    """Return when the server has closed a connection."""
    async with asyncio.timeout(PATIENCE):
        try:
            while await reader.read(100_000):
                pass
        except ConnectionResetError:
            pass
    return True
