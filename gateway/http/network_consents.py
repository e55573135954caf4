"""Where an account's owner connects it inside a planner: `/connect/{token}`, and what its page asks.

Owns reading what the browser sends, and what it is told. The rules are
`gateway/domain/accounts/attach_consent.py`; the page itself is `network_page.py`. Whoever knows the address may
use it, once: it is signed, bound to one connection and one network, and dies after ten minutes.
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
from gateway.http import network_page, pages
from gateway.http.oauth import extended, origin_of
from providers.errors import GrantRevoked, NotFound, OptionUnsupported, ProviderError, Rejected
from storage import errors as storage_errors
from storage.accounts import AccountRow
from storage.database import DatabaseUnavailable
from storage.network_consents import NetworkConsentRow

_log = log.get("gateway.http.network_consents")

MAX_BODY_BYTES = 4096
TOUCHY = (DomainError, ProviderError, DatabaseUnavailable, storage_errors.NotFound)
"""What the rules may raise."""

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser wants of an open consent."""

    domain: Domain
    row: NetworkConsentRow
    redirect_uris: Sequence[str]
    authorization_id: str = ""
    account: str = ""

    @property
    def provider(self) -> str:
        """What a person calls the planner."""
        return self.domain.providers[self.row.provider].table.display_name

    @property
    def connection(self) -> str:
        """The connection's name."""
        return names.CONNECTION.format(self.row.location, self.row.connection)

    @property
    def openers(self) -> list[str]:
        """The origins whose pages may have opened ours; a browser tells the message to nobody else."""
        return sorted({origin for uri in (*self.redirect_uris, *self.row.openers) if (origin := origin_of(uri))})

    def back(self, status: str, **more: str) -> str:
        """Return the application's own address with how it ended; empty when it named none."""
        values = {"connection": self.connection, "status": status, **more}
        return extended(self.row.return_uri, values) if self.row.return_uri else ""


@dataclass(frozen=True, slots=True)
class NetworkConsents:
    """`/connect/{token}` and what is below it; pages of `redirect_uris`, from the settings, may have opened ours."""

    domain: Callable[[], Domain | None]
    redirect_uris: Sequence[str]

    async def page(self, request: Request) -> Response:
        """Show the page."""
        return await self._shown(request, _page)

    async def vendor(self, request: Request) -> Response:
        """Send the browser on to the vendor's page."""
        return await self._shown(request, _vendor)

    async def choices(self, request: Request) -> Response:
        """Say who is behind the consent that the vendor's page told of."""
        return await self._told(request, _choices)

    async def attach(self, request: Request) -> Response:
        """Attach who was chosen."""
        return await self._told(request, _attach)

    async def look(self, request: Request) -> Response:
        """Look whether an account came of it in another way."""
        return await self._told(request, _look, done=True)

    async def _shown(self, request: Request, show: Callable[[Asked], Awaitable[Response]]) -> Response:
        """Answer with a page, whatever happens."""
        try:
            asked = await self._open(request)
            return await show(asked) if asked is not None else pages.render(pages.UNAVAILABLE, [])
        except AuthorizationStateInvalid:
            return pages.render(pages.EXPIRED, [])
        except DatabaseUnavailable:
            return pages.render(pages.UNAVAILABLE, [])
        except Exception as error:
            _log.error("network page failed", exc_info=error)
            return pages.render(pages.BROKEN, [])

    async def _told(
        self, request: Request, tell: Callable[[Asked], Awaitable[Answer]], *, done: bool = False
    ) -> Response:
        """Answer the page's script, whatever happens."""
        provider = "The provider"
        try:
            said = await _body(request)
            if said is None:
                return JSONResponse({"status": "refused", "text": "This is not what the page sends."}, 400)
            asked = await self._open(request, said, done=done)
            if asked is None:
                return JSONResponse(_troubled("The service is starting."), 503)
            provider = asked.provider
            status, body = await tell(asked)
        except TOUCHY as error:
            status, body = _sorry(error, provider)
        except Exception as error:
            _log.error("network page failed", exc_info=error)
            status, body = 500, _troubled("Something went wrong, and the fault is ours.")
        return JSONResponse(body, status)

    async def _open(self, request: Request, said: dict[str, str] | None = None, *, done: bool = False) -> Asked | None:
        """Find the consent of the address; one that is done is over, unless `done` may be asked for."""
        domain, values = self.domain(), said or {}
        if domain is None:
            return None
        row = await attach_consent.of_token(domain, request.path_params["token"])
        if row.account and not done:
            raise AuthorizationStateInvalid()
        return Asked(domain, row, self.redirect_uris, values.get("authorizationId", ""), values.get("account", ""))


