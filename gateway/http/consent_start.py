"""The start of a consent whose provider may not return the OAuth state: a redirect of ours that sets a cookie.

Owns the cookie, which stores, for the lifetime of a consent, the signed states of the consents that this browser
started. It grants nothing by itself: the domain still requires that exactly one of them is open.
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

MAX_STARTED = 4
"""How many started consents the cookie holds; older ones are dropped."""

MAX_COOKIE = 2048
_SEPARATOR = "~"


@dataclass(frozen=True, slots=True)
class Start:
    """`/oauth/{provider}/start?state=…`."""

    domain: Callable[[], Domain | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect the browser to the provider's consent page."""
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
        return _with_cookie(domain, request, provider, states[0], RedirectResponse(uri, 303))


def started_states(domain: Domain, request: Request, provider: str) -> list[str]:
    """Return the states of the consents that this browser started, the newest last; they are unverified input."""
    value = request.cookies.get(_name(domain, provider), "")
    return [state for state in value.split(_SEPARATOR) if state][-MAX_STARTED:] if len(value) <= MAX_COOKIE else []


def _with_cookie(domain: Domain, request: Request, provider: str, state: str, response: Response) -> Response:
    others = [each for each in started_states(domain, request, provider) if each != state]
    response.set_cookie(
        _name(domain, provider),
        _SEPARATOR.join([*others, state][-MAX_STARTED:]),
        max_age=int(consent.LIFETIME.total_seconds()),
        path="/",
        secure=_secure(domain),
        httponly=True,
        # The provider's consent page navigates back from another site: Lax sends the cookie then.
        samesite="lax",
    )
    return response


def _name(domain: Domain, provider: str) -> str:
    """Return the cookie's name; the __Host- prefix prevents other hosts of the domain from setting it."""
    return f"__Host-consent-{provider}" if _secure(domain) else f"consent-{provider}"


def _secure(domain: Domain) -> bool:
    return domain.public_url.startswith("https://")
