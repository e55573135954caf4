"""The transport on real sockets: what a failure proves, and that nothing is silently retried or rewritten.

Owns the proof for aiohttp 3.14. Knows no vendor.
"""

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest

from providers.errors import Ambiguous, ContractBroken, Unavailable
from providers.http.client import Clients, make_clients, user_agent
from providers.http.exchange import Answer, exchange
from tests.providers.http.support import Heard, Talk, head, length, reply, serving


async def call(clients: Clients, url: str, *, method: str = "GET", write: bool = False, seconds: float = 45) -> Answer:
    """Make one call, as a read or as a write."""
    client = clients.writes if write else clients.reads
    request = client.build_request(method, url, content=b"x" if method != "GET" else None)
    return await exchange(client, request, write=write, provider="vendor", seconds=seconds)


def answering(answer: bytes, *, then_close: bool = False) -> Callable[[Heard], Talk]:
    """Answer every request of a connection, or only the first."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await reader.readexactly(length(await head(heard, reader)))
                writer.write(answer)
                await writer.drain()
                if then_close:
                    return

        return talk

    return make


async def test_reads_reuse_their_connection_and_writes_do_not(clients: Clients) -> None:
    """Two reads share a connection; two writes open one each, because a stale one would make them Ambiguous."""
    async with serving(answering(reply("200 OK", b"{}"))) as heard:
        await call(clients, heard.url)
        await call(clients, heard.url)
        assert 1 == heard.connections

        await call(clients, heard.url, method="POST", write=True)
        await call(clients, heard.url, method="POST", write=True)
        assert 3 == heard.connections


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example", "b.xn--a.example"])
@pytest.mark.parametrize("write", [False, True])
async def test_a_host_that_nobody_can_look_up_is_sent_nothing(clients: Clients, host: str, write: bool) -> None:
    """A URL with an invalid host name is Unavailable, for a write too: nothing was sent."""
    with pytest.raises(Unavailable):
        await call(clients, f"http://{host}/", method="POST", write=write)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_request_on_a_dead_kept_alive_connection_is_not_repeated(clients: Clients, method: str) -> None:
    """If the vendor closes a kept-alive connection instead of answering, the request reaches it once."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(length(await head(heard, reader)))
            writer.write(reply("200 OK", b"{}"))
            await reader.readexactly(length(await head(heard, reader)))

        return talk

    async with serving(make) as heard:
        await call(clients, heard.url)
        with pytest.raises(Unavailable):
            await call(clients, heard.url, method=method)

        assert 2 == len(heard.heads)


async def test_a_connection_dropped_after_sending_is_ambiguous_for_a_write(clients: Clients) -> None:
    """If the vendor reads the request and closes, a write is Ambiguous, a read is Unavailable."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(length(await head(heard, reader)))

        return talk

    async with serving(make) as heard:
        with pytest.raises(Ambiguous):
            await call(clients, heard.url, method="POST", write=True)
        with pytest.raises(Unavailable):
            await call(clients, heard.url)


async def test_a_connection_that_was_refused_sent_nothing(clients: Clients) -> None:
    """A refused connection is Unavailable, for a write too."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with pytest.raises(Unavailable):
        await call(clients, url, method="POST", write=True)


async def test_a_tls_handshake_that_fails_sent_nothing(clients: Clients) -> None:
    """A failed TLS handshake is Unavailable, for a write too: nothing was sent."""

    def make(_: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        return talk

    async with serving(make) as heard:
        with pytest.raises(Unavailable):
            await call(clients, heard.url.replace("http:", "https:"), method="POST", write=True)


async def test_an_unknown_host_sent_nothing(clients: Clients) -> None:
    """A name that does not resolve is temporary."""
    with pytest.raises(Unavailable):
        await call(clients, "http://name.invalid/", method="POST", write=True)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"not http at all\r\n\r\n"])
async def test_a_cut_or_malformed_answer_is_a_lost_answer(clients: Clients, answer: bytes) -> None:
    """A truncated answer is Ambiguous for a write, Unavailable for a read."""
    async with serving(answering(answer, then_close=True)) as heard:
        with pytest.raises(Ambiguous):
            await call(clients, heard.url, method="POST", write=True)
        with pytest.raises(Unavailable):
            await call(clients, heard.url)


async def test_a_dripping_answer_ends_with_the_clock(clients: Clients) -> None:
    """A vendor that sends a byte now and then, for ever, does not exceed the time limit."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)

        return talk

    async with serving(make) as heard:
        with pytest.raises(Unavailable):
            await call(clients, heard.url, seconds=0.3)


async def test_an_endless_answer_is_left_at_the_bound(clients: Clients) -> None:
    """An endless answer is read up to the limit, then the connection is closed."""
    sent = 0

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await head(heard, reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536

        return talk

    async with serving(make) as heard:
        with pytest.raises(ContractBroken):
            await call(clients, heard.url)
        await asyncio.sleep(0)
        assert sent < 64 * 1024 * 1024


async def test_redirects_are_not_followed_and_cookies_not_kept(clients: Clients) -> None:
    """Redirects are not followed, and cookies are not stored."""
    away = reply("302 Found", b"", "Location: /elsewhere", "Set-Cookie: tenant=a; Path=/")
    async with serving(answering(away)) as heard:
        first = await call(clients, heard.url)
        await call(clients, heard.url)

        assert 302 == first.status
        assert 2 == len(heard.heads)
        assert not [text for text in heard.heads if "cookie" in text.lower()]


async def test_proxies_of_the_environment_are_ignored(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment never sees a token."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(answering(reply("200 OK", b"{}"))) as heard:
        assert 200 == (await call(clients, heard.url)).status


async def test_the_address_goes_out_verbatim(clients: Clients) -> None:
    """A signed URL is sent verbatim, with our User-Agent."""
    path = "/video/%7Eq?upload_id=1&upload_token=a%2Fb%3Aq:z==+~!*'()"
    async with serving(answering(reply("200 OK", b"{}"))) as heard:
        await call(clients, heard.url + path)

        assert heard.heads[0].startswith(f"GET {path} HTTP/1.1\r\n")
        assert f"user-agent: {user_agent()}" in heard.heads[0].lower()


async def test_a_client_on_a_given_transport_opens_no_socket() -> None:
    """The transport that tests inject serves all kinds of calls."""
    mocked = make_clients(httpx.MockTransport(lambda request: httpx.Response(200, content=b"{}")))

    assert b"{}" == (await call(mocked, "https://vendor.example/")).body
    assert b"{}" == (await call(mocked, "https://vendor.example/", method="POST", write=True)).body
    await mocked.close()
