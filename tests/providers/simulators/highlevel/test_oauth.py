"""Installing, tokens and their ends, in both generations' spellings.

Owns: the authorization server as a client meets it. Knows nothing of what tokens open.
"""

import pytest

from providers.simulators.highlevel import SimulatorConfig
from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import (
    ASKING,
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
    said,
    world,
)

ACCOUNTS = f"{POSTING}/accounts"


async def test_the_redirect_carries_a_code_and_no_state(highlevel: World) -> None:
    """`state` is not in the documentation, and does not come back."""
    location = (await highlevel.install(BAKERY)).headers["location"]

    assert location.startswith(f"{CALLBACK}?code=")
    assert "state=" not in location


async def test_state_can_be_told_to_come_back() -> None:
    """The milder reading of the same silence."""
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
async def test_a_wrong_parameter_never_calls_back(highlevel: World, change: dict[str, str]) -> None:
    """The page names the parameter instead."""
    page = await highlevel.http.get(CHOOSE, params={**ASKING, **change})

    assert 400 == page.status_code
    assert f"<code>{next(iter(change))}</code>" in page.text


async def test_only_registered_redirect_uris_are_taken() -> None:
    """Registered URIs match exactly."""
    async with world(redirect_uris=(CALLBACK,)) as highlevel:
        pages = [
            await highlevel.http.get(CHOOSE, params={**ASKING, "redirect_uri": uri})
            for uri in (CALLBACK, f"{CALLBACK}/")
        ]

    assert [200, 400] == [page.status_code for page in pages]


async def test_a_scope_that_is_not_enabled_fails_at_the_end(highlevel: World) -> None:
    """The page comes up, and after the consent nothing can be added."""
    answer = await highlevel.install(BAKERY, scope="socialplanner/post.readonly workflows.readonly")

    assert "This integration cannot be added, please contact the developer" in answer.text


@pytest.mark.parametrize("picked", [(), (BAKERY, GARAGE), ("elsewhere",)])
async def test_one_location_is_picked(highlevel: World, picked: tuple[str, ...]) -> None:
    """None, several or an unknown one install nothing, unless as an agency."""
    assert 400 == (await highlevel.install(*picked)).status_code


async def test_a_page_is_answered_once_and_may_be_cancelled(highlevel: World) -> None:
    """An unknown page is 400; cancelling ends without a redirect."""
    page = await highlevel.http.get(CHOOSE, params=ASKING)
    consent = page.text.split('name=consent value="')[1].split('"')[0]
    answers = [
        await highlevel.http.post("/_sim/consent", data={"consent": consent, "decision": "deny"}) for _ in range(2)
    ]

    assert [200, 400] == [answer.status_code for answer in answers]


async def test_a_code_buys_a_locations_tokens(highlevel: World) -> None:
    """The answer has the old names, the location, the installer's user id, and a lifetime of a day."""
    pair = await highlevel.pair()

    assert ("Bearer", 86_399, "Location") == (pair["token_type"], pair["expires_in"], pair["userType"])
    assert (BAKERY, COMPANY, OWNER) == (pair["locationId"], pair["companyId"], pair["userId"])
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=pair["access_token"])).status_code


async def test_v3_speaks_in_camel_case(highlevel: World) -> None:
    """Fields and answer of v3 have no underscore; JSON is taken too."""
    fields = {**V3_CLIENT, "grantType": "authorization_code", "code": await highlevel.code()}
    answer = await highlevel.http.post("/oauth/token", json=fields, headers={"Version": V3})

    assert 200 == answer.status_code
    assert [] == [name for name in answer.json() if "_" in name]
    assert {"accessToken", "refreshToken", "expiresIn", "locationId"} <= answer.json().keys()


@pytest.mark.parametrize(("version", "missing"), [(OLD, "client_id"), (V3, "clientId")])
async def test_the_other_generations_fields_are_missed(highlevel: World, version: str, missing: str) -> None:
    """The wrong spelling is 422, and names what is missing."""
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
    """Unknown types, codes, tokens and clients."""
    assert status == (await highlevel.exchange(**fields)).status_code


