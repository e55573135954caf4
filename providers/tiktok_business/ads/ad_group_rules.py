"""What TikTok accepts of ad groups: goals, bids, schedules, targeting, and what cannot change afterwards.

Owns these rules, as in TikTok's reference (2026-08-13). Budgets are in budget_rules.py.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from providers.models.ads import AdAccount, AdGroupSpec, AdParents, BidStrategy, Targeting
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.budget_rules import check_ad_group_budget, check_money
from providers.tiktok_business.ads.refused import one_of, refuse, unsupported

BILLING: Mapping[str, tuple[str, ...]] = {
    "CLICK": ("CPC",),
    "TRAFFIC_LANDING_PAGE_VIEW": ("OCPM",),
    "DESTINATION_VISIT": ("OCPM",),
    "REACH": ("CPM",),
    "ENGAGED_VIEW": ("CPV",),
    "ENGAGED_VIEW_FIFTEEN": ("CPV",),
    "FOLLOWERS": ("OCPM",),
    "PROFILE_VIEWS": ("CPC",),
    "PAGE_VISIT": ("CPC",),
    "CONVERT": ("OCPM",),
    "LEAD_GENERATION": ("OCPM",),
}
"""How each goal is billed."""

PROMOTIONS = ("WEBSITE", "LEAD_GENERATION", "WEBSITE_OR_DISPLAY")
WITHOUT_PROMOTION = ("REACH", "VIDEO_VIEWS", "ENGAGEMENT")
PLACEMENTS = ("PLACEMENT_TIKTOK", "PLACEMENT_PANGLE", "PLACEMENT_GLOBAL_APP_BUNDLE")
MAX_REGIONS = 3000
MAX_FREQUENCY_DAYS = 7
FIXED = ("optimization_goal", "billing_event", "promotion_type", "placements", "pixel_id", "optimization_event")
"""The fields that cannot change afterwards."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_REGION = re.compile(r"[A-Z]{2}|\d{1,20}")
_ID = re.compile(r"\d{1,20}")


def check(
    account: AdAccount, spec: AdGroupSpec, parents: AdParents, now: datetime | None, before: AdGroupSpec | None
) -> None:
    """Raise OptionUnsupported or ContentRefused; without `now` nothing that depends on the time is checked."""
    objective = parents.campaign.objective if parents.campaign is not None else ""
    _check_goal(spec, objective)
    _check_schedule(spec, now, before)
    check_ad_group_budget(account, spec.budget, before.budget if before else None, spec.start or now, spec.end)
    _check_bid(account, spec)
    _check_frequency(spec, objective)
    _check_targeting(spec.targeting)
    for field in FIXED if before is not None else ():
        if getattr(spec, field) != getattr(before, field):
            raise unsupported(field, f"The {field.replace('_', ' ')} of an ad group cannot change.")


def _check_goal(spec: AdGroupSpec, objective: str) -> None:
    one_of(spec.optimization_goal, BILLING, "optimization_goal")
    one_of(spec.billing_event, BILLING[spec.optimization_goal], "billing_event")
    if spec.promotion_type:
        one_of(spec.promotion_type, PROMOTIONS, "promotion_type")
    elif objective and objective not in WITHOUT_PROMOTION:
        raise refuse("promotion_type", f"An ad group of a campaign for {objective} says what it promotes.")
    for placement in spec.placements:
        one_of(placement, PLACEMENTS, "placements")
    if (spec.optimization_goal == "CONVERT") != bool(spec.pixel_id and spec.optimization_event):
        raise refuse("pixel_id", "Conversions, and nothing else, are counted by a pixel's event.")


def _check_schedule(spec: AdGroupSpec, now: datetime | None, before: AdGroupSpec | None) -> None:
    moved = before is None or (spec.start, spec.end) != (before.start, before.end)
    if spec.start is not None and spec.end is not None and spec.end <= spec.start:
        raise refuse("end", "The end is not after the start.")
    if now is None or not moved:
        return
    if spec.start is not None and spec.start < now and (before is None or spec.start != before.start):
        # TikTok takes it, and means now.
        raise refuse("start", "The start is in the past.", allowed=words.time_text(now))
    if spec.end is not None and spec.end <= now:
        raise refuse("end", "The end is in the past.", allowed=words.time_text(now))


def _check_bid(account: AdAccount, spec: AdGroupSpec) -> None:
    bid = spec.bid
    if (bid.strategy is BidStrategy.LOWEST_COST) != (bid.amount is None):
        raise refuse("bid.amount", "A cap has an amount, and the lowest cost has none.")
    if bid.amount is not None:
        check_money(account, bid.amount, "bid.amount")
    if bid.strategy is BidStrategy.COST_CAP and spec.billing_event != "OCPM":
        raise unsupported("bid.strategy", "A cost cap is for goals that are billed by OCPM.")


def _check_frequency(spec: AdGroupSpec, objective: str) -> None:
    cap = spec.frequency_cap
    if objective == "REACH" and cap is None:
        raise refuse("frequency_cap", "An ad group for reach needs a frequency cap.")
    if cap is None:
        return
    if objective and objective != "REACH":
        raise unsupported("frequency_cap", "A frequency cap is for reach only.")
    if cap.times < 1 or not 1 <= cap.days <= MAX_FREQUENCY_DAYS:
        raise refuse("frequency_cap", "The frequency cap is out of bounds.", allowed=f"1 to {MAX_FREQUENCY_DAYS} days")


def _check_targeting(targeting: Targeting) -> None:
    # An empty list would be the whole world.
    if not 1 <= len(targeting.region_codes) <= MAX_REGIONS:
        raise refuse("targeting.region_codes", "The regions are missing or too many.", allowed=f"1 to {MAX_REGIONS}")
    for band in targeting.age_bands:
        one_of(band, words.AGES, "targeting.age_bands")
    for gender in targeting.genders:
        one_of(gender, words.GENDERS, "targeting.genders")
    _check_spelling(targeting.region_codes, _REGION, "targeting.region_codes")
    _check_spelling(targeting.language_codes, _LANGUAGE, "targeting.language_codes")
    for field in ("audiences", "excluded_audiences", "interest_ids"):
        _check_spelling(getattr(targeting, field), _ID, f"targeting.{field}")
    if both := sorted({*targeting.audiences} & {*targeting.excluded_audiences}):
        raise refuse("targeting.excluded_audiences", f"The audience {both[0]} is included and excluded.")
    if "13-17" in targeting.age_bands and "US" in targeting.region_codes:
        raise refuse("targeting.age_bands", "In the United States people below 18 cannot be targeted.")


def _check_spelling(found: Collection[str], pattern: re.Pattern[str], field: str) -> None:
    for each in found:
        if not pattern.fullmatch(each):
            raise refuse(field, f"{each[:50]!r} is not a value of TikTok's.")
