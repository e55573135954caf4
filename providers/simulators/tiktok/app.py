"""TikTok's v2 API as one ASGI app: consent page, API and upload server on all paths of all its hosts.

Owns: the routes, how errors become responses, and the bodies of injected faults. Knows no rule.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Unpack

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from providers.simulators.common.control import routes as control_routes
from providers.simulators.common.http import build_app
from providers.simulators.common.middleware import Dialect
from providers.simulators.common.vendor import Clock, Parts
from providers.simulators.faults import UPLOAD_KINDS, Fault
from providers.simulators.tiktok import consent, control, display, oauth, publishing, upload, wire
from providers.simulators.tiktok.config import SimulatorConfig
from providers.simulators.tiktok.errors import STATUS, OAuthError, VendorError
from providers.simulators.tiktok.state import Vendor, system_clock

_PUBLISH = "/v2/post/publish"
# The API by method and path, with the operation names that faults match.
ENDPOINTS: dict[tuple[str, str], tuple[str, Callable[[Request], Awaitable[Response]]]] = {
    ("POST", "/v2/oauth/token/"): ("oauth.token", oauth.token),
    ("POST", "/v2/oauth/revoke/"): ("oauth.revoke", oauth.revoke),
    ("GET", "/v2/user/info/"): ("user.info", display.user_info),
    ("POST", "/v2/video/list/"): ("video.list", display.video_list),
    ("POST", "/v2/video/query/"): ("video.query", display.video_query),
    ("POST", f"{_PUBLISH}/creator_info/query/"): ("creator_info", publishing.creator_info),
    ("POST", f"{_PUBLISH}/video/init/"): ("video.init", publishing.video_init),
    ("POST", f"{_PUBLISH}/inbox/video/init/"): ("inbox.init", publishing.inbox_init),
    ("POST", f"{_PUBLISH}/content/init/"): ("content.init", publishing.content_init),
    ("POST", f"{_PUBLISH}/status/fetch/"): ("status", publishing.status_fetch),
    ("POST", f"{_PUBLISH}/cancel/"): ("cancel", publishing.cancel),
    ("PUT", "/video/"): ("upload", upload.put),
    ("PUT", "/upload/"): ("upload", upload.put),
}


def _refused(request: Request, error: Exception) -> Response:
    vendor = wire.vendor_of(request)
    if isinstance(error, OAuthError):
        return wire.oauth_refusal(vendor, error)
    if isinstance(error, VendorError):
        return wire.refusal(vendor, error)
    raise error


async def _unknown_path(request: Request, error: Exception) -> Response:
    # github.com/pilcrowonpaper/arctic/issues/251, read 2026-11-20: the response to a missing trailing slash.
    return PlainTextResponse("Unsupported path(Janus)", 404)


def _routes() -> list[Route]:
    return [
        Route("/v2/auth/authorize/", consent.authorize, methods=["GET"]),
        Route("/_sim/consent", consent.decide, methods=["POST"]),
        *(Route(path, endpoint, methods=[method]) for (method, path), (_, endpoint) in ENDPOINTS.items()),
        *control_routes(control.CONTROLS),
    ]


def _operation(scope: Scope) -> str:
    name, _ = ENDPOINTS.get((scope["method"], scope["path"]), ("", None))
    return name


def _error(vendor: Vendor, operation: str, fault: Fault) -> Response:
    if operation.startswith("oauth."):
        return wire.oauth_refusal(vendor, OAuthError(fault.code, fault.message))
    return wire.envelope(vendor, {}, fault.code, fault.message, fault.status or STATUS.get(fault.code, 400))


def create_app(
    config: SimulatorConfig | None = None, *, clock: Clock | None = None, **parts: Unpack[Parts]
) -> Starlette:
    """Return a simulated TikTok; `app.state.vendor` is its Vendor. `clock` returns aware UTC.

    In process, end with `await app.state.vendor.aclose()` when webhooks or pulls are on.
    """
    vendor = Vendor(config or SimulatorConfig(), clock or system_clock, **parts)
    dialect = Dialect(
        operation=_operation,
        error=partial(_error, vendor),
        html="<!DOCTYPE html><html><head><title>tiktok</title></head><body>Please wait...</body></html>",
        broken_json='{"data":{"publish_id":"v_pub_file~v2-1.7602',
        endpoint_kinds=UPLOAD_KINDS,
    )
    return build_app(
        vendor,
        _routes(),
        dialect,
        {OAuthError: _refused, VendorError: _refused, 404: _unknown_path, 405: _unknown_path},
    )