async def test_json_is_not_a_form_in_2021(highlevel: World) -> None:
    """The old token endpoint reads forms only."""
    answer = await highlevel.http.post("/oauth/token", json=CLIENT)

    assert 415 == answer.status_code


async def test_a_code_is_good_once_and_for_a_while(highlevel: World) -> None:
    """The second use, a late one, and one with another redirect URI are refused."""
    pair = {"grant_type": "authorization_code"}
    code, late = await highlevel.code(), await highlevel.code()
    elsewhere = await highlevel.exchange(code=code, redirect_uri="https://else.example/", **pair)
    first = await highlevel.exchange(code=code, **pair)
    second = await highlevel.exchange(code=code, **pair)
    highlevel.clock.advance(600)
    third = await highlevel.exchange(code=late, **pair)

    assert [400, 200, 400, 400] == [answer.status_code for answer in (elsewhere, first, second, third)]


async def test_refreshing_rotates_and_the_old_one_dies(highlevel: World) -> None:
    """Each use gives a new refresh token; the old one is refused, the old access token lives on."""
    old = await highlevel.pair()
    rotate = {"grant_type": "refresh_token"}
    new = (await highlevel.exchange(refresh_token=old["refresh_token"], **rotate)).json()
    again = await highlevel.exchange(refresh_token=old["refresh_token"], **rotate)
    newest = await highlevel.exchange(refresh_token=new["refresh_token"], **rotate)

    assert old["refresh_token"] != new["refresh_token"]
    assert [400, 200] == [again.status_code, newest.status_code]
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=old["access_token"])).status_code


async def test_the_old_refresh_token_can_be_told_to_live() -> None:
    """The milder reading of what is not documented."""
    async with world(refresh_invalidates_old=False) as highlevel:
        token = (await highlevel.pair())["refresh_token"]
        answers = [await highlevel.exchange(grant_type="refresh_token", refresh_token=token) for _ in range(2)]

    assert [200, 200] == [answer.status_code for answer in answers]


async def test_a_refresh_token_lives_a_year_from_its_own_making(highlevel: World) -> None:
    """A used one's successor lives a year again."""
    pair, year = await highlevel.pair(), SimulatorConfig().refresh_token_seconds
    highlevel.clock.advance(year - 1)
    pair = (await highlevel.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])).json()
    highlevel.clock.advance(year)

    late = await highlevel.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert (400, "Invalid grant: refresh token is invalid") == said(late)


async def test_a_suspended_location_cannot_refresh(highlevel: World) -> None:
    """The refresh is 400 and the token is not spent."""
    token = (await highlevel.pair())["refresh_token"]
    highlevel.vendor.tenants.set_location(BAKERY, active=False)
    refused = await highlevel.exchange(grant_type="refresh_token", refresh_token=token)
    highlevel.vendor.tenants.set_location(BAKERY, active=True)

    assert (400, "Location is not active") == said(refused)
    assert 200 == (await highlevel.exchange(grant_type="refresh_token", refresh_token=token)).status_code


async def test_reconnect_is_gone(highlevel: World) -> None:
    """A lost token means installing again."""
    answer = await highlevel.http.post("/oauth/reconnect", json={})

    assert (400, "API endpoint has been removed") == said(answer)


async def test_exchanges_are_in_the_ledger(highlevel: World) -> None:
    """Type and outcome, and no secret."""
    await highlevel.pair()
    await highlevel.exchange(grant_type="refresh_token", refresh_token="unknown")

    assert [
        ("authorization_code", "ok", "Location"),
        ("refresh_token", "Invalid grant: refresh token is invalid", ""),
    ] == [(row.grant_type, row.outcome, row.user_type) for row in highlevel.vendor.exchanges]
