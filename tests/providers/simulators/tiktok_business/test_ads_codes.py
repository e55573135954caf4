"""The codes of the Marketing API: each that a call of ours can meet, always with HTTP 200, and nothing is created.

Owns: one row for each rule of the vendor's tables.
"""

from datetime import timedelta
from typing import Any

import pytest

from providers.simulators.tiktok_business import Fault
from tests.providers.simulators.tiktok_business.advertising import CAMPAIGN, CREATIVE, GROUP, TOKYO, Advertiser
from tests.providers.simulators.tiktok_business.conftest import BASE, CLIENT, World, simulated

NOBODY = "7999999999999999999"


@pytest.mark.parametrize(
    ("code", "path", "changes"),
    [
        (40104, "/campaign/get/", {"token": ""}),
        (40105, "/campaign/get/", {"token": "unknown"}),
        (40002, "/campaign/get/", {"advertiser_id": ""}),
        (40001, "/campaign/get/", {"advertiser_id": NOBODY}),
        (40002, "/campaign/get/", {"filtering": "name"}),
        (40002, "/campaign/get/", {"page_size": 1001}),
        (40002, "/campaign/get/", {"page": 0}),
        (40011, "/campaign/get/", {"filtering": {"campaign_ids": ["1"] * 101}}),
        (40002, "/advertiser/info/", {}),
        (40001, "/advertiser/info/", {"advertiser_ids": [NOBODY]}),
        (40101, "/oauth2/advertiser/get/", {"app_id": "1", "secret": "2"}),
        (40002, "/tool/region/", {"objective_type": "TRAFFIC"}),
        (40002, "/file/video/ad/info/", {"video_ids": []}),
        (40053, "/file/video/suggestcover/", {"video_id": "v1"}),
        (40002, "/identity/get/", {"page_size": 101}),
        (40007, "/ad/review_info/", {"ad_ids": [NOBODY]}),
        (40011, "/adgroup/review_info/", {"adgroup_ids": ["1"] * 101}),
        (40002, "/tt_video/info/", {"auth_code": "#unknown"}),
    ],
)
async def test_a_read_is_refused(world: World, code: int, path: str, changes: dict[str, Any]) -> None:
    """Each wrong read has its code."""
    assert code == (await Advertiser(world).get(path, **changes))["code"]


@pytest.mark.parametrize(
    "change",
    [
        {"campaign_name": ""},
        {"campaign_name": "n" * 513},
        {"campaign_name": "字" * 257},
        {"campaign_name": "🎉"},
        {"objective_type": "CONVERSIONS"},
        {"objective_type": None},
        {"budget_mode": None},
        {"budget_mode": "BUDGET_MODE_WEEK"},
        {"budget": None},
        {"budget": "100"},
        {"budget": 50},
        {"special_industries": ["SPORT"]},
        {"operation_status": "FROZEN"},
        {"request_id": 7},
        {"request_id": str(2**63)},
        {"request_id": "abc"},
    ],
)
async def test_a_campaign_is_refused(world: World, change: dict[str, Any]) -> None:
    """Missing fields, words that are none, budgets that are too small, and deduplication ids that are none: 40002."""
    advertiser = Advertiser(world)
    body = {name: value for name, value in {**CAMPAIGN, **change}.items() if value is not None}
    assert 40002 == (await advertiser.post("/campaign/create/", **body))["code"]
    assert [] == advertiser.marketing.created


