"""Raw servers on a loopback socket: each test controls every byte of the answer, and when the connection closes.

Owns the socket and its cleanup. Uses no HTTP library, so that it can violate HTTP like a vendor's edge.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """What reached the server: the number of connections, and the head of every request."""

    url: str = ""
    connections: int = 0
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(talk: Callable[[Heard], Talk]) -> AsyncIterator[Heard]:
    """Serve every connection with `talk(heard)` until the block ends."""
    heard = Heard()
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await talk(heard)(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    heard.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield heard
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def head(heard: Heard, reader: asyncio.StreamReader) -> str:
    """Read and record one request's head."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    heard.heads.append(text)
    return text


def length(text: str) -> int:
    """Return the Content-Length of a head."""
    lines = [line.lower() for line in text.split("\r\n")]
    return next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
