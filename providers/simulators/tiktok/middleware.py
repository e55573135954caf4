"""Fault injection and the ledger of calls, with TikTok's error bodies.

Owns: the bodies of injected faults. Knows nothing of what the endpoints do.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from providers.simulators.common.middleware import Dialect, intercept
from providers.simulators.faults import UPLOAD_KINDS, Fault
from providers.simulators.tiktok import wire
from providers.simulators.tiktok.errors import STATUS, OAuthError
from providers.simulators.tiktok.ledger import Call
from providers.simulators.tiktok.state import Vendor


def _row(operation: str, scope: Scope, status: int, time: datetime) -> Call:
    return Call(operation=operation, method=scope["method"], path=scope["path"], status=status, time=time)


def _error(vendor: Vendor, operation: str, fault: Fault) -> Response:
    if operation.startswith("oauth."):
        return wire.oauth_refusal(vendor, OAuthError(fault.code, fault.message))
    return wire.envelope(vendor, {}, fault.code, fault.message, fault.status or STATUS.get(fault.code, 400))


def middleware(app: ASGIApp, vendor: Vendor, operations: Mapping[tuple[str, str], str]) -> ASGIApp:
    """Wrap `app` in fault injection and the ledger of calls. `operations` names a call by method and path."""
    dialect = Dialect(
        operation=lambda scope: operations.get((scope["method"], scope["path"]), ""),
        row=_row,
        error=partial(_error, vendor),
        html="<!DOCTYPE html><html><head><title>tiktok</title></head><body>Please wait...</body></html>",
        broken_json='{"data":{"publish_id":"v_pub_file~v2-1.7602',
        endpoint_kinds=UPLOAD_KINDS,
    )
    return intercept(app, vendor, dialect)
