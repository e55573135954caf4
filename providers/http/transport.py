"""An httpx transport on aiohttp, whose errors say whether a failed request was sent.

Owns the session and the translation of aiohttp's errors. Knows no vendor, reads no environment, keeps no cookies.

Why not the published bridge (httpx-aiohttp 0.2.0, read 2026-11-20): it reports a connection that was dropped after
sending as `ConnectTimeout`, which means that nothing was sent; it re-quotes URLs, while an upload URL must be used
verbatim; and it leaves aiohttp's own retry of GET, PUT and DELETE enabled.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

PIECE = 64 * 1024
MAX_CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 15.0


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One aiohttp session as an httpx transport; `reuse=False` opens a new connection for every request."""

    def __init__(self, context: ssl.SSLContext, *, reuse: bool = True) -> None:
        """Store the TLS context; the first request opens the session, inside its event loop."""
        self._context = context
        self._reuse = reuse
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request once; the subclass of httpx.TransportError that it raises says how far it got."""
        url = _verbatim(request.url)
        session = self._session = self._session or self._open()
        timeout = request.extensions.get("timeout", {})
        with translated():
            answer = await session.request(
                request.method,
                url,
                headers=request.headers.multi_items(),
                data=_body(request),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=timeout.get("pool"), sock_connect=timeout.get("connect"), sock_read=timeout.get("read")
                ),
            )
        return httpx.Response(
            answer.status, headers=list(answer.raw_headers), stream=_AnswerStream(answer), request=request
        )

    def _open(self) -> aiohttp.ClientSession:
        """Open the session: no cookies between tenants, no environment, no decompression, no retry."""
        connector = aiohttp.TCPConnector(
            ssl=self._context,
            limit=MAX_CONNECTIONS,
            force_close=not self._reuse,
            keepalive_timeout=KEEP_ALIVE_SECONDS if self._reuse else None,
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
        )
        # aiohttp 3.14 retries GET, PUT and DELETE once if a kept-alive connection turns out to be dead. This is the
        # only switch; its own test client uses it too. tests/providers/http/test_transport.py fails if it breaks.
        session._retry_connection = False
        return session

    async def aclose(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _AnswerStream(httpx.AsyncByteStream):
    """The body of an answer, piece by piece."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with translated():
            async for piece in self._answer.content.iter_chunked(PIECE):
                yield piece

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it if there is more to read or to send."""
        self._answer.release()
        await self._answer.wait_for_close()


@contextmanager
def translated() -> Iterator[None]:
    """Translate aiohttp's errors into httpx's; the text is dropped, because it may contain a URL with a token."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
        # Name resolution, refused connections, TLS: no byte of the request was sent.
        raise httpx.ConnectError("could not connect") from None
    except aiohttp.ConnectionTimeoutError:
        raise httpx.ConnectTimeout("timed out while connecting") from None
    except aiohttp.ServerTimeoutError:
        raise httpx.ReadTimeout("timed out while waiting for the answer") from None
    except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
        raise httpx.RemoteProtocolError("the answer is cut or malformed") from None
    except (aiohttp.ClientError, OSError):
        raise httpx.ReadError("the connection was dropped") from None


def _verbatim(given: httpx.URL) -> URL:
    """Return a URL verbatim; raises ConnectError if its host cannot be resolved at all.

    Checked before anything is sent: aiohttp and the resolver would raise a UnicodeError, which means something else
    for an answer.
    """
    try:
        url = URL(str(given), encoded=True)
        (url.host or "").encode("idna")
    except ValueError:
        raise httpx.ConnectError("the address names no host") from None
    return url


def _body(request: httpx.Request) -> bytes | httpx.AsyncByteStream | None:
    """Return the body for aiohttp: None, bytes, or a stream (whose Content-Length is in the headers)."""
    try:
        return request.content or None
    except httpx.RequestNotRead:
        stream = request.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("the request's stream is not asynchronous") from None
        return stream
