"""The routes of the HTTP edge.

Owns the paths, and the responses for unknown paths and methods. Does not know what a page contains.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.clock import Clock, now
from gateway.domain.context import Domain
from gateway.domain.locations import Owners
from gateway.http import connections, consent_start, health, media, network_consents, oauth, webhooks
from gateway.http.middleware import with_middleware
from gateway.http.rest.edge import PREFIX, Calls, RestEdge, describe
from gateway.interceptors.pipeline import CallPolicy
from gateway.readiness import Report


@dataclass(slots=True)
class Edge:
    """What the HTTP edge needs; `domain`, `policy`, `owners` and `calls` are set once everything else has started."""

    check: Callable[[], Awaitable[Report]]
    redirect_uris: Sequence[str] = ()
    domain: Domain | None = None
    policy: CallPolicy | None = None
    owners: Owners | None = None
    calls: Calls | None = None
    clock: Clock = now
    draining: Callable[[], bool] = lambda: False

    def app(self) -> ASGIApp:
        """Build the ASGI app."""
        webhook = webhooks.WebhookEndpoint(lambda: self.domain)
        network = network_consents.NetworkConsents(lambda: self.domain, self.redirect_uris)
        app = Starlette(
            routes=[
                Route("/healthz", health.alive, methods=["GET"]),
                Route("/readyz", health.Ready(self.check), methods=["GET"]),
                Route(
                    "/oauth/{provider}/callback",
                    oauth.Callback(lambda: self.domain, self.redirect_uris),
                    methods=["GET"],
                ),
                Route("/oauth/{provider}/start", consent_start.Start(lambda: self.domain), methods=["GET"]),
                Route("/openapi.json", describe, methods=["GET"]),
                Route("/me/{provider}-connection", connections.ConnectionStatus(self), methods=["GET"]),
                Route("/media/{token}", media.Media(lambda: self.domain), methods=["GET"]),
                Route("/webhooks/{provider}", webhook, methods=["POST"]),
                Route("/connect/webhook/{provider}", webhook, methods=["POST"]),
                Route("/connect/{token}", network.page, methods=["GET"]),
                Route("/connect/{token}/vendor", network.vendor, methods=["GET"]),
                Route("/connect/{token}/choices", network.choices, methods=["POST"]),
                Route("/connect/{token}/attach", network.attach, methods=["POST"]),
                Route("/connect/{token}/look", network.look, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _refused},
        )
        app.router.redirect_slashes = False
        rest = RestEdge(lambda: self.calls)

        async def routed(scope: Scope, receive: Receive, send: Send) -> None:
            # Starlette's own patterns leave out paths with a line break, and every answer here is a status.
            await (rest if scope["path"].startswith(PREFIX) else app)(scope, receive, send)

        return with_middleware(routed)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer an unknown path (404) or method (405) with JSON."""
    if not isinstance(error, HTTPException):
        raise error
    words = {404: "There is nothing here.", 405: "This method is not allowed here."}
    return JSONResponse({"error": words.get(error.status_code, error.detail)}, error.status_code, error.headers)
