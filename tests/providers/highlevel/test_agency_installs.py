"""Agencies: their installed locations in both ways of paging, and tokens of locations for a company's.

Owns the examples. A company's own grant is in test_authorization.py.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    GrantRevoked,
    ProviderError,
    Rejected,
    ScopeNotGranted,
)
from providers.highlevel import InstalledLocation, InstalledPage
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE
from tests.providers.faking import Renewing
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import COMPANY as AGENCY
from tests.providers.highlevel.support import LOCATION, FakeAccess, highlevel, refused

VERSIONS = ["2021-07-28", "v3"]
ROW = {"_id": LOCATION, "name": "Bakery", "address": "1 Street", "isInstalled": True, "versionId": "v"}
ROW["installedAt"] = "2026-11-20T10:00:00.000Z"
READ = InstalledLocation(LOCATION, "Bakery", "1 Street", True, "v", datetime(2026, 11, 20, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("version", "path", "query", "answer"),
    [
        (
            "2021-07-28",
            "/oauth/installedLocations",
            {"skip": "40", "limit": "20"},
            {"locations": [ROW], "count": 41, "installToFutureLocations": True},
        ),
        (
            "v3",
            "/oauth/installed-locations",
            {"pageSize": "20", "pageToken": "40"},
            {
                "items": [ROW],
                "pagination": {"hasNextPage": False, "totalRecords": 41},
                "installToFutureLocations": True,
            },
        ),
    ],
)
async def test_a_page_of_locations(version: str, path: str, query: dict[str, str], answer: dict[str, Any]) -> None:
    """Paths, parameters and answers differ between the generations; the page does not."""
    provider, vendor = highlevel(httpx.Response(200, json=answer), api_version=version)

    page = await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, cursor="40")

    known = {"companyId": AGENCY, "appId": "65f0c0de0000000000000a99", "isInstalled": "true"}
    assert (path, {**known, **query}) == (vendor.last.url.path, dict(vendor.last.url.params))
    assert InstalledPage((READ,), next_cursor="", total=41, future=True) == page


@pytest.mark.parametrize(
    ("answer", "cursor"),
    [
        ({"locations": [ROW, ROW], "count": 3}, "2"),
        ({"locations": [ROW, ROW], "count": 2}, ""),
        ({"locations": [ROW, ROW]}, "2"),
        ({"locations": [ROW]}, ""),
        ({"locations": [], "count": 9}, ""),
    ],
)
async def test_the_old_generation_counts(answer: dict[str, Any], cursor: str) -> None:
    """The next page begins after what came; an empty page is the last, whatever the count says."""
    provider, _ = highlevel(httpx.Response(200, json=answer))

    page = await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, limit=2)

    assert cursor == page.next_cursor


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        ("2021-07-28", {}),
        ("2021-07-28", {"locations": None, "count": 0}),
        ("v3", {"pagination": {}}),
        ("v3", {"items": [ROW], "pagination": {"hasNextPage": True, "totalRecords": 2}}),
    ],
)
async def test_a_list_that_is_not_whole_is_none(version: str, answer: dict[str, Any]) -> None:
    """Whoever is not on the list loses their grant: what is no list, or not the end of one, is a broken contract."""
    provider, _ = highlevel(httpx.Response(200, json=answer), api_version=version)

    with pytest.raises(ContractBroken):
        await provider.authorization.places(FakeAccess())


@pytest.mark.parametrize(
    ("row", "ids"), [({}, (LOCATION,)), ({"isInstalled": True}, (LOCATION,)), ({"isInstalled": False}, ())]
)
async def test_a_place_is_where_the_application_is(row: dict[str, Any], ids: tuple[str, ...]) -> None:
    """Only those with it are asked for: one that is listed all the same and denies it is none."""
    provider, vendor = highlevel(httpx.Response(200, json={"locations": [{"_id": LOCATION, **row}], "count": 7000}))

    page = await provider.authorization.places(FakeAccess())

    assert ("true", "100", ids) == (vendor.last.url.params["isInstalled"], vendor.last.url.params["limit"], page.ids)


@pytest.mark.parametrize("cursor", ["-1", "soon", "1.5"])
async def test_a_foreign_cursor_is_refused_without_a_call(cursor: str) -> None:
    """The old generation's cursors are numbers."""
    provider, vendor = highlevel(httpx.Response(200, json={}))

    with pytest.raises(ContentRefused):
        await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, cursor=cursor)
    assert [] == vendor.requests


