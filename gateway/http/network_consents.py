"""The endpoints where a network account's owner connects it to a planner: `/connect/{token}`, and what its page calls.

Owns parsing what the browser sends, and the responses. The logic is `gateway/domain/accounts/attach_consent.py`; the
page is `network_page.py`. Anybody who has the address may use it, once: its token is signed, bound to one connection
and one network, and expires after ten minutes.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway import log
from gateway.aip import names
from gateway.domain.accounts import attach, attach_consent
from gateway.domain.context import Domain
from gateway.errors import AuthorizationStateInvalid, Conflict, DomainError, ReauthorizationRequired
from gateway.http import bodies, network_page, pages
from gateway.http.acting import act_as_browser
from gateway.http.bodies import BodyTooLarge, BodyTooSlow
from gateway.http.oauth import origin_of, with_query
from providers.errors import GrantRevoked, NotFound, OptionUnsupported, ProviderError, Rejected
from storage import errors as storage_errors
from storage.accounts import AccountRow
from storage.database import DatabaseUnavailable
from storage.key_ring import KeyMissing
from storage.network_consents import NetworkConsentRow

_log = log.get("gateway.http.network_consents")

MAX_BODY_BYTES = 4096
EXPECTED_ERRORS = (DomainError, ProviderError, DatabaseUnavailable, storage_errors.NotFound)
"""The errors that the domain may raise."""

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """One request of a browser about an open consent."""

    domain: Domain
    row: NetworkConsentRow
    redirect_uris: Sequence[str]
    authorization_id: str = ""
    account: str = ""

    @property
    def provider(self) -> str:
        """The planner's display name."""
        return self.domain.providers[self.row.provider].table.display_name

    @property
    def connection(self) -> str:
        """The connection's resource name."""
        return names.CONNECTION.format(self.row.location, self.row.connection)

    @property
    def openers(self) -> list[str]:
        """The origins whose pages may have opened ours; the browser delivers the message to no others."""
        return sorted({origin for uri in (*self.redirect_uris, *self.row.openers) if (origin := origin_of(uri))})

    def back(self, status: str, **more: str) -> str:
        """Return the application's return URI with the outcome in its query; "" if it has none."""
        values = {"connection": self.connection, "status": status, **more}
        return with_query(self.row.return_uri, values) if self.row.return_uri else ""


@dataclass(frozen=True, slots=True)
class NetworkConsents:
    """`/connect/{token}` and the paths below it; pages at `redirect_uris`, from the settings, may have opened ours."""

    domain: Callable[[], Domain | None]
    redirect_uris: Sequence[str]

    async def page(self, request: Request) -> Response:
        """Return the page."""
        return await self._answer_page(request, _page)

    async def vendor(self, request: Request) -> Response:
        """Redirect the browser to the vendor's page."""
        return await self._answer_page(request, _vendor)

    async def choices(self, request: Request) -> Response:
        """List the accounts of the consent that the vendor's page reported."""
        return await self._answer_script(request, _choices)

    async def attach(self, request: Request) -> Response:
        """Attach the chosen account."""
        act_as_browser(request, "/connect/attach")
        return await self._answer_script(request, _attach)

    async def look(self, request: Request) -> Response:
        """Check whether the account was connected in another way, such as inside the planner."""
        act_as_browser(request, "/connect/look")
        return await self._answer_script(request, _look, done=True)

    async def _answer_page(self, request: Request, handle: Callable[[ConsentRequest], Awaitable[Response]]) -> Response:
        """Return a page, whatever happens."""
        try:
            consent = await self._open(request)
            return await handle(consent) if consent is not None else pages.render(pages.UNAVAILABLE, [])
        except AuthorizationStateInvalid:
            return pages.render(pages.EXPIRED, [])
        except (DatabaseUnavailable, KeyMissing):
            return pages.render(pages.UNAVAILABLE, [])
        except Exception as error:
            _log.error("network page failed", exc_info=error)
            return pages.render(pages.BROKEN, [])

    async def _answer_script(
        self, request: Request, handle: Callable[[ConsentRequest], Awaitable[Answer]], *, done: bool = False
    ) -> Response:
        """Return JSON for the page's script, whatever happens."""
        provider = "The provider"
        try:
            # The address first: without a valid one no body is waited for.
            consent = await self._open(request, done=done)
            if consent is None:
                return JSONResponse(_retry_later("The service is starting."), 503)
            provider = consent.provider
            values = await _body(request)
            if values is None:
                return JSONResponse({"status": "refused", "text": "This is not what the page sends."}, 400)
            # Again, because the consent may have been completed while the body arrived.
            consent = await self._open(request, values, done=done) or consent
            status, body = await handle(consent)
        except BodyTooSlow:
            status, body = 408, _retry_later("The request did not arrive in time.")
        except EXPECTED_ERRORS as error:
            status, body = _refusal(error, provider)
        except Exception as error:
            _log.error("network page failed", exc_info=error)
            status, body = 500, _retry_later("Something went wrong, and the fault is ours.")
        return JSONResponse(body, status)

    async def _open(
        self, request: Request, values: dict[str, str] | None = None, *, done: bool = False
    ) -> ConsentRequest | None:
        """Return the consent of the token, None during start-up; raises AuthorizationStateInvalid for a completed one,
        unless `done` allows it.
        """
        domain, values = self.domain(), values or {}
        if domain is None:
            return None
        row = await attach_consent.of_token(domain, request.path_params["token"])
        if row.account and not done:
            raise AuthorizationStateInvalid()
        return ConsentRequest(
            domain, row, self.redirect_uris, values.get("authorizationId", ""), values.get("account", "")
        )


