"""Converts campaigns, ad groups and ads of requests to what the domain works with.

Owns which fields can be changed, and checks of the request alone. Makes no decisions.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from typing import Any

from gateway.aip import names
from gateway.domain.ads.creatives import PENDING, UNKNOWN, Source
from gateway.errors import FieldInvalid
from gateway.rpc import ads_money
from providers.models.ads import (
    AdBudget,
    AdGroupSpec,
    AdSpec,
    Bid,
    BidStrategy,
    BudgetKind,
    CampaignSpec,
    ExistingPost,
    FrequencyCap,
    IdentityKind,
    IdentityRef,
    Targeting,
)
from providers.models.secret import Secret
from socialgateway.ads.v1 import ad_group_pb2, ad_pb2, campaign_pb2

LISTS = (
    "region_codes",
    "age_bands",
    "genders",
    "language_codes",
    "audiences",
    "excluded_audiences",
    "interest_ids",
)
MAX_CODE = 1024
NOBODY = IdentityRef(IdentityKind.POST_AUTHOR, UNKNOWN)
"""As whom a post is shown, until the vendor has said who wrote it."""


def campaign(message: campaign_pb2.Campaign, currency: str) -> CampaignSpec:
    """Return a campaign that is to be created; raises FieldInvalid."""
    return CampaignSpec(
        name=message.display_name,
        objective=message.objective,
        budget=_budget(message, currency, "campaign.budget"),
        special_industries=tuple(message.special_industries),
    )


def ad_group(message: ad_group_pb2.AdGroup, currency: str) -> AdGroupSpec:
    """Return an ad group that is to be created; raises FieldInvalid."""
    cap = message.frequency_cap
    return AdGroupSpec(
        name=message.display_name,
        budget=_budget(message, currency, "ad_group.budget"),
        targeting=_targeting(message),
        bid=_bid(message, currency),
        **_flight(message),
        optimization_goal=message.optimization_goal,
        billing_event=message.billing_event,
        promotion_type=message.promotion_type,
        placements=tuple(message.placements),
        pixel_id=message.pixel_id,
        optimization_event=message.optimization_event,
        frequency_cap=FrequencyCap(cap.times, cap.days) if message.HasField("frequency_cap") else None,
    )


def ad(message: ad_pb2.Ad) -> AdSpec:
    """Return an ad that is to be created; what it shows is not known to the vendor yet. Raises FieldInvalid."""
    creative = message.creative
    is_upload = creative.WhichOneof("source") == "upload"
    if is_upload != creative.HasField("identity"):
        raise FieldInvalid("ad.creative.identity", "is required with an upload, and only with one")
    return AdSpec(
        name=message.display_name,
        creative=PENDING if is_upload else ExistingPost(UNKNOWN),
        identity=_identity(creative.identity) if is_upload else NOBODY,
        text=creative.text,
        call_to_action=creative.call_to_action,
        landing_uri=creative.landing_uri,
    )


def source(message: ad_pb2.Ad, location: str) -> Source:
    """Return what an ad shows; raises FieldInvalid."""
    creative = message.creative
    chosen = creative.WhichOneof("source")
    if creative.authorization_days < 0 or (creative.authorization_days and chosen != "post"):
        raise FieldInvalid("ad.creative.authorization_days", "is for a post only, and must not be negative")
    if chosen == "upload":
        return Source(upload=names.UPLOAD.parse_in(location, creative.upload, path="ad.creative.upload"))
    if chosen == "post":
        post = names.POST.parse_in(location, creative.post, path="ad.creative.post")
        return Source(post=post, days=creative.authorization_days)
    if chosen == "authorization_code" and 0 < len(creative.authorization_code) <= MAX_CODE:
        return Source(code=Secret(creative.authorization_code))
    raise FieldInvalid("ad.creative", "needs one of upload, post and authorization_code")


def _identity(message: ad_pb2.AdIdentity) -> IdentityRef:
    kind = IdentityKind[ad_pb2.AdIdentity.Kind.Name(message.kind)]
    return IdentityRef(kind, message.identity_id, message.business_center_id)


def _budget(message: Any, currency: str, path: str) -> AdBudget:
    chosen = message.budget.WhichOneof("amount")
    if chosen is None:
        if message.HasField("budget"):
            raise FieldInvalid(path, "needs daily or lifetime")
        return AdBudget()
    amount = ads_money.read(getattr(message.budget, chosen), currency, f"{path}.{chosen}")
    return AdBudget(BudgetKind[chosen.upper()], amount)


def _flight(message: ad_group_pb2.AdGroup) -> dict[str, Any]:
    moments = {}
    for name in ("start", "end"):
        field = f"{name}_time"
        has = message.flight.HasField(field)
        moments[name] = getattr(message.flight, field).ToDatetime(UTC) if has else None
    start, end = moments["start"], moments["end"]
    if start is not None and end is not None and end <= start:
        raise FieldInvalid("ad_group.flight.end_time", "must be after start_time")
    return moments


def _targeting(message: ad_group_pb2.AdGroup) -> Targeting:
    return Targeting(**{name: tuple(getattr(message.targeting, name)) for name in LISTS})


def _bid(message: ad_group_pb2.AdGroup, currency: str) -> Bid:
    name = ad_group_pb2.BidStrategy.Name(message.bid.strategy).removeprefix("BID_STRATEGY_")
    strategy, has = BidStrategy[name], message.bid.HasField("amount")
    if has == (strategy == BidStrategy.LOWEST_COST):
        raise FieldInvalid("ad_group.bid.amount", "is for a cap, which needs it, and for nothing else")
    return Bid(strategy, ads_money.read(message.bid.amount, currency, "ad_group.bid.amount") if has else None)


Read = Callable[[Any, str], Mapping[str, Any]]
CHANGES: dict[str, dict[str, Read]] = {
    "campaign": {
        "display_name": lambda message, _: {"name": message.display_name},
        "budget": lambda message, currency: {"budget": _budget(message, currency, "campaign.budget")},
    },
    "ad_group": {
        "display_name": lambda message, _: {"name": message.display_name},
        "budget": lambda message, currency: {"budget": _budget(message, currency, "ad_group.budget")},
        "flight": lambda message, _: _flight(message),
        "targeting": lambda message, _: {"targeting": _targeting(message)},
        "bid": lambda message, currency: {"bid": _bid(message, currency)},
    },
    "ad": {
        "display_name": lambda message, _: {"name": message.display_name},
        "creative": lambda message, _: {
            "text": message.creative.text,
            "call_to_action": message.creative.call_to_action,
            "landing_uri": message.creative.landing_uri,
        },
    },
}
"""By the name of a resource in its requests, the fields that can be changed, and how each is read."""


def changes(message: Any, noun: str, paths: Collection[str], currency: str) -> dict[str, Any]:
    """Return the fields of the spec that change; raises FieldInvalid, also if none does."""
    if not paths:
        raise FieldInvalid("update_mask", f"names none of {', '.join(sorted(CHANGES[noun]))}, and none is set")
    fields: dict[str, Any] = {}
    for path in sorted(paths):
        required = path in ("targeting", "bid") and not message.HasField(path)
        if required or (path == "display_name" and not message.display_name):
            raise FieldInvalid(f"{noun}.{path}", "is required")
        fields |= CHANGES[noun][path](message, currency)
    return fields
