"""What the calls of advertisers have in common: the token and its scopes, the ad account, pages.

Owns: these checks. Knows nothing of what an endpoint does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import AdvertiserGrant, SimAdvertiser
from providers.simulators.tiktok_business.wire import Values, integer, required, vendor_of


def grant_of(request: Request, operation: str) -> AdvertiserGrant:
    """Return the grant of a call and count the call. Raise VendorError 40104, 40100, 40105, in this order."""
    vendor, token = vendor_of(request), request.headers.get("access-token", "")
    if not token:
        raise VendorError(40104)
    if vendor.config.rate_limits:
        vendor.app_windows.admit(operation, vendor.now())
    return vendor.marketing.grants.valid(token)


def advertiser_of(request: Request, operation: str, scope: str, values: Mapping[str, Any]) -> SimAdvertiser:
    """Return the ad account of a call. Raise VendorError also for one that was not granted, and for a scope."""
    grant, vendor = grant_of(request, operation), vendor_of(request)
    [id] = required(values, "advertiser_id")
    if not grant.allows(scope):
        raise VendorError(40001, f"No permission: the scope {scope} was not granted")
    if id not in grant.advertiser_ids or id not in vendor.marketing.advertisers:
        raise VendorError(40001, "advertiser_id: no permission to operate this advertiser")
    vendor.marketing.settle()
    return vendor.marketing.advertisers[id]


def json_object(values: Values, name: str) -> dict[str, Any]:
    """Return an object that a query holds as JSON text. Raise VendorError 40002."""
    if name not in values:
        return {}
    try:
        found = json.loads(values[name])
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise VendorError(40002, f"{name}: Not a valid object.")
    return found


def paged(values: Values, rows: Sequence[Any], *, default: int = 10, most: int = 1000) -> tuple[list[Any], Values]:
    """Return one page of rows and its `page_info`."""
    page = integer(values, "page", 1, least=1)
    size = integer(values, "page_size", default, least=1, most=most)
    info = {"page": page, "page_size": size, "total_number": len(rows), "total_page": -(-len(rows) // size) or 1}
    return list(rows[(page - 1) * size : page * size]), info


def ids_in(values: Mapping[str, Any], name: str, most: int) -> list[str]:
    """Return a list of ids. Raise VendorError 40002 for anything else, 40011 for too many."""
    found = values.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise VendorError(40002, f"{name}: must be a list of strings")
    if len(found) > most:
        raise VendorError(40011, f"{name}: at most {most}")
    return found
