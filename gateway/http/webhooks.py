"""The webhook endpoint: `POST /webhooks/{provider}`.

Owns reading a delivery's bytes within limits, and the response. 200 means that the delivery is stored and committed; if
it cannot be stored now, the response is whatever makes this vendor retry. The reason for a refusal is logged and not
sent: a forger learns nothing from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.domain.context import Domain
from gateway.domain.webhooks import deliveries
from gateway.http import bodies
from gateway.http.bodies import BodyTooLarge, BodyTooSlow
from providers.errors import CapabilityMissing, Misconfigured, WebhookRefused
from providers.models.webhooks import UNREADABLE
from storage.database import DatabaseUnavailable

_log = log.get("gateway.http.webhooks")

MAX_BODY_BYTES = 64 * 1024

STORED = (200, {"status": "kept"})
NOTHING_HERE = (404, {"error": "There is nothing here."})
TOO_LARGE = (413, {"error": "The body is too large."})
TOO_SLOW = (408, {"error": "The body did not arrive in time."})
UNVERIFIED = (401, {"error": "The delivery is not proved to be the provider's."})
UNREADABLE_BODY = (400, {"error": "The delivery cannot be read."})
TRY_LATER = {"error": "The gateway cannot take deliveries now."}
STARTING = 429
"""The status during start-up, when no provider is loaded yet: HighLevel retries after no other."""

Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """`/webhooks/{provider}`, and its other routes."""

    domain: Callable[[], Domain | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        request = Request(scope, receive)
        try:
            status, body = await self._answer(request)
        except Exception as error:  # some vendors retry after one particular status only
            _log.error("webhook failed", exc_info=error)
            status, body = self._try_later(request)
        response: Response = JSONResponse(body, status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        domain, provider = self.domain(), request.path_params["provider"]
        if domain is None:
            return self._try_later(request)
        if provider not in domain.providers:
            return NOTHING_HERE
        try:
            body = await bodies.read(request, MAX_BODY_BYTES)
        except BodyTooLarge:
            return TOO_LARGE
        except BodyTooSlow:
            # The slow side may have been this machine.
            status, _ = self._try_later(request)
            return TOO_SLOW if status >= 500 else self._try_later(request)
        except ClientDisconnect:
            return UNREADABLE_BODY
        return await _store(domain, provider, request, body)

    def _try_later(self, request: Request) -> Answer:
        domain, provider = self.domain(), request.path_params["provider"]
        if domain is None or provider not in domain.providers:
            return STARTING, TRY_LATER
        return domain.providers[provider].webhooks.redelivery_status, TRY_LATER


async def _store(domain: Domain, provider: str, request: Request, body: bytes) -> Answer:
    try:
        await deliveries.receive(domain, provider, _headers(request), body)
    except WebhookRefused as error:
        _log.warning("webhook refused", provider=provider, code=error.code)
        return UNREADABLE_BODY if error.code == UNREADABLE else UNVERIFIED
    except CapabilityMissing:
        return NOTHING_HERE
    except Misconfigured as error:
        _log.error("webhooks cannot be proved", provider=provider, code=error.code)
        return domain.providers[provider].webhooks.redelivery_status, TRY_LATER
    except DatabaseUnavailable:
        _log.error("webhook not kept", provider=provider, error="DatabaseUnavailable")
        return domain.providers[provider].webhooks.redelivery_status, TRY_LATER
    return STORED


def _headers(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name; a repeated one is joined, so that its signature is invalid."""
    names = dict.fromkeys(request.headers.keys())
    return {name: ", ".join(request.headers.getlist(name)) for name in names}
