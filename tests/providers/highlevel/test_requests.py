"""Every request that the provider can send, held against the official OpenAPI, in both generations.

Owns the walk that sends them all. What the answers mean is in the other files.
"""

import httpx
import pytest

from providers.highlevel.connecting import BODIES, NETWORKS
from providers.models.accounts import ProfilePart
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE, OWNER
from tests.providers.highlevel import specification
from tests.providers.highlevel.journeys import Journey, in_process
from tests.providers.simulators.highlevel import contract

_ROOT = "/social-media-posting"
_OAUTH = f"{_ROOT}/oauth"
_BOTH = {
    "POST /oauth/token",
    "GET /locations/search",
    f"GET {_ROOT}/{{locationId}}/accounts",
    f"DELETE {_ROOT}/{{locationId}}/accounts/{{id}}",
}
_V2_PATHS = {
    *(f"GET {_OAUTH}/{name}/start" for name in NETWORKS[False]),
    *(f"GET {_OAUTH}/{{locationId}}/{name}/accounts/{{accountId}}" for name in NETWORKS[False] - {"google"}),
    *(f"POST {_OAUTH}/{{locationId}}/{name}/accounts/{{accountId}}" for name in NETWORKS[False] & BODIES.keys()),
    f"GET {_OAUTH}/{{locationId}}/google/locations/{{accountId}}",
    f"POST {_OAUTH}/{{locationId}}/google/locations/{{accountId}}",
    "POST /oauth/locationToken",
    "GET /oauth/installedLocations",
} - {f"POST {_OAUTH}/{{locationId}}/google/accounts/{{accountId}}"}
_V3_PATHS = {
    f"GET {_OAUTH}/{{platform}}/start",
    f"GET {_OAUTH}/{{locationId}}/{{platform}}/accounts/{{accountId}}",
    f"POST {_OAUTH}/{{locationId}}/{{platform}}/accounts/{{accountId}}",
    "POST /oauth/location-token",
    "GET /oauth/installed-locations",
}
EXPECTED = {"v2": _BOTH | _V2_PATHS, "v3": _BOTH | _V3_PATHS}
VERSIONS = {"v2": "2021-07-28", "v3": "v3"}


async def _grants(journey: Journey) -> None:
    authorization, company = journey.provider.authorization, await journey.connect(BAKERY, GARAGE, agency=True)
    assert company.grant.refresh_token is not None
    await authorization.refresh(company.grant.refresh_token)
    company.grant = await authorization.refresh((await journey.connect(agency=True)).grant.refresh_token or Secret(""))
    for installed in (None, True, False):
        page = await authorization.installed_locations(company, company_id=COMPANY, limit=1, installed=installed)
        if page.next_cursor:
            await authorization.installed_locations(company, company_id=COMPANY, cursor=page.next_cursor)
    await authorization.location_token(company, company_id=COMPANY, location_id=BAKERY)
    token = Secret(journey.vendor.private_token(BAKERY))
    await authorization.static(token, settings={"location_id": BAKERY}, scopes=())


async def _networks(journey: Journey) -> None:
    access, accounts = await journey.connect(), journey.provider.accounts
    await accounts.profile(access, frozenset(ProfilePart))
    for platform in sorted(NETWORKS[journey.provider.client.config.v3]):
        for more in ({}, {"page": "integration", "reconnect": True}):
            account_id = await journey.consent(access, platform, **more)
        [choice] = await accounts.choose(access, BAKERY, platform, account_id)
        if platform in BODIES:
            await accounts.attach(access, BAKERY, platform, account_id, choice)
    first, second, *_ = await accounts.social_accounts(access, BAKERY)
    await accounts.delete(access, BAKERY, first.id)
    await accounts.delete(access, BAKERY, second.id, user_id=OWNER)


def _name(generation: str, request: httpx.Request) -> str:
    found = specification.operation(generation, request)
    return f"{request.method} {found.path if found else request.url.path}"


@pytest.mark.parametrize("generation", ["v2", "v3"])
async def test_every_request_fits_the_specification(generation: str) -> None:
    """Paths, parameters, headers and bodies are the documented ones, and each operation that is used was sent."""
    contract.specs(generation)
    async with in_process(version=VERSIONS[generation]) as journey:
        await _grants(journey)
        await _networks(journey)
        sent = journey.wire.requests

    assert [] == [each for request in sent for each in specification.wrong(generation, request)]
    assert EXPECTED[generation] == {_name(generation, request) for request in sent}


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (httpx.Request("GET", "https://x.example/nowhere"), "is in no specification"),
        (httpx.Request("GET", "https://x.example/locations/search?a=b", headers={"Version": "v3"}), "parameter a"),
        (httpx.Request("GET", "https://x.example/locations/search"), "parameter Version is missing"),
        (httpx.Request("POST", "https://x.example/oauth/token", headers={"Version": "v3"}), "the body is missing"),
        (httpx.Request("POST", "https://x.example/oauth/token", data={"a": "b"}), "body.a is not in the schema"),
    ],
)
def test_the_check_can_fail(request_: httpx.Request, problem: str) -> None:
    """It sees unknown paths and parameters, and what is missing."""
    assert [problem] == [problem for each in specification.wrong("v3", request_)[:5] if problem in each][:1]
