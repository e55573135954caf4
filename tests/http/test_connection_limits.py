"""Connections to the HTTP edge that say nothing, or never enough: none of them keeps anybody else out.

Owns the proofs of `gateway/http/connection_limits.py`, on real sockets before a page that answers at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.http import connection_limits
from gateway.http.serving import HttpServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
PATIENCE = 20.0
"""What a test waits: far longer than any time it sets."""


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def edge(app: Any = page) -> AsyncIterator[HttpServer]:
    """Serve a page."""
    server = await HttpServer.start(app, "127.0.0.1:0")
    yield server
    await server.stop()


async def connect(server: HttpServer, first: bytes = b"") -> Streams:
    """Connect, and say something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(first)
    return reader, writer


async def status(server: HttpServer) -> bytes:
    """Ask for the page over a connection of one's own, and return the first line of the answer."""
    reader, writer = await connect(server, HEAD + b"connection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        line = await reader.readline()
        await reader.read()
    writer.close()
    return line.strip()


async def closed(reader: asyncio.StreamReader) -> bool:
    """Return when the server has closed a connection."""
    async with asyncio.timeout(PATIENCE):
        try:
            while await reader.read(1000):
                pass
        except ConnectionResetError:
            pass
    return True


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send a little, again and again, until nobody takes it."""
    try:
        while not writer.is_closing():
            writer.write(piece)
            await asyncio.sleep(0.02)
    except OSError:
        return


@pytest.mark.parametrize("piece", [b"", b"x-header: more\r\n"], ids=["silent", "dripping"])
async def test_who_does_not_ask_is_disconnected(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    """A connection whose first head is not whole in time is closed, also when a little of it comes again and again."""
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.3)
    async with edge() as server:
        reader, writer = await connect(server, HEAD if piece else b"")
        dripping = asyncio.create_task(drip(writer, piece or b""))
        assert await closed(reader)
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize("piece", [b"", b"x"], ids=["silent", "dripping"])
async def test_who_has_an_answer_must_ask_again(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    """After an answer the next head must come in time: bytes of a body that nobody reads keep no connection open."""
    monkeypatch.setattr(connection_limits, "KEEP_ALIVE_SECONDS", 0.3)
    async with edge() as server:
        reader, writer = await connect(server, HEAD + (b"content-length: 100000\r\n\r\n" if piece else b"\r\n"))
        dripping = asyncio.create_task(drip(writer, piece))
        async with asyncio.timeout(PATIENCE):
            assert b"HTTP/1.1 200 OK" == (await reader.readline()).strip()
        assert await closed(reader)
        dripping.cancel()
        writer.close()


async def test_who_asks_in_time_stays() -> None:
    """Several requests go over one connection, one after the other and two at once."""
    async with edge() as server:
        reader, writer = await connect(server)
        for count in (1, 2, 1):
            writer.write((HEAD + b"\r\n") * count)
            for _ in range(count):
                async with asyncio.timeout(PATIENCE):
                    assert b"HTTP/1.1 200 OK" == (await reader.readline()).strip()
                    await reader.readuntil(b"\r\n\r\nok")
        writer.close()


async def test_an_answer_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete request is answered, however long that takes."""
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.05)
    told = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await told.wait()
        await page(scope, receive, send)

    async with edge(slow) as server:
        asking = asyncio.create_task(status(server))
        await asyncio.sleep(0.2)
        told.set()
        assert b"HTTP/1.1 200 OK" == await asking


async def test_silent_connections_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections, however many, are bounded and do not keep a request from being answered."""
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 10)
    async with edge() as server:
        silent = [await connect(server) for _ in range(25)]
        for _ in range(3):
            assert b"HTTP/1.1 200 OK" == await status(server)
        assert all([await closed(reader) for reader, _ in silent[:15]])
        for _, writer in silent:
            writer.close()


async def test_who_comes_when_all_are_at_work_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection beyond the bound is closed at once when none of the others only waits."""
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 2)
    inside, told = asyncio.Semaphore(0), asyncio.Event()

    async def busy(scope: Any, receive: Any, send: Any) -> None:
        inside.release()
        await told.wait()
        await page(scope, receive, send)

    async with edge(busy) as server:
        working = [await connect(server, HEAD + b"\r\n") for _ in range(2)]
        for _ in working:
            await inside.acquire()
        reader, writer = await connect(server, HEAD + b"\r\n")
        assert await closed(reader)
        told.set()
        for _, other in (*working, (reader, writer)):
            other.close()
