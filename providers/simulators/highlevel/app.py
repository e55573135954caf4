"""HighLevel as one ASGI app: its marketplace's page, its API, the popups' pages, on all paths of all its hosts.

Owns: which operation leads where. Knows nothing of a rule.
"""

import asyncio
import os
from functools import partial

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from providers.simulators.common.control import routes as control_routes
from providers.simulators.common.http import build_app
from providers.simulators.common.ids import Entropy
from providers.simulators.common.runtime import Clock, Sleep
from providers.simulators.highlevel import (
    accounts,
    comments,
    connecting,
    consent,
    control,
    csvs,
    installs,
    labels,
    medias,
    oauth,
    people,
    posts,
    pull,
    statistics,
)
from providers.simulators.highlevel.admission import Endpoint, dispatcher
from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.middleware import middleware
from providers.simulators.highlevel.state import Vendor

ENDPOINTS: dict[str, Endpoint] = {
    "oauth.token": oauth.token,
    "oauth.reconnect": oauth.reconnect,
    "oauth.location_token": oauth.location_token,
    "oauth.installed": installs.installed,
    "installations.get": installs.details,
    "installations.delete": installs.uninstall,
    "connect.start": connecting.start,
    "connect.choose": connecting.choose,
    "connect.attach": connecting.attach,
    "comments.list": comments.listing,
    "comments.create": comments.create,
    "comments.like": comments.like,
    "comments.unlike": comments.unlike,
    "statistics": statistics.statistics,
    "posts.list": posts.search,
    "posts.bulk_delete": posts.bulk_delete,
    "posts.create": posts.create,
    "posts.get": posts.get,
    "posts.update": posts.update,
    "posts.delete": posts.delete,
    "accounts.list": accounts.listing,
    "accounts.delete": accounts.delete,
    "csv.upload": csvs.upload,
    "csv.list": csvs.listing,
    "csv.set_accounts": csvs.set_accounts,
    "csv.get": csvs.get,
    "csv.finalize": csvs.finalize,
    "csv.delete": csvs.delete,
    "csv.delete_post": csvs.delete_post,
    "categories.list": labels.categories,
    "categories.get": labels.category,
    "tags.list": labels.tags,
    "tags.details": labels.tag_details,
    "medias.upload": medias.upload,
    "medias.list": medias.listing,
    "medias.delete_files": medias.delete_files,
    "medias.delete": medias.delete,
    "users.list": people.users,
    "users.search": people.search_users,
    "users.get": people.user,
    "locations.search": people.search_locations,
    "locations.get": people.location,
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _routes() -> list[Route]:
    return [
        Route("/v2/oauth/chooselocation", consent.authorize, methods=["GET"]),
        Route("/_sim/consent", consent.decide, methods=["POST"]),
        Route("/_sim/social/{state}", connecting.popup, methods=["GET"]),
        Route("/_sim/social/{state}", connecting.consented, methods=["POST"]),
        *control_routes(control.CONTROLS),
        Route("/{path:path}", dispatcher(ENDPOINTS), methods=_METHODS),
    ]


def create_app(
    config: SimulatorConfig | None = None,
    *,
    clock: Clock,
    entropy: Entropy = os.urandom,
    sleep: Sleep = asyncio.sleep,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """A simulated HighLevel; `app.state.vendor` is its Vendor.

    `clock` gives aware UTC. `sleep` is used by slow answers and webhook retries. `transport` carries webhooks and
    fetches (None: the network). Close in-process use with `await app.state.vendor.aclose()` when either is on.
    """
    vendor = Vendor(
        config or SimulatorConfig(), clock, entropy=entropy, sleep=sleep, transport=transport, fetch=pull.start
    )
    return build_app(vendor, _routes(), partial(middleware, vendor=vendor))