@pytest.mark.parametrize(("limit", "sent"), [(0, "1"), (20, "20"), (1000, "100")])
async def test_a_page_has_a_sane_size(limit: int, sent: str) -> None:
    """The maximum is not documented: 100 is ours."""
    provider, vendor = highlevel(httpx.Response(200, json={"locations": []}))

    await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, limit=limit, installed=None)

    assert (sent, False) == (vendor.last.url.params["limit"], "isInstalled" in vendor.last.url.params)


@pytest.mark.parametrize("version", VERSIONS)
async def test_pages_end_and_repeat_nothing(version: str) -> None:
    """Every location of the company comes once."""
    async with in_process(version=version) as sandbox:
        company, cursor, found = await sandbox.connect(BAKERY, agency=True), "", []
        for _ in range(3):
            page = await sandbox.provider.authorization.installed_locations(
                company, company_id=COMPANY, cursor=cursor, limit=1, installed=None
            )
            found += [(each.id, each.installed) for each in page.locations]
            if not (cursor := page.next_cursor):
                break

    assert ([(BAKERY, True), (GARAGE, False)], "", 2) == (found, cursor, page.total)


@pytest.mark.parametrize(("version", "renewable"), [("2021-07-28", False), ("v3", True)])
async def test_a_companys_grant_buys_a_locations(version: str, renewable: bool) -> None:
    """The location's grant opens its accounts; only v3 surely adds a refresh token."""
    async with in_process(version=version) as sandbox:
        company = await sandbox.connect(BAKERY, GARAGE, agency=True)
        grant = await sandbox.provider.authorization.location_token(company, company_id=COMPANY, location_id=GARAGE)
        accounts = await sandbox.provider.accounts.social_accounts(
            Renewing(sandbox.provider.authorization, grant), GARAGE
        )

    assert (COMPANY, GARAGE, "Location", COMPANY) == (
        company.grant.subject,
        grant.subject,
        grant.settings["user_type"],
        grant.settings["company_id"],
    )
    assert (["Sim Garage"], renewable) == ([each.name for each in accounts], grant.refresh_token is not None)


async def test_a_location_token_is_asked_with_the_companys() -> None:
    """A form with two ids in camel case, under the company's bearer, counted as its calls."""
    provider, vendor = highlevel(httpx.Response(200, json={"access_token": "l", "userId": "u"}))
    access = FakeAccess()

    grant = await provider.authorization.location_token(access, company_id=AGENCY, location_id=LOCATION)

    assert {"companyId": AGENCY, "locationId": LOCATION} == vendor.form()
    assert "Bearer canary-token-1" == vendor.last.headers["authorization"]
    assert ["requests", "requests_per_day"] == access.slots
    assert (Secret("l"), None, LOCATION) == (grant.access_token, grant.refresh_token, grant.subject)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, json={"access_token": "l", "locationId": "another"}), Ambiguous),
        (httpx.Response(200, json={"userId": "u"}), Ambiguous),
        (httpx.ReadTimeout("late"), Ambiguous),
        (refused(400, "Location not found or app is not installed in it"), GrantRevoked),
        (refused(400, "Something new"), Rejected),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
    ],
)
async def test_a_location_token_that_does_not_come(
    answer: httpx.Response | Exception, kind: type[ProviderError]
) -> None:
    """Another location's token is none; one call is made."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.authorization.location_token(FakeAccess(), company_id=AGENCY, location_id=LOCATION)
    assert (kind, 1) == (type(raised.value), len(vendor.requests))


async def test_a_locations_grant_opens_no_agency() -> None:
    """The wrong class of token is said as such, and not answered with a newer one."""
    async with in_process() as sandbox:
        access = await sandbox.connect(BAKERY)
        with pytest.raises(Rejected) as raised:
            await sandbox.provider.authorization.installed_locations(access, company_id=COMPANY)

    assert ("route_closed", 1) == (raised.value.code, access.version)
