"""The one factory of HTTP clients: timeouts, no redirects, no environment, no cookies, our own User-Agent.

Owns how clients are configured. Knows no vendor; requests are sent and answers read by `exchange.py`.
"""

import logging
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import httpx

from providers.http import trust
from providers.http.transport import AiohttpTransport

TIMEOUT = httpx.Timeout(connect=5.0, read=30.0, write=30.0, pool=10.0)


@cache
def user_agent() -> str:
    """Return the User-Agent: our name and version."""
    try:
        return f"social-gateway/{version('social-gateway')}"
    except PackageNotFoundError:
        return "social-gateway"


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one provider, separated by the cost of a failure.

    `reads` keeps connections alive. `writes` opens a new one for each request: a kept-alive connection that the vendor
    has just closed would needlessly make the outcome of a write ambiguous. `uploads` keeps connections alive: sending
    the same chunk again is safe.
    """

    reads: httpx.AsyncClient
    writes: httpx.AsyncClient
    uploads: httpx.AsyncClient

    async def close(self) -> None:
        """Close every connection."""
        for client in {self.reads, self.writes, self.uploads}:
            await client.aclose()


def make_clients(transport: httpx.AsyncBaseTransport | None = None) -> Clients:
    """Return a provider's clients; with `transport` (used by tests) all three are the same client on top of it."""
    if transport is not None:
        one = _client(transport)
        return Clients(one, one, one)
    # Proxy settings in the environment are ignored.
    context = trust.context()
    return Clients(
        reads=_client(AiohttpTransport(context)),
        writes=_client(AiohttpTransport(context, reuse=False)),
        uploads=_client(AiohttpTransport(context)),
    )


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return one client on a transport."""
    return httpx.AsyncClient(
        transport=transport,
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # identity: the size limit applies to the bytes sent, and an answer cannot grow by decompression.
        headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"},
    )


def _hide_queries(record: logging.LogRecord) -> bool:
    """Remove the query from the URLs that httpx logs: an upload URL carries its token there."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
    return True


logging.getLogger("httpx").addFilter(_hide_queries)
