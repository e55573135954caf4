"""Installing, tokens and their expiry, with the field names of both generations.

Owns: the authorization server as a client sees it. Knows nothing of what tokens permit.
"""

import pytest

from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import (
    AUTHORIZE_QUERY,
    BAKERY,
    CALLBACK,
    CHOOSE,
    CLIENT,
    COMPANY,
    OLD,
    OWNER,
    POSTING,
    V3,
    V3_CLIENT,
    World,
    status_and_message,
    world,
)

ACCOUNTS = f"{POSTING}/accounts"


async def test_the_redirect_carries_a_code_and_no_state(highlevel: World) -> None:
    """The redirect has no `state`, which the documentation does not mention."""
    location = (await highlevel.install(BAKERY)).headers["location"]

    assert location.startswith(f"{CALLBACK}?code=")
    assert "state=" not in location


async def test_state_can_be_returned() -> None:
    """The milder reading, a redirect with `state`, can be configured."""
    async with world(echo_state=True) as highlevel:
        location = (await highlevel.install(BAKERY)).headers["location"]

    assert location.endswith("&state=s-1")


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"response_type": "token"},
        {"redirect_uri": "http://gateway.example/cb"},
        {"redirect_uri": "https://["},
        {"scope": ""},
    ],
)
async def test_an_invalid_parameter_does_not_redirect_back(highlevel: World, change: dict[str, str]) -> None:
    """An invalid parameter shows a page that names it."""
    page = await highlevel.http.get(CHOOSE, params={**AUTHORIZE_QUERY, **change})

    assert 400 == page.status_code
    assert f"<code>{next(iter(change))}</code>" in page.text


async def test_the_older_path_of_the_consent_page_still_works(highlevel: World) -> None:
    """It lacks the /v2 that the documentation has since 2026-05-27; HighLevel's SDK for Node opens it."""
    answer = await highlevel.install(BAKERY, choose=CHOOSE.replace("/v2/", "/"))

    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")


async def test_only_registered_redirect_uris_are_accepted() -> None:
    """Registered redirect URIs match exactly."""
    async with world(redirect_uris=(CALLBACK,)) as highlevel:
        pages = [
            await highlevel.http.get(CHOOSE, params={**AUTHORIZE_QUERY, "redirect_uri": uri})
            for uri in (CALLBACK, f"{CALLBACK}/")
        ]

    assert [200, 400] == [page.status_code for page in pages]


async def test_a_scope_that_is_not_enabled_fails_at_the_end(highlevel: World) -> None:
    """With a scope that is not enabled the page is shown, and fails after the consent."""
    answer = await highlevel.install(BAKERY, scope="socialplanner/post.readonly workflows.readonly")

    assert "This integration cannot be added, please contact the developer" in answer.text


@pytest.mark.parametrize("picked", [(), (BAKERY, GARAGE), ("elsewhere",)])
async def test_one_location_is_picked(highlevel: World, picked: tuple[str, ...]) -> None:
    """Without exactly one known location nothing is installed, unless as an agency."""
    assert 400 == (await highlevel.install(*picked)).status_code


async def test_a_page_is_submitted_once_and_may_be_cancelled(highlevel: World) -> None:
    """An unknown page is 400; cancelling ends without a redirect."""
    page = await highlevel.http.get(CHOOSE, params=AUTHORIZE_QUERY)
    consent = page.text.split('name=consent value="')[1].split('"')[0]
    answers = [
        await highlevel.http.post("/_sim/consent", data={"consent": consent, "decision": "deny"}) for _ in range(2)
    ]

    assert [200, 400] == [answer.status_code for answer in answers]


async def test_a_code_is_exchanged_for_a_locations_tokens(highlevel: World) -> None:
    """The response has the old names, the location, the installer's user id, and a lifetime of a day."""
    pair = await highlevel.pair()

    assert ("Bearer", 86_399, "Location") == (pair["token_type"], pair["expires_in"], pair["userType"])
    assert (BAKERY, COMPANY, OWNER) == (pair["locationId"], pair["companyId"], pair["userId"])
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=pair["access_token"])).status_code


async def test_v3_uses_camel_case(highlevel: World) -> None:
    """Fields and response of v3 are in camel case; JSON is accepted too."""
    fields = {**V3_CLIENT, "grantType": "authorization_code", "code": await highlevel.code()}
    answer = await highlevel.http.post("/oauth/token", json=fields, headers={"Version": V3})

    assert 200 == answer.status_code
    assert [] == [name for name in answer.json() if "_" in name]
    assert {"accessToken", "refreshToken", "expiresIn", "locationId"} <= answer.json().keys()


