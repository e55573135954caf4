"""HighLevel's wire format: envelopes, JSON bodies, forms, numbers in strings.

Owns: parsing requests and building responses. Knows nothing of what an operation does.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import media_type
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.errors import NOT_AN_ID, Refusal, invalid
from providers.simulators.highlevel.grants import Grant
from providers.simulators.highlevel.operations import V2, V3, Operation
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.validation import Shape, problems

# Keys of the scope under which the outer layers store what they found out about a call.
OPERATION_KEY = "simulator.operation"
GRANT_KEY = "simulator.grant"
PARAMS_KEY = "simulator.params"
# docs of GoHighLevel/highlevel-api-docs, read 2026-11-20: three dates are in use beside v3.
VERSIONS = {"2021-07-28": V2, "2021-04-15": V2, "2023-02-21": V2, "v3": V3}


def vendor_of(request: Request) -> Vendor:
    """Return the vendor that received a request."""
    vendor: Vendor = request.app.state.vendor
    return vendor


def operation_of(request: Request) -> Operation | None:
    """Return the operation of a request, or None."""
    operation: Operation | None = request.scope.get(OPERATION_KEY)
    return operation


def grant_of(request: Request) -> Grant:
    """Return the grant of an admitted request."""
    grant: Grant = request.scope[GRANT_KEY]
    return grant


def generation(request: Request) -> str:
    """Return the generation of the Version header; the old one when there is no header."""
    return VERSIONS.get(request.headers.get("version", ""), V2)


def path_param(request: Request, name: str) -> str:
    """Return a path parameter."""
    return str(request.scope[PARAMS_KEY][name])


def location_of(request: Request) -> str:
    """Return the location of an admitted request."""
    named = request.scope[PARAMS_KEY].get("locationId") or request.query_params.get("locationId")
    return str(named or grant_of(request).location_id or "")


def envelope(
    request: Request, message: str, results: object = None, status: int = 200, **beside: object
) -> JSONResponse:
    """Return `{success, statusCode, message, results?, traceId}`."""
    body: dict[str, object] = {"success": True, "statusCode": status, "message": message, **beside}
    if results is not None:
        body["results"] = results
    return JSONResponse({**body, "traceId": ids.trace_id(vendor_of(request).entropy)}, status)


def refusal(vendor: Vendor, error: Refusal) -> Response:
    """Return a refusal as a response."""
    headers = {}
    if error.status == 429 and vendor.config.retry_after is not None:
        headers["Retry-After"] = str(vendor.config.retry_after)
    return JSONResponse(error.body(ids.trace_id(vendor.entropy)), error.status, headers)


def check_media_type(request: Request, expected: str) -> None:
    """Raise Refusal 415 unless the body is of the expected type."""
    found = media_type(request.headers)
    if found != expected:
        raise Refusal(415, f"Unsupported Media Type: {found or 'none'}")


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body. Raise Refusal 415 for another type, 400 for invalid JSON."""
    check_media_type(request, "application/json")
    try:
        value = json.loads(await request.body())
    except ValueError:
        raise Refusal(400, "Unexpected token in JSON") from None
    if not isinstance(value, dict):
        raise invalid("the body is not an object")
    return value


def check_shape(shape: Shape, body: dict[str, Any]) -> None:
    """Raise Refusal 422 with every violation of a shape."""
    if found := problems(shape, body):
        raise invalid(*found)


async def form(request: Request, *, json_too: bool = False) -> dict[str, str]:
    """Return the fields of a form (or of JSON). Raise Refusal 415 for another type."""
    if json_too and media_type(request.headers) == "application/json":
        return {name: str(value) for name, value in (await json_object(request)).items()}
    check_media_type(request, "application/x-www-form-urlencoded")
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def required_query(request: Request, *names: str) -> list[str]:
    """Return the values of required query parameters. Raise Refusal 422 with a message for each missing one."""
    missing = [f"{name} should not be empty" for name in names if not request.query_params.get(name)]
    if missing:
        raise invalid(*missing)
    return [request.query_params[name] for name in names]


def page(request: Request, *, limit: int) -> slice:
    """Return skip and limit of a query string. Raise Refusal 422 when they are not digits."""
    values = {"skip": request.query_params.get("skip", "0"), "limit": request.query_params.get("limit", str(limit))}
    if wrong := [f"{name} must be a number string" for name, value in values.items() if not value.isdecimal()]:
        raise invalid(*wrong)
    skip = int(values["skip"])
    return slice(skip, skip + int(values["limit"]))


def mongo_id(request: Request, name: str = "id") -> str:
    """Return a path parameter with 24 hexadecimal digits. Raise Refusal 400 with the database's message."""
    value = path_param(request, name)
    if not ids.is_mongo(value):
        raise Refusal(400, NOT_AN_ID)
    return value
