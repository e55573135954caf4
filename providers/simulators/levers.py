"""The control plane of a simulator under /_sim/, whatever its levers are. Loopback callers only.

Owns: levers as HTTP endpoints, and the levers that every vendor has. Knows no vendor: it is in `app.state.vendor`.
"""

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from json import loads
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Values = dict[str, Any]
Lever = Callable[[Any, Values], Any]


def clear_faults(vendor: Any, values: Values) -> None:
    """Forget every fault."""
    vendor.faults.clear()


def clock(vendor: Any, values: Values) -> Values:
    """Let time run ahead: ?advance=seconds."""
    vendor.advance_clock(float(values["advance"]))
    return {"now": vendor.now().isoformat()}


def routes(levers: Mapping[tuple[str, str], Lever]) -> list[Route]:
    """Every lever as `/_sim/{name}`, and `/_sim/`, which tells in a line each what they can do."""

    async def index(request: Request) -> Response:
        return JSONResponse({f"{method} /_sim/{name}": lever.__doc__ for (method, name), lever in levers.items()})

    found = [Route(f"/_sim/{name}", _endpoint(lever), methods=[method]) for (method, name), lever in levers.items()]
    return [Route("/_sim/", index, methods=["GET"]), *found]


def _endpoint(lever: Lever) -> Callable[[Request], Awaitable[Response]]:
    """A lever as an HTTP endpoint: values from query and JSON body; 400 with a sentence for what it does not take."""

    async def call(request: Request) -> Response:
        if not _is_loopback(request):
            return JSONResponse({"error": "the control plane answers on loopback only"}, 403)
        try:
            answer = lever(request.app.state.vendor, await _values(request))
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
        return JSONResponse({} if answer is None else answer)

    return call


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


async def _values(request: Request) -> Values:
    body = await request.body()
    value = loads(body) if body else {}
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")
    return {**request.query_params, **value}
