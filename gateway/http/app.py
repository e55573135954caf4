"""Which path of the HTTP edge leads where.

Owns the routes, and the answers for what is not there. Knows nothing of what any page says.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.clock import Clock, now
from gateway.domain.context import Domain
from gateway.domain.locations import Owners
from gateway.http import connections, consent_start, health, media, network_consents, oauth, webhooks
from gateway.http.middleware import framed
from gateway.interceptors.pipeline import Steps
from gateway.readiness import Report


@dataclass(slots=True)
class Edge:
    """What the edge serves from; `domain`, and what calls need beside it, come when everything else has started."""

    look: Callable[[], Awaitable[Report]]
    redirect_uris: Sequence[str] = ()
    domain: Domain | None = None
    steps: Steps | None = None
    owners: Owners | None = None
    clock: Clock = now
    draining: Callable[[], bool] = lambda: False

    def app(self) -> ASGIApp:
        """Build the ASGI app."""
        inbox = webhooks.Inbox(lambda: self.domain)
        network = network_consents.NetworkConsents(lambda: self.domain, self.redirect_uris)
        app = Starlette(
            routes=[
                Route("/healthz", health.alive, methods=["GET"]),
                Route("/readyz", health.Ready(self.look), methods=["GET"]),
                Route(
                    "/oauth/{provider}/callback",
                    oauth.Callback(lambda: self.domain, self.redirect_uris),
                    methods=["GET"],
                ),
                Route("/oauth/{provider}/start", consent_start.Start(lambda: self.domain), methods=["GET"]),
                Route("/me/{provider}-connection", connections.ConnectionStatus(self), methods=["GET"]),
                Route("/media/{token}", media.Media(lambda: self.domain), methods=["GET"]),
                Route("/webhooks/{provider}", inbox, methods=["POST"]),
                Route("/connect/webhook/{provider}", inbox, methods=["POST"]),
                Route("/connect/{token}", network.page, methods=["GET"]),
                Route("/connect/{token}/vendor", network.vendor, methods=["GET"]),
                Route("/connect/{token}/choices", network.choices, methods=["POST"]),
                Route("/connect/{token}/attach", network.attach, methods=["POST"]),
                Route("/connect/{token}/look", network.look, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _refused},
        )
        app.router.redirect_slashes = False
        return framed(app)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what the routes refuse: 404, 405, as JSON."""
    if not isinstance(error, HTTPException):
        raise error
    words = {404: "There is nothing here.", 405: "This method is not allowed here."}
    return JSONResponse({"error": words.get(error.status_code, error.detail)}, error.status_code, error.headers)
