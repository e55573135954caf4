"""Media links on real sockets: readers that go away, stand still or are too many, and bytes that were lost.

Owns the proofs that need a connection. What each request is answered is proved in `tests/http/test_media.py`.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.domain.media import links, uploads
from gateway.http.media import Media
from gateway.http.middleware import with_middleware
from gateway.http.serving import HttpServer
from storage import uploads as rows
from storage.uploads import UploadPartRow
from tests.fixtures import logs
from tests.fixtures.domain import LOCATION, edge_of
from tests.fixtures.waiting import until
from tests.http.links import DATA, HOUR, Linked, linking, post_of

pytestmark = pytest.mark.chaos

MIB = 1024 * 1024
LONG = 200 * MIB
Reader = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def linked(database_url: str, tmp_path: Path) -> AsyncIterator[Linked]:
    """Yield an upload with a link."""
    async with linking(database_url, tmp_path) as made:
        yield made


@asynccontextmanager
async def served(linked: Linked, **values: float) -> AsyncIterator[tuple[str, int, Media]]:
    """Serve media on a socket of this process, and yield the link's full address, the port and the page itself."""
    page = Media(lambda: linked.stage.domain, **values)  # type: ignore[arg-type]
    app = with_middleware(Starlette(routes=[Route("/media/{token}", page, methods=["GET"])]))
    server = await HttpServer.start(app, "127.0.0.1:0")
    try:
        yield f"http://127.0.0.1:{server.port}{linked.path}", server.port, page
    finally:
        await server.stop()


@pytest.fixture
async def lines() -> AsyncIterator[io.StringIO]:
    """Yield what is logged meanwhile."""
    with logs.capture() as stream:
        yield stream


