"""A read whose answer is a file: its bytes as they come, of any size, and what came instead of a file.

Owns that no more is held than one piece, and what a broken transfer means. Knows no vendor and no format.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from providers.http.exchange import MAX_BYTES, Answer, broken, translated


@dataclass(frozen=True, slots=True)
class Download:
    """An answer of which the first piece has come, empty if there is none."""

    response: httpx.Response
    first: bytes
    rest: AsyncIterator[bytes]
    provider: str

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield all bytes. Raises Unavailable if the transfer breaks."""
        yield self.first
        with translated(write=False, provider=self.provider):
            async for piece in self.rest:
                yield piece

    async def answer(self) -> Answer:
        """Return all of it as an answer, for what is not a file. Raises Unavailable, ContractBroken if it is large."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > MAX_BYTES:
                raise broken("The answer is too large.", write=False, provider=self.provider)
        headers = {name.lower(): value for name, value in self.response.headers.items()}
        return Answer(self.response.status_code, headers, bytes(body))


@asynccontextmanager
async def opened(client: httpx.AsyncClient, request: httpx.Request, *, provider: str) -> AsyncIterator[Download]:
    """Send `request` once, and yield its answer as soon as it begins. Raises Unavailable."""
    with translated(write=False, provider=provider):
        response = await client.send(request, stream=True)
    try:
        # A test's transport may have answered from memory.
        rest = _memory(response.content) if response.is_stream_consumed else response.aiter_raw()
        with translated(write=False, provider=provider):
            first = await anext(rest, b"")
        yield Download(response, first, rest, provider)
    finally:
        await response.aclose()


async def _memory(content: bytes) -> AsyncIterator[bytes]:
    yield content
