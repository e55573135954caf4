"""What is refused of campaigns, ad groups and ads before any call, and which field each refusal names.

Owns one row for each rule. What TikTok itself refuses is tested with its simulator.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from providers.errors import ContentRefused, OptionUnsupported
from providers.models.ads import (
    AdAccount,
    AdBudget,
    AdGroupSpec,
    AdParents,
    AdSpec,
    Bid,
    BidStrategy,
    BudgetKind,
    CampaignSpec,
    ExistingPost,
    FrequencyCap,
    IdentityKind,
    IdentityRef,
    Spec,
    Targeting,
    UploadedVideo,
)
from providers.tiktok_business.ads.facet import MarketingAds
from tests.providers.faking import NOW
from tests.providers.tiktok_business.support import tiktok

DOLLARS, YEN, EUROS = (AdAccount("1", currency=each) for each in ("USD", "JPY", "EUR"))
CAMPAIGN = CampaignSpec("Spring", "TRAFFIC")
GROUP = AdGroupSpec(
    "Everybody",
    AdBudget(BudgetKind.DAILY, Decimal(30)),
    Targeting(("DE",)),
    "CLICK",
    "CPC",
    promotion_type="WEBSITE",
)
WHO = IdentityRef(IdentityKind.ACCOUNT, "5")
AD = AdSpec("Video", UploadedVideo("v1", "2"), WHO, "Come in.", "LEARN_MORE", "https://shop.example/")
BELOW, IN_GROUP = AdParents("1", CAMPAIGN), AdParents("1", CAMPAIGN, "2", GROUP)


def daily(amount: str) -> AdBudget:
    """Return a budget for a day."""
    return AdBudget(BudgetKind.DAILY, Decimal(amount))


def lifetime(amount: str) -> AdBudget:
    """Return a budget for the whole time."""
    return AdBudget(BudgetKind.LIFETIME, Decimal(amount))


def ads() -> MarketingAds:
    """Return the facet, before a vendor that is never called."""
    provider, _ = tiktok()
    found: Any = provider.ads
    return found  # type: ignore[no-any-return]


def refused(spec: Spec, parents: AdParents, account: AdAccount = DOLLARS, before: Spec | None = None) -> str:
    """Return the field that a check refuses, empty for none."""
    try:
        ads().check(account, spec, parents=parents, now=NOW, before=before)
    except (ContentRefused, OptionUnsupported) as error:
        return error.metadata["field"]
    return ""


def test_what_is_right_passes() -> None:
    """The specs from which the rows below differ are accepted."""
    assert ["", "", ""] == [refused(CAMPAIGN, AdParents()), refused(GROUP, BELOW), refused(AD, IN_GROUP)]


@pytest.mark.parametrize(
    ("field", "account", "change"),
    [
        ("name", DOLLARS, {"name": ""}),
        ("name", DOLLARS, {"name": "n" * 500}),
        ("name", DOLLARS, {"name": "字" * 250}),
        ("name", DOLLARS, {"name": "Spring 🎉"}),
        ("name", DOLLARS, {"name": "a\nb"}),
        ("name", DOLLARS, {"name": "Spring [0123456789]"}),
        ("objective", DOLLARS, {"objective": "APP_PROMOTION"}),
        ("objective", DOLLARS, {"objective": "traffic"}),
        ("special_industries", DOLLARS, {"special_industries": ("SPORT",)}),
        ("budget.amount", DOLLARS, {"budget": daily("50")}),
        ("budget.amount", DOLLARS, {"budget": daily("0")}),
        ("budget.amount", DOLLARS, {"budget": daily("NaN")}),
        ("budget.amount", DOLLARS, {"budget": daily("Infinity")}),
        ("budget.amount", DOLLARS, {"budget": daily("60.001")}),
        ("budget.amount", YEN, {"budget": daily("9000.5")}),
        ("budget.amount", DOLLARS, {"budget": AdBudget(BudgetKind.NONE, Decimal(60))}),
        ("budget.amount", DOLLARS, {"budget": AdBudget(BudgetKind.LIFETIME)}),
        ("", DOLLARS, {"budget": daily("50.01")}),
        ("", EUROS, {"budget": daily("1")}),
        ("", YEN, {"budget": daily("9000")}),
    ],
)
def test_campaigns(field: str, account: AdAccount, change: dict[str, Any]) -> None:
    """Names, objectives, industries and budgets; of currencies whose minimum is not known TikTok decides."""
    assert field == refused(replace(CAMPAIGN, **change), AdParents(), account)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("budget.kind", {"budget": AdBudget()}),
        ("budget.amount", {"budget": daily("20")}),
        ("end", {"budget": lifetime("500")}),
        ("budget.amount", {"budget": lifetime("139.99"), "start": NOW, "end": NOW + timedelta(days=7)}),
        ("", {"budget": lifetime("140"), "start": NOW, "end": NOW + timedelta(days=7)}),
        ("budget.amount", {"budget": lifetime("140"), "start": NOW, "end": NOW + timedelta(days=7, seconds=1)}),
        ("start", {"start": NOW - timedelta(seconds=1)}),
        ("end", {"end": NOW}),
        ("end", {"start": NOW + timedelta(days=2), "end": NOW + timedelta(days=1)}),
        ("optimization_goal", {"optimization_goal": "FAME"}),
        ("billing_event", {"billing_event": "CPM"}),
        ("promotion_type", {"promotion_type": ""}),
        ("promotion_type", {"promotion_type": "APP_IOS"}),
        ("placements", {"placements": ("PLACEMENT_MOON",)}),
        ("bid.amount", {"bid": Bid(BidStrategy.BID_CAP)}),
        ("bid.amount", {"bid": Bid(BidStrategy.LOWEST_COST, Decimal(1))}),
        ("bid.amount", {"bid": Bid(BidStrategy.BID_CAP, Decimal(-1))}),
        ("bid.strategy", {"bid": Bid(BidStrategy.COST_CAP, Decimal(1))}),
        ("frequency_cap", {"frequency_cap": FrequencyCap(3, 7)}),
        ("pixel_id", {"pixel_id": "1", "optimization_event": "FORM"}),
        ("pixel_id", {"optimization_goal": "CONVERT", "billing_event": "OCPM"}),
        ("targeting.region_codes", {"targeting": Targeting()}),
        ("targeting.region_codes", {"targeting": Targeting(("DE",) * 3001)}),
        ("targeting.region_codes", {"targeting": Targeting(("Germany",))}),
        ("targeting.age_bands", {"targeting": Targeting(("DE",), age_bands=("18-99",))}),
        ("targeting.age_bands", {"targeting": Targeting(("US",), age_bands=("13-17",))}),
        ("targeting.genders", {"targeting": Targeting(("DE",), genders=("all",))}),
        ("targeting.language_codes", {"targeting": Targeting(("DE",), language_codes=("German",))}),
        ("targeting.audiences", {"targeting": Targeting(("DE",), audiences=("a",))}),
        (
            "targeting.excluded_audiences",
            {"targeting": Targeting(("DE",), audiences=("1",), excluded_audiences=("1",))},
        ),
        ("targeting.interest_ids", {"targeting": Targeting(("DE",), interest_ids=("sport",))}),
    ],
)
def test_ad_groups(field: str, change: dict[str, Any]) -> None:
    """Budgets, schedules, goals, bids and targeting; no region is not the whole world."""
    assert field == refused(replace(GROUP, **change), BELOW)


def test_reach_needs_a_frequency_cap() -> None:
    """An ad group for reach says how often, within a week."""
    parents = AdParents("1", replace(CAMPAIGN, objective="REACH"))
    reach = replace(GROUP, optimization_goal="REACH", billing_event="CPM", promotion_type="")
    caps = (None, FrequencyCap(0, 7), FrequencyCap(3, 8), FrequencyCap(3, 7))
    assert ["frequency_cap"] * 3 + [""] == [refused(replace(reach, frequency_cap=each), parents) for each in caps]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("identity", {"identity": IdentityRef(IdentityKind.ACCOUNT, "")}),
        ("identity", {"identity": IdentityRef(IdentityKind.BUSINESS_CENTER_ACCOUNT, "5")}),
        ("identity", {"identity": IdentityRef(IdentityKind.ACCOUNT, "5", "6")}),
        ("identity", {"identity": IdentityRef(IdentityKind.CUSTOM, "5")}),
        ("identity", {"identity": IdentityRef(IdentityKind.POST_AUTHOR, "5")}),
        ("text", {"text": ""}),
        ("text", {"text": "t" * 101}),
        ("text", {"creative": ExistingPost("7")}),
        ("creative", {"creative": UploadedVideo("v1", "")}),
        ("creative", {"creative": ExistingPost(""), "text": ""}),
        ("call_to_action", {"call_to_action": "RUN"}),
        ("landing_uri", {"landing_uri": ""}),
        ("landing_uri", {"landing_uri": "javascript:alert(1)"}),
        ("landing_uri", {"landing_uri": "https://[bad"}),
        ("landing_uri", {"landing_uri": "https://shop.example/" + "x" * 2000}),
        ("", {"creative": ExistingPost("7"), "text": ""}),
    ],
)
def test_ads(field: str, change: dict[str, Any]) -> None:
    """Identities, texts, creatives and addresses."""
    assert field == refused(replace(AD, **change), IN_GROUP)


def test_an_invented_name_is_for_accounts_that_still_may() -> None:
    """Only an ad account of which TikTok says so can show ads under an invented name, and never a post."""
    custom = replace(AD, identity=IdentityRef(IdentityKind.CUSTOM, "5"))
    allowed = replace(DOLLARS, custom_identity_allowed=True)
    assert ["identity", "", "identity"] == [
        refused(custom, IN_GROUP, replace(DOLLARS, custom_identity_allowed=None)),
        refused(custom, IN_GROUP, allowed),
        refused(replace(custom, creative=ExistingPost("7"), text=""), IN_GROUP, allowed),
    ]


@pytest.mark.parametrize(
    ("field", "before", "change", "parents"),
    [
        ("objective", CAMPAIGN, {"objective": "REACH"}, AdParents()),
        ("budget.kind", CAMPAIGN, {"budget": daily("60")}, AdParents()),
        ("special_industries", CAMPAIGN, {"special_industries": ("HOUSING",)}, AdParents()),
        ("budget.kind", GROUP, {"budget": lifetime("60"), "end": NOW + timedelta(days=1)}, BELOW),
        ("optimization_goal", GROUP, {"optimization_goal": "PAGE_VISIT"}, BELOW),
        ("promotion_type", GROUP, {"promotion_type": "LEAD_GENERATION"}, BELOW),
        ("placements", GROUP, {"placements": ("PLACEMENT_PANGLE",)}, BELOW),
        ("", replace(CAMPAIGN, special_industries=("HOUSING",)), {"special_industries": ()}, AdParents()),
        ("", replace(GROUP, start=NOW - timedelta(days=9)), {"start": None}, BELOW),
        ("end", replace(GROUP, start=NOW - timedelta(days=9)), {"start": None, "end": NOW - timedelta(1)}, BELOW),
    ],
)
def test_what_cannot_change(field: str, before: Any, change: dict[str, Any], parents: AdParents) -> None:
    """What is fixed is named; an ad group that has started keeps its start."""
    assert field == refused(replace(before, **change), parents, before=before)


def test_a_node_does_not_change_its_level() -> None:
    """Comparing a campaign with an ad group is a fault of the caller."""
    with pytest.raises(ValueError, match="level"):
        ads().check(DOLLARS, GROUP, parents=BELOW, now=NOW, before=CAMPAIGN)