async def begun(port: int, path: str) -> Reader:
    """Ask for a file, read the first of it and then no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
    return reader, writer


async def lengthen(linked: Linked) -> str:
    """Make an upload of 200 MiB out of one blob that is listed again and again, and return the path of its link."""
    domain = linked.stage.domain
    [part, *_] = await _parts(linked)
    id = await linked.stage.upload(b"", "video/mp4")
    async with domain.db.transaction() as tx:
        row = await rows.get(tx, LOCATION, id)
        row.size_bytes = row.committed_size = LONG
        tx.add(row)
        for first in range(0, LONG, part.size):
            tx.add(UploadPartRow(location=LOCATION, upload=id, first=first, size=part.size, key=part.key))
    file = await uploads.get(domain, LOCATION, id)
    [link] = await links.create(domain, post_of("long"), 1, [file], linked.stage.clock(), HOUR)
    return urlsplit(link.reveal()).path


async def _parts(linked: Linked) -> list[UploadPartRow]:
    async with linked.stage.domain.db.read() as tx:
        return list(await rows.parts(tx, LOCATION, linked.upload.id))


async def test_any_range_is_those_bytes_on_the_wire(linked: Linked) -> None:
    """Whatever range a reader asks for, over whatever part borders, it gets those bytes and their count."""
    async with served(linked) as (url, _, _):
        with httpx.Client(trust_env=False) as client:

            @settings(max_examples=60, deadline=None)
            @given(
                st.integers(0, len(DATA) - 1),
                st.integers(1, len(DATA)),
                st.sampled_from(["boundary", "open", "suffix"]),
            )
            def check(first: int, length: int, form: str) -> None:
                last = min(first + length, len(DATA)) - 1
                sent = {"boundary": f"{first}-{last}", "open": f"{first}-", "suffix": f"-{length}"}[form]
                expected = {"boundary": DATA[first : last + 1], "open": DATA[first:], "suffix": DATA[-length:]}[form]
                answer = client.get(url, headers={"range": f"bytes={sent}"})
                assert (206, str(len(expected))) == (answer.status_code, answer.headers["content-length"])
                assert expected == answer.content

            await asyncio.to_thread(check)


async def test_fifty_readers_at_once_get_their_own_bytes(linked: Linked) -> None:
    """Fifty ranges of one file over fifty connections do not mix, and each is written down."""
    async with served(linked) as (url, _, page), httpx.AsyncClient(trust_env=False, timeout=30) as client:

        async def one(number: int) -> bool:
            first = number * 190_000
            answer = await client.get(url, headers={"range": f"bytes={first}-{first + 99_999}"})
            return answer.content == DATA[first : first + 100_000]

        assert all(await asyncio.gather(*(one(number) for number in range(50))))
        await until(lambda: page._streams == 0)
    assert 50 == len(await linked.fetches())


async def test_a_look_carries_no_body(linked: Linked) -> None:
    """HEAD tells the size of what it does not send, and the connection serves on."""
    async with served(linked) as (url, _, _), httpx.AsyncClient(trust_env=False) as client:
        head = await client.head(url)
        whole = await client.get(url)
    assert (str(len(DATA)), b"") == (head.headers["content-length"], head.content)
    assert sha256(DATA).digest() == sha256(whole.content).digest()
    assert "127.0.0.1" in str(await _remotes(linked))


async def _remotes(linked: Linked) -> list[str]:
    async with linked.stage.domain.db.read() as tx:
        return [row for (row,) in (await tx.execute(text("SELECT remote FROM media_fetches"))).all()]


async def test_lost_bytes_cut_the_connection(linked: Linked, lines: io.StringIO) -> None:
    """A reader is never given other bytes, nor fewer as if they were all: it sees the connection end too early."""
    _, second = await _parts(linked)
    await linked.stage.domain.blobs.delete([second.key])
    got = b""
    async with served(linked) as (url, _, page), httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - it comes in the middle
            async with client.stream("GET", url) as answer:
                assert (200, str(len(DATA))) == (answer.status_code, answer.headers["content-length"])
                async for piece in answer.aiter_raw():
                    got += piece
        await until(lambda: page._streams == 0)
    assert DATA[: len(got)] == got
    assert len(got) <= second.first
    assert linked.path.rpartition("/")[2] not in lines.getvalue()


async def test_a_reader_that_goes_away_stops_the_stream(linked: Linked, lines: io.StringIO) -> None:
    """Nothing is read for somebody who has left; the line tells how far it came, and it is no fault of ours."""
    path = await lengthen(linked)
    async with served(linked) as (_, port, page):
        _, writer = await begun(port, path)
        assert 1 == page._streams
        writer.transport.abort()
        await until(lambda: page._streams == 0)
    [line] = [found for found in map(json.loads, lines.getvalue().splitlines()) if found["event"] == "media fetched"]
    assert line["sent"] < LONG == line["size"]
    assert [] == [found for found in map(json.loads, lines.getvalue().splitlines()) if found["level"] == "error"]


async def test_a_reader_that_stands_still_loses_its_place(linked: Linked) -> None:
    """However slowly somebody reads, a place is free again when the longest time is over."""
    path = await lengthen(linked)
    async with served(linked, max_seconds=0.3) as (_, port, page):
        _, writer = await begun(port, path)
        await until(lambda: page._streams == 0)
        writer.transport.abort()


async def test_too_many_readers_are_told_to_come_again(linked: Linked) -> None:
    """Beyond its places a process fetches for nobody, says when to come, and does not call that a fetch."""
    path = await lengthen(linked)
    async with served(linked, max_streams=2) as (url, port, page), httpx.AsyncClient(trust_env=False) as client:
        readers = [await begun(port, path) for _ in range(2)]
        late = await client.get(url)
        assert (503, "2") == (late.status_code, late.headers["retry-after"])
        assert 200 == (await client.head(url)).status_code
        assert 404 == (await client.get(url[:-1] + ("A" if url[-1] != "A" else "B"))).status_code
        assert 0 == await links.count_fetched(linked.stage.domain, LOCATION, "p1", 1)
        for _, writer in readers:
            writer.transport.abort()
        await until(lambda: page._streams == 0)
        assert DATA == (await client.get(url)).content


async def test_a_long_file_leaves_in_constant_memory(linked: Linked) -> None:
    """200 MiB pass through with less than 48 MiB more in memory."""
    path, process = await lengthen(linked), psutil.Process()
    async with served(linked) as (url, _, _), httpx.AsyncClient(trust_env=False, timeout=60) as client:
        await client.get(url)
        before, most, size = process.memory_info().rss, 0, 0
        async with client.stream("GET", url.replace(linked.path, path)) as answer:
            async for piece in answer.aiter_raw():
                size += len(piece)
                most = max(most, process.memory_info().rss - before)
    assert LONG == size
    assert most < 48 * MIB, f"grew by {most / MIB:.0f} MiB"


async def test_the_edge_has_the_page(linked: Linked) -> None:
    """The real edge serves media links, has no listing, and does not redirect."""
    server = await HttpServer.start(edge_of(linked.stage.domain).app(), "127.0.0.1:0")
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
            codes = [
                (await client.get(path)).status_code for path in (linked.path, "/media/", "/media", f"{linked.path}/")
            ]
    finally:
        await server.stop()
    assert [200, 404, 404, 404] == codes
