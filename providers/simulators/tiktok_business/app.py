"""TikTok's API for Business as one ASGI app: the consent pages, the Accounts API and the Marketing API.

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
from providers.simulators.faults import Fault
from providers.simulators.tiktok import consent
from providers.simulators.tiktok.state import system_clock
from providers.simulators.tiktok_business import comments, control, oauth, publishing, reading, subscriptions, wire
from providers.simulators.tiktok_business.ads import oauth as advertisers
from providers.simulators.tiktok_business.ads.endpoints import ENDPOINTS as MARKETING
from providers.simulators.tiktok_business.config import SimulatorConfig
from providers.simulators.tiktok_business.errors import MESSAGES, VendorError
from providers.simulators.tiktok_business.state import Vendor

BASE = "/open_api/v1.3"
# The API by method and path, with the operation names that faults match.
ENDPOINTS: dict[tuple[str, str], tuple[str, Callable[[Request], Awaitable[Response]]]] = {
    ("POST", "/tt_user/oauth2/token/"): ("oauth.token", oauth.token),
    ("POST", "/tt_user/oauth2/refresh_token/"): ("oauth.refresh", oauth.refresh_token),
    ("POST", "/tt_user/oauth2/revoke/"): ("oauth.revoke", oauth.revoke),
    ("POST", "/tt_user/token_info/get/"): ("token.info", oauth.token_info),
    ("GET", "/business/get/"): ("business.get", reading.business_get),
    ("GET", "/business/video/list/"): ("video.list", reading.video_list),
    ("GET", "/business/comment/list/"): ("comment.list", comments.comment_list),
    ("GET", "/business/comment/reply/list/"): ("reply.list", comments.reply_list),
    ("POST", "/business/comment/create/"): ("comment.create", comments.create),
    ("POST", "/business/comment/reply/create/"): ("reply.create", comments.reply_create),
    ("POST", "/business/comment/like/"): ("comment.like", comments.like),
    ("POST", "/business/comment/hide/"): ("comment.hide", comments.hide),
    ("POST", "/business/comment/pin/"): ("comment.pin", comments.pin),
    ("POST", "/business/comment/delete/"): ("comment.delete", comments.delete),
    ("GET", "/business/video/settings/"): ("video.settings", publishing.settings),
    ("POST", "/business/video/publish/"): ("video.publish", publishing.video_publish),
    ("POST", "/business/photo/publish/"): ("photo.publish", publishing.photo_publish),
    ("GET", "/business/publish/status/"): ("publish.status", publishing.publish_status),
    ("POST", "/business/webhook/update/"): ("webhook.update", subscriptions.update),
    ("GET", "/business/webhook/list/"): ("webhook.list", subscriptions.show),
    ("POST", "/business/webhook/delete/"): ("webhook.delete", subscriptions.delete),
    **MARKETING,
}


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, VendorError):
        return wire.refusal(wire.vendor_of(request), error)
    raise error


async def _unknown_path(request: Request, error: Exception) -> Response:
    # The answer to a missing trailing slash, too.
    return PlainTextResponse("404 page not found", 404)


def _routes() -> list[Route]:
    return [
        Route("/v2/auth/authorize/", consent.authorize, methods=["GET"]),
        Route("/portal/auth", advertisers.authorize, methods=["GET"]),
        Route("/_sim/consent", advertisers.decide, methods=["POST"]),
        *(Route(BASE + path, endpoint, methods=[method]) for (method, path), (_, endpoint) in ENDPOINTS.items()),
        *control_routes(control.CONTROLS),
    ]


def _operation(scope: Scope) -> str:
    name, _ = ENDPOINTS.get((scope["method"], scope["path"].removeprefix(BASE)), ("", None))
    return name


def _error(vendor: Vendor, operation: str, fault: Fault) -> Response:
    code = int(fault.code) if fault.code.isdigit() else 50000
    return wire.envelope(vendor, {}, code, fault.message or MESSAGES.get(code, ""))


def create_app(
    config: SimulatorConfig | None = None, *, clock: Clock | None = None, **parts: Unpack[Parts]
) -> Starlette:
    """Return a simulated API for Business; `app.state.vendor` is its Vendor. `clock` returns aware UTC."""
    vendor = Vendor(config or SimulatorConfig(), clock or system_clock, **parts)
    dialect = Dialect(
        operation=_operation,
        error=partial(_error, vendor),
        html="<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>",
        broken_json='{"code":0,"message":"OK","data":{"videos":[{"item_id":"7602',
    )
    return build_app(vendor, _routes(), dialect, {VendorError: _refused, 404: _unknown_path, 405: _unknown_path})
