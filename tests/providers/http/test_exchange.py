"""One request, one bounded answer: compression, size, and what each exception of httpx means.

Owns the table of `exchange`. Sockets are in test_transport.py.
"""

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from providers.errors import Ambiguous, ContractBroken, ProviderError, Unavailable
from providers.http.client import make_clients
from providers.http.exchange import Answer, exchange


async def call(handler: httpx.MockTransport, *, write: bool = False, max_bytes: int = 1000) -> Answer:
    """Make one call through a mocked transport."""
    client = make_clients(handler).reads
    request = client.build_request("POST", "https://vendor.example/")
    return await exchange(client, request, write=write, provider="vendor", max_bytes=max_bytes)


class Stream(httpx.AsyncByteStream):
    """A body that arrives in pieces, as from a socket."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def raising(error: Exception) -> httpx.MockTransport:
    """Return a transport that fails."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(fail)


def answering(*pieces: bytes, **headers: str) -> httpx.MockTransport:
    """Return a transport that answers in pieces."""
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Stream(*pieces)))


def answering_status(status: int, **headers: str) -> httpx.MockTransport:
    """Return a transport that answers with a status and nothing else."""
    return httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, stream=Stream()))


UNSENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.UnsupportedProtocol("x")]
LOST = [
    httpx.ReadTimeout("x"),
    httpx.WriteTimeout("x"),
    httpx.ReadError("x"),
    httpx.WriteError("x"),
    httpx.RemoteProtocolError("x"),
    ConnectionResetError("x"),
    TimeoutError("x"),
]


@pytest.mark.parametrize("error", UNSENT, ids=repr)
@pytest.mark.parametrize("write", [False, True])
async def test_what_never_left_is_temporary(error: Exception, write: bool) -> None:
    """A failure before the first byte is Unavailable, for reads and writes alike."""
    with pytest.raises(Unavailable):
        await call(raising(error), write=write)


@pytest.mark.parametrize("error", LOST, ids=repr)
async def test_a_lost_answer_to_a_write_is_ambiguous(error: Exception) -> None:
    """A failure after bytes were sent makes a write Ambiguous."""
    with pytest.raises(Ambiguous):
        await call(raising(error), write=True)


@pytest.mark.parametrize("error", LOST, ids=repr)
async def test_a_lost_answer_to_a_read_is_temporary(error: Exception) -> None:
    """A read without an answer is Unavailable."""
    with pytest.raises(Unavailable):
        await call(raising(error))


async def test_an_answer_keeps_status_headers_and_body() -> None:
    """Header names are lower-case, the body is unchanged."""
    answer = await call(answering(b"ab", b"c", **{"X-Tt-Logid": "1"}))

    assert Answer(200, {"x-tt-logid": "1"}, b"abc") == answer


@pytest.mark.parametrize(("write", "error"), [(False, ContractBroken), (True, Ambiguous)])
async def test_an_oversized_answer_is_refused(write: bool, error: type[ProviderError]) -> None:
    """An answer above the limit is ContractBroken for a read, Ambiguous for a write."""
    with pytest.raises(error) as refused:
        await call(answering(b"x" * 600, b"x" * 600), write=write)

    assert "contract" == refused.value.code


@pytest.mark.parametrize(("write", "error"), [(False, ContractBroken), (True, Ambiguous)])
async def test_a_name_in_an_answer_that_cannot_be_read(write: bool, error: type[ProviderError]) -> None:
    """A redirect to an invalid host name came after the request was sent, so a write is Ambiguous."""
    with pytest.raises(error):
        await call(answering_status(302, Location="https://xn--a.example/"), write=write)


@pytest.mark.parametrize("packed", [gzip.compress(b"{}", mtime=0), zlib.compress(b"{}")], ids=["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(packed: bytes) -> None:
    """A body that is compressed against our request is decompressed."""
    assert b"{}" == (await call(answering(packed, **{"Content-Encoding": "gzip"}))).body


async def test_a_packed_bomb_is_refused() -> None:
    """Decompression stops at the limit."""
    with pytest.raises(ContractBroken):
        await call(answering(gzip.compress(b"0" * 50_000_000), **{"Content-Encoding": "gzip"}))


async def test_a_badly_packed_answer_is_refused() -> None:
    """A body that is not compressed as its header says is ContractBroken."""
    with pytest.raises(ContractBroken):
        await call(answering(b"plain", **{"Content-Encoding": "gzip"}))


@pytest.mark.parametrize(("write", "kind"), [(False, ContractBroken), (True, Ambiguous)])
async def test_a_redirection_to_no_address_breaks_the_contract(write: bool, kind: type[ProviderError]) -> None:
    """httpx parses an invalid redirect URL although it is not followed; a write is Ambiguous then."""

    def send_on(_: httpx.Request) -> httpx.Response:
        return httpx.Response(301, headers={"location": "A:0"})

    with pytest.raises(kind):
        await call(httpx.MockTransport(send_on), write=write)
