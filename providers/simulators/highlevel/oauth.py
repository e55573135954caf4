"""The token endpoints, with the field names of both generations.

Owns: /oauth/token, location tokens, the removed reconnect. Knows nothing of consent pages.
"""

import hmac
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import NO_CACHE
from providers.simulators.highlevel import errors, wire
from providers.simulators.highlevel.errors import Refusal, invalid
from providers.simulators.highlevel.grants import Grant
from providers.simulators.highlevel.ledger import Exchange
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.state import Vendor

Fields = dict[str, str]

_TYPES = ("authorization_code", "refresh_token", "client_credentials")
# /oauth/token of v3, specification read 2026-11-20: the same fields in camel case, and no other.
_V3_FIELDS = {
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "grantType": "grant_type",
    "refreshToken": "refresh_token",
    "userType": "user_type",
    "redirectUri": "redirect_uri",
}


def camel(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a response with v3's field names."""
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name): value for name, value in answer.items()}


def _old_names(fields: Fields) -> Fields:
    """Return v3's fields under the old names; v3 does not accept the old names."""
    return {_V3_FIELDS.get(name, name): value for name, value in fields.items() if "_" not in name}


def _check_fields(fields: Fields, *, v3: bool) -> None:
    spelling = {old: new for new, old in _V3_FIELDS.items()} if v3 else {}
    missing = [name for name in ("client_id", "client_secret", "grant_type") if not fields.get(name)]
    if missing:
        raise invalid(*(f"{spelling.get(name, name)} should not be empty" for name in missing))
    if fields["grant_type"] not in _TYPES:
        name = spelling.get("grant_type", "grant_type")
        raise invalid(f"{name} must be one of the following values: {', '.join(_TYPES)}")


def _check_client(vendor: Vendor, fields: Fields) -> None:
    known = fields["client_id"] == vendor.config.client_id
    if not known or not hmac.compare_digest(fields["client_secret"].encode(), vendor.config.client_secret.encode()):
        raise Refusal(401, "Invalid client credentials")


def _grant(vendor: Vendor, fields: Fields) -> Grant:
    now = vendor.now()
    if fields["grant_type"] == "authorization_code":
        return vendor.grants.redeem(fields.get("code", ""), fields.get("redirect_uri", ""), now)
    if fields["grant_type"] == "refresh_token":
        _check_active(vendor, fields.get("refresh_token", ""))
        return vendor.grants.rotate(fields.get("refresh_token", ""), now)
    raise Refusal(400, "Invalid grant: client_credentials is not enabled for this app")


def _check_active(vendor: Vendor, token: str) -> None:
    """Check that the location is active: github.com/GoHighLevel/highlevel-api-docs/issues/249, read 2026-11-20.

    The refresh token stays valid.
    """
    known = vendor.grants.refresh.get(token)
    location = vendor.tenants.locations.get(known.grant.location_id or "") if known else None
    if location is not None and not location.active:
        raise Refusal(400, errors.INACTIVE_LOCATION)


def _exchange(vendor: Vendor, fields: Fields, *, v3: bool) -> dict[str, Any]:
    _check_fields(fields, v3=v3)
    _check_client(vendor, fields)
    grant = _grant(vendor, fields)
    _record(vendor, fields["grant_type"], "ok", grant.user_type)
    return vendor.tokens(grant)


def _record(vendor: Vendor, grant_type: str, outcome: str, user_type: str = "") -> None:
    row = Exchange(grant_type=grant_type, outcome=outcome, user_type=user_type, time=vendor.now())
    vendor.exchanges.append(row)


async def token(request: Request) -> Response:
    """Exchange a code or a refresh token for a pair of tokens. Only here the Version header is optional."""
    vendor, v3 = wire.vendor_of(request), wire.generation(request) == V3
    fields = await wire.form(request, json_too=v3)
    fields = _old_names(fields) if v3 else fields
    try:
        answer = _exchange(vendor, fields, v3=v3)
    except Refusal as error:
        _record(vendor, fields.get("grant_type", ""), str(error.message))
        raise
    return JSONResponse(camel(answer) if v3 else answer, 200, NO_CACHE)


async def location_token(request: Request) -> Response:
    """Exchange a company's token for one of a location where the app is installed."""
    vendor, v3, company = wire.vendor_of(request), wire.generation(request) == V3, wire.grant_of(request)
    fields = await wire.form(request)
    if missing := [name for name in ("companyId", "locationId") if not fields.get(name)]:
        raise invalid(*(f"{name} should not be empty" for name in missing))
    location_id = fields["locationId"]
    if fields["companyId"] != company.company_id or location_id not in vendor.installs:
        raise Refusal(400, "Location not found or app is not installed in it")
    grant = Grant(company.company_id, location_id, company.scopes, company.user_id)
    answer: dict[str, Any] = {
        "access_token": vendor.grants.issue_access(grant, vendor.now()),
        "token_type": "Bearer",
        "expires_in": vendor.config.access_token_seconds,
        "scope": " ".join(grant.scopes),
        "locationId": location_id,
        "userId": grant.user_id,
        "appId": vendor.config.app_id,
        "versionId": vendor.config.app_id,
    }
    if v3 or vendor.config.location_token_refreshes:
        answer["refresh_token"] = vendor.grants.issue_refresh(grant, vendor.now())
    _record(vendor, "location_token", "ok", "Location")
    return JSONResponse(camel(answer) if v3 else answer, 200, NO_CACHE)


async def reconnect(request: Request) -> Response:
    """Refuse: the endpoint was removed (github.com/GoHighLevel/highlevel-api-docs/issues/333, read 2026-11-20)."""
    raise Refusal(400, errors.REMOVED, brief=True)
