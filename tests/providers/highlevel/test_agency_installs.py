"""Agencies: the paged list of installed locations, and the exchange of a company's token for a location's.

Owns the examples. A company's own grant is covered by test_authorization.py.
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
    """Paths, parameters and answers differ between the API versions; the page does not."""
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
async def test_the_next_cursor_is_an_offset(answer: dict[str, Any], cursor: str) -> None:
    """It counts the rows so far; an empty page is the last, whatever the count says."""
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
async def test_an_incomplete_list_breaks_the_contract(version: str, answer: dict[str, Any]) -> None:
    """A location that is missing from the list loses its grant, so an incomplete list is not accepted."""
    provider, _ = highlevel(httpx.Response(200, json=answer), api_version=version)

    with pytest.raises(ContractBroken):
        await provider.authorization.places(FakeAccess())


@pytest.mark.parametrize(
    ("row", "ids"), [({}, (LOCATION,)), ({"isInstalled": True}, (LOCATION,)), ({"isInstalled": False}, ())]
)
async def test_only_installed_locations_are_returned(row: dict[str, Any], ids: tuple[str, ...]) -> None:
    """The request filters for them, and a row that is not installed is ignored."""
    provider, vendor = highlevel(httpx.Response(200, json={"locations": [{"_id": LOCATION, **row}], "count": 7000}))

    page = await provider.authorization.places(FakeAccess())

    assert ("true", "100", ids) == (vendor.last.url.params["isInstalled"], vendor.last.url.params["limit"], page.ids)


@pytest.mark.parametrize("cursor", ["-1", "soon", "1.5"])
async def test_a_foreign_cursor_is_refused_without_a_call(cursor: str) -> None:
    """Cursors of 2021-07-28 are non-negative integers."""
    provider, vendor = highlevel(httpx.Response(200, json={}))

    with pytest.raises(ContentRefused):
        await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, cursor=cursor)
    assert [] == vendor.requests


@pytest.mark.parametrize(("limit", "sent"), [(0, "1"), (20, "20"), (1000, "100")])
async def test_the_page_size_is_clamped(limit: int, sent: str) -> None:
    """It is at most 100, as HighLevel's maximum is not documented."""
    provider, vendor = highlevel(httpx.Response(200, json={"locations": []}))

    await provider.authorization.installed_locations(FakeAccess(), company_id=AGENCY, limit=limit, installed=None)

    assert (sent, False) == (vendor.last.url.params["limit"], "isInstalled" in vendor.last.url.params)


@pytest.mark.parametrize("version", VERSIONS)
async def test_paging_returns_each_location_once(version: str) -> None:
    """The pages end, and contain every location of the company once."""
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
async def test_a_companys_grant_is_exchanged_for_a_locations(version: str, renewable: bool) -> None:
    """The location's grant reads its accounts; only v3 always returns a refresh token."""
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


async def test_the_exchange_uses_the_companys_token() -> None:
    """It is a form with two ids in camel case, sent with the company's token and counted in its quotas."""
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
async def test_a_failed_exchange_is_raised(answer: httpx.Response | Exception, kind: type[ProviderError]) -> None:
    """A token of another location is Ambiguous; there is no retry."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.authorization.location_token(FakeAccess(), company_id=AGENCY, location_id=LOCATION)
    assert (kind, 1) == (type(raised.value), len(vendor.requests))


async def test_a_locations_grant_cannot_list_installs() -> None:
    """The call is rejected for the wrong kind of token, and not repeated with a newer one."""
    async with in_process() as sandbox:
        access = await sandbox.connect(BAKERY)
        with pytest.raises(Rejected) as raised:
            await sandbox.provider.authorization.installed_locations(access, company_id=COMPANY)

    assert ("route_closed", 1) == (raised.value.code, access.version)
