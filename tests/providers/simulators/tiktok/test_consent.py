"""The consent page (reference §1.1): what is asked, shown, refused, and sent back.

Owns: the page's parameters and the callback's. Knows nothing of what a code buys.
"""

import pytest

from tests.providers.simulators.tiktok.world import (
    ALL_SCOPES,
    API,
    ASKING,
    AUTHORIZE,
    CALLBACK,
    CHALLENGE,
    World,
    world,
)


async def test_approval_comes_back_with_code_scopes_and_state(tiktok: World) -> None:
    """Approving everything sends code, the comma list of granted scopes, and the caller's state."""
    answer = await tiktok.consent()

    assert {"code", "scopes", "state"} == answer.keys()
    assert ALL_SCOPES == answer["scopes"]
    assert "s-1" == answer["state"]


async def test_codes_hold_characters_that_must_be_decoded(tiktok: World) -> None:
    """A code contains `*` and `!`, which travel encoded in the callback."""
    page = await tiktok.http.get(AUTHORIZE, params=ASKING)
    location = (await tiktok.submit(page, "approve")).headers["location"]

    assert location.startswith(f"{CALLBACK}?code=")
    assert "%2A" in location
    assert "%21" in location


async def test_the_user_may_untick_scopes(tiktok: World) -> None:
    """Unticked scopes are missing from the callback; user.info.basic cannot be unticked."""
    answer = await tiktok.consent(ticked=("video.list",))

    assert "user.info.basic,video.list" == answer["scopes"]


async def test_only_scopes_that_were_asked_are_granted(tiktok: World) -> None:
    """A form that ticks more than was asked gets what was asked."""
    answer = await tiktok.consent(asking={"scope": "user.info.basic,video.upload"})

    assert "user.info.basic,video.upload" == answer["scopes"]


async def test_denial_comes_back_as_access_denied(tiktok: World) -> None:
    """Cancelling sends error, error_description and state, and no code."""
    answer = await tiktok.consent(decision="deny")

    assert {"error", "error_description", "state"} == answer.keys()
    assert "access_denied" == answer["error"]


async def test_the_page_has_what_a_browser_test_presses(tiktok: World) -> None:
    """The page is HTML with a button to approve, one to deny, and a box for each scope that can be unticked."""
    page = await tiktok.http.get(AUTHORIZE, params=ASKING)

    assert page.headers["content-type"].startswith("text/html")
    assert "<button id=approve" in page.text
    assert "<button id=deny" in page.text
    assert 5 == page.text.count("type=checkbox name=scope")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"client_key": "other"}, "client_key", id="another-apps-key"),
        pytest.param({"response_type": "token"}, "response_type", id="not-a-code"),
        pytest.param({"scope": "user.info.basic video.list"}, "scope", id="space-joined-scopes"),
        pytest.param({"scope": "user.info.basic,video.edit"}, "scope", id="unknown-scope"),
        pytest.param({"redirect_uri": "http://gateway.example/cb"}, "redirect_uri", id="plain-http"),
        pytest.param({"redirect_uri": "http://localhost/cb"}, "redirect_uri", id="loopback-without-port"),
        pytest.param({"redirect_uri": f"{CALLBACK}?a=1"}, "redirect_uri", id="with-query"),
        pytest.param({"redirect_uri": f"{CALLBACK}#a"}, "redirect_uri", id="with-fragment"),
        pytest.param({"redirect_uri": f"https://a.example/{'x' * 500}"}, "redirect_uri", id="512-characters"),
        pytest.param(
            {"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "code_challenge_method", id="not-S256"
        ),
    ],
)
async def test_a_wrong_parameter_shows_tiktoks_own_page(tiktok: World, change: dict[str, str], named: str) -> None:
    """A wrong request is answered by a page that names the parameter, and never calls back."""
    page = await tiktok.http.get(AUTHORIZE, params={**ASKING, **change})

    assert "location" not in page.headers
    assert "Something went wrong" in page.text
    assert f"<code>{named}</code>" in page.text


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        pytest.param("https://gateway.example/cb", True, id="exact"),
        pytest.param("https://gateway.example/cb/", False, id="one-slash-more"),
        pytest.param("http://127.0.0.1:8731/cb", True, id="any-port"),
        pytest.param("http://localhost:8731/cb", False, id="other-loopback-name"),
    ],
)
async def test_registered_redirect_uris_match_exactly(uri: str, accepted: bool) -> None:
    """Only a registered URI is accepted; the port of a loopback one may be registered as `*`."""
    async with world(redirect_uris=("https://gateway.example/cb", "http://127.0.0.1:*/cb")) as tiktok:
        page = await tiktok.http.get(AUTHORIZE, params={**ASKING, "redirect_uri": uri})

    assert accepted == ("Something went wrong" not in page.text)


async def test_an_app_that_needs_pkce_refuses_to_go_without() -> None:
    """A desktop app's page without a challenge names code_challenge."""
    async with world(require_pkce=True) as tiktok:
        page = await tiktok.http.get(AUTHORIZE, params=ASKING)

    assert "<code>code_challenge</code>" in page.text


async def test_a_consent_page_is_answered_once(tiktok: World) -> None:
    """The same page sent twice gives one code."""
    page = await tiktok.http.get(AUTHORIZE, params=ASKING)
    await tiktok.submit(page, "approve")

    again = await tiktok.submit(page, "approve")

    assert 400 == again.status_code
    assert "location" not in again.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/auth/authorize"),
        ("GET", "/auth/authorize/"),
        ("POST", "/v2/oauth/token"),
        ("POST", "/v2/oauth/revoke"),
        ("POST", "/v2/oauth/token/refresh/"),
        ("GET", "/v2/user/info"),
        ("POST", "/v2/post/publish/video/init"),
    ],
)
async def test_a_forgotten_slash_is_an_unsupported_path(tiktok: World, method: str, path: str) -> None:
    """Paths have a trailing slash; without it, or where nothing is, the answer is 404 "Unsupported path(Janus)"."""
    answer = await tiktok.http.request(method, f"{API}{path}")

    assert (404, "Unsupported path(Janus)") == (answer.status_code, answer.text)
