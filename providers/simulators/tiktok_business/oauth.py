"""The tokens of account holders: exchange, refresh, revocation, token info.

Owns: /tt_user/oauth2/… and /tt_user/token_info/get/. Knows nothing of consent pages or of what a token permits.
"""

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok.ledger import Exchange
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.state import Vendor
from providers.simulators.tiktok_business.wire import Values, envelope, json_body, required, vendor_of


def _check_client(vendor: Vendor, body: Values) -> None:
    app, secret = required(body, "client_id", "client_secret")
    if app != vendor.config.client_key or not hmac.compare_digest(secret, vendor.config.client_secret):
        raise VendorError(40101)


def _by_code(vendor: Vendor, body: Values) -> dict[str, Any]:
    code, redirect_uri = required(body, "auth_code", "redirect_uri")
    return vendor.tokens.exchange(code, redirect_uri, vendor.now())


def _by_refresh_token(vendor: Vendor, body: Values) -> dict[str, Any]:
    [token] = required(body, "refresh_token")
    return vendor.tokens.renew(token, vendor.now())


async def _issue(
    request: Request, *, grant_type: str, exchange: Callable[[Vendor, Values], dict[str, Any]]
) -> Response:
    """Answer a token call, and record it."""
    vendor, body = vendor_of(request), await json_body(request)
    outcome, open_id = "ok", ""
    try:
        _check_client(vendor, body)
        if required(body, "grant_type") != [grant_type]:
            raise VendorError(40108)
        answer = exchange(vendor, body)
        open_id = answer["open_id"]
    except VendorError as error:
        outcome = str(error.code)
        raise
    finally:
        row = Exchange(grant_type=grant_type, outcome=outcome, open_id=open_id, time=vendor.now())
        vendor.exchanges.append(row)
    return envelope(vendor, answer)


token = partial(_issue, grant_type="authorization_code", exchange=_by_code)
refresh_token = partial(_issue, grant_type="refresh_token", exchange=_by_refresh_token)


async def revoke(request: Request) -> Response:
    """Revoke the authorization of the app by an account, with every token of it."""
    vendor, body = vendor_of(request), await json_body(request)
    _check_client(vendor, body)
    [access_token] = required(body, "access_token")
    vendor.revoke(vendor.tokens.valid(access_token, vendor.now()).open_id, reason=5)
    return envelope(vendor, {})


async def token_info(request: Request) -> Response:
    """Return which account and which scopes a token is for."""
    vendor, body = vendor_of(request), await json_body(request)
    app_id, access_token = required(body, "app_id", "access_token")
    if app_id != vendor.config.client_key:
        raise VendorError(40113)
    grant = vendor.tokens.valid(access_token, vendor.now())
    return envelope(vendor, {"app_id": app_id, "scope": ",".join(grant.scopes), "creator_id": grant.open_id})
