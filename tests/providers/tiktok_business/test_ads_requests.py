"""Every request of ads that the provider can send, held against TikTok's own SDK: paths, required fields, words.

Owns the requests. They are compared only if the vendor's reference is kept beside the checkout; without it these tests
are skipped.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from email import message_from_bytes
from functools import cache
from typing import Any

import httpx
import pytest

from providers.models.ads import (
    AdAccount,
    AdBudget,
    AdGroupSpec,
    AdLevel,
    AdMediaFile,
    AdMediaKind,
    AdMetric,
    AdParents,
    AdQuery,
    AdSpec,
    Bid,
    BidStrategy,
    BudgetKind,
    CampaignSpec,
    DeliveryState,
    ExistingPost,
    FrequencyCap,
    IdentityKind,
    IdentityRef,
    ReportDimension,
    ReportLevel,
    ReportQuery,
    Switch,
    Targeting,
    UploadedVideo,
)
from providers.tiktok_business.ads import ad_group_rules, report_tasks, rules, words
from providers.tiktok_business.ads.facet import MarketingAds
from providers.tiktok_business.ads.reports import AUDIENCE, METRICS, TIMES
from tests.fixtures import reference
from tests.providers import faking
from tests.providers.faking import NOW
from tests.providers.tiktok_business.support import AdsAccess, query, tiktok

KEY = "0f" * 32
ACCOUNT = AdAccount("7100000000000000001", currency="USD")
CAMPAIGN = CampaignSpec("Spring", "TRAFFIC", AdBudget(BudgetKind.DAILY, Decimal("99.5")), ("HOUSING",))
GROUP = AdGroupSpec(
    "Everybody",
    AdBudget(BudgetKind.LIFETIME, Decimal("900")),
    Targeting(("6252001",), ("18-24",), ("female",), ("en",), ("11",), ("12",), ("13",)),
    "CONVERT",
    "OCPM",
    start=NOW + timedelta(days=1),
    end=NOW + timedelta(days=8),
    bid=Bid(BidStrategy.COST_CAP, Decimal("2.5")),
    promotion_type="WEBSITE",
    pixel_id="14",
    optimization_event="ON_WEB_ORDER",
)
REACH = replace(
    GROUP,
    optimization_goal="REACH",
    billing_event="CPM",
    bid=Bid(BidStrategy.BID_CAP, Decimal(3)),
    promotion_type="",
    frequency_cap=FrequencyCap(3, 7),
    pixel_id="",
    optimization_event="",
)
WHO = IdentityRef(IdentityKind.BUSINESS_CENTER_ACCOUNT, "15", "16")
AD = AdSpec("Video", UploadedVideo("v17", "18"), WHO, "Come in.", "LEARN_MORE", "https://shop.example/")
POST = replace(AD, creative=ExistingPost("19"), text="", identity=IdentityRef(IdentityKind.POST_AUTHOR, "20"))
BELOW = AdParents("21", CAMPAIGN)
IN_GROUP = AdParents("21", CAMPAIGN, "22", GROUP)
VIDEO = AdMediaFile(AdMediaKind.VIDEO, 1_000, "0" * 32, "video/mp4")
LARGE = replace(VIDEO, size=20 * 1024**2 + 1)
IMAGE = AdMediaFile(AdMediaKind.IMAGE, 1_000, "0" * 32, "image/png")
REPORT = ReportQuery(ReportLevel.AD_GROUP, tuple(AdMetric), date(2026, 11, 1), date(2026, 11, 7), ids=("1", "2"))


Call = Callable[[MarketingAds, AdsAccess], Awaitable[Any]]


def _switched(level: AdLevel) -> Call:
    return lambda it, who: it.switch(who, ACCOUNT.id, level, ["24"], Switch.ENABLED)


def _listed(level: AdLevel) -> Call:
    query = AdQuery(level, ("24",), "21", "22", include_deleted=True)
    return lambda it, who: it.find(who, ACCOUNT.id, query, cursor="2")


CALLS: dict[str, Call] = {
    "accounts": lambda it, who: it.ad_accounts(who),
    "campaign": lambda it, who: it.create(who, ACCOUNT, CAMPAIGN, parents=AdParents(), key=KEY),
    "ad group": lambda it, who: it.create(who, ACCOUNT, GROUP, parents=BELOW, key=KEY),
    "ad group for reach": lambda it, who: it.create(
        who, ACCOUNT, REACH, parents=AdParents("21", replace(CAMPAIGN, objective="REACH")), key=KEY
    ),
    "ad": lambda it, who: it.create(who, ACCOUNT, AD, parents=IN_GROUP, key=KEY),
    "ad of a post": lambda it, who: it.create(who, ACCOUNT, POST, parents=IN_GROUP, key=KEY),
    "changed campaign": lambda it, who: it.update(
        who,
        ACCOUNT,
        "21",
        replace(CAMPAIGN, name="Summer", budget=AdBudget(BudgetKind.DAILY, Decimal(80)), special_industries=()),
        before=CAMPAIGN,
        tag="ab",
        parents=AdParents(),
    ),
    "changed ad group": lambda it, who: it.update(
        who,
        ACCOUNT,
        "22",
        replace(
            GROUP,
            name="Few",
            budget=AdBudget(BudgetKind.LIFETIME, Decimal(950)),
            end=NOW + timedelta(days=9),
            bid=Bid(BidStrategy.COST_CAP, Decimal(3)),
            targeting=Targeting(("6252001", "2921044"), genders=("male",)),
        ),
        before=GROUP,
        tag="ab",
        parents=BELOW,
    ),
    "changed ad": lambda it, who: it.update(
        who, ACCOUNT, "23", replace(AD, text="Go away."), before=AD, tag="", parents=IN_GROUP
    ),
    **{f"switched {level}": _switched(level) for level in AdLevel},
    **{f"list of {level}": _listed(level) for level in AdLevel},
    "created": lambda it, who: it.find_created(who, ACCOUNT.id, AD, parents=IN_GROUP, key=KEY),
    "video": lambda it, who: it.upload_media(who, ACCOUNT.id, VIDEO, faking.content, key=KEY),
    "large video": lambda it, who: it.upload_media(who, ACCOUNT.id, LARGE, faking.content, key=KEY),
    "image": lambda it, who: it.upload_media(who, ACCOUNT.id, IMAGE, faking.content, key=KEY),
    "videos": lambda it, who: it.media(who, ACCOUNT.id, AdMediaKind.VIDEO, ["v17"]),
    "images": lambda it, who: it.media(who, ACCOUNT.id, AdMediaKind.IMAGE, ["18"]),
    "covers": lambda it, who: it.covers(who, ACCOUNT.id, "v17"),
    "identities": lambda it, who: it.identities(who, ACCOUNT.id),
    "post": lambda it, who: it.authorize_post(who, ACCOUNT.id, "#code="),
    "report": lambda it, who: it.report(who, ACCOUNT.id, REPORT),
    "report by day": lambda it, who: it.report(
        who, ACCOUNT.id, replace(REPORT, dimensions=(ReportDimension.DAY,), include_deleted=True)
    ),
    "report of an audience": lambda it, who: it.report(
        who, ACCOUNT.id, replace(REPORT, dimensions=(ReportDimension.AGE, ReportDimension.GENDER), start=None, end=None)
    ),
    "long report": lambda it, who: it.request_report(who, ACCOUNT.id, REPORT),
    "long report of an audience": lambda it, who: it.request_report(
        who,
        ACCOUNT.id,
        replace(REPORT, metrics=(AdMetric.SPEND,), dimensions=(ReportDimension.DAY, ReportDimension.COUNTRY)),
    ),
    "state of a long report": lambda it, who: it.report_task(who, ACCOUNT.id, "25"),
}
# Calls that the SDK does not have; they are in the page about it.
ONLY_IN_THE_PAGE = {
    "/file/start/upload/",
    "/file/transfer/upload/",
    "/file/finish/upload/",
    "/file/video/suggestcover/",
    "/tt_video/authorize/",
    "/tt_video/info/",
    "/adgroup/review_info/",
    "/ad/review_info/",
}
REJECTED = {"secondary_status": "AD_STATUS_AUDIT_DENY", "ad_id": "24", "adgroup_id": "24", "campaign_id": "21"}


def answer(request: httpx.Request) -> httpx.Response:
    """Answer any call of these with a success."""
    path = request.url.path.removeprefix("/open_api/v1.3")
    whole = {"start_offset": LARGE.size, "end_offset": LARGE.size}
    answers: dict[str, dict[str, Any]] = {
        "/file/start/upload/": {"upload_id": "u1", "start_offset": 0, "end_offset": LARGE.size},
        "/file/transfer/upload/": whole,
        "/file/finish/upload/": {"file_id": "f1"},
        "/file/image/ad/upload/": {"image_id": "18"},
        "/tt_video/info/": {"item_info": {"item_id": "19"}, "user_info": {"identity_id": "20"}},
        "/oauth2/advertiser/get/": {"list": [{"advertiser_id": ACCOUNT.id, "advertiser_name": "A"}]},
        "/campaign/create/": {"campaign_id": "21"},
        "/adgroup/create/": {"adgroup_id": "22"},
        "/ad/create/": {"ad_ids": ["23"]},
        "/report/task/create/": {"task_id": "25"},
        "/report/task/check/": {"status": "QUEUING"},
        "/ad/get/": {"list": [REJECTED]},
        "/adgroup/get/": {"list": [{**REJECTED, "secondary_status": "ADGROUP_STATUS_AUDIT_DENY"}]},
    }
    data = answers.get(path, {"list": [], "identity_list": []})
    found: Any = [{"video_id": "v17"}] if path == "/file/video/ad/upload/" else data
    return httpx.Response(200, json={"code": 0, "message": "OK", "request_id": "2026", "data": found})


async def sent(name: str) -> list[httpx.Request]:
    """Make a call, and return the requests that it sent."""
    provider, vendor = tiktok(answer)
    await CALLS[name](provider.ads, AdsAccess())  # type: ignore[arg-type]
    return vendor.requests


def parameters(request: httpx.Request) -> dict[str, Any]:
    """Return the parameters of a request: of its query, its JSON, or its form."""
    if request.method == "GET":
        return query(request)
    kind = request.headers["content-type"]
    if kind == "application/json":
        body: dict[str, Any] = json.loads(request.content)
        return body
    form: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.content)
    parts = form.get_payload()
    return {str(part.get_param("name", header="content-disposition")): part.get_payload() for part in parts}


@cache
def sdk() -> dict[str, Any]:
    """Return the SDK's operations by path, each with its parameters, and its models."""
    found = json.loads(reference.text("tiktok-business-openapi/sdk-operations.json"))
    return {
        "models": found["models"],
        **{each["path"].removeprefix("/open_api/v1.3"): each for each in found["operations"]},
    }