async def _page(asked: Asked) -> Response:
    return network_page.render(
        asked.domain.providers[asked.row.provider].networks.signal,
        platform=asked.row.platform,
        provider=asked.provider,
        openers=asked.openers,
        back=asked.back("denied"),
    )


async def _vendor(asked: Asked) -> Response:
    return RedirectResponse((await attach_consent.vendor_page(asked.domain, asked.row)).reveal(), 303)


async def _choices(asked: Asked) -> Answer:
    row = asked.row
    found = await attach.attachable(
        asked.domain,
        row.location,
        row.connection,
        platform=row.platform,
        authorization_id=asked.authorization_id,
    )
    shown = [{"id": each.provider_account_id, "name": each.display_name, "handle": each.username} for each in found]
    return 200, {"status": "choose", "choices": shown}


async def _attach(asked: Asked) -> Answer:
    account = await attach_consent.choose(asked.domain, asked.row, asked.authorization_id, asked.account)
    return 200, _connected(asked, account)


async def _look(asked: Asked) -> Answer:
    account = await attach_consent.find_attached(asked.domain, asked.row)
    if account is not None:
        return 200, _connected(asked, account)
    text = f"Nothing new yet. Finish inside {asked.provider}, and look again."
    return 200, {"status": "waiting", "text": text}


def _connected(asked: Asked, account: AccountRow) -> dict[str, Any]:
    name = names.ACCOUNT.format(account.location, account.id)
    more = {"account": name, "authorization_id": asked.authorization_id}
    network = network_page.network_name(account.platform)
    who = f"{network} account {account.display_name}" if account.display_name else f"{network} account"
    return {
        "status": "connected",
        "title": "Connected",
        "text": f"Your {who} is connected. You can close this window.",
        "message": {
            "type": "social-gateway.account",
            "status": "connected",
            "connection": asked.connection,
            **more,
        },
        "returnUri": asked.back("connected", **more),
    }


def _sorry(error: Exception, provider: str) -> Answer:
    """Turn a refusal into what the person reads."""
    _log.info("network not connected", error=type(error).__name__)
    if isinstance(error, AuthorizationStateInvalid):
        text = "This link is no longer valid. Go back to the application that sent you here and start again."
        return 400, {"status": "over", "text": text}
    if isinstance(error, OptionUnsupported):
        # Words of ours, which say what can be done instead.
        return 409, {"status": "refused", "text": error.message}
    if isinstance(error, GrantRevoked | ReauthorizationRequired | storage_errors.NotFound):
        text = f"The connection to {provider} must be authorised again first."
        return 409, {"status": "refused", "text": text}
    if isinstance(error, NotFound):
        text = f"{provider} does not know this consent. Open the window again."
        return 404, {"status": "refused", "text": text}
    if isinstance(error, Rejected) or (isinstance(error, DomainError) and not _passes(error)):
        return 409, {"status": "refused", "text": f"{provider} did not connect the account."}
    return 503, _troubled(f"{provider} could not be asked just now.")


def _passes(error: DomainError) -> bool:
    """Return whether the same may work in a moment."""
    return isinstance(error, Conflict) or error.reason in ("GATEWAY_UNAVAILABLE", "QUOTA_EXCEEDED")


def _troubled(text: str) -> dict[str, str]:
    return {"status": "troubled", "text": f"{text} Look again in a moment."}


async def _body(request: Request) -> dict[str, str] | None:
    """Read what the page's script sends: a small JSON object of texts; None for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                return None
        said = json.loads(body)
    except (ClientDisconnect, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    return said
