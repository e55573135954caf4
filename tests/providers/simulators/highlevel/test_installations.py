"""Agencies: company tokens, tokens for locations, lists of installations, uninstalling.

Owns: the relation of a company and its locations. Knows nothing of codes and refreshes.
"""

import pytest

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import (
    BAKERY,
    COMPANY,
    OLD,
    OWNER,
    POSTING,
    V3,
    World,
    status_and_message,
    world,
)

ACCOUNTS = f"{POSTING}/accounts"
INSTALLED = {"companyId": COMPANY, "appId": "65f0c0de0000000000000a99"}


async def test_an_agency_gets_a_companys_token_without_a_list(highlevel: World) -> None:
    """The tokens of a bulk install name no location."""
    pair = await highlevel.pair(BAKERY, GARAGE, agency=True)

    assert ("Company", True, COMPANY) == (pair["userType"], pair["isBulkInstallation"], pair["companyId"])
    assert not {"locationId", "approvedLocations"} & pair.keys()


@pytest.mark.parametrize(
    ("version", "path", "token", "refreshes"),
    [
        (OLD, "/oauth/locationToken", "access_token", False),
        (V3, "/oauth/location-token", "accessToken", True),
    ],
)
async def test_a_companys_token_is_exchanged_for_a_locations(
    highlevel: World, version: str, path: str, token: str, refreshes: bool
) -> None:
    """A location's token takes one call; only v3 adds a refresh token."""
    form = {"companyId": COMPANY, "locationId": BAKERY}
    answer = await highlevel.call("POST", path, token=highlevel.grant(None), version=version, data=form)

    assert 200 == answer.status_code
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=answer.json()[token])).status_code
    assert refreshes == ("refreshToken" in answer.json() or "refresh_token" in answer.json())


async def test_location_tokens_of_2021_may_refresh() -> None:
    """The old response can have a refresh token too, as a maintainer states."""
    async with world(location_token_refreshes=True) as highlevel:
        form = {"companyId": COMPANY, "locationId": BAKERY}
        answer = await highlevel.call("POST", "/oauth/locationToken", token=highlevel.grant(None), data=form)

    assert "refresh_token" in answer.json()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"companyId": COMPANY}, 422),
        ({"companyId": COMPANY, "locationId": "elsewhere"}, 400),
        ({"companyId": "other", "locationId": BAKERY}, 400),
        ({"company_id": COMPANY, "location_id": BAKERY}, 422),
    ],
)
async def test_location_tokens_are_refused(highlevel: World, form: dict[str, str], status: int) -> None:
    """A missing field, a location without the app, another company and snake case are refused."""
    answer = await highlevel.call("POST", "/oauth/locationToken", token=highlevel.grant(None), data=form)

    assert status == answer.status_code


async def test_installed_locations_of_2021_skip_and_limit(highlevel: World) -> None:
    """The list has locations, count and installToFutureLocations; skip and limit are strings."""
    path = "/oauth/installedLocations"
    page = await highlevel.call("GET", path, token=highlevel.grant(None), params={**INSTALLED, "skip": "1"})
    wrong = await highlevel.call("GET", path, token=highlevel.grant(None), params={**INSTALLED, "skip": "x"})

    assert ([GARAGE], 2) == ([row["_id"] for row in page.json()["locations"]], page.json()["count"])
    assert 422 == wrong.status_code


async def test_installed_locations_are_the_companys(highlevel: World) -> None:
    """The installed locations of another company are refused."""
    query = {**INSTALLED, "companyId": "other"}
    answer = await highlevel.call("GET", "/oauth/installedLocations", token=highlevel.grant(None), params=query)

    assert 403 == answer.status_code


async def test_installed_locations_are_filtered(highlevel: World) -> None:
    """Installed locations are filtered by installation, location and name."""
    found = []
    for more in ({"isInstalled": "true"}, {"isInstalled": "false"}, {"locationId": BAKERY}, {"query": "garage"}):
        answer = await highlevel.call(
            "GET", "/oauth/installedLocations", token=highlevel.grant(None), params={**INSTALLED, **more}
        )
        found.append([row["_id"] for row in answer.json()["locations"]])

    assert [[BAKERY], [GARAGE], [BAKERY], [GARAGE]] == found


async def test_installed_locations_of_v3_have_pages(highlevel: World) -> None:
    """v3 has items and pagination with a token for the next page."""
    path, token = "/oauth/installed-locations", highlevel.grant(None)
    first = await highlevel.call("GET", path, token=token, version=V3, params={**INSTALLED, "pageSize": "1"})
    more = {**INSTALLED, "pageSize": "1", "pageToken": first.json()["pagination"]["nextPageToken"]}
    second = await highlevel.call("GET", path, token=token, version=V3, params=more)

    assert [[BAKERY], [GARAGE]] == [[row["_id"] for row in each.json()["items"]] for each in (first, second)]
    assert [True, False] == [each.json()["pagination"]["hasNextPage"] for each in (first, second)]


async def test_installed_locations_of_v3_have_their_own_error_format(highlevel: World) -> None:
    """An unknown app and an invalid page are `error` with a code."""
    path, token = "/oauth/installed-locations", highlevel.grant(None)
    unknown = await highlevel.call("GET", path, token=token, version=V3, params={**INSTALLED, "appId": "x"})
    wrong = await highlevel.call("GET", path, token=token, version=V3, params={**INSTALLED, "pageSize": "x"})

    assert [(404, "RESOURCE_NOT_FOUND"), (400, "INVALID_ARGUMENT")] == [
        (each.status_code, each.json()["error"]["code"]) for each in (unknown, wrong)
    ]


async def test_the_installer_is_shown(highlevel: World) -> None:
    """The details have company and user of the installation; another app is not found."""
    path = "/marketplace/app/65f0c0de0000000000000a99/installations"
    answer = await highlevel.call("GET", path)
    unknown = await highlevel.call("GET", "/marketplace/app/other/installations")

    assert (OWNER, BAKERY) == (
        answer.json()["installationDetails"]["userId"],
        answer.json()["installationDetails"]["locationId"],
    )
    assert 404 == unknown.status_code


async def test_an_installation_is_removed_once(highlevel: World) -> None:
    """Uninstalling the app where it is not installed is not found."""
    path = "/marketplace/app/65f0c0de0000000000000a99/installations"
    answer = await highlevel.call("DELETE", path, {"locationId": GARAGE}, token=highlevel.grant(None))

    assert 404 == answer.status_code


async def test_uninstalling_ends_the_tokens(highlevel: World) -> None:
    """After uninstalling, the location's tokens are refused and it is no longer listed."""
    path = "/marketplace/app/65f0c0de0000000000000a99/installations"
    foreign = await highlevel.call("DELETE", path, {"locationId": GARAGE})
    nothing = await highlevel.call("DELETE", path, {"reason": "because"})
    done = await highlevel.call("DELETE", path, {"locationId": BAKERY, "reason": "because"})

    assert [403, 422, 200] == [answer.status_code for answer in (foreign, nothing, done)]
    assert (401, "Invalid token: access token is invalid") == status_and_message(await highlevel.call("GET", ACCOUNTS))
    assert {} == highlevel.vendor.installs
