"""The consent of an account holder, and its tokens."""

import httpx

from tests.fixtures.consent import decide, query_of
from tests.providers.simulators.tiktok_business.conftest import CALLBACK, CLIENT, World

AUTHORIZE = "https://www.tiktok.com/v2/auth/authorize/"
QUERY = {
    "client_key": CLIENT["client_id"],
    "response_type": "code",
    "scope": "user.info.basic,comment.list",
    "redirect_uri": CALLBACK,
    "state": "s-1",
}
CODE = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}


async def consented(world: World) -> str:
    """Complete the consent page; return the code."""
    back = query_of(await decide(world.http, str(httpx.URL(AUTHORIZE, params=QUERY))))
    assert {"state": "s-1", "scopes": "user.info.basic,comment.list"}.items() <= back.items()
    return back["code"]


async def exchanged(world: World) -> dict[str, str]:
    """Exchange a new code; return the data."""
    answer = await world.oauth("/tt_user/oauth2/token/", **CODE, auth_code=await consented(world))
    data: dict[str, str] = answer["data"]
    return data


async def test_a_code_becomes_tokens_once(world: World) -> None:
    """A code is exchanged once; the second time it is 40110."""
    code = await consented(world)
    first = await world.oauth("/tt_user/oauth2/token/", **CODE, auth_code=code)
    again = await world.oauth("/tt_user/oauth2/token/", **CODE, auth_code=code)
    assert (0, 40110) == (first["code"], again["code"])
    assert (86_400, 31_536_000, "user.info.basic,comment.list", world.open_id) == (
        first["data"]["expires_in"],
        first["data"]["refresh_token_expires_in"],
        first["data"]["scope"],
        first["data"]["open_id"],
    )


async def test_a_scope_of_another_product_is_refused_on_the_page(world: World) -> None:
    """One unknown scope makes the whole consent fail, without a way back."""
    page = await world.http.get(AUTHORIZE, params={**QUERY, "scope": "user.info.basic,business.creator.insights"})
    assert (400, True) == (page.status_code, "invalid_scope" in page.text)


async def test_a_refresh_token_rotates(world: World) -> None:
    """Each refresh brings a new refresh token and ends the old one."""
    refresh = {"grant_type": "refresh_token", "refresh_token": (await exchanged(world))["refresh_token"]}
    first = await world.oauth("/tt_user/oauth2/refresh_token/", **refresh)
    assert (0, 40107) == (first["code"], (await world.oauth("/tt_user/oauth2/refresh_token/", **refresh))["code"])
    assert refresh["refresh_token"] != first["data"]["refresh_token"]


async def test_a_refresh_token_expires(world: World) -> None:
    """After a year it is 40103."""
    pair = await exchanged(world)
    world.vendor.advance_clock(31_536_000)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert 40103 == (await world.oauth("/tt_user/oauth2/refresh_token/", **refresh))["code"]


async def test_a_wrong_secret_and_a_wrong_address_are_40101(world: World) -> None:
    """What does not match the app or the consent is 40101, and the code stays good."""
    code = await consented(world)
    wrong = await world.oauth("/tt_user/oauth2/token/", **CODE, auth_code=code, client_secret="other")
    elsewhere = {**CODE, "redirect_uri": "https://other.example/"}
    other = await world.oauth("/tt_user/oauth2/token/", **elsewhere, auth_code=code)
    good = await world.oauth("/tt_user/oauth2/token/", **CODE, auth_code=code)
    assert (40101, 40101, 0) == (wrong["code"], other["code"], good["code"])


async def test_another_grant_type_is_40108(world: World) -> None:
    """A token call has one grant type."""
    answer = await world.oauth("/tt_user/oauth2/token/", grant_type="client_credentials", auth_code="x")
    assert 40108 == answer["code"]


async def test_the_token_tells_its_scopes(world: World) -> None:
    """Token info says whose token it is, and for what."""
    pair = await exchanged(world)
    told = await world.oauth("/tt_user/token_info/get/", app_id=CLIENT["client_id"], access_token=pair["access_token"])
    assert {"app_id": CLIENT["client_id"], "scope": pair["scope"], "creator_id": world.open_id} == told["data"]
    other = await world.oauth("/tt_user/token_info/get/", app_id="1", access_token=pair["access_token"])
    assert 40113 == other["code"]


async def test_revoking_ends_every_grant_of_the_account(world: World) -> None:
    """A revocation is by app and account: the other tokens of the account die too."""
    pair = await exchanged(world)
    revoked = await world.oauth("/tt_user/oauth2/revoke/", access_token=pair["access_token"])
    assert (0, 40105) == (revoked["code"], (await world.get("/business/get/"))["code"])
