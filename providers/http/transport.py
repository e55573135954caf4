"""httpx on aiohttp: sockets, pools and TLS of the real network, told apart by what a failure proves.

Owns the session and the translation of aiohttp's errors. Knows no vendor, reads no environment, keeps no cookies.

Why not the published bridge (httpx-aiohttp 0.2.0, read 2026-11-20): it reports a connection that was dropped after
sending as `ConnectTimeout`, which says that nothing was sent; it re-quotes URLs, while an upload URL must be used
verbatim; and it leaves aiohttp's own repetition of GET, PUT and DELETE switched on.
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
    """One aiohttp session as an httpx transport; `reuse=False` opens a fresh connection for every request."""

    def __init__(self, context: ssl.SSLContext, *, reuse: bool = True) -> None:
        """Remember how to connect; the session is opened by the first request, inside its event loop."""
        self._context = context
        self._reuse = reuse
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request once; raises httpx.TransportError subclasses that say how far it came."""
        url = _readable(request.url)
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
        """Open the session: no cookies between tenants, no environment, no decompression, no repetition."""
        connector = aiohttp.TCPConnector(
            ssl=self._context,
            limit=MAX_CONNECTIONS,
            force_close=not self._reuse,
            keepalive_timeout=KEEP_ALIVE_SECONDS if self._reuse else None,
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
        )
        # aiohttp 3.14 repeats GET, PUT and DELETE once when a kept-alive connection turns out dead. This is the only
        # switch; its own test client uses it too. tests/providers/http/test_transport.py fails when it stops working.
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
        """Return the connection back, or close it when there is more to read or to send."""
        self._answer.release()
        await self._answer.wait_for_close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn aiohttp's errors into httpx's; the text is dropped, because it may hold an address with a token."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
        # Name resolution, refused connections, TLS: no byte of the request has left.
        raise httpx.ConnectError("could not connect") from None
    except aiohttp.ConnectionTimeoutError:
        raise httpx.ConnectTimeout("timed out while connecting") from None
    except aiohttp.ServerTimeoutError:
        raise httpx.ReadTimeout("timed out while waiting for the answer") from None
    except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
        raise httpx.RemoteProtocolError("the answer is cut or malformed") from None
    except (aiohttp.ClientError, OSError):
        raise httpx.ReadError("the connection was dropped") from None


def _readable(given: httpx.URL) -> URL:
    """Return an address as it will go out, verbatim; raises ConnectError when its host cannot even be looked up.

    Looked at before anything is sent: aiohttp and the resolver would say so with errors of text coding, which in an
    answer mean something else.
    """
    try:
        url = URL(str(given), encoded=True)
        (url.host or "").encode("idna")
    except ValueError:
        raise httpx.ConnectError("the address names no host") from None
    return url


def _body(request: httpx.Request) -> bytes | httpx.AsyncByteStream | None:
    """Return what aiohttp should send: nothing, bytes, or a stream (whose Content-Length is in the headers)."""
    try:
        return request.content or None
    except httpx.RequestNotRead:
        stream = request.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("the request's stream is not asynchronous") from None
        return stream
