"""Installations of the app: the list for agencies, the details of one, uninstalling.

Owns: installed locations and /marketplace/app/…/installations. Knows nothing of how the app gets installed.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.highlevel import errors, wire
from providers.simulators.highlevel.errors import AipRefusal, invalid, not_found
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.state import Vendor


def _row(vendor: Vendor, location_id: str) -> dict[str, Any]:
    location, installed_at = vendor.tenants.locations[location_id], vendor.installs.get(location_id)
    row = {
        "_id": location.id,
        "name": location.name,
        "address": location.address,
        "isInstalled": installed_at is not None,
        "versionId": vendor.config.app_id,
    }
    return row if installed_at is None else {**row, "installedAt": installed_at.isoformat()}


def _matching(request: Request) -> list[dict[str, Any]]:
    vendor, query = wire.vendor_of(request), request.query_params
    rows = [_row(vendor, location_id) for location_id in vendor.tenants.locations]
    if "isInstalled" in query:
        rows = [row for row in rows if row["isInstalled"] == (query["isInstalled"] == "true")]
    if "locationId" in query:
        rows = [row for row in rows if row["_id"] == query["locationId"]]
    return [row for row in rows if query.get("query", "").lower() in row["name"].lower()]


async def installed(request: Request) -> Response:
    """Return the company's locations: skip and limit in 2021-07-28, page tokens and AIP errors in v3."""
    vendor, v3 = wire.vendor_of(request), wire.generation(request) == V3
    company_id, app_id = wire.required_query(request, "companyId", "appId")
    if company_id != wire.grant_of(request).company_id:
        raise errors.foreign_location()
    if app_id != vendor.config.app_id:
        message = f"The requested App '{app_id}' was not found."
        raise AipRefusal(404, "RESOURCE_NOT_FOUND", message) if v3 else not_found("App")
    rows = _matching(request)
    if not v3:
        return JSONResponse(
            {"locations": rows[wire.page(request, limit=20)], "count": len(rows), "installToFutureLocations": False}
        )
    return JSONResponse(_page(request, rows))


def _page(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    values = request.query_params.get("pageSize", "20"), request.query_params.get("pageToken", "0")
    if not all(value.isdecimal() for value in values):
        raise AipRefusal(400, "INVALID_ARGUMENT", "pageSize or pageToken is invalid")
    size, start = map(int, values)
    shown, more = rows[start : start + size], start + size < len(rows)
    pagination: dict[str, Any] = {
        "totalRecords": len(rows),
        "hasNextPage": more,
        "hasPrevPage": start > 0,
        "currentPageSize": len(shown),
    }
    if more:
        pagination["nextPageToken"] = str(start + size)
    return {"items": shown, "pagination": pagination, "installToFutureLocations": False}


def _check_app(request: Request) -> None:
    if wire.path_param(request, "appId") != wire.vendor_of(request).config.app_id:
        raise not_found("App")


async def details(request: Request) -> Response:
    """Return who installed the app in the company or location of the token."""
    _check_app(request)
    grant = wire.grant_of(request)
    found = {
        "companyId": grant.company_id,
        "companyName": "Sim Agency",
        "relationshipNumber": "0-000-000",
        "companyEmail": "agency@sim.example",
        "companyOwnerFullName": "Olga Owner",
        "userId": grant.user_id,
        "isWhitelabelCompany": False,
        "companyPlan": None,
        "companyHighLevelPlan": None,
    }
    if grant.location_id is not None:
        found["locationId"] = grant.location_id
    return JSONResponse({"installationDetails": found})


async def uninstall(request: Request) -> Response:
    """Uninstall the app from a location or the company: invalidate the tokens and send UNINSTALL."""
    _check_app(request)
    vendor, grant, body = wire.vendor_of(request), wire.grant_of(request), await wire.json_object(request)
    target = body.get("locationId") or body.get("companyId")
    if not isinstance(target, str) or not target:
        raise invalid("companyId should not be empty", "locationId should not be empty")
    if grant.location_id not in (None, target):
        raise errors.foreign_location()
    if not vendor.uninstall(target):
        raise not_found("Installation")
    return JSONResponse({"success": True})
