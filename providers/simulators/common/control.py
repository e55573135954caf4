"""The control endpoints of a simulator under /_sim/, for tests in another process. Loopback callers only.

Owns: controls as HTTP endpoints, the ledger as JSON, and the controls that every vendor has. Does not know the vendors:
the one that is simulated is `app.state.vendor`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from json import loads
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.simulators.common.http import is_loopback
from providers.simulators.faults import fault_from_json

Values = dict[str, Any]
Control = Callable[[Any, Values], Any]
Controls = Mapping[tuple[str, str], Control]


def _add_faults(vendor: Any, values: Values) -> None:
    """Order faults: one object {match, kind, times, after, …}, or {"faults": [objects]}."""
    faults = [fault_from_json(each) for each in values.get("faults", [values])]
    for fault in faults:
        vendor.check_fault(fault)
    vendor.faults.add(*faults)


def _clear_faults(vendor: Any, values: Values) -> None:
    """Forget every fault."""
    vendor.faults.clear()


def _reset(vendor: Any, values: Values) -> None:
    """Forget everything but the configuration and what signs webhooks."""
    vendor.reset()


def _clock(vendor: Any, values: Values) -> Values:
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


def controls(*, get: Sequence[Control], post: Sequence[Control]) -> Controls:
    """Return a vendor's controls, each under the name of its function, and those that every vendor has."""
    own = {(method, each.__name__.strip("_")): each for method, row in (("GET", get), ("POST", post)) for each in row}
    faults = {("POST", "faults"): _add_faults, ("DELETE", "faults"): _clear_faults}
    return {**own, **faults, ("POST", "clock"): _clock, ("POST", "reset"): _reset}


def routes(controls: Controls) -> list[Route]:
    """Return the endpoint `/_sim/{name}` of each control, and `/_sim/`, which lists them with their docstrings."""

    async def index(request: Request) -> Response:
        return JSONResponse({f"{method} /_sim/{name}": each.__doc__ for (method, name), each in controls.items()})

    found = [Route(f"/_sim/{name}", _endpoint(each), methods=[method]) for (method, name), each in controls.items()]
    return [Route("/_sim/", index, methods=["GET"]), *found]


def _endpoint(control: Control) -> Callable[[Request], Awaitable[Response]]:
    """Return a control as an HTTP endpoint. Its values come from query and JSON body; 400 explains what is wrong."""

    async def call(request: Request) -> Response:
        if request.client is None or not is_loopback(request.client.host):
            return JSONResponse({"error": "the control plane answers on loopback only"}, 403)
        try:
            answer = control(request.app.state.vendor, await _values(request))
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
        return JSONResponse({} if answer is None else answer)

    return call


async def _values(request: Request) -> Values:
    body = await request.body()
    value = loads(body) if body else {}
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")
    return {**request.query_params, **value}
