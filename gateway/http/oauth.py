"""Where a provider's consent page sends the browser back to.

Owns reading what it brings, and what the person sees then: a page, or their own application again. The rules are
`gateway/domain/connections/complete.py`, which the RPC CompleteConnection uses too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.aip import names
from gateway.domain.connections import complete, consent
from gateway.domain.context import Domain
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, DomainError
from gateway.http import consent_start, pages
from gateway.http.pages import Outcome
from providers.errors import ProviderError
from storage.database import DatabaseUnavailable

_log = log.get("gateway.http.oauth")

FIELDS = ("state", "code", "error", "error_description")
MAX_VALUE = 8192


@dataclass(frozen=True, slots=True)
class Callback:
    """`/oauth/{provider}/callback`; the pages of `redirect_uris`, from the settings, may have opened the window, and so
    may those of the key that began the consent.
    """

    domain: Callable[[], Domain | None]
    redirect_uris: Sequence[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one browser."""
        request = Request(scope, receive)
        # A state is good for one visit: those who only look at the headers must not use it up.
        outcome = pages.LOOKED if request.method == "HEAD" else await self._settle(request)
        await self._respond(outcome)(scope, receive, send)

    async def _settle(self, request: Request) -> Outcome:
        try:
            return await self._complete(request)
        except Exception as error:
            # A person gets a page, whatever happened, and nothing of what it was.
            _log.error("callback failed", exc_info=error)
            return pages.BROKEN

    async def _complete(self, request: Request) -> Outcome:
        domain = self.domain()
        if domain is None:
            return pages.UNAVAILABLE
        provider = domain.providers.get(request.path_params["provider"])
        if provider is None:
            return pages.NO_PROVIDER
        values = read(request.url.query)
        if values is None or not (values["code"] or values["error"]):
            return pages.EXPIRED
        name = provider.table.display_name
        try:
            done = await complete.complete(
                domain,
                state=values["state"] or await self._remembered(domain, request, provider.name),
                code=values["code"],
                error=values["error"],
                error_description=values["error_description"],
                provider=provider.name,
            )
        except (DomainError, ProviderError, DatabaseUnavailable) as error:
            if isinstance(error, AuthorizationStateInvalid) and not values["state"]:
                return pages.EXPIRED if provider.authorization.returns_state else pages.UNASKED
            return _refused(error, name, said=values["error_description"])
        connection = names.CONNECTION.format(done.connection.location, done.connection.id)
        ended = pages.connected(name, connection=connection, return_uri=done.return_uri)
        return replace(ended, openers=done.openers)

    async def _remembered(self, domain: Domain, request: Request, provider: str) -> str:
        """Find which consent this browser began, when the vendor did not send the state back."""
        return await consent.only_open(domain, provider, consent_start.remembered(domain, request, provider))

    def _respond(self, outcome: Outcome) -> Response:
        if outcome.return_uri:
            return RedirectResponse(returning(outcome), 303)
        return pages.render(outcome, self._origins(outcome))

    def _origins(self, outcome: Outcome) -> list[str]:
        """Return the origins whose page may have opened ours; a browser tells the message to nobody else."""
        known = (*self.redirect_uris, *outcome.openers)
        return sorted({origin for uri in known if (origin := origin_of(uri))})


def read(query: str) -> dict[str, str] | None:
    """Read what the consent page sent; None for what no consent page sends: repeated, endless or broken values."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        return None
    known = [(name, value) for name, value in pairs if name in FIELDS]
    if len({name for name, _ in known}) < len(known):
        return None
    # A zero byte cannot be kept by PostgreSQL, and stands in nothing that a vendor sends.
    if any(len(value) > MAX_VALUE or "\0" in value for _, value in known):
        return None
    return dict.fromkeys(FIELDS, "") | dict(known)


def returning(outcome: Outcome) -> str:
    """Return the application's own address with the outcome in its query, beside what stood there."""
    return extended(outcome.return_uri, {"connection": outcome.connection, "status": outcome.status})


def extended(uri: str, values: Mapping[str, str]) -> str:
    """Return an address with more in its query."""
    parts, added = urlsplit(uri), urlencode(values)
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()


def origin_of(uri: str) -> str:
    """Return scheme, host and port of an address that can open windows, "" for anything else."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def _refused(error: Exception, provider: str, *, said: str) -> Outcome:
    """Turn a refusal into what the person is shown."""
    _log.info("consent not completed", provider=provider, error=type(error).__name__)
    where = {"connection": getattr(error, "connection", ""), "return_uri": getattr(error, "return_uri", "")}
    if isinstance(error, AuthorizationStateInvalid):
        return pages.EXPIRED
    return replace(_sorry(error, provider, said, where), openers=getattr(error, "openers", ()))


def _sorry(error: Exception, provider: str, said: str, where: dict[str, str]) -> Outcome:
    if isinstance(error, AuthorizationDenied):
        return pages.denied(provider, said=said, **where)
    if isinstance(error, DomainError) and error.reason != "GATEWAY_UNAVAILABLE":
        return pages.failed(provider, error.message, **where)
    return pages.troubled(provider, **where)
