"""What the Marketing API checks of campaigns, ad groups and ads before it creates or changes them.

Owns: required fields, words, budgets, schedules, in TikTok's terms. Knows nothing of requests or of our provider.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import SimAdvertiser
from providers.simulators.tiktok_business.marketing.nodes import SimNode, moment

Fields = Mapping[str, Any]

OBJECTIVES = (
    "REACH",
    "TRAFFIC",
    "VIDEO_VIEWS",
    "ENGAGEMENT",
    "LEAD_GENERATION",
    "APP_PROMOTION",
    "WEB_CONVERSIONS",
    "PRODUCT_SALES",
    "RF_REACH",
    "BRAND_CONSIDERATION",
)
MODES = ("BUDGET_MODE_INFINITE", "BUDGET_MODE_DAY", "BUDGET_MODE_TOTAL", "BUDGET_MODE_DYNAMIC_DAILY_BUDGET")
SWITCHES = ("ENABLE", "DISABLE", "DELETE")
REQUIRED = {
    "campaign": ("campaign_name", "objective_type"),
    "adgroup": (
        "adgroup_name",
        "billing_event",
        "budget",
        "budget_mode",
        "optimization_goal",
        "pacing",
        "schedule_start_time",
        "schedule_type",
    ),
}
GOALS = {
    "CLICK": "CPC",
    "TRAFFIC_LANDING_PAGE_VIEW": "OCPM",
    "DESTINATION_VISIT": "OCPM",
    "REACH": "CPM",
    "ENGAGED_VIEW": "CPV",
    "ENGAGED_VIEW_FIFTEEN": "CPV",
    "FOLLOWERS": "OCPM",
    "PROFILE_VIEWS": "CPC",
    "PAGE_VISIT": "CPC",
    "CONVERT": "OCPM",
    "LEAD_GENERATION": "OCPM",
}
AGES = ("AGE_13_17", "AGE_18_24", "AGE_25_34", "AGE_35_44", "AGE_45_54", "AGE_55_100")
GENDERS = ("GENDER_UNLIMITED", "GENDER_MALE", "GENDER_FEMALE")
BIDS = ("BID_TYPE_NO_BID", "BID_TYPE_CUSTOM", "BID_TYPE_MAX_CONVERSION")
ONLY_MANUAL = ("REACH", "VIDEO_VIEWS", "ENGAGEMENT", "LEAD_GENERATION")
WITHOUT_PROMOTION = ("REACH", "VIDEO_VIEWS", "ENGAGEMENT")
# The least of a campaign and of an ad group on one day, by currency; of others nothing is known.
LEAST = {"USD": (Decimal(50), Decimal(20)), "JPY": (Decimal(7_500), Decimal(3_000))}
UNITED_STATES = "6252001"


def check_words(fields: Fields, allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Raise VendorError 40002 for a field whose word is none of TikTok's."""
    for name, words in allowed.items():
        given = fields.get(name)
        for each in given if isinstance(given, list) else [given]:
            if each is not None and each not in words:
                raise VendorError(40002, f"{name}: Must be one of {', '.join(words)}.")


def check_required(level: str, fields: Fields) -> None:
    """Raise VendorError 40002, which names the field that is missing."""
    for name in REQUIRED[level]:
        if fields.get(name) in (None, ""):
            raise VendorError(40002, f"{name}: Missing data for required field.")


def check_name(name: object) -> None:
    """Raise VendorError 40002 for a name that is too long or has an emoji."""
    width = sum(2 if "\u2e80" <= each <= "\u9fff" else 1 for each in str(name))
    if not 1 <= width <= 512 or any(ord(each) >= 0x1F000 for each in str(name)):
        raise VendorError(40002, "name: must have 1 to 512 characters and no emoji")


def check_campaign(advertiser: SimAdvertiser, fields: Fields) -> None:
    """Check a campaign as it would be."""
    check_required("campaign", fields)
    check_name(fields["campaign_name"])
    industries = ("HOUSING", "EMPLOYMENT", "CREDIT")
    words = {"objective_type": OBJECTIVES, "budget_mode": MODES, "special_industries": industries}
    check_words(fields, {**words, "operation_status": SWITCHES[:2]})
    if "budget_mode" not in fields and fields["objective_type"] != "RF_REACH":
        raise VendorError(40002, "budget_mode: Missing data for required field.")
    if fields.get("budget_mode") not in (None, "BUDGET_MODE_INFINITE"):
        least, _ = LEAST.get(advertiser.currency, (Decimal(0), Decimal(0)))
        if _money(fields, "budget") <= least:
            raise VendorError(40002, f"budget: the budget of a campaign must be more than {least}")


