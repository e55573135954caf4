"""Ads: created with one or more creatives, changed, and what their review found.

Owns: /ad/create|update/, /ad/review_info/ and /adgroup/review_info/. There is no deduplication: a repeat makes another
ad.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads.tree import shown
from providers.simulators.tiktok_business.ads.wire import advertiser_of, ids_in
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import SimAdvertiser
from providers.simulators.tiktok_business.marketing.nodes import TIME, SimNode
from providers.simulators.tiktok_business.wire import Values, envelope, json_body, json_list, required, vendor_of

MOST = 20
TYPES = ("CUSTOMIZED_USER", "TT_USER", "BC_AUTH_TT", "AUTH_CODE")
FORMATS = ("SINGLE_VIDEO", "SINGLE_IMAGE", "CAROUSEL_ADS", "LIVE_CONTENT", "CATALOG_CAROUSEL")
KNOWN = frozenset(
    [
        "ad_name",
        "identity_type",
        "identity_id",
        "identity_authorized_bc_id",
        "ad_format",
        "video_id",
        "image_ids",
        "tiktok_item_id",
        "ad_text",
        "call_to_action",
        "landing_page_url",
        "dark_post_status",
        "operation_status",
    ]
)


async def create(request: Request) -> Response:
    """Create an ad of each creative, all or none."""
    values = await json_body(request)
    advertiser = advertiser_of(request, "ad.create", "221", values)
    vendor = vendor_of(request)
    [group_id] = required(values, "adgroup_id")
    group = vendor.marketing.node("adgroup", group_id, advertiser.advertiser_id)
    creatives = _creatives(request, values)
    for each in creatives:
        _check(request, advertiser, group, each)
    ads = [vendor.marketing.add("ad", advertiser, {"ad_name": "", **each}, group) for each in creatives]
    data = {"ad_ids": [each.id for each in ads], "need_audit": True}
    return envelope(vendor, {**data, "creatives": [shown(request, each) for each in ads]})


def _creatives(request: Request, values: Values) -> list[dict[str, Any]]:
    found = values.get("creatives")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found) or not found:
        raise VendorError(40002, "creatives: Missing data for required field.")
    if len(found) > MOST:
        raise VendorError(40002, f"creatives: must have 1 to {MOST} items")
    names = KNOWN - set(vendor_of(request).config.dropped)
    return [{name: value for name, value in each.items() if name in names} for each in found]


def _check(request: Request, advertiser: SimAdvertiser, group: SimNode, creative: dict[str, Any]) -> None:
    marketing, now = vendor_of(request).marketing, vendor_of(request).now()
    if creative.get("ad_format") not in FORMATS:
        raise VendorError(40002, f"ad_format: Must be one of {', '.join(FORMATS)}.")
    _check_identity(request, advertiser, creative)
    if creative.get("tiktok_item_id"):
        if creative.get("video_id") or creative.get("image_ids") or creative.get("ad_text"):
            raise VendorError(40002, "tiktok_item_id: a post has its own video and text")
    else:
        marketing.library.usable(creative.get("video_id"), "video", advertiser.advertiser_id, now)
        images = creative.get("image_ids")
        if not isinstance(images, list) or len(images) != 1:
            raise VendorError(40002, "image_ids: a video needs exactly one cover")
        marketing.library.usable(images[0], "image", advertiser.advertiser_id, now)
        if not 1 <= len(str(creative.get("ad_text", ""))) <= 100:
            raise VendorError(40002, "ad_text: must have 1 to 100 characters")
    if group.fields.get("promotion_type") == "WEBSITE" and not creative.get("landing_page_url"):
        raise VendorError(40002, "landing_page_url: Missing data for required field.")


def _check_identity(request: Request, advertiser: SimAdvertiser, creative: dict[str, Any]) -> None:
    kind, id = creative.get("identity_type"), creative.get("identity_id")
    if kind not in TYPES or not id:
        raise VendorError(40002, f"identity_type: Must be one of {', '.join(TYPES)}.")
    if kind == "CUSTOMIZED_USER" and not advertiser.can_use_custom_identity:
        raise VendorError(40002, "identity_type: CUSTOMIZED_USER is no longer supported")
    marketing = vendor_of(request).marketing
    known = [each for each in marketing.identities.get(advertiser.advertiser_id, []) if each.identity_id == id]
    if kind == "AUTH_CODE":
        codes = marketing.spark_codes.values()
        posts = [each.item_id for each in codes if advertiser.advertiser_id in each.authorized]
        if creative.get("tiktok_item_id") not in posts:
            raise VendorError(40001, "tiktok_item_id: the post is not authorized")
        return
    if not known or known[0].identity_type != kind:
        raise VendorError(40002, "identity_id: does not exist")
    if known[0].identity_authorized_bc_id != creative.get("identity_authorized_bc_id", ""):
        raise VendorError(40002, "identity_authorized_bc_id: Missing data for required field.")


async def update(request: Request) -> Response:
    """Change ads: with `patch_update` what is sent, else everything. A changed ad is reviewed again."""
    values = await json_body(request)
    advertiser = advertiser_of(request, "ad.update", "221", values)
    vendor = vendor_of(request)
    [group_id] = required(values, "adgroup_id")
    group = vendor.marketing.node("adgroup", group_id, advertiser.advertiser_id)
    raw = values.get("creatives") or []
    changed = []
    for creative, sent in zip(_creatives(request, values), raw, strict=True):
        node = vendor.marketing.node("ad", sent.get("ad_id"), advertiser.advertiser_id)
        creative.pop("operation_status", None)
        fields = {**node.fields, **creative} if values.get("patch_update") is True else creative
        _check(request, advertiser, group, fields)
        changed.append((node, fields))
    for node, fields in changed:
        node.fields, node.modified = fields, vendor.now()
    return envelope(vendor, {"ad_ids": [node.id for node, _ in changed]})


def _review(request: Request, node: SimNode, reasons: list[str]) -> dict[str, Any]:
    now = vendor_of(request).now()
    audits = [each.reviewed_at for each in node.ads() if each.reviewed_at is not None and each.reviewed_at <= now]
    audited = {"last_audit_time": f"{max(audits):{TIME}}"} if audits else {}
    denied = bool(audits and reasons)
    info = [{"reasons": reasons, "suggestion": "Change the ad and submit it again."}] if denied else []
    status = "UNAVAILABLE" if denied else "ALL_AVAILABLE"
    return {"is_approved": not denied, "review_status": status, **audited, "reject_info": info}


async def review_info(request: Request) -> Response:
    """Return what the reviews of ads found. One that was never reviewed is ALL_AVAILABLE, too."""
    values = dict(request.query_params)
    advertiser, vendor = advertiser_of(request, "ad.review", "220", values), vendor_of(request)
    ids = ids_in({"ad_ids": json_list(values, "ad_ids", [])}, "ad_ids", 100)
    nodes = [vendor.marketing.node("ad", id, advertiser.advertiser_id) for id in ids]
    found = {each.id: _review(request, each, [each.denied] if each.denied else []) for each in nodes}
    return envelope(vendor, {"ad_review_map": found})


async def group_review_info(request: Request) -> Response:
    """Return what the reviews of the ads of ad groups found."""
    values = dict(request.query_params)
    advertiser, vendor = advertiser_of(request, "adgroup.review", "210", values), vendor_of(request)
    ids = ids_in({"adgroup_ids": json_list(values, "adgroup_ids", [])}, "adgroup_ids", 100)
    nodes = [vendor.marketing.node("adgroup", id, advertiser.advertiser_id) for id in ids]
    found = {each.id: _review(request, each, [ad.denied for ad in each.ads() if ad.denied]) for each in nodes}
    return envelope(vendor, {"ad_group_review_map": found})
