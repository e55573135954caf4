"""TikTok's wire format: envelopes, forms, JSON bodies, field lists, bearer tokens.

Owns: parsing requests and building responses. Knows nothing of what an endpoint does.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import NO_CACHE, media_type
from providers.simulators.tiktok import ids
from providers.simulators.tiktok.errors import OAuthError, VendorError
from providers.simulators.tiktok.grants import Grant
from providers.simulators.tiktok.state import Vendor


def vendor_of(request: Request) -> Vendor:
    """Return the vendor that received a request."""
    vendor: Vendor = request.app.state.vendor
    return vendor


def log_id(vendor: Vendor) -> str:
    """Return a new log id."""
    return ids.log_id(vendor.entropy, vendor.now())


def envelope(
    vendor: Vendor, data: Mapping[str, Any] | None, code: str = "ok", message: str = "", status: int = 200
) -> Response:
    """Return `{data, error}`, without `data` when it is None."""
    error = {"code": code, "message": message, "log_id": log_id(vendor)}
    return JSONResponse({"error": error} if data is None else {"data": data, "error": error}, status)


def oauth_refusal(vendor: Vendor, error: OAuthError) -> Response:
    """Return `{error, error_description, log_id}` with the configured status."""
    body = {"error": error.error, "error_description": error.description, "log_id": log_id(vendor)}
    return JSONResponse(body, vendor.config.oauth_error_status, NO_CACHE)


def refusal(vendor: Vendor, error: VendorError) -> Response:
    """Return a coded error with empty `data`."""
    return envelope(vendor, {}, error.code, error.message, error.status)


def authorize_call(request: Request, operation: str, *any_scope: str) -> Grant:
    """Return the grant of a call and count the call. Raise VendorError for token, rate or scope, in this order."""
    vendor = vendor_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    grant = vendor.grants.by_access_token(token, vendor.now()) if scheme.lower() == "bearer" else None
    if grant is None:
        raise VendorError("access_token_invalid")
    if vendor.config.rate_limits:
        vendor.windows.admit(grant.open_id, operation, vendor.now())
    if not set(any_scope) & set(grant.scopes):
        raise VendorError("scope_not_authorized")
    return grant


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raise OAuthError for another content type and for a repeated field."""
    if media_type(request.headers) != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "Only `application/x-www-form-urlencoded` is supported as Content-Type.")
    pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError("invalid_request", "The request parameters are malformed.")
    return fields


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body. Raise VendorError invalid_params for anything else."""
    if media_type(request.headers) != "application/json":
        raise VendorError("invalid_params", "The content type is not application/json")
    try:
        value = json.loads(await request.body())
    except ValueError:
        raise VendorError("invalid_params", "The request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise VendorError("invalid_params", "The request body is not an object")
    return value


def field_list(request: Request, allowed: Mapping[str, str], grant: Grant) -> list[str]:
    """Return the `fields` of the query string. `allowed` has the scope of each field. Raise VendorError."""
    fields = [name for name in request.query_params.get("fields", "").split(",") if name]
    if not fields:
        raise VendorError("invalid_params", "fields is required")
    if unknown := [name for name in fields if name not in allowed]:
        raise VendorError("invalid_params", f"fields has unknown names: {', '.join(unknown)}")
    if any(allowed[name] not in grant.scopes for name in fields):
        raise VendorError("scope_permission_missed")
    return fields


def integer(value: object, name: str) -> int:
    """Return an integer of a body. Raise VendorError invalid_params, also for a string of digits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise VendorError("invalid_params", f"{name} is not an integer")
    return value


def text(value: object, name: str, *, most: int) -> str:
    """Return a string of a body, at most `most` UTF-16 units. Raise VendorError invalid_params."""
    if not isinstance(value, str):
        raise VendorError("invalid_params", f"{name} is not a string")
    if len(value.encode("utf-16-le", "surrogatepass")) // 2 > most:
        raise VendorError("invalid_params", f"{name} is too long")
    return value


def flag(value: object, name: str) -> bool:
    """Return a bool of a body, False when it is absent (None). Raise VendorError invalid_params."""
    if value is not None and not isinstance(value, bool):
        raise VendorError("invalid_params", f"{name} is not a boolean")
    return bool(value)
