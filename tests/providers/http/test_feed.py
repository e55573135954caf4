"""PUTs on a real socket: early answers, hang-ups, bodies of the wrong length, sources that fail, memory.

Owns the proof that a chunk's outcome is reported correctly. What a status means is up to the vendor's client.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from providers.errors import Ambiguous, Unavailable
from providers.http import feed
from providers.http.client import Clients, make_clients
from providers.http.exchange import Answer
from providers.models.secret import Secret
from tests.providers.http.support import Heard, Talk, head, length, reply, serving

SIZE = 10_000_000


async def blocks(size: int = SIZE, block: int = 1024 * 1024) -> AsyncIterator[bytes]:
    """Yield `size` zero bytes in blocks."""
    for start in range(0, size, block):
        yield bytes(min(block, size - start))


async def send(
    clients: Clients,
    url: str,
    source: AsyncIterator[bytes] | None = None,
    size: int = SIZE,
    stall_seconds: float = 60,
) -> Answer:
    """PUT a chunk."""
    headers = {"Content-Length": str(size), "Content-Type": "video/mp4"}
    secret = Secret(f"{url}/video/?upload_token=a%2Fb")
    data = source or blocks()
    return await feed.send(
        clients.uploads, "PUT", secret, headers, data, size, provider="vendor", stall_seconds=stall_seconds
    )


def early(end: str) -> Callable[[Heard], Talk]:
    """Answer 403 as soon as the head is read, then close, reset, read on, or do nothing."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            writer.write(reply("403 Forbidden", b"expired"))
            await writer.drain()
            if end == "reset":
                writer.transport.abort()
            elif end == "read on":
                while await reader.read(65536):
                    pass
            elif end == "stall":
                await asyncio.sleep(60)

        return talk

    return make


def storing(heard: Heard) -> Talk:
    """Read whole chunks and answer 206 to each."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            left = length(await head(heard, reader))
            while left:
                left -= len(await reader.read(min(left, 1024 * 1024)))
            writer.write(reply("206 Partial Content"))

    return talk


@pytest.mark.parametrize("end", ["close", "reset", "read on", "stall"])
async def test_an_answer_before_the_body_was_read_is_seen(clients: Clients, end: str) -> None:
    """An early refusal is received, whether the vendor closes, reads on or stalls: 403, not an unknown outcome."""
    async with serving(early(end)) as heard:
        for _ in range(5):
            assert 403 == (await send(clients, heard.url)).status

        # A connection with a half-sent request is never reused.
        assert 5 == heard.connections


async def test_chunks_share_a_connection_and_go_out_with_their_length(clients: Clients) -> None:
    """One connection carries all chunks, with a Content-Length, unchunked, to the URL verbatim."""
    async with serving(storing) as heard:
        for _ in range(3):
            assert 206 == (await send(clients, heard.url)).status

        assert 1 == heard.connections
    assert heard.heads[0].startswith("PUT /video/?upload_token=a%2Fb HTTP/1.1\r\n")
    assert f"content-length: {SIZE}" in heard.heads[0].lower()
    assert "transfer-encoding" not in heard.heads[0].lower()
    assert "authorization" not in heard.heads[0].lower()


async def test_a_hang_up_in_the_middle_is_ambiguous(clients: Clients) -> None:
    """If the vendor drops the connection after a part, the bytes may have arrived: Ambiguous."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            await reader.readexactly(1_000_000)
            writer.transport.abort()

        return talk

    async with serving(make) as heard:
        with pytest.raises(Ambiguous):
            await send(clients, heard.url)

        assert 1 == len(heard.heads)


async def test_a_hang_up_after_the_last_byte_is_ambiguous(clients: Clients) -> None:
    """If the vendor reads everything and does not answer, the outcome is Ambiguous."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(length(await head(heard, reader)))

        return talk

    async with serving(make) as heard:
        with pytest.raises(Ambiguous):
            await send(clients, heard.url)

        assert 1 == len(heard.heads)


async def test_a_chunk_on_a_connection_that_died_is_not_repeated_by_itself(clients: Clients) -> None:
    """If the vendor closes during the second chunk, each chunk was sent once, and the second is Ambiguous."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(length(await head(heard, reader)))
            writer.write(reply("206 Partial Content"))
            await head(heard, reader)

        return talk

    async with serving(make) as heard:
        await send(clients, heard.url, blocks(1000), 1000)
        with pytest.raises(Ambiguous):
            await send(clients, heard.url, blocks(1000), 1000)

        assert 2 == len(heard.heads)


async def test_a_vendor_that_stops_reading_is_left(clients: Clients) -> None:
    """A vendor that stops reading ends the upload after the stall timeout: Ambiguous."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            await asyncio.sleep(60)

        return talk

    async with serving(make) as heard:
        with pytest.raises(Ambiguous):
            await send(clients, heard.url, blocks(64_000_000), 64_000_000, stall_seconds=0.2)


async def test_the_bound_is_on_standing_still() -> None:
    """A slow vendor is fine: each piece that it reads reschedules the timeout."""
    async with asyncio.timeout(1000) as timer:
        pieces = feed.Feed(blocks(600_000), 600_000, timer, 5000)
        async for piece in pieces:
            assert len(piece) <= 256 * 1024
            assert (timer.when() or 0) > asyncio.get_running_loop().time() + 4000
            timer.reschedule(asyncio.get_running_loop().time() + 1000)


async def test_nobody_listening_is_temporary(clients: Clients) -> None:
    """A refused connection is Unavailable: nothing was sent."""
    async with serving(storing) as heard:
        url = heard.url

    with pytest.raises(Unavailable):
        await send(clients, url)


async def broken_source() -> AsyncIterator[bytes]:
    """Yield a block, then fail like a storage error."""
    yield bytes(100_000)
    raise FileNotFoundError("the blob is gone")


async def test_a_source_that_fails_is_our_fault_not_the_vendors(clients: Clients) -> None:
    """The source's own exception is raised; the vendor is not blamed."""
    async with serving(storing) as heard:
        with pytest.raises(FileNotFoundError):
            await send(clients, heard.url, broken_source())


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
async def test_a_source_of_the_wrong_length_is_refused(clients: Clients, size: int) -> None:
    """A source with fewer or more bytes than announced fails."""
    async with serving(storing) as heard:
        with pytest.raises(ValueError, match="body"):
            await send(clients, heard.url, blocks(size))


async def test_memory_does_not_grow_with_the_chunk(clients: Clients) -> None:
    """A chunk of 100 MB needs the memory of a few pieces."""
    async with serving(storing) as heard:
        await send(clients, heard.url)
        tracemalloc.start()
        try:
            assert 206 == (await send(clients, heard.url, blocks(100_000_000), 100_000_000)).status
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 16 * 1024 * 1024


async def test_in_process_transports_carry_a_feed() -> None:
    """The transport that tests inject streams bodies too."""
    received = 0

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal received
        received = len(await request.aread())
        return httpx.Response(201)

    answer = await send(make_clients(httpx.MockTransport(handler)), "https://vendor.example", blocks(1000), 1000)

    assert 201 == answer.status
    assert 1000 == received
