"""Letting ad accounts advertise a post: the setting of a post, and the code that its account makes.

Owns: /business/post/authorize/…. Which ad accounts redeem the code is the Marketing API's.
"""

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.accounts import SimVideo
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.nodes import TIME
from providers.simulators.tiktok_business.wire import Values, authorize_call, envelope, json_body, required, vendor_of

SCOPE = "biz.spark.auth"
DAYS = (7, 30, 60, 365)


def _post(request: Request, operation: str, values: Values) -> SimVideo:
    account = authorize_call(request, operation, SCOPE, values)
    [item_id] = required(values, "item_id")
    if item_id not in account.videos:
        raise VendorError(40007, "item_id: does not exist")
    return account.videos[item_id]


async def setting(request: Request) -> Response:
    """Say whether a post may be advertised; if it may, its code is made, valid for some days."""
    values, vendor = await json_body(request), vendor_of(request)
    post = _post(request, "post.setting", values)
    if not isinstance(values.get("is_ad_promotable"), bool):
        raise VendorError(40002, "is_ad_promotable: Missing data for required field.")
    post.promotable = values["is_ad_promotable"]
    if post.promotable:
        vendor.marketing.share(post.id, _days(values))
    return envelope(vendor, {})


async def authorize(request: Request) -> Response:
    """Extend the code of a post: it stays the same."""
    values, vendor = await json_body(request), vendor_of(request)
    post, days = _post(request, "post.authorize", values), _days(values)
    if vendor.marketing.code_of(post.id) is None:
        raise VendorError(40007, "item_id: has no code")
    vendor.marketing.share(post.id, days)
    return envelope(vendor, {})


def _days(values: Values) -> int:
    days = values.get("authorization_days")
    if days not in DAYS:
        raise VendorError(40002, f"authorization_days: Must be one of {', '.join(map(str, DAYS))}.")
    return int(days)


async def status(request: Request) -> Response:
    """Return the code of a post, and how long it is valid; nothing if there is none."""
    values, vendor = dict(request.query_params), vendor_of(request)
    post = _post(request, "post.status", values)
    code = vendor.marketing.code_of(post.id)
    if code is None:
        return envelope(vendor, {})
    used = "IN_USE" if code.authorized else "NOT_USED"
    data = {"auth_code": code.auth_code, "auth_code_end_time": f"{code.ends:{TIME}}"}
    return envelope(vendor, {**data, "auth_code_status": "EXPIRED" if code.ends <= vendor.now() else used})
