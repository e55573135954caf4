"""Ad groups in TikTok's words: the body of a create and of an update, and a row of the list.

Owns `/adgroup/…` but for the switch. What may be wanted is in rules.py; the ids of regions are already looked up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.models.ads import (
    AdGroupSpec,
    AdLevel,
    AdNode,
    Bid,
    BidStrategy,
    FrequencyCap,
    Targeting,
)
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.campaigns import budget_fields, read_budget
from providers.tiktok_common import values

DEFAULT_PLACEMENTS = ("PLACEMENT_TIKTOK",)
BIDS: Mapping[BidStrategy, str] = {
    BidStrategy.LOWEST_COST: "BID_TYPE_NO_BID",
    BidStrategy.BID_CAP: "BID_TYPE_CUSTOM",
    BidStrategy.COST_CAP: "BID_TYPE_MAX_CONVERSION",
}


def create_body(
    spec: AdGroupSpec, *, campaign_id: str, objective: str, locations: Sequence[str], key: str, now: datetime
) -> dict[str, Any]:
    """Return the body of a create, paused. TikTok wants a start always: without one it is `now`."""
    return {
        "request_id": words.request_id(key, AdLevel.AD_GROUP),
        "campaign_id": campaign_id,
        "adgroup_name": words.tagged(spec.name, key),
        **({"promotion_type": spec.promotion_type} if spec.promotion_type else {}),
        "placement_type": "PLACEMENT_TYPE_NORMAL",
        "placements": list(spec.placements or DEFAULT_PLACEMENTS),
        **budget_fields(spec.budget),
        **schedule_fields(spec, now),
        **targeting_fields(spec.targeting, locations),
        "optimization_goal": spec.optimization_goal,
        "billing_event": spec.billing_event,
        **bid_fields(spec),
        **({"bid_display_mode": "CPV"} if objective == "VIDEO_VIEWS" else {}),
        "pacing": "PACING_MODE_SMOOTH",
        **frequency_fields(spec.frequency_cap),
        **({"pixel_id": spec.pixel_id} if spec.pixel_id else {}),
        **({"optimization_event": spec.optimization_event} if spec.optimization_event else {}),
        "operation_status": "DISABLE",
    }


def update_body(
    spec: AdGroupSpec, before: AdGroupSpec, *, name: str, locations: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return the fields that differ; `name` is the new one as TikTok has it."""
    body: dict[str, Any] = {}
    if spec.name != before.name:
        body["adgroup_name"] = name
    if spec.budget != before.budget:
        body["budget"] = float(spec.budget.amount or 0)
    if (spec.start, spec.end) != (before.start, before.end):
        body |= schedule_fields(spec, now)
    if spec.targeting != before.targeting:
        old = targeting_fields(before.targeting, before.targeting.region_codes)
        new = targeting_fields(spec.targeting, locations)
        # A list that became empty is sent empty: what is left out stays as it is.
        body |= {name: new.get(name, []) for name in {**old, **new} if new.get(name, []) != old.get(name)}
    if spec.bid != before.bid:
        body |= bid_fields(spec)
    if spec.frequency_cap != before.frequency_cap:
        body |= frequency_fields(spec.frequency_cap)
    return body


def schedule_fields(spec: AdGroupSpec, now: datetime) -> dict[str, Any]:
    """Return the schedule, in UTC."""
    start = {"schedule_start_time": words.time_text(spec.start or now)}
    if spec.end is None:
        return {"schedule_type": "SCHEDULE_FROM_NOW", **start}
    return {"schedule_type": "SCHEDULE_START_END", **start, "schedule_end_time": words.time_text(spec.end)}


def targeting_fields(targeting: Targeting, locations: Sequence[str]) -> dict[str, Any]:
    """Return the targeting; the gender is always sent, an empty list never."""
    genders = {words.GENDERS[each] for each in targeting.genders}
    lists = {
        "location_ids": list(locations),
        "age_groups": [words.AGES[each] for each in targeting.age_bands],
        "languages": list(targeting.language_codes),
        "audience_ids": list(targeting.audiences),
        "excluded_audience_ids": list(targeting.excluded_audiences),
        "interest_category_ids": list(targeting.interest_ids),
    }
    gender = genders.pop() if len(genders) == 1 else words.EVERY_GENDER
    return {"gender": gender, **{name: found for name, found in lists.items() if found}}


