"""The app's webhook subscriptions: one address for each kind of event, for every account.

Owns: /business/webhook/…. Knows nothing of what is sent there.
"""

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.state import Vendor
from providers.simulators.tiktok_business.webhooks import EVENTS
from providers.simulators.tiktok_business.wire import Values, choice, envelope, json_body, required, vendor_of


def _check(request: Request, values: Values) -> None:
    app, secret = required(values, "app_id", "secret")
    config = vendor_of(request).config
    if app != config.client_key or not hmac.compare_digest(secret, config.client_secret):
        raise VendorError(40101)


async def update(request: Request) -> Response:
    """Set the address for a kind of event; a list of posts whose comments are told is only ever added to."""
    values, vendor = await json_body(request), vendor_of(request)
    _check(request, values)
    kind = choice(values, "event_type", tuple(EVENTS))
    [url] = required(values, "callback_url")
    vendor.subscriptions[kind] = url
    if kind == "COMMENT":
        vendor.told_posts += [each for each in values.get("item_list", []) if each not in vendor.told_posts]
    return envelope(vendor, _shown(vendor, values, kind))


async def show(request: Request) -> Response:
    """Return the address for a kind of event; none if nothing was subscribed."""
    values = dict(request.query_params)
    _check(request, values)
    kind = choice(values, "event_type", tuple(EVENTS))
    return envelope(vendor_of(request), _shown(vendor_of(request), values, kind))


def _shown(vendor: Vendor, values: Values, kind: str) -> dict[str, Any]:
    url = vendor.subscriptions.get(kind, "")
    if not url:
        return {}
    only = {"item_list": list(vendor.told_posts)} if kind == "COMMENT" and vendor.told_posts else {}
    return {"app_id": values["app_id"], "event_type": kind, "callback_url": url, **only}


async def delete(request: Request) -> Response:
    """Remove the address for a kind of event."""
    values = await json_body(request)
    _check(request, values)
    kind = choice(values, "event_type", tuple(EVENTS))
    vendor_of(request).subscriptions.pop(kind, None)
    if kind == "COMMENT":
        vendor_of(request).told_posts.clear()
    return envelope(vendor_of(request), {})
