"""Fetching from untrusted servers on real sockets: where it connects, what it accepts, and its limits.

Owns the proof of `providers/http/{guard,fetch,answers}.py`; the tables of addresses are in `test_public.py`. A server
on loopback stands for the internet; names are answered by the test.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from socket import EAI_AGAIN, EAI_NONAME, gaierror

import aiohttp
import pytest
from aiohttp.abc import ResolveResult

from providers.errors import MediaTooLarge, MediaUnavailable, MediaUnreachable, ProviderError
from providers.http.client import user_agent
from providers.http.fetch import Bounds, Fetcher
from providers.http.guard import GuardedConnector, GuardedResolver, Refused
from tests.providers.http.support import Heard, Talk, head, reply, serving
from tests.rpc.certificates import make_certificate

MIB = 1024 * 1024
BODY = bytes(range(256)) * 40
QUICK = Bounds(connect=2, stall=2, pause=0)


class Names:
    """A fake resolver: each name has its answers in turn, the last one for ever."""

    def __init__(self, **answers: Sequence[Sequence[str] | OSError]) -> None:
        self.answers = {f"{name}.example": list(found) for name, found in answers.items()}
        self.lookups: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        """Return the next answer of a name."""
        self.lookups.append(host)
        found = self.answers[host]
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


@asynccontextmanager
async def fetching(
    names: Names | None = None, *, allow_loopback: bool = True, bounds: Bounds = QUICK
) -> AsyncIterator[Fetcher]:
    """Yield a fetcher that may connect to this machine, and close it at the end."""
    fetcher = Fetcher(allow_loopback=allow_loopback, bounds=bounds, lookup=names)
    yield fetcher
    await fetcher.close()


async def fetch(fetcher: Fetcher, uri: str, max_bytes: int = MIB) -> bytes:
    """Fetch a whole medium."""
    async with fetcher.open(uri, max_bytes=max_bytes) as medium:
        return b"".join([piece async for piece in medium.pieces])


async def refused(kind: type[ProviderError], uri: str, **values: object) -> ProviderError:
    """Return the error of a fetch; it must not quote the URL."""
    async with fetching(**values) as fetcher:  # type: ignore[arg-type]
        with pytest.raises(kind) as caught:
            await fetch(fetcher, uri)
    assert "secret" not in f"{caught.value} {caught.value.metadata}"
    return caught.value


Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def saying(*answers: Answer) -> Callable[[Heard], Talk]:
    """Answer each request on a new connection with the next answer; the last one is repeated."""
    return playing(list(answers))


def playing(left: list[Answer]) -> Callable[[Heard], Talk]:
    """Like `saying`, with a list that may still grow."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()

        return talk

    return make


