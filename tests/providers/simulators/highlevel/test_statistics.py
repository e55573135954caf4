"""Statistics: the numbers, and what is refused.

Owns: /statistics. Knows nothing of single posts, which have no statistics.
"""

from datetime import timedelta
from typing import Any

import pytest

from tests.providers.simulators.highlevel.world import BAKERY, V3, World

STATISTICS = f"/social-media-posting/statistics?locationId={BAKERY}"


@pytest.mark.parametrize(("version", "status"), [("2021-07-28", 201), (V3, 200)])
async def test_statistics_count_what_was_published(highlevel: World, version: str, status: int) -> None:
    """Statistics count posts by profile, without personal TikTok accounts and without today; the status differs."""
    accounts = list(highlevel.vendor.accounts.of(BAKERY))
    for account in accounts:
        await highlevel.create(accountIds=[account.id], status="published", scheduleDate=None)
    highlevel.clock.advance(86_000)
    body = {"profileIds": [account.profile_id for account in accounts]}
    answer = await highlevel.call("POST", STATISTICS, body, version=version)

    assert status == answer.status_code
    assert {"results", "message", "traceId"} == answer.json().keys()
    assert 2 == answer.json()["results"]["totals"]["posts"]
    assert 7 == len(answer.json()["results"]["dayRange"])


@pytest.mark.parametrize(
    ("version", "body", "message"),
    [
        ("2021-07-28", {}, "profileIds should not be empty"),
        ("2021-07-28", {"profileIds": ["x"] * 101}, "profileIds must contain no more than 100 elements"),
        ("2021-07-28", {"profileIds": ["x"], "platforms": ["twitter"]}, "each value in platforms must be one of"),
        ("2021-07-28", {"profileIds": ["x"], "currentRange": {}}, "property currentRange should not exist"),
        (V3, {"profileIds": ["x"], "currentRange": {}}, "currentRange.startDate should not be empty"),
        (
            V3,
            {"profileIds": ["x"], "prevRange": {"startDate": "2026-11-01", "endDate": "2026-11-02"}},
            "currentRange should not be empty",
        ),
        (
            V3,
            {"profileIds": ["x"], "currentRange": {"startDate": "2026-11-02", "endDate": "2026-11-02"}},
            "currentRange.endDate must be after startDate",
        ),
    ],
)
async def test_statistics_are_checked(highlevel: World, version: str, body: dict[str, Any], message: str) -> None:
    """Statistics accept up to 100 profiles, known networks, and ranges only in v3."""
    answer = await highlevel.call("POST", STATISTICS, body, version=version)

    assert 422 == answer.status_code
    assert any(each.startswith(message) for each in answer.json()["message"])


@pytest.mark.parametrize(
    ("end", "days"),
    [
        ("2026-11-04T00:00:00Z", ["Nov 01", "Nov 02", "Nov 03"]),
        ("2026-11-03T23:59:59.999Z", ["Nov 01", "Nov 02", "Nov 03"]),
        ("2026-11-03T00:00:01Z", ["Nov 01", "Nov 02", "Nov 03"]),
        ("2026-11-03", ["Nov 01", "Nov 02"]),
    ],
)
async def test_statistics_of_a_range(highlevel: World, end: str, days: list[str]) -> None:
    """v3 counts every day that a range touches; an end at midnight does not touch the day that begins."""
    chosen = {"startDate": "2026-11-01T00:00:00Z", "endDate": end}
    answer = await highlevel.call("POST", STATISTICS, {"profileIds": ["x"], "currentRange": chosen}, version=V3)

    assert days == answer.json()["results"]["dayRange"]


async def test_statistics_of_a_week_to_its_last_millisecond(highlevel: World) -> None:
    """They have seven days, each with its own number of posts."""
    page = highlevel.account("facebook")
    for _ in range(2):
        await highlevel.create(accountIds=[page.id], status="published", scheduleDate=None)
        highlevel.clock.advance(86_400)
        highlevel.token = highlevel.grant()
    first = highlevel.vendor.posts[0].time
    last = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    chosen = {
        "startDate": (last - timedelta(days=7)).isoformat(),
        "endDate": (last - timedelta(milliseconds=1)).isoformat(),
    }
    body = {"profileIds": [page.profile_id], "currentRange": chosen}
    results = (await highlevel.call("POST", STATISTICS, body, version=V3)).json()["results"]

    assert 7 == len(results["dayRange"])
    assert [0, 0, 0, 0, 0, 1, 1] == results["postPerformance"]["posts"]["facebook"]
    assert 2 == results["breakdowns"]["posts"]["platforms"]["facebook"]["value"]