def fields_of(path: str) -> dict[str, Any]:
    """Return the parameters of a call of the SDK, those of its body included."""
    operation = sdk()[path]
    given = {name: each for name, each in operation["params"].items() if name not in ("access_token", "body")}
    body = operation["params"].get("body", {}).get("type", "")
    return {**given, **sdk()["models"].get(body, {})}


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_is_what_the_sdk_sends(name: str) -> None:
    """Path and method are the SDK's, each field is among its parameters, and none that it requires is missing."""
    for request in await sent(name):
        path = request.url.path.removeprefix("/open_api/v1.3")
        if path in ONLY_IN_THE_PAGE:
            continue
        known, given = fields_of(path), parameters(request)
        assert sdk()[path]["method"] == request.method
        assert [] == [each for each in given if each not in known], path
        missing = {each for each, field in known.items() if field["required"]} - given.keys()
        assert set() == missing, path
        _check_nested(path, given, known)


def _check_nested(path: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check the fields of the objects that a parameter holds."""
    models = sdk()["models"]
    for name, value in given.items():
        model = models.get(re.sub(r"list\[(.*)\]", r"\1", known[name]["type"]))
        if model is None:
            continue
        inner = json.loads(value) if isinstance(value, str) else value
        for each in inner if isinstance(inner, list) else [inner]:
            assert [] == [field for field in each if field not in model], (path, name)


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_that_only_the_page_has_is_as_it_says(name: str) -> None:
    """Path and fields of what the SDK does not have are on the page about the API."""
    page = reference.text("tiktok-business.md")
    names = set(re.findall(r"[a-z][a-z0-9_]+", page))
    for request in await sent(name):
        path = request.url.path.removeprefix("/open_api/v1.3")
        if path in ONLY_IN_THE_PAGE and path != "/tt_video/info/":
            verb = path.strip("/").rpartition("/")[2]
            assert path in page or verb in page
            assert [] == [each for each in parameters(request) if each not in names], path


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_has_its_token_and_its_ad_account(name: str) -> None:
    """The token is a header, the ad account is named, ids are strings, and no account holder is."""
    for request in await sent(name):
        given = parameters(request)
        assert "act.canary-business-1" == request.headers["access-token"]
        assert "business_id" not in given
        if request.url.path not in ("/open_api/v1.3/oauth2/advertiser/get/", "/open_api/v1.3/advertiser/info/"):
            assert ACCOUNT.id == given["advertiser_id"]
        assert all(isinstance(value, str) for each, value in given.items() if each.endswith("_id"))


@pytest.mark.parametrize("name", ["campaign", "ad group", "ad group for reach", "ad", "ad of a post"])
async def test_everything_is_created_paused(name: str) -> None:
    """No level is left to the vendor's default, which is to deliver at once."""
    given = parameters((await sent(name))[-1])
    assert ["DISABLE"] == [each["operation_status"] for each in given.get("creatives", [given])]


async def test_a_video_of_an_ad_is_not_posted_on_the_profile() -> None:
    """Without this the vendor also publishes an ad's video on the account as which it is shown."""
    [creative] = parameters((await sent("ad"))[-1])["creatives"]
    [post] = parameters((await sent("ad of a post"))[-1])["creatives"]
    assert ("ON", False) == (creative["dark_post_status"], "dark_post_status" in post)


async def test_the_deduplication_id_is_a_positive_number_of_64_bits() -> None:
    """It is always the same for a key and a level, and different for each."""
    ids = {words.request_id(key, level) for key in (KEY, "1f" * 32) for level in AdLevel}
    assert 6 == len(ids)
    assert all(0 <= int(each) < 2**63 for each in ids)
    given = parameters((await sent("campaign"))[-1])
    assert words.request_id(KEY, AdLevel.CAMPAIGN) == given["request_id"]
    assert words.tagged("Spring", KEY) == given["campaign_name"]


def enum(operation: str, field: str) -> set[str]:
    """Return the words that are valid in a field now."""
    found = json.loads(reference.text("tiktok-business-openapi/enums.json"))
    return set(found["operations"][operation][field])


def test_every_word_is_one_of_the_vendors() -> None:
    """Statuses, budgets, goals, billing, bids, calls to action and reports have members of the vendor's own lists."""
    create, listing = "POST /smart_plus/adgroup/create/", "GET /smart_plus/adgroup/get/"
    assert set() == {*words.SWITCHES.values()} - enum("POST /smart_plus/adgroup/status/update/", "operation_status")
    assert set() == {*words.BUDGET_MODES.values()} - enum(create, "budget_mode")
    assert set() == {word for words_ in ad_group_rules.BILLING.values() for word in words_} - enum(
        create, "billing_event"
    )
    assert set() == {*ad_group_rules.BILLING} - enum(listing, "filtering.optimization_goal")
    assert set() == {*rules.INDUSTRIES} - enum("POST /smart_plus/campaign/create/", "special_industries[]")
    assert set() == {*rules.OBJECTIVES} - enum("POST /tool/bid/recommend/", "objective_type")
    ad = "POST /smart_plus/ad/create/"
    assert set() == {*rules.CALLS_TO_ACTION} - enum(ad, "call_to_action_list[].call_to_action")
    assert set() == {*words.IDENTITIES.values()} - enum(ad, "creative_list[].creative_info.identity_type")


def test_every_word_of_a_report_is_documented() -> None:
    """Levels and types are in the vendor's lists, metrics and dimensions on the page about the report."""
    page = reference.text("tiktok-business.md").partition("### 2.11 Reports")[2].partition("### 2.12")[0]
    names = set(re.findall(r"[a-z][a-z0-9_]+", page))
    assert set() == {*METRICS.values(), *TIMES.values(), *AUDIENCE.values()} - names
    assert set() == {*report_tasks.STATES} - set(re.findall(r"[A-Z]+", page))
    assert report_tasks.DOWNLOAD in page


def test_every_status_is_understood() -> None:
    """Each status in the vendor's table has a state of ours; a new one is UNKNOWN, not a guess."""
    table = reference.text("tiktok-business.md").partition("`secondary_status` values worth mapping")[2]
    statuses = re.findall(r"\b(?:CAMPAIGN|ADGROUP|AD)_STATUS_[A-Z_]*[A-Z]", table.partition("###")[0])

    assert len(statuses) >= 19
    assert [] == [each for each in statuses if words.state(each) is DeliveryState.UNKNOWN]
    assert DeliveryState.UNKNOWN is words.state("ADGROUP_STATUS_SOMETHING_NEW")
