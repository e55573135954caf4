"""The token endpoint and the revocation endpoint, with their flat errors.

Owns: POST /v2/oauth/token/ and /v2/oauth/revoke/. Knows nothing of consent pages or of what a token permits.
"""

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import NO_CACHE
from providers.simulators.tiktok import ids
from providers.simulators.tiktok.errors import OAuthError
from providers.simulators.tiktok.ledger import Exchange
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.wire import form, vendor_of

Fields = dict[str, str]


def _required(fields: Fields, name: str) -> str:
    if not fields.get(name):
        raise OAuthError("invalid_request", f"The request parameter {name} is missing.")
    return fields[name]


def _check_client(vendor: Vendor, fields: Fields) -> None:
    key, secret = _required(fields, "client_key"), _required(fields, "client_secret")
    known = key == vendor.config.client_key
    if not known or not hmac.compare_digest(secret.encode(), vendor.config.client_secret.encode()):
        raise OAuthError("invalid_client", "Client key or secret is incorrect.")


def _by_code(vendor: Vendor, fields: Fields) -> dict[str, Any]:
    code, now = _required(fields, "code"), vendor.now()
    grant = vendor.grants.redeem(code, fields.get("redirect_uri"), fields.get("code_verifier"), now)
    return vendor.grants.issue(grant, now)


def _by_refresh_token(vendor: Vendor, fields: Fields) -> dict[str, Any]:
    token, now = _required(fields, "refresh_token"), vendor.now()
    grant = vendor.grants.by_refresh_token(token, now)
    return vendor.grants.issue(grant, now, old_refresh=token)


def _by_client(vendor: Vendor, fields: Fields) -> dict[str, Any]:
    return {
        "access_token": ids.client_token(vendor.entropy),
        "expires_in": vendor.config.client_token_seconds,
        "token_type": "Bearer",
    }


_GRANT_TYPES = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_client,
}


def _exchange(vendor: Vendor, fields: Fields) -> dict[str, Any]:
    _check_client(vendor, fields)
    grant_type = _required(fields, "grant_type")
    if grant_type not in _GRANT_TYPES:
        raise OAuthError("unsupported_grant_type", f"The grant type {grant_type} is not supported.")
    return _GRANT_TYPES[grant_type](vendor, fields)


def _record(vendor: Vendor, grant_type: str, outcome: str, open_id: str = "") -> None:
    row = Exchange(grant_type=grant_type, outcome=outcome, open_id=open_id, time=vendor.now())
    vendor.exchanges.append(row)


async def token(request: Request) -> Response:
    """Exchange a code, a refresh token or the client credentials for tokens. Raise OAuthError."""
    vendor = vendor_of(request)
    fields: Fields = {}
    try:
        fields = await form(request)
        answer = _exchange(vendor, fields)
    except OAuthError as error:
        _record(vendor, fields.get("grant_type", ""), error.error)
        raise
    _record(vendor, fields["grant_type"], "ok", answer.get("open_id", ""))
    return JSONResponse(answer, 200, NO_CACHE)


async def revoke(request: Request) -> Response:
    """Revoke a user's authorization by a valid access token; an expired one is refused. Success has no body."""
    vendor, fields = vendor_of(request), await form(request)
    _check_client(vendor, fields)
    grant = vendor.grants.by_access_token(_required(fields, "token"), vendor.now())
    if grant is None:
        # Recorded 2026-10-04: refusing an expired token leaves the grant valid.
        raise OAuthError("invalid_grant", "Access token is invalid or expired.")
    vendor.revoke(grant.open_id, reason=5)
    return Response(status_code=200)
