"""Reports that add up: by level, by day and hour of the account's own time zone, by audience.

Owns: /report/integrated/get/ and /report/task/ of the simulator.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.providers.simulators.tiktok_business.advertising import Advertiser
from tests.providers.simulators.tiktok_business.conftest import World

HOUR = 3_600
LEVELS = {"AUCTION_ADVERTISER": "advertiser_id", "AUCTION_CAMPAIGN": "campaign_id", "AUCTION_ADGROUP": "adgroup_id"}
LEVELS["AUCTION_AD"] = "ad_id"
LIFETIME = {"report_type": "BASIC", "query_lifetime": "true"}
SPAN = {"report_type": "BASIC", "start_date": "2026-11-20", "end_date": "2026-11-21"}


async def spent(world: World) -> Advertiser:
    """Return an advertiser with two ads that have spent money for a day."""
    advertiser = Advertiser(world)
    await advertiser.tree(campaign_name="a")
    await advertiser.tree(campaign_name="b")
    world.vendor.advance_clock(30 * HOUR)
    return advertiser


async def rows(advertiser: Advertiser, **query: Any) -> list[dict[str, Any]]:
    """Return the rows of a report."""
    answer = await advertiser.get("/report/integrated/get/", page_size=1000, **query)
    assert answer["code"] == 0, answer
    found: list[dict[str, Any]] = answer["data"]["list"]
    return found


def total(found: list[dict[str, Any]]) -> Decimal:
    """Return the spend of all rows."""
    return sum((Decimal(each["metrics"]["spend"]) for each in found), Decimal(0))


async def test_the_levels_add_up(world: World) -> None:
    """What the ads spent is what their account spent, on every level; every metric is text, an absent one `-`."""
    advertiser = await spent(world)
    metrics = ["spend", "impressions", "conversion"]
    found = {
        level: await rows(advertiser, **LIFETIME, data_level=level, dimensions=[id], metrics=metrics)
        for level, id in LEVELS.items()
    }
    assert [1, 2, 2, 2] == [len(each) for each in found.values()]
    assert 1 == len({total(each) for each in found.values()})
    texts = [value for each in found.values() for row in each for value in row["metrics"].values()]
    assert all(isinstance(each, str) for each in texts)
    assert "-" in texts


async def test_days_and_hours_add_up(world: World) -> None:
    """The hours of a day are that day, and the days are everything; a day comes with a time of midnight."""
    advertiser = await spent(world)
    base = {"data_level": "AUCTION_AD", "metrics": ["spend"]}
    days = await rows(advertiser, **SPAN, **base, dimensions=["ad_id", "stat_time_day"])
    everything = await rows(advertiser, **LIFETIME, **base, dimensions=["ad_id"])
    assert total(everything) == total(days)
    assert all(each["dimensions"]["stat_time_day"].endswith(" 00:00:00") for each in days)
    day = {**SPAN, "end_date": "2026-11-20"}
    hours = await rows(advertiser, **day, **base, dimensions=["ad_id", "stat_time_hour"])
    assert total(hours) == total(await rows(advertiser, **day, **base, dimensions=["ad_id"]))


async def test_an_audience_adds_up(world: World) -> None:
    """The parts of an audience are everything."""
    advertiser = await spent(world)
    base = {"data_level": "AUCTION_ADVERTISER", "query_lifetime": "true"}
    parts = await rows(advertiser, **base, report_type="AUDIENCE", dimensions=["advertiser_id", "gender", "age"])
    everything = await rows(advertiser, **base, report_type="BASIC", dimensions=["advertiser_id"])
    assert 4 == len(parts)
    assert abs(total(everything) - total(parts)) < Decimal("0.05")


async def test_filters_and_deleted_ads(world: World) -> None:
    """Rows of chosen nodes only; what is deleted is left out unless it is asked for."""
    advertiser = await spent(world)
    base = {**LIFETIME, "data_level": "AUCTION_AD", "dimensions": ["ad_id"]}
    ids = [each["dimensions"]["ad_id"] for each in await rows(advertiser, **base)]
    one = [{"field_name": "ad_ids", "filter_type": "IN", "filter_value": f'["{ids[0]}"]'}]
    everything = [{"field_name": "ad_status", "filter_type": "IN", "filter_value": '["STATUS_ALL"]'}]
    assert ids[:1] == [each["dimensions"]["ad_id"] for each in await rows(advertiser, **base, filtering=one)]
    await advertiser.switch("ad", ids[:1], "DELETE")
    assert [1, 2] == [len(await rows(advertiser, **base, filtering=each)) for each in ([], everything)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"report_type": "WEEKLY"},
        {"data_level": "AUCTION"},
        {"dimensions": ["campaign_id"]},
        {"dimensions": ["ad_id", "stat_time_day", "stat_time_hour"]},
        {"dimensions": ["ad_id", "gender"]},
        {"end_date": "2026-11-19"},
        {"end_date": "2027-12-20"},
        {"dimensions": ["ad_id", "stat_time_day"], "end_date": "2026-12-20"},
        {"dimensions": ["ad_id", "stat_time_hour"]},
        {"start_date": "yesterday"},
        {"filtering": "ad_ids"},
        {"page_size": 1001},
    ],
)
async def test_a_wrong_report_is_refused(world: World, wrong: dict[str, Any]) -> None:
    """Words that are none, dimensions that do not go together, and spans that are too long: 40002."""
    asked = {**SPAN, "data_level": "AUCTION_AD", "dimensions": ["ad_id"], **wrong}
    assert 40002 == (await Advertiser(world).get("/report/integrated/get/", **asked))["code"]


LONG = {"report_type": "BASIC", "data_level": "AUCTION_AD", "start_date": "2026-01-01", "end_date": "2026-12-31"}


async def begun(advertiser: Advertiser, **more: Any) -> str:
    """Begin a long report, and return the id of its task."""
    asked = {**LONG, "dimensions": ["ad_id", "stat_time_day"], "metrics": ["spend", "clicks"], **more}
    answer = await advertiser.post("/report/task/create/", **asked)
    assert answer["code"] == 0, answer
    return str(answer["data"]["task_id"])


async def status(advertiser: Advertiser, id: str) -> dict[str, Any]:
    """Return how far a task is."""
    found: dict[str, Any] = (await advertiser.get("/report/task/check/", task_id=id))["data"]
    return found


async def test_a_long_report_has_the_rows_of_its_time(world: World) -> None:
    """QUEUING, PROCESSING, SUCCESS; then a file of CSV, with titles as they were asked for, of a year by the day."""
    advertiser = await spent(world)
    ids = [await begun(advertiser, enable_report_title_translation=each) for each in (False, True)]
    told = [(await status(advertiser, ids[0]))["status"]]
    for _ in range(2):
        world.vendor.advance_clock(world.vendor.config.report_seconds / 2)
        told.append((await status(advertiser, ids[0]))["status"])
    files = [(await advertiser.download("/report/task/download/", task_id=id)).splitlines() for id in ids]

    assert ["QUEUING", "PROCESSING", "SUCCESS"] == told
    assert ["ad_id,stat_time_day,spend,clicks", "Ad ID,Stat Time Day,Spend,Clicks"] == [each[0] for each in files]
    short = await rows(advertiser, **SPAN, data_level="AUCTION_AD", dimensions=["ad_id", "stat_time_day"])
    assert len(short) == len(files[0]) - 1
    assert total(short) == sum(Decimal(line.split(",")[2]) for line in files[0][1:])


async def test_a_long_report_fails_and_is_forgotten(world: World) -> None:
    """A failure has its reason, no file comes before the end, and after 30 days there is none."""
    advertiser = await spent(world)
    world.vendor.marketing.report_failure = "too much"
    id = await begun(advertiser)
    early = await advertiser.get("/report/task/download/", task_id=id)
    world.vendor.advance_clock(3_600)
    assert {"status": "FAILED", "message": "too much"} == await status(advertiser, id)
    world.vendor.advance_clock(30 * 24 * 3_600)
    late = await advertiser.get("/report/task/check/", task_id=id)
    assert (40002, 40007) == (early["code"], late["code"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"report_type": "AUDIENCE", "dimensions": ["ad_id", "age"], "metrics": ["reach"]},
        {"output_format": "JSON"},
        {"filtering": [{"field_name": "ad_status", "filter_type": "IN", "filter_value": '["STATUS_ALL"]'}]},
        {"end_date": "2025-01-01"},
        {"dimensions": ["stat_time_day"]},
        {"data_level": "AUCTION"},
    ],
)
async def test_a_wrong_long_report_is_refused(world: World, wrong: dict[str, Any]) -> None:
    """What only short reports have, and what none has: 40002."""
    asked = {**LONG, "dimensions": ["ad_id"], "metrics": ["spend"], **wrong}
    assert 40002 == (await Advertiser(world).post("/report/task/create/", **asked))["code"]
