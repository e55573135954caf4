"""TikTok's v2 API as one ASGI app: consent page, API and upload server on all paths of all its hosts.

Owns: the routes, and how errors become responses. Knows no rule.
"""

import asyncio
import os
from functools import partial

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from providers.simulators.common.control import routes as control_routes
from providers.simulators.common.http import build_app
from providers.simulators.common.ids import Entropy
from providers.simulators.common.runtime import Clock, Sleep
from providers.simulators.tiktok import consent, control, display, oauth, publishing, upload, wire
from providers.simulators.tiktok.config import SimulatorConfig
from providers.simulators.tiktok.errors import OAuthError, VendorError
from providers.simulators.tiktok.middleware import middleware
from providers.simulators.tiktok.state import Vendor, system_clock


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
    publish = "/v2/post/publish"
    return [
        Route("/v2/auth/authorize/", consent.authorize, methods=["GET"]),
        Route("/_sim/consent", consent.decide, methods=["POST"]),
        Route("/v2/oauth/token/", oauth.token, methods=["POST"]),
        Route("/v2/oauth/revoke/", oauth.revoke, methods=["POST"]),
        Route("/v2/user/info/", display.user_info, methods=["GET"]),
        Route("/v2/video/list/", display.video_list, methods=["POST"]),
        Route("/v2/video/query/", display.video_query, methods=["POST"]),
        Route(f"{publish}/creator_info/query/", publishing.creator_info, methods=["POST"]),
        Route(f"{publish}/video/init/", publishing.video_init, methods=["POST"]),
        Route(f"{publish}/inbox/video/init/", publishing.inbox_init, methods=["POST"]),
        Route(f"{publish}/content/init/", publishing.content_init, methods=["POST"]),
        Route(f"{publish}/status/fetch/", publishing.status_fetch, methods=["POST"]),
        Route(f"{publish}/cancel/", publishing.cancel, methods=["POST"]),
        Route("/video/", upload.put, methods=["PUT"]),
        Route("/upload/", upload.put, methods=["PUT"]),
        *control_routes(control.CONTROLS),
    ]


def create_app(
    config: SimulatorConfig | None = None,
    *,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
    sleep: Sleep = asyncio.sleep,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """Return a simulated TikTok; `app.state.vendor` is its Vendor.

    `clock` returns aware UTC. Slow responses, webhook retries and timers use `sleep`; webhooks and pulls go through
    `transport` (None: the network). In process, end with `await app.state.vendor.aclose()` when webhooks are on.
    """
    vendor = Vendor(
        config or SimulatorConfig(), clock or system_clock, entropy=entropy, sleep=sleep, transport=transport
    )
    return build_app(
        vendor,
        _routes(),
        partial(middleware, vendor=vendor),
        {OAuthError: _refused, VendorError: _refused, 404: _unknown_path, 405: _unknown_path},
    )