@pytest.mark.parametrize(
    ("code", "change"),
    [
        *((40002, {name: None}) for name in ("adgroup_name", "billing_event", "budget", "budget_mode", "pacing")),
        *((40002, {name: None}) for name in ("optimization_goal", "schedule_start_time", "schedule_type")),
        (40002, {"promotion_type": None}),
        (40002, {"placements": None}),
        (40002, {"location_ids": []}),
        (40002, {"location_ids": ["1"] * 3001}),
        (40002, {"age_groups": ["AGE_0_100"]}),
        (40065, {"age_groups": ["AGE_13_17"]}),
        (40002, {"gender": "male"}),
        (40002, {"billing_event": "CPM"}),
        (40002, {"optimization_goal": "VIDEO_VIEW"}),
        (40002, {"optimization_goal": "CONVERT", "billing_event": "OCPM"}),
        (40002, {"bid_type": "BID_TYPE_CUSTOM"}),
        (40002, {"pacing": "PACING_MODE_FAST"}),
        (40002, {"budget": 20}),
        (40002, {"budget_mode": "BUDGET_MODE_TOTAL", "budget": 500}),
        (40002, {"schedule_type": "SCHEDULE_START_END"}),
        (40002, {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2026-11-19 00:00:00"}),
        (
            40002,
            {
                "budget_mode": "BUDGET_MODE_TOTAL",
                "budget": 139,
                "schedule_type": "SCHEDULE_START_END",
                "schedule_end_time": "2026-11-27 00:00:00",
            },
        ),
        (40007, {"campaign_id": NOBODY}),
    ],
)
async def test_an_ad_group_is_refused(world: World, code: int, change: dict[str, Any]) -> None:
    """Missing fields, pairs that do not fit, budgets and schedules have their code."""
    advertiser = Advertiser(world)
    body = {**GROUP, "campaign_id": await advertiser.campaign(), **change}
    answer = await advertiser.post(
        "/adgroup/create/", **{name: each for name, each in body.items() if each is not None}
    )
    assert (code, 1) == (answer["code"], len(advertiser.marketing.created))


async def test_reach_needs_a_frequency_and_manual_placements(world: World) -> None:
    """An ad group for reach says how often, and may not leave the placement to TikTok."""
    advertiser = Advertiser(world)
    campaign = await advertiser.campaign(objective_type="REACH")
    reach = {**GROUP, "campaign_id": campaign, "optimization_goal": "REACH", "billing_event": "CPM"}
    often = {"frequency": 3, "frequency_schedule": 7}
    automatic = {"placement_type": "PLACEMENT_TYPE_AUTOMATIC"}

    codes = [
        (await advertiser.post("/adgroup/create/", **{**reach, **more}))["code"]
        for more in ({}, often | automatic, often)
    ]

    assert [40002, 40002, 0] == codes


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (40053, {"video_id": "v1"}),
        (40002, {"image_ids": []}),
        (40002, {"image_ids": ["1"]}),
        (40002, {"ad_text": ""}),
        (40002, {"ad_text": "t" * 101}),
        (40002, {"ad_format": "GIF"}),
        (40002, {"identity_type": "NOBODY"}),
        (40002, {"identity_id": "unknown"}),
        (40002, {"identity_type": "CUSTOMIZED_USER"}),
        (40002, {"identity_type": "BC_AUTH_TT", "identity_id": "id-center-1"}),
        (40002, {"landing_page_url": ""}),
        (40002, {"tiktok_item_id": "1"}),
        (40001, {"identity_type": "AUTH_CODE", "tiktok_item_id": "1"}),
    ],
)
async def test_an_ad_is_refused(world: World, code: int, change: dict[str, Any]) -> None:
    """A creative without its video, cover, text, identity or landing page has its code."""
    advertiser = Advertiser(world)
    group = await advertiser.group(await advertiser.campaign())
    creative = await advertiser.creative(**change)
    answer = await advertiser.post("/ad/create/", adgroup_id=group, creatives=[creative])
    assert (code, 2) == (answer["code"], len(advertiser.marketing.created))


async def test_a_video_that_is_being_transcoded_cannot_be_used(world: World) -> None:
    """For the first seconds an ad is refused with 40901, and so is the list of covers."""
    advertiser = Advertiser(world)
    group = await advertiser.group(await advertiser.campaign())
    creative = await advertiser.creative()
    fresh = (await advertiser.upload(name="fresh.mp4"))["data"][0]["video_id"]
    sent = {"adgroup_id": group, "creatives": [{**creative, "video_id": fresh}]}

    assert 40901 == (await advertiser.post("/ad/create/", **sent))["code"]
    assert 40901 == (await advertiser.get("/file/video/suggestcover/", video_id=fresh))["code"]
    world.vendor.advance_clock(60)
    assert 0 == (await advertiser.post("/ad/create/", **sent))["code"]