def redirect(to: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return reply(status, b"", f"Location: {to}")


def cut(body: bytes, at: int, *headers: str) -> bytes:
    """Return an answer that breaks off."""
    return reply("200 OK", body, *headers)[: at - len(body)]


def rest(body: bytes, at: int, *, first: int | None = None, total: int | None = None) -> bytes:
    """Return the rest of the file from an offset on."""
    end, start = len(body) - 1, at if first is None else first
    return reply("206 Partial Content", body[at:], f"Content-Range: bytes {start}-{end}/{total or len(body)}")


async def test_a_medium_arrives_whole_with_what_its_server_says_of_it() -> None:
    """Type, size and bytes are returned; the request is verbatim and has no credentials."""
    answer = reply("200 OK", BODY, "Content-Type: Video/MP4; codecs=x", "Set-Cookie: a=b")
    async with serving(saying(answer)) as heard, fetching() as fetcher:
        async with fetcher.open(f"{heard.url}/a%2Fb/v.MP4?X-Signature=%7E", max_bytes=MIB) as medium:
            facts = (medium.mime_type, medium.size, medium.suffix)
            body = b"".join([piece async for piece in medium.pieces])
        await fetch(fetcher, f"{heard.url}/again")

    assert ("video/mp4", len(BODY), ".mp4") == facts
    assert BODY == body
    assert heard.heads[0].startswith("GET /a%2Fb/v.MP4?X-Signature=%7E HTTP/1.1\r\n")
    assert 2 == heard.connections
    sent = {line.partition(":")[0].lower(): line for text in heard.heads for line in text.split("\r\n")[1:] if line}
    assert {"host", "user-agent", "accept", "accept-encoding", "connection"} == set(sent)
    assert ["Accept-Encoding: identity", f"User-Agent: {user_agent()}"] == [sent["accept-encoding"], sent["user-agent"]]


async def test_a_medium_without_a_size_arrives_in_chunks() -> None:
    """A chunked answer has no size in advance; a missing media type is empty."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with (
        serving(saying(chunked)) as heard,
        fetching() as fetcher,
        fetcher.open(heard.url, max_bytes=MIB) as medium,
    ):
        assert ("", None) == (medium.mime_type, medium.size)
        assert b"abcde" == b"".join([piece async for piece in medium.pieces])


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("uri", ["https://10.0.0.1/secret", "http://169.254.169.254/secret", "ftp://a.example/secret"])
async def test_a_bad_address_is_refused_before_any_connection(uri: str, allow_loopback: bool) -> None:
    """The fetcher checks the URL itself, even if it was checked before."""
    await refused(MediaUnreachable, uri, allow_loopback=allow_loopback)


async def test_this_machine_is_refused_by_default() -> None:
    """Unless loopback is allowed, this machine is never reached, by address or by name."""
    async with serving(saying(reply("200 OK", BODY))) as heard:
        port = heard.url.rpartition(":")[2]
        await refused(MediaUnreachable, f"{heard.url}/secret", allow_loopback=False)
        await refused(MediaUnreachable, f"https://localhost:{port}/secret", allow_loopback=False)
        names = Names(inner=[["127.0.0.1"]], six=[["::1"]], mixed=[["8.8.8.8", "127.0.0.1"]])
        for name in ("inner", "six", "mixed"):
            await refused(MediaUnreachable, f"https://{name}.example/secret", names=names, allow_loopback=False)

    assert 0 == heard.connections


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"]
)
async def test_a_name_with_one_private_address_is_refused_as_a_whole(address: str) -> None:
    """A name with a public and a private address is refused."""
    names = Names(mixed=[["127.0.0.1", address]])
    async with serving(saying(reply("200 OK", BODY))) as heard:
        uri = f"{heard.url.replace('127.0.0.1', 'mixed.example')}/secret"
        error = await refused(MediaUnreachable, uri, names=names)

    assert 0 == heard.connections
    assert {"host": "mixed.example"} == error.metadata


async def test_a_name_is_asked_once_and_its_judged_address_is_used() -> None:
    """A name is resolved once, so its answer cannot change between the check and the connection."""
    names = Names(rebinding=[["127.0.0.1"], ["10.0.0.1"]])
    async with serving(saying(reply("200 OK", BODY))) as heard, fetching(names) as fetcher:
        uri = heard.url.replace("127.0.0.1", "rebinding.example")
        assert BODY == await fetch(fetcher, uri)
        assert ["rebinding.example"] == names.lookups

        with pytest.raises(MediaUnreachable):
            await fetch(fetcher, uri)

    assert 1 == heard.connections


class Lying(GuardedResolver):
    """A resolver that checks nothing."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return this machine for every name."""
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]


async def test_who_is_at_the_other_end_is_looked_at_before_a_byte_is_sent() -> None:
    """Even if a name or an IP literal was not checked, the connection itself is refused."""
    connector = GuardedConnector(Lying(Names(), allow_loopback=False), allow_loopback=False)
    async with serving(saying(reply("200 OK", BODY))) as heard, aiohttp.ClientSession(connector=connector) as session:
        for uri in (heard.url, heard.url.replace("127.0.0.1", "media.example")):
            with pytest.raises(Refused):
                await session.get(uri)

    assert (2, []) == (heard.connections, heard.heads)


async def test_going_on_after_a_break_judges_the_name_again() -> None:
    """When resuming, the name is resolved and checked again."""
    names = Names(rebinding=[["127.0.0.1"], ["169.254.169.254"]])
    async with serving(saying(cut(BODY, 100, 'ETag: "1"'))) as heard:
        uri = f"{heard.url.replace('127.0.0.1', 'rebinding.example')}/secret"
        await refused(MediaUnreachable, uri, names=names)

    assert 1 == heard.connections


