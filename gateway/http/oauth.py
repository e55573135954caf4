"""The OAuth callback, to which a provider's consent page redirects the browser.

Owns parsing its parameters, and the response: a page, or a redirect to the application. The logic is
`gateway/domain/connections/complete.py`, which the RPC CompleteConnection also uses.
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
from gateway.domain.connections.complete import ConsentFailed
from gateway.domain.context import Domain
from gateway.errors import AuthorizationDenied, AuthorizationStateInvalid, DomainError
from gateway.http import consent_start, pages
from gateway.http.acting import act_as_browser
from gateway.http.pages import Outcome
from providers.errors import Misconfigured, ProviderError, Rejected
from storage.database import DatabaseUnavailable
from storage.errors import NotFound
from storage.key_ring import KeyMissing

_log = log.get("gateway.http.oauth")

FIELDS = ("state", "code", "error", "error_description")
MAX_VALUE = 8192


@dataclass(frozen=True, slots=True)
class Callback:
    """`/oauth/{provider}/callback`; pages at `redirect_uris`, from the settings, may have opened the window, and so may
    those of the API key that started the consent.
    """

    domain: Callable[[], Domain | None]
    redirect_uris: Sequence[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one browser."""
        request = Request(scope, receive)
        # A state can be used once: a HEAD request must not consume it.
        outcome = pages.HEAD_ONLY if request.method == "HEAD" else await self._settle(request)
        await self._respond(outcome)(scope, receive, send)

    async def _settle(self, request: Request) -> Outcome:
        try:
            return await self._complete(request)
        except Exception as error:
            # The person gets a page whatever happened, and no details.
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
        act_as_browser(request, "/oauth/callback")
        try:
            done = await complete.complete_callback(
                domain,
                provider.name,
                state=values["state"] or await self._state_of_browser(domain, request, provider.name),
                code=values["code"],
                error=values["error"],
                error_description=values["error_description"],
            )
        except ConsentFailed as failed:
            return _failed(failed, name, values["error_description"])
        except (DomainError, ProviderError, DatabaseUnavailable, KeyMissing) as error:
            if isinstance(error, AuthorizationStateInvalid) and not values["state"]:
                return pages.EXPIRED if provider.authorization.returns_state else pages.NOT_STARTED_HERE
            return _refused(error, name, values["error_description"])
        connection = names.CONNECTION.format(done.connection.location, done.connection.id)
        ended = pages.connected(name, connection=connection, return_uri=done.return_uri)
        return replace(ended, openers=done.openers)

    async def _state_of_browser(self, domain: Domain, request: Request, provider: str) -> str:
        """Return the state of the consent that this browser started, for vendors that do not return it."""
        return await consent.state_of_browser(domain, provider, consent_start.started_states(domain, request, provider))

    def _respond(self, outcome: Outcome) -> Response:
        if outcome.return_uri:
            return RedirectResponse(return_address(outcome), 303)
        return pages.render(outcome, self._origins(outcome))

    def _origins(self, outcome: Outcome) -> list[str]:
        """Return the origins whose pages may have opened ours; the browser delivers the message to no others."""
        known = (*self.redirect_uris, *outcome.openers)
        return sorted({origin for uri in known if (origin := origin_of(uri))})


def read(query: str) -> dict[str, str] | None:
    """Parse the callback's query; return None for repeated, oversized or malformed values, which no vendor sends."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        return None
    known = [(name, value) for name, value in pairs if name in FIELDS]
    if len({name for name, _ in known}) < len(known):
        return None
    # PostgreSQL cannot store a zero byte, and no vendor sends one.
    if any(len(value) > MAX_VALUE or "\0" in value for _, value in known):
        return None
    return dict.fromkeys(FIELDS, "") | dict(known)


def return_address(outcome: Outcome) -> str:
    """Return the application's return URI with the outcome added to its query."""
    return with_query(outcome.return_uri, {"connection": outcome.connection, "status": outcome.status})


def with_query(uri: str, values: Mapping[str, str]) -> str:
    """Return a URI with `values` added to its query."""
    parts, added = urlsplit(uri), urlencode(values)
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()


def origin_of(uri: str) -> str:
    """Return the origin (scheme, host and port) of an http or https URI, "" for any other."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def _failed(failed: ConsentFailed, provider: str, vendor_message: str) -> Outcome:
    """Return the page for the failure of a consent that was found; raises an error that nobody foresaw."""
    if isinstance(failed.error, NotFound):
        # The connection was deleted meanwhile.
        return pages.EXPIRED
    if not isinstance(failed.error, DomainError | ProviderError | DatabaseUnavailable):
        raise failed.error
    outcome = _refused(failed.error, provider, vendor_message, failed.connection, failed.return_uri)
    return outcome if outcome is pages.EXPIRED else replace(outcome, openers=failed.openers)


def _refused(
    error: Exception, provider: str, vendor_message: str, connection: str = "", return_uri: str = ""
) -> Outcome:
    """Return the page for an error."""
    _log.info("consent not completed", provider=provider, error=type(error).__name__)
    if isinstance(error, AuthorizationStateInvalid):
        return pages.EXPIRED
    return _page_for(error, provider, vendor_message, {"connection": connection, "return_uri": return_uri})


def _page_for(error: Exception, provider: str, vendor_message: str, where: dict[str, str]) -> Outcome:
    if isinstance(error, Misconfigured):
        return pages.failed(provider, pages.MISCONFIGURED, **where)
    if isinstance(error, AuthorizationDenied | Rejected):
        return pages.denied(provider, vendor_message=vendor_message, **where)
    if isinstance(error, DomainError) and error.reason != "GATEWAY_UNAVAILABLE":
        return pages.failed(provider, error.message, **where)
    return pages.temporarily_failed(provider, **where)
