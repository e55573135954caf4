"""The control endpoints of a simulator under /_sim/, for tests in another process. Loopback callers only.

Owns: controls as HTTP endpoints, the ledger as JSON, and the controls that every vendor has. Does not know the vendors:
the one that is simulated is `app.state.vendor`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from json import loads
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Values = dict[str, Any]
Control = Callable[[Any, Values], Any]
Controls = Mapping[tuple[str, str], Control]


def clear_faults(vendor: Any, values: Values) -> None:
    """Forget every fault."""
    vendor.faults.clear()


def clock(vendor: Any, values: Values) -> Values:
    """Let time run ahead: ?advance=seconds."""
    vendor.advance_clock(float(values["advance"]))
    return {"now": vendor.now().isoformat()}


def ledger(vendor: Any, rows: Mapping[str, Sequence[Any]], **more: object) -> Values:
    """Return the ledger as JSON: the vendor's own `rows`, what every vendor records, and `more`."""
    tables = {**rows, "exchanges": vendor.exchanges, "deliveries": vendor.deliveries, "requests": vendor.requests}
    return {
        **{name: [{**asdict(row), "time": row.time.isoformat()} for row in table] for name, table in tables.items()},
        "counts": Counter(f"{row.operation} {row.status}" for row in vendor.requests if row.operation),
        **more,
        "fault_hits": vendor.faults.hits,
    }


def routes(controls: Controls) -> list[Route]:
    """Return the endpoint `/_sim/{name}` of each control, and `/_sim/`, which lists them with their docstrings."""

    async def index(request: Request) -> Response:
        return JSONResponse({f"{method} /_sim/{name}": each.__doc__ for (method, name), each in controls.items()})

    found = [Route(f"/_sim/{name}", _endpoint(each), methods=[method]) for (method, name), each in controls.items()]
    return [Route("/_sim/", index, methods=["GET"]), *found]


def _endpoint(control: Control) -> Callable[[Request], Awaitable[Response]]:
    """Return a control as an HTTP endpoint. Its values come from query and JSON body; 400 explains what is wrong."""

    async def call(request: Request) -> Response:
        if not _is_loopback(request):
            return JSONResponse({"error": "the control plane answers on loopback only"}, 403)
        try:
            answer = control(request.app.state.vendor, await _values(request))
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
