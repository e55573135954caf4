"""Figures of an account: which accounts have any, what is requested, and how missing figures differ from zeros.

Owns /statistics.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from providers.errors import CapabilityMissing, ContractBroken, OptionUnsupported, ScopeNotGranted, Unavailable
from providers.highlevel.statistics import read_series
from providers.models.engagement import AccountRef, Figures, Metric, Series, Span
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, NOW, FakeAccess, highlevel, refused

PAGE = AccountRef("account-1", "facebook", "page", {"profile_id": "profile-1"})
WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MIDNIGHT = datetime(2026, 11, 20, tzinfo=NOW.tzinfo)
RESULTS: dict[str, Any] = {
    "dayRange": WEEK,
    "totals": {"posts": 3, "likes": 0, "followers": 0, "impressions": 239, "comments": 11},
    "postPerformance": {
        "posts": {"facebook": [2, 1, 0, 0, 0, 0, 0]},
        "impressions": [22, 6, 4, 69, 138, 0, 0],
        "likes": [0] * 7,
        "comments": [0, 11, 0, 0, 0, 0, 0],
    },
    "breakdowns": {
        "posts": {"total": 3, "totalChange": 0, "platforms": {"facebook": {"value": 3, "change": -39.35}}},
        "impressions": {"total": 239, "platforms": {"facebook": {"value": 239, "change": 83.85}}},
        "reach": {"total": 0, "totalChange": 0, "platforms": {}},
        "engagement": {"facebook": {"likes": 0, "comments": 11, "shares": 2, "change": -66.67}},
    },
    "platformTotals": {
        "impressions": {"facebook": {"total": 239, "series": [22, 6, 4, 69, 138, 0, 0]}},
        "followers": {},
        "likes": {"facebook": {"total": 0, "series": [0] * 7}},
    },
}


async def test_figures_of_one_account_are_requested_and_read() -> None:
    """The request has profile id and network; a 0 is kept, and a metric without a figure is left out."""
    provider, vendor = highlevel(httpx.Response(201, json={"results": RESULTS, "message": "Built", "traceId": "t"}))

    figures = await provider.engagement.figures(FakeAccess(), PAGE, None)

    expected = (
        Series(Metric.POSTS, 3, -39.35, (2, 1, 0, 0, 0, 0, 0)),
        Series(Metric.IMPRESSIONS, 239, 83.85, (22, 6, 4, 69, 138, 0, 0)),
        Series(Metric.LIKES, 0, None, (0,) * 7),
        Series(Metric.COMMENTS, 11, None, (0, 11, 0, 0, 0, 0, 0)),
        Series(Metric.SHARES, 2),
    )
    assert Figures(expected) == figures
    assert f"{API}/social-media-posting/statistics?locationId={LOCATION}" == str(vendor.last.url)
    assert {"profileIds": ["profile-1"], "platforms": ["facebook"]} == vendor.sent()


async def test_v3_gets_the_days() -> None:
    """The default is the seven days before today; the previous span of the same length is requested for the changes."""
    provider, vendor = highlevel(httpx.Response(200, json={"results": RESULTS}), api_version="v3")

    usual = await provider.engagement.figures(FakeAccess(), PAGE, None)
    sent = vendor.sent()
    span = Span(MIDNIGHT - timedelta(days=30), MIDNIGHT - timedelta(days=28))
    chosen = await provider.engagement.figures(FakeAccess(), PAGE, span)

    assert Span(MIDNIGHT - timedelta(days=7), MIDNIGHT) == usual.span
    assert {"startDate": "2026-11-13T00:00:00.000Z", "endDate": "2026-11-19T23:59:59.999Z"} == sent["currentRange"]
    assert {"startDate": "2026-11-06T00:00:00.000Z", "endDate": "2026-11-12T23:59:59.999Z"} == sent["prevRange"]
    assert span == chosen.span
    assert {"startDate": "2026-10-21T00:00:00.000Z", "endDate": "2026-10-22T23:59:59.999Z"} == vendor.sent()[
        "currentRange"
    ]


async def test_version_2021_07_28_cannot_choose_the_days() -> None:
    """The error names the setting, and no call is made."""
    provider, vendor = highlevel()

    with pytest.raises(OptionUnsupported) as raised:
        await provider.engagement.figures(FakeAccess(), PAGE, Span(MIDNIGHT - timedelta(days=1), MIDNIGHT))
    assert ("start_time", []) == (raised.value.field, vendor.requests)
    assert "GATEWAY_HIGHLEVEL_API_VERSION" in raised.value.message


@pytest.mark.parametrize(
    ("platform", "kind", "asked"),
    [
        ("tiktok", "business", "tiktok"),
        ("tiktok_business", "profile", "tiktok"),
        ("google_business", "location", "google"),
        ("linkedin", "page", "linkedin"),
        ("youtube", "profile", "youtube"),
        ("tiktok", "profile", ""),
        ("tiktok", "", ""),
        ("linkedin", "profile", ""),
        ("threads", "profile", ""),
        ("", "", ""),
    ],
)
async def test_some_accounts_have_no_figures(platform: str, kind: str, asked: str) -> None:
    """They are refused before any call, as HighLevel would answer with zeros."""
    provider, vendor = highlevel(httpx.Response(201, json={"results": RESULTS}))
    account = AccountRef("a", platform, kind, {"profile_id": "p"})

    if asked:
        await provider.engagement.figures(FakeAccess(), account, None)
        assert [asked] == vendor.sent()["platforms"]
    else:
        with pytest.raises(CapabilityMissing):
            await provider.engagement.figures(FakeAccess(), account, None)
        assert [] == vendor.requests


async def test_an_account_without_a_profile_id_has_no_figures() -> None:
    """It is refused before any call, as the request needs the id."""
    provider, vendor = highlevel()

    with pytest.raises(CapabilityMissing):
        await provider.engagement.figures(FakeAccess(), AccountRef("a", "facebook", "page"), None)
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"totals": {"followers": 0, "likes": 5}}, (Series(Metric.LIKES, 5),)),
        ({"totals": {"likes": "many"}}, ()),
        ({"breakdowns": {"posts": {"platforms": {"instagram": {"value": 4}}}}}, ()),
        ({"breakdowns": {"posts": {"platforms": {"facebook": {"value": 4.5}}}}}, ()),
        ({"breakdowns": {"posts": {"platforms": {"facebook": {"value": True}}}}}, ()),
        ({"breakdowns": {"posts": {"platforms": ["facebook"]}}}, ()),
        (
            {"platformTotals": {"followers": {"facebook": {"total": 7, "series": [1, 2]}}}},
            (Series(Metric.FOLLOWERS, 7),),
        ),
        (
            {"platformTotals": {"followers": {"facebook": {"series": [1, 2, 3, 4, 5, 6, None]}}}},
            (),
        ),
        (
            {"platformTotals": {"followers": {"facebook": {"series": [1, 2, 3, 4, 5, 6, 7]}}}},
            (Series(Metric.FOLLOWERS, None, None, (1, 2, 3, 4, 5, 6, 7)),),
        ),
        ({"postPerformance": {"impressions": [0] * 7}}, ()),
        (
            {"breakdowns": {"posts": {"platforms": {"facebook": {"value": 2**63 - 1, "change": 10**400}}}}},
            (Series(Metric.POSTS, 2**63 - 1),),
        ),
        ({"breakdowns": {"posts": {"platforms": {"facebook": {"value": 2**63, "change": True}}}}}, ()),
    ],
)
def test_a_missing_figure_is_not_zero(changes: dict[str, Any], expected: tuple[Series, ...]) -> None:
    """Total 0, other networks' numbers, malformed rows and a wrong number of days are not figures."""
    assert expected == read_series({"dayRange": WEEK, **changes}, "facebook")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(201, json={"message": "Built"}), ContractBroken),
        (httpx.Response(201, json={"results": []}), ContractBroken),
        (httpx.Response(503), Unavailable),
        (httpx.ReadTimeout("late"), Unavailable),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
    ],
)
async def test_answers_are_classified(answer: Any, kind: type[Exception]) -> None:
    """It is a read although it is a POST, so no answer is Ambiguous."""
    provider, _ = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.engagement.figures(FakeAccess(), PAGE, None)
    assert kind is type(raised.value)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_figures_are_read(version: str) -> None:
    """An account without posts has 0 posts and no other figures."""
    async with in_process(version=version) as sandbox:
        access = await sandbox.connect()
        found = await sandbox.provider.accounts.social_accounts(access, access.grant.subject)
        [page] = [each for each in found if each.platform == "facebook"]
        account = AccountRef(page.id, page.platform, page.kind, {"profile_id": page.profile_id})
        figures = await sandbox.provider.engagement.figures(access, account, None)

    assert [(Metric.POSTS, 0)] == [(each.metric, each.total) for each in figures.series]
    assert (version == "v3") is (figures.span is not None)