def check_ad_group(campaign: SimNode, fields: Fields) -> None:
    """Check an ad group as it would be."""
    check_required("adgroup", fields)
    check_name(fields["adgroup_name"])
    words = {"budget_mode": MODES, "optimization_goal": tuple(GOALS), "age_groups": AGES, "gender": GENDERS}
    check_words(fields, {**words, "bid_type": BIDS, "operation_status": SWITCHES[:2]})
    if fields["billing_event"] != GOALS[fields["optimization_goal"]]:
        raise VendorError(40002, "billing_event: does not fit the optimization goal")
    _check_place(campaign, fields)
    _check_schedule(campaign.advertiser, fields)
    _check_bid(fields)


def _check_place(campaign: SimNode, fields: Fields) -> None:
    objective = campaign.fields["objective_type"]
    if objective not in WITHOUT_PROMOTION and not fields.get("promotion_type"):
        raise VendorError(40002, "promotion_type: Missing data for required field.")
    automatic = fields.get("placement_type") == "PLACEMENT_TYPE_AUTOMATIC"
    if automatic and objective in ONLY_MANUAL:
        raise VendorError(40002, "placement_type: this objective has no automatic placement")
    if not automatic and not fields.get("placements"):
        raise VendorError(40002, "placements: Missing data for required field.")
    locations = fields.get("location_ids") or fields.get("zipcode_ids")
    if not locations or len(locations) > 3000:
        raise VendorError(40002, "location_ids: 1 to 3000 are needed")
    if UNITED_STATES in locations and "AGE_13_17" in (fields.get("age_groups") or []):
        raise VendorError(40065)
    if objective == "REACH" and not (fields.get("frequency") and fields.get("frequency_schedule")):
        raise VendorError(40002, "frequency: Missing data for required field.")


def _check_schedule(advertiser: SimAdvertiser, fields: Fields) -> None:
    start, end = moment(fields["schedule_start_time"]), moment(fields.get("schedule_end_time"))
    if start is None:
        raise VendorError(40002, "schedule_start_time: Not a valid time.")
    bounded = fields["schedule_type"] == "SCHEDULE_START_END"
    if bounded and (end is None or end <= start):
        raise VendorError(40002, "schedule_end_time: must be after the start")
    if fields["budget_mode"] == "BUDGET_MODE_TOTAL" and not bounded:
        raise VendorError(40002, "schedule_type: a total budget needs SCHEDULE_START_END")
    days = max(1, -((start - end) // timedelta(days=1))) if bounded and end is not None else 1
    _, least = LEAST.get(advertiser.currency, (Decimal(0), Decimal(0)))
    budget, total = _money(fields, "budget"), fields["budget_mode"] == "BUDGET_MODE_TOTAL"
    if budget < least * days if total else budget <= least:
        raise VendorError(
            40002, f"budget: the budget of an ad group must be more than {least * (days if total else 1)}"
        )


def _check_bid(fields: Fields) -> None:
    kind = fields.get("bid_type")
    if kind == "BID_TYPE_NO_BID" and fields["pacing"] == "PACING_MODE_FAST":
        raise VendorError(40002, "pacing: PACING_MODE_FAST needs a bid")
    price = "conversion_bid_price" if fields["billing_event"] == "OCPM" else "bid_price"
    if kind in ("BID_TYPE_CUSTOM", "BID_TYPE_MAX_CONVERSION") and _money(fields, price) <= 0:
        raise VendorError(40002, f"{price}: Missing data for required field.")
    if fields["optimization_goal"] == "CONVERT" and not fields.get("pixel_id"):
        raise VendorError(40002, "pixel_id: Missing data for required field.")


def _money(fields: Fields, name: str) -> Decimal:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise VendorError(40002, f"{name}: Missing data for required field.")
    return Decimal(str(value))