@pytest.mark.parametrize("creatives", [None, [], [CREATIVE] * 21, "creatives", [1]])
async def test_creatives_are_1_to_20(world: World, creatives: Any) -> None:
    """No creative, 21 of them, and what is no list: 40002."""
    advertiser = Advertiser(world)
    group = await advertiser.group(await advertiser.campaign())
    assert 40002 == (await advertiser.post("/ad/create/", adgroup_id=group, creatives=creatives))["code"]


async def test_scopes_are_a_tree(world: World) -> None:
    """A permission opens what is below it, and nothing else."""
    reader = Advertiser(world, scopes=(20, 4))

    assert 0 == (await reader.get("/campaign/get/"))["code"]
    assert 0 == (await reader.post("/campaign/create/", **CAMPAIGN))["code"]
    assert 40001 == (await reader.get("/adgroup/get/"))["code"]
    assert 40001 == (await Advertiser(world, scopes=(200,)).post("/campaign/create/", **CAMPAIGN))["code"]
    assert 40001 == (await Advertiser(world, scopes=(12000000, 15000000)).get("/advertiser/info/"))["code"]


async def test_currencies_have_their_own_minimum(world: World) -> None:
    """What is enough in dollars is not enough in yen."""
    advertiser = Advertiser(world)
    yen = {**CAMPAIGN, "advertiser_id": TOKYO}
    assert 40002 == (await advertiser.post("/campaign/create/", **yen))["code"]
    assert 0 == (await advertiser.post("/campaign/create/", **{**yen, "budget": 8_000}))["code"]


async def test_codes_and_tokens_of_advertisers(world: World) -> None:
    """A code works once and for an hour (40110), with the app's own secret (40101); a revoked token is over (40105)."""
    grants, app = world.vendor.marketing.grants, {"app_id": CLIENT["client_id"], "secret": CLIENT["client_secret"]}
    grant = next(iter([Advertiser(world)])).marketing.grants.tokens.popitem()[1]
    codes = [grants.new_code(grant, world.vendor.now() - timedelta(hours=hours)) for hours in (0, 1)]

    async def exchange(**body: Any) -> dict[str, Any]:
        return await world.oauth("/oauth2/access_token/", **{**app, **body})

    assert 40101 == (await exchange(auth_code=codes[0], secret="wrong"))["code"]
    assert 40002 == (await exchange())["code"]
    fresh = (await exchange(auth_code=codes[0]))["data"]
    assert {"access_token", "advertiser_ids", "scope"} == fresh.keys()
    assert [40110, 40110] == [(await exchange(auth_code=each))["code"] for each in codes]
    token = fresh["access_token"]
    revoked = await world.oauth("/oauth2/revoke_token/", **app, access_token=token)
    assert fresh["advertiser_ids"] == revoked["data"]["advertiser_ids"]
    assert 40105 == (await world.get("/user/info/", token=token))["code"]


async def test_the_rate_of_an_endpoint_is_limited() -> None:
    """The eleventh call in a second is 40100, whose message names the limit; another endpoint is counted alone."""
    async with simulated(rate_limits=True) as world:
        advertiser = Advertiser(world)
        answers = [await advertiser.get("/campaign/get/") for _ in range(11)]
        assert [0] * 10 + [40100] == [each["code"] for each in answers]
        assert "QPS limit 10" in answers[-1]["message"]
        assert 0 == (await advertiser.get("/ad/get/"))["code"]


async def test_a_path_without_its_slash_is_not_found(world: World) -> None:
    """Without the slash there is plain text and HTTP 404, as for any unknown path."""
    for path in ("/campaign/get", "/campaign/list/"):
        answer = await world.http.get(f"{BASE}{path}", headers={"Access-Token": Advertiser(world).token})
        assert (404, "404 page not found") == (answer.status_code, answer.text)


async def test_a_fault_can_be_injected(world: World) -> None:
    """The operations of ads can be made to fail like any other."""
    world.vendor.faults.add(Fault(match="campaign.get", kind="error", code="50002"))
    advertiser = Advertiser(world)
    assert [50002, 0] == [(await advertiser.get("/campaign/get/"))["code"] for _ in range(2)]
