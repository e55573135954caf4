"""The wire format: envelopes with an integer code, JSON bodies, queries whose lists are JSON text, the token header.

Owns: parsing requests and building responses. Knows nothing of what an endpoint does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import NO_CACHE, media_type
from providers.simulators.tiktok import ids
from providers.simulators.tiktok.grants import Grant
from providers.simulators.tiktok_business.accounts import SimAccount
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.state import Vendor

Values = dict[str, Any]


def vendor_of(request: Request) -> Vendor:
    """Return the vendor that received a request."""
    vendor: Vendor = request.app.state.vendor
    return vendor


def envelope(vendor: Vendor, data: Mapping[str, Any] | Sequence[Any], code: int = 0, message: str = "OK") -> Response:
    """Return `{code, message, request_id, data}` with HTTP 200."""
    request_id = ids.log_id(vendor.entropy, vendor.now())
    body = {"code": code, "message": message, "request_id": request_id, "data": data}
    return JSONResponse(body, 200, {**NO_CACHE, "X-Tt-Logid": request_id})


def refusal(vendor: Vendor, error: VendorError) -> Response:
    """Return an error with empty `data`."""
    return envelope(vendor, {}, error.code, error.message)


async def json_body(request: Request) -> Values:
    """Return the JSON object of a body. Raise VendorError 40002 for anything else."""
    if media_type(request.headers) != "application/json":
        raise VendorError(40002, "Content-Type: must be application/json")
    try:
        value = json.loads(await request.body())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise VendorError(40002, "The body is not a JSON object")
    return value


def required(values: Mapping[str, Any], *names: str) -> list[str]:
    """Return the required strings, in this order. Raise VendorError 40002, which names the field."""
    for name in names:
        if values.get(name) in (None, ""):
            raise VendorError(40002, f"{name}: Missing data for required field.")
        if not isinstance(values[name], str):
            raise VendorError(40002, f"{name}: Field must be set to string")
    return [values[name] for name in names]


def authorize_call(request: Request, operation: str, scope: str, values: Mapping[str, Any]) -> SimAccount:
    """Return the account of a call and count the call.

    Raise VendorError for a missing token, the rate, the token, the account, the scope, in this order.
    """
    vendor, token = vendor_of(request), request.headers.get("access-token", "")
    if not token:
        raise VendorError(40104)
    if vendor.config.rate_limits:
        vendor.app_windows.admit(operation, vendor.now())
    grant = vendor.tokens.valid(token, vendor.now())
    [business_id] = required(values, "business_id")
    if business_id != grant.open_id:
        raise VendorError(40131, "business_id: the token is not of this TikTok account")
    check_scope(grant, scope)
    request.state.grant = grant
    return vendor.businesses[grant.open_id]


def check_scope(grant: Grant, *scopes: str) -> None:
    """Raise VendorError 40130 for a scope that was not granted."""
    for scope in scopes:
        if scope and scope not in grant.scopes:
            raise VendorError(40130, f"The TikTok account has not authorized the scope {scope}")


def json_list(values: Mapping[str, Any], name: str, default: list[str]) -> list[str]:
    """Return a list of strings that a query holds as JSON text. Raise VendorError 40002 for any other form."""
    if name not in values:
        return default
    try:
        found = json.loads(values[name])
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise VendorError(40002, f"{name}: Not a valid list.")
    return found


def integer(values: Mapping[str, Any], name: str, default: int, *, least: int = 0, most: int = 2**62) -> int:
    """Return an integer of a query. Raise VendorError 40002 out of its bounds."""
    text = str(values.get(name, default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise VendorError(40002, f"{name}: Must be between {least} and {most}.")
    return int(text)


def choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str = "") -> str:
    """Return one of the allowed values. Raise VendorError 40002 for any other, and for none without a default."""
    value = values.get(name, default)
    if value not in allowed:
        raise VendorError(40002, f"{name}: Must be one of {', '.join(allowed)}.")
    return str(value)
