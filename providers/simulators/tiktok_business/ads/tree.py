"""Campaigns and ad groups: created, changed, listed; what is above and below them is respected.

Owns: /campaign/create|update|get/ and /adgroup/create|update|get/. Ads are in ads.py, switches in switches.py.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads import rules
from providers.simulators.tiktok_business.ads.wire import advertiser_of, json_object, paged
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import SimAdvertiser
from providers.simulators.tiktok_business.marketing.nodes import TIME, SimNode
from providers.simulators.tiktok_business.wire import Values, envelope, json_body, required, vendor_of

PLURAL = {"campaign": "campaign_ids", "adgroup": "adgroup_ids", "ad": "ad_ids"}
SCOPES = {"campaign": ("200", "201"), "adgroup": ("210", "211"), "ad": ("220", "221")}
MAX_IDS = 100
# Unknown keys are dropped without a word; these are kept.
KNOWN = {
    "campaign": frozenset(
        [
            "campaign_name",
            "objective_type",
            "budget_mode",
            "budget",
            "budget_optimize_on",
            "special_industries",
            "operation_status",
            "app_id",
            "app_promotion_type",
            "campaign_type",
            "po_number",
        ]
    ),
    "adgroup": frozenset(
        [
            "adgroup_name",
            "promotion_type",
            "placement_type",
            "placements",
            "location_ids",
            "zipcode_ids",
            "age_groups",
            "gender",
            "languages",
            "audience_ids",
            "excluded_audience_ids",
            "interest_category_ids",
            "budget_mode",
            "budget",
            "schedule_type",
            "schedule_start_time",
            "schedule_end_time",
            "optimization_goal",
            "billing_event",
            "bid_type",
            "bid_price",
            "conversion_bid_price",
            "bid_display_mode",
            "pacing",
            "frequency",
            "frequency_schedule",
            "pixel_id",
            "optimization_event",
            "comment_disabled",
            "operation_status",
        ]
    ),
}
FIXED = {
    "campaign": frozenset({"objective_type", "budget_mode", "budget_optimize_on"}),
    "adgroup": frozenset({"budget_mode", "optimization_goal", "billing_event", "promotion_type", "placements"}),
}


def shown(request: Request, node: SimNode) -> dict[str, Any]:
    """Return a node as the lists show it."""
    ids = {f"{each.level}_id": each.id for each in (node.above(level) for level in PLURAL) if each is not node}
    return {
        **ids,
        **node.fields,
        f"{node.level}_id": node.id,
        "advertiser_id": node.advertiser.advertiser_id,
        "operation_status": node.operation_status,
        "secondary_status": vendor_of(request).marketing.status(node),
        "create_time": f"{node.created:{TIME}}",
        "modify_time": f"{node.modified:{TIME}}",
    }


def kept(request: Request, level: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are kept."""
    dropped = vendor_of(request).config.dropped
    return {name: value for name, value in values.items() if name in KNOWN[level] and name not in dropped}


async def _create(request: Request, *, level: str) -> Response:
    values = await json_body(request)
    advertiser = advertiser_of(request, f"{level}.create", SCOPES[level][1], values)
    vendor, fields = vendor_of(request), kept(request, level, values)
    parent = None
    if level == "campaign":
        rules.check_campaign(advertiser, fields)
    else:
        [campaign_id] = required(values, "campaign_id")
        parent = vendor.marketing.node("campaign", campaign_id, advertiser.advertiser_id)
        rules.check_ad_group(parent, fields)
    if level == "campaign" and vendor.config.ignore_disable:
        fields.pop("operation_status", None)
    _deduplicate(request, level, advertiser, values, str(fields[f"{level}_name"]))
    node = vendor.marketing.add(level, advertiser, fields, parent)
    if request_id := values.get("request_id"):
        vendor.marketing.requests[advertiser.advertiser_id, level, str(request_id)] = node.id
    return envelope(vendor, shown(request, node))


def _deduplicate(request: Request, level: str, advertiser: SimAdvertiser, values: Values, name: str) -> None:
    """Raise VendorError 40050 for a repeated `request_id`, 40002 without one for a name that is taken."""
    marketing, id = vendor_of(request).marketing, values.get("request_id")
    if id is not None:
        if not isinstance(id, str) or not id.isdigit() or int(id) >= 2**63:
            raise VendorError(40002, "request_id: Field must be a string with a 64-bit integer")
        if (advertiser.advertiser_id, level, id) in marketing.requests:
            raise VendorError(40050)
        return
    same = (each for each in marketing.of_level(level, advertiser.advertiser_id) if each.name == name)
    if level == "campaign" and any(each.operation_status != "DELETE" for each in same):
        raise VendorError(40002, f"{level}_name: the name exists already")


async def _update(request: Request, *, level: str) -> Response:
    values = await json_body(request)
    advertiser = advertiser_of(request, f"{level}.update", SCOPES[level][1], values)
    vendor = vendor_of(request)
    [id] = required(values, f"{level}_id")
    node = vendor.marketing.node(level, id, advertiser.advertiser_id)
    changes = kept(request, level, values)
    changes.pop("operation_status", None)
    for name in FIXED[level]:
        if name in changes and changes[name] != node.fields.get(name):
            raise VendorError(40002, f"{name}: cannot be changed")
    if node.operation_status == "DELETE":
        raise VendorError(40002, f"{level}_id: is deleted")
    fields = {**node.fields, **changes}
    if level == "campaign":
        rules.check_campaign(advertiser, fields)
    else:
        rules.check_ad_group(node.above("campaign"), fields)
    node.fields, node.modified = fields, vendor.now()
    return envelope(vendor, shown(request, node))


async def listed(request: Request, *, level: str) -> Response:
    """Return a page of the nodes of a level; deleted ones only if they are asked for."""
    values = dict(request.query_params)
    advertiser = advertiser_of(request, f"{level}.get", SCOPES[level][0], values)
    wanted, vendor = json_object(values, "filtering"), vendor_of(request)
    rows = vendor.marketing.of_level(level, advertiser.advertiser_id)
    page, info = paged(values, list(_matching(rows, wanted, level)))
    return envelope(vendor, {"list": [shown(request, each) for each in page], "page_info": info})


def _matching(rows: Iterable[SimNode], wanted: Mapping[str, Any], level: str) -> Iterable[SimNode]:
    for name in PLURAL.values():
        if len(wanted.get(name, [])) > MAX_IDS:
            raise VendorError(40011, f"filtering: at most {MAX_IDS} {name}")
    for each in rows:
        above = {plural: each.above(level).id for level, plural in PLURAL.items()}
        hidden = _is_deleted(each) and wanted.get("primary_status") != "STATUS_ALL"
        name = wanted.get(f"{level}_name", "")
        if not hidden and name in each.name and all(above[key] in wanted.get(key, [above[key]]) for key in above):
            yield each


def _is_deleted(node: SimNode) -> bool:
    return node.operation_status == "DELETE" or (node.parent is not None and _is_deleted(node.parent))


campaign_create, adgroup_create = partial(_create, level="campaign"), partial(_create, level="adgroup")
campaign_update, adgroup_update = partial(_update, level="campaign"), partial(_update, level="adgroup")
campaign_get, adgroup_get = partial(listed, level="campaign"), partial(listed, level="adgroup")
ad_get = partial(listed, level="ad")
