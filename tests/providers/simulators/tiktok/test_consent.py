"""The consent page (reference §1.1): its parameters, its content, its errors, and the redirect.

Owns: the parameters of the page and of the callback. Knows nothing of how a code is redeemed.
"""

import pytest

from tests.providers.simulators.tiktok.world import (
    ALL_SCOPES,
    API,
    AUTHORIZE,
    AUTHORIZE_QUERY,
    CALLBACK,
    CHALLENGE,
    World,
    world,
)


async def test_approval_comes_back_with_code_scopes_and_state(tiktok: World) -> None:
    """Approval redirects with a code, the comma-separated granted scopes, and the caller's state."""
    answer = await tiktok.consent()

    assert {"code", "scopes", "state"} == answer.keys()
    assert ALL_SCOPES == answer["scopes"]
    assert "s-1" == answer["state"]


async def test_codes_have_characters_that_must_be_decoded(tiktok: World) -> None:
    """A code contains `*` and `!`, which are percent-encoded in the callback."""
    page = await tiktok.http.get(AUTHORIZE, params=AUTHORIZE_QUERY)
    location = (await tiktok.submit(page, "approve")).headers["location"]

    assert location.startswith(f"{CALLBACK}?code=")
    assert "%2A" in location
    assert "%21" in location


async def test_the_user_may_untick_scopes(tiktok: World) -> None:
    """Unticked scopes are missing from the callback; user.info.basic cannot be unticked."""
    answer = await tiktok.consent(ticked=("video.list",))

    assert "user.info.basic,video.list" == answer["scopes"]


async def test_only_requested_scopes_are_granted(tiktok: World) -> None:
    """A form that ticks more scopes than were requested gets only those that were."""
    answer = await tiktok.consent(asking={"scope": "user.info.basic,video.upload"})

    assert "user.info.basic,video.upload" == answer["scopes"]


async def test_denial_comes_back_as_access_denied(tiktok: World) -> None:
    """Cancelling redirects with error, error_description and state, and without a code."""
    answer = await tiktok.consent(decision="deny")

    assert {"error", "error_description", "state"} == answer.keys()
    assert "access_denied" == answer["error"]


async def test_the_page_has_what_a_browser_test_presses(tiktok: World) -> None:
    """The page has a button to approve, one to deny, and a checkbox for each scope that can be unticked."""
    page = await tiktok.http.get(AUTHORIZE, params=AUTHORIZE_QUERY)

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
async def test_an_invalid_parameter_shows_tiktoks_error_page(tiktok: World, change: dict[str, str], named: str) -> None:
    """An invalid request shows a page that names the parameter, and does not redirect back."""
    page = await tiktok.http.get(AUTHORIZE, params={**AUTHORIZE_QUERY, **change})

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
        page = await tiktok.http.get(AUTHORIZE, params={**AUTHORIZE_QUERY, "redirect_uri": uri})

    assert accepted == ("Something went wrong" not in page.text)


async def test_an_app_that_requires_pkce_refuses_a_page_without_a_challenge() -> None:
    """The error page names code_challenge when a desktop app sends none."""
    async with world(require_pkce=True) as tiktok:
        page = await tiktok.http.get(AUTHORIZE, params=AUTHORIZE_QUERY)

    assert "<code>code_challenge</code>" in page.text


async def test_a_consent_page_can_be_submitted_once(tiktok: World) -> None:
    """Submitting the same page twice yields one code."""
    page = await tiktok.http.get(AUTHORIZE, params=AUTHORIZE_QUERY)
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
async def test_a_missing_trailing_slash_is_an_unsupported_path(tiktok: World, method: str, path: str) -> None:
    """A path without its trailing slash, like an unknown path, is 404 "Unsupported path(Janus)"."""
    answer = await tiktok.http.request(method, f"{API}{path}")

    assert (404, "Unsupported path(Janus)") == (answer.status_code, answer.text)
