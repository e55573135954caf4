"""Which requests have places of their own, and what a request without a place is answered.

Owns the paths that must be reachable when others are not: probes, or the process would be restarted, and the steps of
a consent, which a person cannot repeat. `places.py` counts.
"""

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.http import webhooks
from gateway.http.middleware import PROBES, with_middleware
from gateway.http.places import Kind

WEBHOOKS = ("/webhooks/", "/connect/webhook/")
STREAMS = (":watch", ":stream", "/WatchPost", "/StreamEvents")
"""How the paths of streams of responses end, as JSON and over Connect: a test holds them against the contract."""

SENTENCE = "The gateway has no place for this request now. Try again in a moment."


def kind_of(scope: Scope) -> Kind:
    """Return what a request is for."""
    if scope["path"].endswith(STREAMS):
        return Kind.STREAM
    if scope["method"] not in ("GET", "HEAD"):
        return Kind.OTHER
    if scope["path"] in PROBES:
        return Kind.PROBE
    return Kind.CONSENT if scope["path"].startswith("/oauth/") else Kind.OTHER


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    # Of HighLevel's deliveries only those answered with this status come again.
    status = webhooks.STARTING if scope["path"].startswith(WEBHOOKS) else 503
    await JSONResponse({"error": SENTENCE}, status, {"retry-after": "1"})(scope, receive, send)


refuse = with_middleware(_refuse)
"""The answer to a request for which there is no place."""
