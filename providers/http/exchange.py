"""One request, one answer, both bounded; and when there is no answer, what that means.

Owns the line between "nothing was sent" and "it may have happened". Knows no vendor and no meaning of an answer.
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
# What these say is that no byte of the request has left.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read to its end: status, headers (lower-case names), body as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _TooMuch(Exception):
    """The answer is larger than anything we read."""


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    write: bool,
    provider: str,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Send `request` once and read at most `max_bytes` of answer within `seconds`, drips included.

    Raises Unavailable when nothing was sent. A lost, late, cut or oversized answer is Ambiguous for a `write`; for a
    read it is Unavailable (oversized: ContractBroken).
    """
    with told_apart(write=write, provider=provider):
        async with asyncio.timeout(seconds):
            return await answer_of(client, request, max_bytes)


@contextmanager
def told_apart(*, write: bool, provider: str) -> Iterator[None]:
    """Turn what httpx and the clock raise into our errors; causes are dropped, their text may hold an address."""
    try:
        yield
    except UNSENT:
        raise Unavailable("The provider could not be reached; nothing was sent.", provider=provider) from None
    except TimeoutError:
        raise lost("The answer did not come in time.", write=write, provider=provider) from None
    except (httpx.RequestError, httpx.StreamError, OSError):
        raise lost("The connection broke before the answer was complete.", write=write, provider=provider) from None
    except (_TooMuch, zlib.error, UnicodeError, httpx.InvalidURL):
        # What cannot be read of the request's address is told before anything is sent: this stands in the answer, as
        # does the address of a redirection, which httpx reads although nobody follows it.
        raise broken("The answer is too large, badly packed or badly spelt.", write=write, provider=provider) from None


def lost(message: str, *, write: bool, provider: str) -> ProviderError:
    """Return the error of an answer that never came."""
    kind = Ambiguous if write else Unavailable
    return kind(message, provider=provider)


def broken(message: str, *, write: bool, provider: str, log_id: str = "", http_status: int = 0) -> ProviderError:
    """Return the error of an answer that cannot be understood: after a write nobody knows what happened."""
    kind = Ambiguous if write else ContractBroken
    return kind(message, provider=provider, code="contract", log_id=log_id, http_status=http_status)


async def answer_of(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int = MAX_BYTES) -> Answer:
    """Send and read; raises what httpx raises."""
    response = await client.send(request, stream=True)
    try:
        body = await _read(response, max_bytes)
    finally:
        await response.aclose()
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """Read the body, unpacked if the vendor packed it although we asked it not to, never beyond the bound."""
    if response.is_stream_consumed:  # a transport of the tests answered from memory
        return response.content
    packed = response.headers.get("content-encoding", "identity").strip().lower() in ("gzip", "x-gzip", "deflate")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if packed else None
    body = bytearray()
    async for piece in response.aiter_raw():
        body += unpack.decompress(piece, max_bytes + 1 - len(body)) if unpack else piece
        if len(body) > max_bytes:
            raise _TooMuch
    return bytes(body)
