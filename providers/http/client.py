"""The one factory of HTTP clients: timeouts, no redirects, no environment, no cookies, a name of ours.

Owns how clients are set up. Knows no vendor; what is sent and read through them is `exchange.py`'s business.
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
    """Return our name and version, as vendors see it."""
    try:
        return f"social-gateway/{version('social-gateway')}"
    except PackageNotFoundError:
        return "social-gateway"


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one provider, by what a failure costs.

    `reads` keep their connections. `writes` open one each: a kept-alive connection that the vendor has just closed
    would make the outcome of a write doubtful for nothing. `uploads` keep theirs: sending the same chunk again is safe.
    """

    reads: httpx.AsyncClient
    writes: httpx.AsyncClient
    uploads: httpx.AsyncClient

    async def close(self) -> None:
        """Close every connection."""
        for client in {self.reads, self.writes, self.uploads}:
            await client.aclose()


def make_clients(transport: httpx.AsyncBaseTransport | None = None) -> Clients:
    """Make a provider's clients; with `transport` (the seam of the tests) all three are one on top of it."""
    if transport is not None:
        one = _client(transport)
        return Clients(one, one, one)
    # Proxies of the environment are not respected.
    context = trust.context()
    return Clients(
        reads=_client(AiohttpTransport(context)),
        writes=_client(AiohttpTransport(context, reuse=False)),
        uploads=_client(AiohttpTransport(context)),
    )


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Make one client on a transport."""
    return httpx.AsyncClient(
        transport=transport,
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # identity: what is bounded is what was sent, and an answer cannot swell while it is unpacked.
        headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"},
    )


def _hide_queries(record: logging.LogRecord) -> bool:
    """Take the query out of the addresses that httpx logs: an upload URL carries its token there."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
    return True


logging.getLogger("httpx").addFilter(_hide_queries)
