"""One request and its answer, bounded in size and time; and the error when there is no answer.

Owns the distinction between "nothing was sent" and "it may have happened". Knows no vendor and no meaning of an answer.
"""

import asyncio
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from providers.errors import Ambiguous, ContractBroken, ProviderError, Unavailable

MAX_BYTES = 4 * 1024 * 1024
SECONDS = 45.0
# These exceptions prove that no byte of the request was sent.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, headers (lower-case names), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _TooMuch(Exception):
    """The answer is larger than the limit."""


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    write: bool,
    provider: str,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Send `request` once and read at most `max_bytes` of answer within `seconds` in all.

    Raises Unavailable if nothing was sent. A lost, late, truncated or oversized answer is Ambiguous for a `write`; for
    a read it is Unavailable (oversized: ContractBroken).
    """
    with translated(write=write, provider=provider):
        async with asyncio.timeout(seconds):
            return await answer_of(client, request, max_bytes)


@contextmanager
def translated(*, write: bool, provider: str) -> Iterator[None]:
    """Translate the exceptions of httpx and timeouts into ours; causes are dropped, they may contain a URL."""
    try:
        yield
    except UNSENT:
        raise Unavailable("The provider could not be reached; nothing was sent.", provider=provider) from None
    except TimeoutError:
        raise lost("The answer did not come in time.", write=write, provider=provider) from None
    except (httpx.RequestError, httpx.StreamError, OSError):
        raise lost("The connection broke before the answer was complete.", write=write, provider=provider) from None
    except (_TooMuch, zlib.error, UnicodeError, httpx.InvalidURL):
        # An invalid URL of the request is refused before anything is sent; here it is in the answer: httpx parses the
        # URL of a redirect although it is not followed.
        raise broken("The answer is too large, badly packed or badly spelt.", write=write, provider=provider) from None


def lost(message: str, *, write: bool, provider: str) -> ProviderError:
    """Return the error for a missing answer."""
    kind = Ambiguous if write else Unavailable
    return kind(message, provider=provider)


def broken(message: str, *, write: bool, provider: str, log_id: str = "", http_status: int = 0) -> ProviderError:
    """Return the error for an answer that cannot be understood: Ambiguous after a write, else ContractBroken."""
    kind = Ambiguous if write else ContractBroken
    return kind(message, provider=provider, code="contract", log_id=log_id, http_status=http_status)


async def answer_of(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int = MAX_BYTES) -> Answer:
    """Send a request and read its answer; raises what httpx raises."""
    response = await client.send(request, stream=True)
    try:
        body = await _read(response, max_bytes)
    finally:
        await response.aclose()
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """Read the body up to the limit, decompressing it if the vendor compressed it against our request."""
    if response.is_stream_consumed:  # a test transport answered from memory
        return response.content
    packed = response.headers.get("content-encoding", "identity").strip().lower() in ("gzip", "x-gzip", "deflate")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if packed else None
    body = bytearray()
    async for piece in response.aiter_raw():
        body += unpack.decompress(piece, max_bytes + 1 - len(body)) if unpack else piece
        if len(body) > max_bytes:
            raise _TooMuch
    return bytes(body)
