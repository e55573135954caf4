"""Where a consent begins when its provider may not send the state back: a page of ours that the browser passes through.

Owns the cookie that remembers, for as long as a consent lives, which ones this browser began. It holds states that we
signed, and opens nothing by itself: the rules still ask for exactly one that is open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.domain.connections import consent
from gateway.domain.context import Domain
from gateway.errors import AuthorizationStateInvalid
from gateway.http import pages
from storage.database import DatabaseUnavailable

_log = log.get("gateway.http.oauth")

MOST = 4
"""How many consents a browser may have begun at once; an older one is forgotten."""

MAX_COOKIE = 2048
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Start:
    """`/oauth/{provider}/start?state=…`."""

    domain: Callable[[], Domain | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one browser on to the consent page."""
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        domain, provider = self.domain(), request.path_params["provider"]
        if domain is None:
            return pages.render(pages.UNAVAILABLE, ())
        if provider not in domain.providers:
            return pages.render(pages.NO_PROVIDER, ())
        states = request.query_params.getlist("state")
        try:
            uri = await consent.page_behind(domain, provider, states[0] if len(states) == 1 else "")
        except AuthorizationStateInvalid:
            return pages.render(pages.EXPIRED, ())
        except DatabaseUnavailable:
            return pages.render(pages.UNAVAILABLE, ())
        return _remembering(domain, request, provider, states[0], RedirectResponse(uri, 303))


def remembered(domain: Domain, request: Request, provider: str) -> list[str]:
    """Return the states of the consents that this browser began, the newest last; nothing in them is to be believed."""
    value = request.cookies.get(_name(domain, provider), "")
    return [state for state in value.split(_BETWEEN) if state][-MOST:] if len(value) <= MAX_COOKIE else []


def _remembering(domain: Domain, request: Request, provider: str, state: str, response: Response) -> Response:
    known = [each for each in remembered(domain, request, provider) if each != state]
    response.set_cookie(
        _name(domain, provider),
        _BETWEEN.join([*known, state][-MOST:]),
        max_age=int(consent.LIFETIME.total_seconds()),
        path="/",
        secure=_secure(domain),
        httponly=True,
        # The consent page sends the browser back by a navigation from another site: Lax lets that one through.
        samesite="lax",
    )
    return response


def _name(domain: Domain, provider: str) -> str:
    """With the prefix no other host of the same domain can set it."""
    return f"__Host-consent-{provider}" if _secure(domain) else f"consent-{provider}"


def _secure(domain: Domain) -> bool:
    return domain.public_url.startswith("https://")