@pytest.mark.parametrize(("version", "missing"), [(OLD, "client_id"), (V3, "clientId")])
async def test_the_other_generations_fields_are_refused(highlevel: World, version: str, missing: str) -> None:
    """The field names of the other generation are 422, with the missing fields."""
    fields = {**(V3_CLIENT if version == OLD else CLIENT), "code": "c"}
    answer = await highlevel.http.post("/oauth/token", data=fields, headers={"Version": version})

    assert 422 == answer.status_code
    assert f"{missing} should not be empty" in answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"grant_type": "password"}, 422),
        ({"grant_type": "client_credentials"}, 400),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 400),
        ({"grant_type": "authorization_code", "code": "unknown"}, 400),
        ({"grant_type": "authorization_code", "client_secret": "wrong"}, 401),
        ({"grant_type": "authorization_code", "client_id": "wrong"}, 401),
    ],
)
async def test_exchanges_are_refused(highlevel: World, fields: dict[str, str], status: int) -> None:
    """Unknown grant types, codes, tokens and clients are refused."""
    assert status == (await highlevel.exchange(**fields)).status_code


async def test_json_is_not_a_form_in_2021(highlevel: World) -> None:
    """The old token endpoint accepts only forms."""
    answer = await highlevel.http.post("/oauth/token", json=CLIENT)

    assert 415 == answer.status_code


async def test_a_code_is_valid_once_and_until_it_expires(highlevel: World) -> None:
    """A code is refused when it is used twice, too late, or with another redirect URI."""
    pair = {"grant_type": "authorization_code"}
    code, late = await highlevel.code(), await highlevel.code()
    elsewhere = await highlevel.exchange(code=code, redirect_uri="https://else.example/", **pair)
    first = await highlevel.exchange(code=code, **pair)
    second = await highlevel.exchange(code=code, **pair)
    highlevel.clock.advance(600)
    third = await highlevel.exchange(code=late, **pair)

    assert [400, 200, 400, 400] == [answer.status_code for answer in (elsewhere, first, second, third)]


async def test_refreshing_invalidates_the_old_refresh_token(highlevel: World) -> None:
    """A refresh returns a new refresh token; the old one is refused, the old access token stays valid."""
    old = await highlevel.pair()
    rotate = {"grant_type": "refresh_token"}
    new = (await highlevel.exchange(refresh_token=old["refresh_token"], **rotate)).json()
    again = await highlevel.exchange(refresh_token=old["refresh_token"], **rotate)
    newest = await highlevel.exchange(refresh_token=new["refresh_token"], **rotate)

    assert old["refresh_token"] != new["refresh_token"]
    assert [400, 200] == [again.status_code, newest.status_code]
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=old["access_token"])).status_code


async def test_the_old_refresh_token_can_stay_valid() -> None:
    """The milder reading, in which the old refresh token stays valid, can be configured."""
    async with world(refresh_invalidates_old=False) as highlevel:
        token = (await highlevel.pair())["refresh_token"]
        answers = [await highlevel.exchange(grant_type="refresh_token", refresh_token=token) for _ in range(2)]

    assert [200, 200] == [answer.status_code for answer in answers]


async def test_a_refresh_token_is_valid_for_a_year_from_its_issue(highlevel: World) -> None:
    """Each rotated refresh token is valid for another year."""
    pair, year = await highlevel.pair(), SimulatorConfig().refresh_token_seconds
    highlevel.clock.advance(year - 1)
    pair = (await highlevel.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])).json()
    highlevel.clock.advance(year)

    late = await highlevel.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert (400, "Invalid grant: refresh token is invalid") == status_and_message(late)


async def test_a_suspended_location_cannot_refresh(highlevel: World) -> None:
    """The refresh of a suspended location is 400, and the token stays valid."""
    token = (await highlevel.pair())["refresh_token"]
    highlevel.vendor.tenants.set_location(BAKERY, active=False)
    refused = await highlevel.exchange(grant_type="refresh_token", refresh_token=token)
    highlevel.vendor.tenants.set_location(BAKERY, active=True)

    assert (400, "Location is not active") == status_and_message(refused)
    assert 200 == (await highlevel.exchange(grant_type="refresh_token", refresh_token=token)).status_code


async def test_reconnect_was_removed(highlevel: World) -> None:
    """The endpoint to reconnect was removed."""
    answer = await highlevel.http.post("/oauth/reconnect", json={})

    assert (400, "API endpoint has been removed") == status_and_message(answer)


async def test_exchanges_are_in_the_ledger(highlevel: World) -> None:
    """The ledger has type and outcome of each exchange, and no secret."""
    await highlevel.pair()
    await highlevel.exchange(grant_type="refresh_token", refresh_token="unknown")

    assert [
        ("authorization_code", "ok", "Location"),
        ("refresh_token", "Invalid grant: refresh token is invalid", ""),
    ] == [(row.grant_type, row.outcome, row.user_type) for row in highlevel.vendor.exchanges]
