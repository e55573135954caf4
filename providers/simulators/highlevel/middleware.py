"""Fault injection and the ledger of calls, with HighLevel's operations and error bodies.

Owns: the bodies of injected faults. Knows nothing of what the endpoints do.
"""

from datetime import datetime
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from providers.simulators.common.middleware import Dialect, intercept
from providers.simulators.faults import Fault
from providers.simulators.highlevel import operations, wire
from providers.simulators.highlevel.errors import Refusal
from providers.simulators.highlevel.ledger import Call
from providers.simulators.highlevel.state import Vendor


def _operation(scope: Scope) -> str:
    found = operations.find(scope["method"], scope["path"])
    if found is None:
        return ""
    scope[wire.OPERATION_KEY], scope[wire.PARAMS_KEY] = found
    return found[0].name


def _row(operation: str, scope: Scope, status: int, time: datetime) -> Call:
    version = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"version"), "")
    return Call(
        operation=operation, method=scope["method"], path=scope["path"], version=version, status=status, time=time
    )


def _error(vendor: Vendor, operation: str, fault: Fault) -> Response:
    """Return a refusal with the fault's `message`, or its `code` when it has no message."""
    response = wire.refusal(vendor, Refusal(fault.status or 400, fault.message or fault.code))
    response.headers.update(fault.headers)
    return response


def middleware(app: ASGIApp, vendor: Vendor) -> ASGIApp:
    """Wrap `app` in fault injection and the ledger of calls."""
    dialect = Dialect(
        operation=_operation,
        row=_row,
        error=partial(_error, vendor),
        html="<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>",
        broken_json='{"success":true,"statusCode":201,"results":{"post":{"_id":"65',
    )
    return intercept(app, vendor, dialect)
