"""The HTTP client with which a simulated vendor calls out: for webhooks, and for media that it fetches.

Owns: what the client stands on. Knows nothing of what is sent.
"""

import httpx

from providers.http import trust
from providers.http.transport import AiohttpTransport
from providers.simulators.common.vendor import Vendor


def make_client(vendor: Vendor, timeout: float, *, follow_redirects: bool = False) -> httpx.AsyncClient:
    """Return a client on the vendor's transport, or on the network; every failure is an httpx.HTTPError.

    httpx's own transport does not keep that promise: of some thousand connections that the server resets at once, one
    ends in an AttributeError (httpx 0.28.1, anyio 4.16.0 and uvloop 0.23.0, run 2026-11-30), and the publication whose
    media was being fetched then never ended.
    """
    return httpx.AsyncClient(
        transport=vendor.transport or AiohttpTransport(trust.context()),
        timeout=timeout,
        follow_redirects=follow_redirects,
        trust_env=False,
    )
