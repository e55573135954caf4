"""The app's webhook subscriptions: one address for each kind of event, for every account.

Owns: /business/webhook/…. Knows nothing of what is sent there.
"""

import hmac

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.webhooks import EVENTS
from providers.simulators.tiktok_business.wire import Values, choice, envelope, json_body, required, vendor_of


def _check(request: Request, values: Values) -> None:
    app, secret = required(values, "app_id", "secret")
    config = vendor_of(request).config
    if app != config.client_key or not hmac.compare_digest(secret, config.client_secret):
        raise VendorError(40101)


async def update(request: Request) -> Response:
    """Set the address for a kind of event."""
    values = await json_body(request)
    _check(request, values)
    kind = choice(values, "event_type", tuple(EVENTS))
    [url] = required(values, "callback_url")
    vendor_of(request).subscriptions[kind] = url
    return envelope(vendor_of(request), {"app_id": values["app_id"], "event_type": kind, "callback_url": url})


async def show(request: Request) -> Response:
    """Return the address for a kind of event; none if nothing was subscribed."""
    values = dict(request.query_params)
    _check(request, values)
    kind = choice(values, "event_type", tuple(EVENTS))
    url = vendor_of(request).subscriptions.get(kind, "")
    data = {"app_id": values["app_id"], "event_type": kind, "callback_url": url} if url else {}
    return envelope(vendor_of(request), data)


async def delete(request: Request) -> Response:
    """Remove the address for a kind of event."""
    values = await json_body(request)
    _check(request, values)
    vendor_of(request).subscriptions.pop(choice(values, "event_type", tuple(EVENTS)), None)
    return envelope(vendor_of(request), {})