async def test_plain_http_reaches_this_machine_alone() -> None:
    """With loopback allowed, http and odd ports to a public name are still refused."""
    names = Names(public=[["8.8.8.8"]])
    await refused(MediaUnreachable, "http://public.example:8080/secret", names=names)
    await refused(MediaUnreachable, "https://public.example:8443/secret", names=names)


async def test_three_redirects_are_followed() -> None:
    """Relative, badly encoded and absolute redirects are followed; the suffix is that of the final URL."""
    script: list[Answer] = [redirect("/b?x=1"), redirect("c d/ü.mov", "307 Temporary Redirect")]
    async with serving(playing(script)) as heard, fetching() as fetcher:
        script += [redirect(f"{heard.url}/e.webm", "308 Permanent Redirect"), reply("200 OK", BODY)]
        async with fetcher.open(f"{heard.url}/a", max_bytes=MIB) as medium:
            assert BODY == b"".join([piece async for piece in medium.pieces])
            assert ".webm" == medium.suffix

    assert ["/a", "/b?x=1", "/c%20d/%C3%BC.mov", "/e.webm"] == [text.split(" ")[1] for text in heard.heads]


async def test_a_loop_of_redirects_ends_after_the_third() -> None:
    """After four requests the medium is MediaUnreachable."""
    async with serving(saying(redirect("/secret"))) as heard:
        await refused(MediaUnreachable, f"{heard.url}/secret")

    assert 4 == len(heard.heads)


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/secret",
        "https://169.254.169.254/secret",
        "https://[::ffff:169.254.169.254]/secret",
        "https://[fd00:ec2::254]/secret",
        "https://2852039166/secret",
        "https://metadata.google.internal/secret",
        "https://user:secret@media.example/",
        "http://media.example/secret",
        "https://inside.example/secret",
        "file:///secret",
        "https://[::1",
        "",
    ],
)
async def test_a_redirect_is_judged_like_the_first_address(to: str) -> None:
    """Redirects to metadata services, private names and other schemes are refused."""
    names = Names(inside=[["10.0.0.1"]], media=[["8.8.8.8"]])
    async with serving(saying(redirect(to))) as heard:
        await refused(MediaUnreachable, f"{heard.url}/start", names=names)

    assert 1 == len(heard.heads)