def bid_fields(spec: AdGroupSpec) -> dict[str, Any]:
    """Return the bid: a goal that is billed by its own optimisation has another field for the amount."""
    name = "conversion_bid_price" if spec.billing_event == "OCPM" else "bid_price"
    amount = {} if spec.bid.amount is None else {name: float(spec.bid.amount)}
    return {"bid_type": BIDS[spec.bid.strategy], **amount}


def frequency_fields(cap: FrequencyCap | None) -> dict[str, Any]:
    """Return the frequency cap, nothing for none."""
    return {} if cap is None else {"frequency": cap.times, "frequency_schedule": cap.days}


def read_node(row: Mapping[str, Any]) -> AdNode:
    """Parse an ad group; its regions are TikTok's ids."""
    name, tag = words.untagged(values.text(row, "adgroup_name"))
    status = values.text(row, "secondary_status")
    id = values.identifier(row.get("adgroup_id"))
    return AdNode(
        level=AdLevel.AD_GROUP,
        id=id,
        name=name,
        campaign_id=values.identifier(row.get("campaign_id")),
        ad_group_id=id,
        spec=_read_spec(row, name),
        switch=words.switch(values.text(row, "operation_status")),
        state=words.state(status),
        vendor_status=status,
        tag=tag,
        create_time=words.time_value(row, "create_time"),
        modify_time=words.time_value(row, "modify_time"),
    )


def _read_spec(row: Mapping[str, Any], name: str) -> AdGroupSpec | None:
    """Parse the spec, None for an ad group with a budget or a bid of a kind that we do not have."""
    budget, bid, targeting = read_budget(row), _read_bid(row), _read_targeting(row)
    if (
        budget is None
        or bid is None
        or targeting is None
        or values.text(row, "placement_type") == "PLACEMENT_TYPE_AUTOMATIC"
    ):
        return None
    ends = values.text(row, "schedule_type") == "SCHEDULE_START_END"
    placements = words.strings(row, "placements")
    return AdGroupSpec(
        name=name,
        budget=budget,
        targeting=targeting,
        optimization_goal=values.text(row, "optimization_goal"),
        billing_event=values.text(row, "billing_event"),
        start=words.time_value(row, "schedule_start_time"),
        end=words.time_value(row, "schedule_end_time") if ends else None,
        bid=bid,
        promotion_type=values.text(row, "promotion_type"),
        placements=() if placements == DEFAULT_PLACEMENTS else placements,
        frequency_cap=_read_frequency(row),
        pixel_id=values.identifier(row.get("pixel_id")),
        optimization_event=values.text(row, "optimization_event"),
    )


def _read_targeting(row: Mapping[str, Any]) -> Targeting | None:
    gender = values.text(row, "gender")
    sent = words.strings(row, "age_groups")
    ages = tuple(band for each in sent if (band := words.ours(words.AGES, each)))
    if len(ages) != len(sent):
        return None
    return Targeting(
        region_codes=words.strings(row, "location_ids"),
        age_bands=ages,
        genders=tuple(ours for ours, theirs in words.GENDERS.items() if theirs == gender),
        language_codes=words.strings(row, "languages"),
        audiences=words.strings(row, "audience_ids"),
        excluded_audiences=words.strings(row, "excluded_audience_ids"),
        interest_ids=words.strings(row, "interest_category_ids"),
    )


def _read_bid(row: Mapping[str, Any]) -> Bid | None:
    strategy = words.ours(BIDS, values.text(row, "bid_type") or "BID_TYPE_NO_BID")
    if strategy is None:
        return None
    name = "conversion_bid_price" if values.text(row, "billing_event") == "OCPM" else "bid_price"
    return Bid(strategy, None if strategy is BidStrategy.LOWEST_COST else words.money(row, name))


def _read_frequency(row: Mapping[str, Any]) -> FrequencyCap | None:
    times, days = values.count(row, "frequency"), values.count(row, "frequency_schedule")
    return FrequencyCap(times, days) if times and days else None