async def _page(consent: ConsentRequest) -> Response:
    return network_page.render(
        consent.domain.providers[consent.row.provider].networks.signal,
        platform=consent.row.platform,
        provider=consent.provider,
        openers=consent.openers,
        back=consent.back("denied"),
    )


async def _vendor(consent: ConsentRequest) -> Response:
    return RedirectResponse((await attach_consent.vendor_page(consent.domain, consent.row)).reveal(), 303)


async def _choices(consent: ConsentRequest) -> Answer:
    row = consent.row
    found = await attach.attachable(
        consent.domain,
        row.location,
        row.connection,
        platform=row.platform,
        authorization_id=consent.authorization_id,
    )
    choices = [{"id": each.provider_account_id, "name": each.display_name, "handle": each.username} for each in found]
    return 200, {"status": "choose", "choices": choices}


async def _attach(consent: ConsentRequest) -> Answer:
    account = await attach_consent.choose(consent.domain, consent.row, consent.authorization_id, consent.account)
    return 200, _connected(consent, account)


async def _look(consent: ConsentRequest) -> Answer:
    account = await attach_consent.find_attached(consent.domain, consent.row)
    if account is not None:
        return 200, _connected(consent, account)
    text = f"Nothing new yet. Finish inside {consent.provider}, and look again."
    return 200, {"status": "waiting", "text": text}


def _connected(consent: ConsentRequest, account: AccountRow) -> dict[str, Any]:
    name = names.ACCOUNT.format(account.location, account.id)
    more = {"account": name, "authorization_id": consent.authorization_id}
    network = network_page.network_name(account.platform)
    who = f"{network} account {account.display_name}" if account.display_name else f"{network} account"
    return {
        "status": "connected",
        "title": "Connected",
        "text": f"Your {who} is connected. You can close this window.",
        "message": {
            "type": "social-gateway.account",
            "status": "connected",
            "connection": consent.connection,
            **more,
        },
        "returnUri": consent.back("connected", **more),
    }


def _refusal(error: Exception, provider: str) -> Answer:
    """Return the response for an error, in words for the account's owner."""
    _log.info("network not connected", error=type(error).__name__)
    if isinstance(error, AuthorizationStateInvalid):
        text = "This link is no longer valid. Go back to the application that sent you here and start again."
        return 400, {"status": "over", "text": text}
    if isinstance(error, OptionUnsupported):
        # The message is our own, and says what to do instead.
        return 409, {"status": "refused", "text": error.message}
    if isinstance(error, GrantRevoked | ReauthorizationRequired | storage_errors.NotFound):
        text = f"The connection to {provider} must be authorised again first."
        return 409, {"status": "refused", "text": text}
    if isinstance(error, NotFound):
        text = f"{provider} does not know this consent. Open the window again."
        return 404, {"status": "refused", "text": text}
    if isinstance(error, Rejected) or (isinstance(error, DomainError) and not _is_temporary(error)):
        return 409, {"status": "refused", "text": f"{provider} did not connect the account."}
    return 503, _retry_later(f"{provider} could not be asked just now.")


def _is_temporary(error: DomainError) -> bool:
    """Return whether the same request may succeed in a moment."""
    return isinstance(error, Conflict) or error.reason in ("GATEWAY_UNAVAILABLE", "QUOTA_EXCEEDED")


def _retry_later(text: str) -> dict[str, str]:
    return {"status": "troubled", "text": f"{text} Look again in a moment."}


async def _body(request: Request) -> dict[str, str] | None:
    """Read what the page's script sends, a small JSON object of strings; return None for anything else.

    Raises BodyTooSlow.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    try:
        values = json.loads(await bodies.read(request, MAX_BODY_BYTES))
    except (ClientDisconnect, BodyTooLarge, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        return None
    return values