@asynccontextmanager
async def secure(folder: Path, talk: Callable[[Heard], Talk], patch: pytest.MonkeyPatch) -> AsyncIterator[Heard]:
    """Serve with TLS under a certificate for localhost that new fetchers trust."""
    certificate = make_certificate(folder, "media")
    patch.setenv("SSL_CERT_FILE", str(certificate.cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    heard = Heard()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        await talk(heard)(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    heard.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield heard


async def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is verified for the name, although the connection goes to an IP address."""
    names = Names(media=[["127.0.0.1"]])
    names.answers["localhost"] = [["127.0.0.1"]]
    async with secure(tmp_path, saying(reply("200 OK", BODY)), monkeypatch) as heard:
        async with fetching(names) as fetcher:
            assert BODY == await fetch(fetcher, heard.url)
        error = await refused(
            MediaUnreachable, f"{heard.url.replace('localhost', 'media.example')}/secret", names=names
        )

    assert "The certificate of media.example is not valid." == error.message


async def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect from https to http is refused, even if http itself would be allowed."""
    async with serving(saying(reply("200 OK", BODY))) as plain:
        to = saying(redirect(f"{plain.url}/secret"))
        async with secure(tmp_path, to, monkeypatch) as heard:
            await refused(MediaUnreachable, f"{heard.url}/start")

    assert 0 == plain.connections


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("204 No Content", MediaUnreachable),
        ("206 Partial Content", MediaUnreachable),
        ("304 Not Modified", MediaUnreachable),
        ("401 Unauthorized", MediaUnreachable),
        ("403 Forbidden", MediaUnreachable),
        ("404 Not Found", MediaUnreachable),
        ("410 Gone", MediaUnreachable),
        ("408 Request Timeout", MediaUnavailable),
        ("429 Too Many Requests", MediaUnavailable),
        ("500 Internal Server Error", MediaUnavailable),
        ("503 Service Unavailable", MediaUnavailable),
    ],
)
async def test_a_status_says_whether_trying_again_can_help(status: str, kind: type[ProviderError]) -> None:
    """Server errors are temporary, refusals are permanent; an unrequested partial answer is a refusal."""
    async with serving(saying(reply(status, b"", "Retry-After: 7"))) as heard:
        error = await refused(kind, f"{heard.url}/secret?secret=1")

    code = int(status[:3])
    assert (code, {"host": "127.0.0.1", "httpStatus": str(code)}) == (error.http_status, error.metadata)
    assert (7 if kind is MediaUnavailable else None) == (error.retry_after and error.retry_after.seconds)


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_packed_medium_is_refused(packing: str) -> None:
    """A compressed body is refused, not decompressed: it may be a decompression bomb."""
    async with serving(saying(reply("200 OK", BODY, f"Content-Encoding: {packing}"))) as heard:
        await refused(MediaUnreachable, f"{heard.url}/secret")


async def test_a_medium_without_an_end_of_its_own_is_refused() -> None:
    """A body that ends with the connection is refused, because a truncated one looks complete."""
    async with serving(saying(b"HTTP/1.0 200 OK\r\n\r\n" + BODY)) as heard:
        await refused(MediaUnreachable, f"{heard.url}/secret")


async def test_a_medium_that_is_announced_too_large_is_not_read() -> None:
    """A declared size above the limit is refused before the first byte."""
    async with serving(saying(reply("200 OK", BODY))) as heard, fetching() as fetcher:
        with pytest.raises(MediaTooLarge) as caught:
            await fetch(fetcher, heard.url, max_bytes=len(BODY) - 1)
        assert BODY == await fetch(fetcher, heard.url, max_bytes=len(BODY))

    assert {"rule": "sizeBytes", "value": "10240", "allowed": "10239"} == caught.value.metadata


async def test_an_endless_medium_is_left_at_the_bound() -> None:
    """An endless chunked body is read only slightly beyond the limit."""
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    async with serving(saying(endless)) as heard, fetching() as fetcher:
        with pytest.raises(MediaTooLarge):
            await fetch(fetcher, heard.url, max_bytes=MIB)

    assert sent < 32 * MIB


@pytest.mark.parametrize(
    "answer",
    [
        cut(BODY, 100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"",
    ],
)
async def test_a_cut_or_malformed_answer_can_be_tried_again(answer: bytes) -> None:
    """A truncated or malformed answer is MediaUnavailable."""
    async with serving(saying(answer)) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret")


async def test_more_bytes_than_announced_are_not_part_of_the_medium() -> None:
    """Bytes beyond the declared length are not read."""
    async with serving(saying(reply("200 OK", BODY) + b"HTTP/1.1 200 OK\r\n\r\nmore")) as heard, fetching() as fetcher:
        assert BODY == await fetch(fetcher, heard.url)


async def silence(writer: asyncio.StreamWriter) -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


async def half(writer: asyncio.StreamWriter) -> None:
    """Send half a file, then nothing."""
    writer.write(reply("200 OK", BODY)[:-5000])
    await silence(writer)


@pytest.mark.parametrize("answer", [silence, half])
async def test_a_server_that_falls_silent_is_left(answer: Answer) -> None:
    """A server that is silent before or during its answer is MediaUnavailable."""
    bounds = Bounds(stall=0.1, pause=0)
    async with serving(saying(answer)) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret", bounds=bounds)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, never finishing."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "1"\r\n\r\n')
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("bounds", [Bounds(window=0.1, least=1000), Bounds(total=0.2)], ids=["pace", "total"])
async def test_a_drip_is_left(bounds: Bounds) -> None:
    """A transfer that is too slow or takes too long in all is ended and not resumed."""
    async with serving(saying(drip)) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret", bounds=bounds)

    assert 1 == len(heard.heads)


async def test_a_dripping_head_ends_too() -> None:
    """Endless response headers are limited like silence."""

    async def head_drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with serving(saying(head_drip)) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret", bounds=Bounds(stall=0.2))


async def test_nobody_there_and_no_name_now_can_be_tried_again() -> None:
    """A refused connection and a failing name server are temporary; an unknown name is permanent."""
    names = Names(
        gone=[["127.0.0.1"]],
        away=[gaierror(EAI_AGAIN, "try again")],
        missing=[gaierror(EAI_NONAME, "no name")],
        none=[[]],
    )
    await refused(MediaUnavailable, "http://gone.example:1/secret", names=names)
    await refused(MediaUnavailable, "https://away.example/secret", names=names)
    await refused(MediaUnreachable, "https://missing.example/secret", names=names)
    await refused(MediaUnreachable, "https://none.example/secret", names=names)


@pytest.mark.parametrize(
    ("header", "value"), [("ETag", '"v1"'), ("Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT")], ids=["etag", "date"]
)
async def test_a_broken_transfer_goes_on_where_it_broke(header: str, value: str) -> None:
    """With a validator, only the missing rest is requested, as often as allowed."""
    script = saying(
        cut(BODY, 1000, f"{header}: {value}"),
        rest(BODY, 1000)[:-3000],
        reply("503 Service Unavailable"),
        rest(BODY, len(BODY) - 3000),
    )
    async with serving(script) as heard, fetching() as fetcher:
        assert BODY == await fetch(fetcher, heard.url)

    ranges = [line for text in heard.heads for line in text.split("\r\n") if line.lower().startswith(("range", "if-"))]
    offsets = [1000, len(BODY) - 3000, len(BODY) - 3000]
    assert [line for offset in offsets for line in (f"Range: bytes={offset}-", f"If-Range: {value}")] == ranges


async def test_going_on_ends_after_five_times() -> None:
    """A connection that breaks too often ends the fetch with MediaUnavailable."""
    async with serving(saying(cut(BODY, 1000, 'ETag: "1"'), rest(BODY, 1000)[: -len(BODY) + 1000])) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret")

    assert 6 == len(heard.heads)


@pytest.mark.parametrize(
    "header", ["X: y", 'ETag: W/"weak"', "ETag: bare", "Last-Modified: \x01", 'ETag: "1"\r\nAccept-Ranges: none']
)
async def test_without_proof_that_it_is_the_same_file_nothing_is_continued(header: str) -> None:
    """Without a strong validator or range support a broken transfer is not resumed."""
    async with serving(saying(cut(BODY, 1000, header))) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret")

    assert 1 == len(heard.heads)


@pytest.mark.parametrize(
    "answer",
    [
        reply("200 OK", BODY),
        reply("206 Partial Content", BODY[1000:]),
        rest(BODY, 1000, first=999),
        rest(BODY, 1000, total=len(BODY) + 1),
        reply("206 Partial Content", BODY[1000:], "Content-Range: bytes 1000-1100/10240"),
        reply("206 Partial Content", BODY[1000:], "Content-Range: bytes nonsense"),
        reply("412 Precondition Failed"),
        reply("416 Range Not Satisfiable"),
    ],
)
async def test_an_answer_that_is_not_exactly_the_rest_is_not_glued_on(answer: bytes) -> None:
    """If the file changed or the server cannot resume it, the fetch is MediaUnavailable."""
    async with serving(saying(cut(BODY, 1000, 'ETag: "1"'), answer)) as heard:
        await refused(MediaUnavailable, f"{heard.url}/secret")

    assert 2 == len(heard.heads)


async def test_a_rest_that_is_gone_or_packed_is_a_refusal() -> None:
    """A rest that is refused (an expired signature) or compressed makes the fetch MediaUnreachable."""
    for answer in (
        reply("403 Forbidden"),
        reply("206 Partial Content", BODY[1000:], "Content-Encoding: gzip", *_RANGE),
    ):
        async with serving(saying(cut(BODY, 1000, 'ETag: "1"'), answer)) as heard:
            await refused(MediaUnreachable, f"{heard.url}/secret")


_RANGE = ("Content-Range: bytes 1000-10239/10240",)


@pytest.mark.parametrize("coding", ["chunked, gzip", "xchunked", "chunked;q=1, identity", "notchunked"])
async def test_what_is_not_chunked_in_the_end_has_no_end(coding: str) -> None:
    """Only the last transfer coding counts, and only if it is exactly `chunked`."""
    answer = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode()
    async with serving(saying(answer)) as heard, fetching() as fetcher:
        with pytest.raises((MediaUnreachable, MediaUnavailable)):
            await fetch(fetcher, heard.url)


async def test_proxies_and_passwords_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies and .netrc of the environment are ignored."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with serving(saying(reply("200 OK", BODY))) as heard, fetching() as fetcher:
        assert BODY == await fetch(fetcher, heard.url)

    assert "authorization" not in heard.heads[0].lower()
