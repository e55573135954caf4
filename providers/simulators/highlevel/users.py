"""The endpoints of users and locations.

Owns: /users and /locations. Knows nothing of tokens beyond the caller's grant.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.highlevel import wire
from providers.simulators.highlevel.errors import foreign_location, not_found
from providers.simulators.highlevel.tenants import SimUser, location_json, user_json


def _visible(request: Request) -> list[SimUser]:
    """Return the users that the caller's token may see: with a location's token only those of the location."""
    vendor, location_id = wire.vendor_of(request), wire.grant_of(request).location_id
    everybody = list(vendor.tenants.users.values())
    return everybody if location_id is None else vendor.tenants.users_of(location_id)


async def users(request: Request) -> Response:
    """Return the users of the location; removed in v3."""
    return JSONResponse({"users": [user_json(each) for each in _visible(request)]})


async def search_users(request: Request) -> Response:
    """Return the users of the company, or of one of its locations."""
    [company_id] = wire.required_query(request, "companyId")
    query, grant = request.query_params, wire.grant_of(request)
    if company_id != grant.company_id:
        raise foreign_location()
    found = _visible(request)
    if "locationId" in query:
        found = [each for each in found if query["locationId"] in each.location_ids]
    text = query.get("query", "").lower()
    found = [each for each in found if text in f"{each.first_name} {each.last_name} {each.email}".lower()]
    shown = [user_json(each) for each in found[wire.page(request, limit=25)]]
    return JSONResponse({"users": shown, "count": len(found)})


async def user(request: Request) -> Response:
    """Return one user."""
    found = [each for each in _visible(request) if each.id == wire.path_param(request, "userId")]
    if not found:
        raise not_found("User")
    shown = user_json(found[0])
    del shown["deleted"]
    return JSONResponse(shown)


async def location(request: Request) -> Response:
    """Return a location, for its own token or its company's."""
    vendor, location_id = wire.vendor_of(request), wire.path_param(request, "locationId")
    if wire.grant_of(request).location_id not in (None, location_id):
        raise foreign_location()
    found = vendor.tenants.locations.get(location_id)
    if found is None:
        raise not_found("Location")
    return JSONResponse({"location": location_json(found)})


async def search_locations(request: Request) -> Response:
    """Return the company's locations; a location's token sees only its own."""
    vendor, own = wire.vendor_of(request), wire.grant_of(request).location_id
    found = [each for each in vendor.tenants.locations.values() if own in (None, each.id)]
    rows = [location_json(each) for each in found[wire.page(request, limit=10)]]
    for row in rows:
        del row["companyId"]
    return JSONResponse({"locations": rows})
