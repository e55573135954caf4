"""Where vendors tell by themselves what happened: `POST /webhooks/{provider}`.

Owns reading a delivery's bytes within limits, and what is answered. 200 says that it is kept, committed; when it cannot
be kept now, the answer is whatever makes this vendor come again. Why a delivery was refused is logged and not told: a
forger learns nothing from it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.domain.context import Domain
from gateway.domain.webhooks import deliveries
from providers.errors import CapabilityMissing, Misconfigured, WebhookRefused
from providers.models.webhooks import UNREADABLE
from storage.database import DatabaseUnavailable

_log = log.get("gateway.http.webhooks")

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
"""How long a delivery may take to arrive."""

KEPT = (200, {"status": "kept"})
NOTHING_HERE = (404, {"error": "There is nothing here."})
TOO_LARGE = (413, {"error": "The body is too large."})
TOO_SLOW = (408, {"error": "The body did not arrive in time."})
NOT_PROVED = (401, {"error": "The delivery is not proved to be the provider's."})
CANNOT_BE_READ = (400, {"error": "The delivery cannot be read."})
NOT_NOW = {"error": "The gateway cannot take deliveries now."}
STARTING = 429
"""What is answered before any vendor is known here: there is one that comes again after this alone."""

Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Inbox:
    """`/webhooks/{provider}`, and wherever else the routes put it."""

    domain: Callable[[], Domain | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        request = Request(scope, receive)
        try:
            status, body = await self._answer(request)
        except Exception as error:  # whatever it is, a vendor may come again for one answer only
            _log.error("webhook failed", exc_info=error)
            status, body = self._not_now(request)
        response: Response = JSONResponse(body, status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        domain, provider = self.domain(), request.path_params["provider"]
        if domain is None:
            return self._not_now(request)
        if provider not in domain.providers:
            return NOTHING_HERE
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            # It may have been this machine that was slow.
            status, _ = self._not_now(request)
            return TOO_SLOW if status >= 500 else self._not_now(request)
        except ClientDisconnect:
            return CANNOT_BE_READ
        return TOO_LARGE if body is None else await _take(domain, provider, request, body)

    def _not_now(self, request: Request) -> Answer:
        domain, provider = self.domain(), request.path_params["provider"]
        if domain is None or provider not in domain.providers:
            return STARTING, NOT_NOW
        return domain.providers[provider].webhooks.come_again, NOT_NOW


async def _take(domain: Domain, provider: str, request: Request, body: bytes) -> Answer:
    try:
        await deliveries.receive(domain, provider, _headers(request), body)
    except WebhookRefused as error:
        _log.warning("webhook refused", provider=provider, code=error.code)
        return CANNOT_BE_READ if error.code == UNREADABLE else NOT_PROVED
    except CapabilityMissing:
        return NOTHING_HERE
    except Misconfigured as error:
        _log.error("webhooks cannot be proved", provider=provider, code=error.code)
        return domain.providers[provider].webhooks.come_again, NOT_NOW
    except DatabaseUnavailable:
        _log.error("webhook not kept", provider=provider, error="DatabaseUnavailable")
        return domain.providers[provider].webhooks.come_again, NOT_NOW
    return KEPT


async def _body(request: Request) -> bytes | None:
    """Read the untouched bytes; None when they are too many, as soon as that is known."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _headers(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name; one that was sent twice is joined, and so proves nothing."""
    names = dict.fromkeys(request.headers.keys())
    return {name: ", ".join(request.headers.getlist(name)) for name in names}
