"""Statistics: the numbers, and what is refused.

Owns: /statistics. Knows nothing of single posts, which have no statistics.
"""

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
    ],
)
async def test_statistics_are_checked(highlevel: World, version: str, body: dict[str, Any], message: str) -> None:
    """Statistics accept up to 100 profiles, known networks, and ranges only in v3."""
    answer = await highlevel.call("POST", STATISTICS, body, version=version)

    assert 422 == answer.status_code
    assert any(each.startswith(message) for each in answer.json()["message"])


async def test_statistics_of_a_range(highlevel: World) -> None:
    """v3 accepts a range of other days."""
    days = {"startDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-04T00:00:00Z"}
    answer = await highlevel.call("POST", STATISTICS, {"profileIds": ["x"], "currentRange": days}, version=V3)

    assert ["Nov 01", "Nov 02", "Nov 03"] == answer.json()["results"]["dayRange"]
