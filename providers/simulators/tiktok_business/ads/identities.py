"""As whom ads are shown, posts whose authors allow them to be advertised, and the regions that can be reached.

Owns: /identity/get/, /tt_video/… and /tool/region/.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads.wire import advertiser_of, paged
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.nodes import TIME
from providers.simulators.tiktok_business.marketing.state import SimSparkCode
from providers.simulators.tiktok_business.wire import Values, envelope, json_body, json_list, required, vendor_of

# GeoNames ids of countries, as TikTok uses them.
REGIONS = {"US": "6252001", "DE": "2921044", "FR": "3017382", "GB": "2635167", "JP": "1861060", "CA": "6251999"}


async def identities(request: Request) -> Response:
    """List the identities that an ad account may use."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, "identity.get", "690", values)
    kind = values.get("identity_type")
    found = vendor.marketing.identities.get(advertiser.advertiser_id, [])
    rows = [asdict(each) for each in found if kind in (None, each.identity_type)]
    page, info = paged(values, rows, default=20, most=100)
    shown = [{**each, "can_pull_video": True, "can_push_video": True} for each in page]
    return envelope(vendor, {"identity_list": shown, "page_info": info})


def _code(request: Request, values: Values) -> SimSparkCode:
    vendor = vendor_of(request)
    [code] = required(values, "auth_code")
    found = vendor.marketing.spark_codes.get(code)
    if found is None or found.ends <= vendor.now():
        raise VendorError(40002, "auth_code: is invalid or expired")
    return found


async def authorize(request: Request) -> Response:
    """Let an ad account advertise a post; a second time changes nothing."""
    values = await json_body(request)
    advertiser = advertiser_of(request, "spark.authorize", "691", values)
    _code(request, values).authorized.add(advertiser.advertiser_id)
    return envelope(vendor_of(request), {})


async def post_info(request: Request) -> Response:
    """Return which post a code is for."""
    values = dict(request.query_params)
    advertiser = advertiser_of(request, "spark.info", "690", values)
    found = _code(request, values)
    if advertiser.advertiser_id not in found.authorized:
        raise VendorError(40001, "auth_code: the post is not authorized")
    data = {
        "item_info": {"item_id": found.item_id, "item_type": "VIDEO", "text": "A post."},
        "user_info": {"identity_id": f"id-author-{found.item_id}", "identity_type": "AUTH_CODE"},
        "auth_info": {"ad_auth_status": "AUTHORIZED", "auth_end_time": f"{found.ends:{TIME}}"},
    }
    return envelope(vendor_of(request), data)


async def regions(request: Request) -> Response:
    """List the countries that an ad account can reach."""
    values = dict(request.query_params)
    advertiser_of(request, "region.get", "21", values)
    required(values, "objective_type")
    if not json_list(values, "placements", []):
        raise VendorError(40002, "placements: Missing data for required field.")
    info = [
        {"location_id": id, "region_code": code, "name": code, "level": "COUNTRY", "parent_id": "0"}
        for code, id in REGIONS.items()
    ]
    return envelope(vendor_of(request), {"region_info": info, "region_list": list(REGIONS)})
