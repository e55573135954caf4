"""HighLevel as one ASGI app: the marketplace's page, the API, the popups' pages, on all paths of all its hosts.

Owns: the endpoint of each operation, and the bodies of injected faults. Knows no rule.
"""

from functools import partial
from typing import Any, Unpack

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from providers.simulators.common.control import routes as control_routes
from providers.simulators.common.http import build_app
from providers.simulators.common.middleware import Dialect
from providers.simulators.common.vendor import Clock, Parts
from providers.simulators.faults import Fault
from providers.simulators.highlevel import (
    account_oauth,
    accounts,
    comments,
    consent,
    control,
    csv_imports,
    installations,
    labels,
    media_library,
    oauth,
    operations,
    posts,
    statistics,
    users,
    wire,
)
from providers.simulators.highlevel.admission import Endpoint, dispatcher
from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.errors import Refusal
from providers.simulators.highlevel.ledger import Call
from providers.simulators.highlevel.state import Vendor

ENDPOINTS: dict[str, Endpoint] = {
    "oauth.token": oauth.token,
    "oauth.reconnect": oauth.reconnect,
    "oauth.location_token": oauth.location_token,
    "oauth.installed": installations.installed,
    "installations.get": installations.details,
    "installations.delete": installations.uninstall,
    "connect.start": account_oauth.start,
    "connect.choose": account_oauth.choose,
    "connect.attach": account_oauth.attach,
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
    "csv.upload": csv_imports.upload,
    "csv.list": csv_imports.listing,
    "csv.set_accounts": csv_imports.set_accounts,
    "csv.get": csv_imports.get,
    "csv.finalize": csv_imports.finalize,
    "csv.delete": csv_imports.delete,
    "csv.delete_post": csv_imports.delete_post,
    "categories.list": labels.categories,
    "categories.get": labels.category,
    "tags.list": labels.tags,
    "tags.details": labels.tag_details,
    "medias.upload": media_library.upload,
    "medias.list": media_library.listing,
    "medias.delete_files": media_library.delete_files,
    "medias.delete": media_library.delete,
    "users.list": users.users,
    "users.search": users.search_users,
    "users.get": users.user,
    "locations.search": users.search_locations,
    "locations.get": users.location,
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
# The path got its /v2 on 2026-05-27; @gohighlevel/api-client 3.1.0 still opens the older one (run 2026-11-30).
_CHOOSE_PATHS = ("/v2/oauth/chooselocation", "/oauth/chooselocation")


def _routes() -> list[Route]:
    return [
        *(Route(path, consent.authorize, methods=["GET"]) for path in _CHOOSE_PATHS),
        Route("/_sim/consent", consent.decide, methods=["POST"]),
        Route("/_sim/social/{state}", account_oauth.popup, methods=["GET"]),
        Route("/_sim/social/{state}", account_oauth.consented, methods=["POST"]),
        *control_routes(control.CONTROLS),
        Route("/{path:path}", dispatcher(ENDPOINTS), methods=_METHODS),
    ]


def _operation(scope: Scope) -> str:
    found = operations.find(scope["method"], scope["path"])
    if found is None:
        return ""
    scope[wire.OPERATION_KEY], scope[wire.PARAMS_KEY] = found
    return found[0].name


def _row(scope: Scope, **fields: Any) -> Call:
    version = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"version"), "")
    return Call(version=version, **fields)


def _error(vendor: Vendor, operation: str, fault: Fault) -> Response:
    """Return a refusal with the fault's `message`, or its `code` when it has no message."""
    response = wire.refusal(vendor, Refusal(fault.status or 400, fault.message or fault.code))
    response.headers.update(fault.headers)
    return response


def create_app(config: SimulatorConfig | None = None, *, clock: Clock, **parts: Unpack[Parts]) -> Starlette:
    """Return a simulated HighLevel; `app.state.vendor` is its Vendor. `clock` returns aware UTC.

    In process, end with `await app.state.vendor.aclose()` when webhooks or fetches are on.
    """
    vendor = Vendor(config or SimulatorConfig(), clock, **parts)
    dialect = Dialect(
        operation=_operation,
        row=_row,
        error=partial(_error, vendor),
        html="<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>",
        broken_json='{"success":true,"statusCode":201,"results":{"post":{"_id":"65',
    )
    return build_app(vendor, _routes(), dialect)
