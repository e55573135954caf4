"""The routes of the HTTP edge.

Owns the paths, and the responses for unknown paths and methods. Does not know what a page contains.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPMethod
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.clock import Clock, now
from gateway.domain.context import Domain
from gateway.domain.locations import Owners
from gateway.http import connections, consent_start, health, media, network_consents, oauth, webhooks
from gateway.http.middleware import with_middleware
from gateway.http.rest.edge import PREFIX, Calls, RestEdge, describe, starting
from gateway.interceptors.pipeline import CallPolicy
from gateway.readiness import Report

RPC_PREFIX = "/socialgateway."
METHODS = (HTTPMethod.GET, HTTPMethod.POST, HTTPMethod.PUT, HTTPMethod.PATCH, HTTPMethod.DELETE)
REQUEST_HEADERS = (
    "authorization",
    "connect-protocol-version",
    "connect-timeout-ms",
    "content-range",
    "content-type",
    "grpc-timeout",
    "last-event-id",
    "traceparent",
    "x-grpc-web",
    "x-request-id",
    "x-user-agent",
)
RESPONSE_HEADERS = ("grpc-message", "grpc-status", "grpc-status-details-bin", "retry-after", "x-request-id")


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
    origins: Sequence[str] = ()
    _web: ASGIApp | None = None

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
            if scope["path"].startswith(PREFIX):
                await rest(scope, receive, send)
            elif scope["path"].startswith(RPC_PREFIX):
                await self._rpc()(scope, receive, send)
            else:
                await app(scope, receive, send)

        # Outermost, so that a page can also read what the middleware refuses.
        return self._shared(with_middleware(routed))

    def _rpc(self) -> ASGIApp:
        """Return the app for clients in browsers."""
        if self.calls is None:
            return starting()
        if self._web is None:
            # Only where somebody calls it: it brings a second implementation of protobuf.
            from gateway.http.web_rpc import WebRpc

            self._web = cast(ASGIApp, WebRpc(self.calls.pipeline, self.calls.services))
        return self._web

    def _shared(self, app: ASGIApp) -> ASGIApp:
        """Let the pages of the allowed origins call the app; those of others are refused by their browsers."""
        if not self.origins:
            return app
        return CORSMiddleware(
            app,
            allow_origins=self.origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=7200,
        )


async def _refused(request: Request, error: Exception) -> Response:
    """Answer an unknown path (404) or method (405) with JSON."""
    if not isinstance(error, HTTPException):
        raise error
    words = {404: "There is nothing here.", 405: "This method is not allowed here."}
    return JSONResponse({"error": words.get(error.status_code, error.detail)}, error.status_code, error.headers)
