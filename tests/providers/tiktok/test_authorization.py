"""TikTok's OAuth over HTTP: literal requests, literal answers of both envelopes.

Owns the examples of the token page. Expected values are written down, not computed by the provider's helpers.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContractBroken,
    GrantRevoked,
    Misconfigured,
    ProviderError,
    Temporary,
    Unavailable,
)
from providers.models.grants import ConsentRequest
from providers.models.secret import Secret
from providers.tiktok import errors
from tests.providers.tiktok.support import NOW, VERIFIER, tiktok

REDIRECT = "https://gateway.example/oauth/tiktok/callback"
TOKEN = {
    "access_token": "act.one",
    "expires_in": 86400,
    "open_id": "-000YSS_OTWKQzsQ-Q6fw",
    "refresh_token": "rft.one",
    "refresh_expires_in": 31536000,
    "scope": "user.info.basic,video.list",
    "token_type": "Bearer",
}


def form(request: httpx.Request) -> dict[str, str]:
    """Parse a form."""
    return {name: values[0] for name, values in parse_qs(request.content.decode(), strict_parsing=True).items()}


def oauth_error(error: str, status: int = 200) -> httpx.Response:
    """Return a refusal as recorded from TikTok: flat, with HTTP 200."""
    return httpx.Response(status, json={"error": error, "error_description": "Said so.", "log_id": "2022log"})


def test_the_consent_page_is_asked_in_tiktoks_way() -> None:
    """The URL has the trailing slash, client_key, comma-separated scopes, a hex challenge and disable_auto_auth."""
    provider, _ = tiktok()

    uri = provider.authorization.consent_uri(
        ConsentRequest("st&te", VERIFIER, REDIRECT, ("user.info.basic", "video.list"))
    )

    assert uri.startswith("https://www.tiktok.com/v2/auth/authorize/?")
    assert "scope=user.info.basic,video.list&" in uri
    assert {
        "client_key": ["ck_test"],
        "response_type": ["code"],
        "scope": ["user.info.basic,video.list"],
        "redirect_uri": [REDIRECT],
        "state": ["st&te"],
        "disable_auto_auth": ["1"],
        "code_challenge": ["13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"],
        "code_challenge_method": ["S256"],
    } == parse_qs(urlsplit(uri).query, strict_parsing=True)


def test_the_query_of_the_configured_page_is_merged() -> None:
    """One question mark, and each parameter once: the gateway's own replace those of the setting."""
    provider, _ = tiktok(authorize_url="https://www.tiktok.com/v2/auth/authorize/?lang=fr&scope=theirs")

    uri = provider.authorization.consent_uri(ConsentRequest("st", VERIFIER, REDIRECT, ("user.info.basic",)))

    query = parse_qs(urlsplit(uri).query, strict_parsing=True)
    assert (1, ["fr"], ["user.info.basic"]) == (uri.count("?"), query["lang"], query["scope"])


@pytest.mark.parametrize("code", sorted({**errors.OAUTH_CODES, **errors.CODES}))
def test_an_error_in_the_redirect_means_what_it_means_at_the_token_endpoint(code: str) -> None:
    """Our operator's fault and a temporary one are what they are there; everything else is a person's no."""
    error = tiktok()[0].authorization.redirect_error(code, "Said so.")

    there = {**errors.CODES, **errors.OAUTH_CODES}[code]
    expected = there if issubclass(there, Misconfigured | Temporary) else GrantRevoked
    assert (expected, code, "Said so.") == (type(error), error.code, error.metadata["provider_message"])


def test_the_scopes_are_bounded_by_the_setting() -> None:
    """In the order of the provider; a scope that TikTok does not have is refused at the start, by name."""
    provider, _ = tiktok(scopes=("video.list", "user.info.basic"))
    assert ("user.info.basic", "video.list") == provider.authorization.scopes
    with pytest.raises(Misconfigured, match=r"GATEWAY_TIKTOK_SCOPES: 'video\.post'"):
        tiktok(scopes=("video.list", "video.post"))


async def test_a_code_is_exchanged() -> None:
    """The form has TikTok's field names and the decoded code; the grant's times are absolute."""
    provider, vendor = tiktok(httpx.Response(200, json=TOKEN))

    grant = await provider.authorization.exchange("abc%2A1%21", verifier=VERIFIER, redirect_uri=REDIRECT)

    assert "https://open.tiktokapis.com/v2/oauth/token/" == str(vendor.last.url)
    assert "application/x-www-form-urlencoded" == vendor.last.headers["content-type"]
    assert "authorization" not in vendor.last.headers
    assert {
        "client_key": "ck_test",
        "client_secret": "canary-client-secret",
        "code": "abc*1!",
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER.reveal(),
    } == form(vendor.last)
    assert Secret("act.one") == grant.access_token
    assert Secret("rft.one") == grant.refresh_token
    assert NOW + timedelta(hours=24) == grant.access_expire_time
    assert NOW + timedelta(days=365) == grant.refresh_expire_time
    assert ("user.info.basic", "video.list") == grant.scopes
    assert "-000YSS_OTWKQzsQ-Q6fw" == grant.subject


async def test_a_refresh_gives_the_new_pair() -> None:
    """A refresh sends the old refresh token and returns the new one."""
    provider, vendor = tiktok(httpx.Response(200, json={**TOKEN, "refresh_token": "rft.two"}))

    grant = await provider.authorization.refresh(Secret("rft.one"))

    assert {
        "client_key": "ck_test",
        "client_secret": "canary-client-secret",
        "grant_type": "refresh_token",
        "refresh_token": "rft.one",
    } == form(vendor.last)
    assert Secret("rft.two") == grant.refresh_token


async def test_numbers_as_strings_are_numbers() -> None:
    """Lifetimes sent as numeric strings are accepted."""
    answer = {**TOKEN, "expires_in": "7200", "refresh_expires_in": "86400"}
    provider, _ = tiktok(httpx.Response(200, json=answer))

    grant = await provider.authorization.refresh(Secret("rft.one"))

    assert NOW + timedelta(hours=2) == grant.access_expire_time
    assert NOW + timedelta(days=1) == grant.refresh_expire_time


@pytest.mark.parametrize("lifetime", [None, "soon", -1, 0, [], True, 10**30])
async def test_a_missing_lifetime_does_not_lose_the_pair(lifetime: Any) -> None:
    """A pair without a usable lifetime expires in an hour: refusing it would lose the new refresh token."""
    provider, _ = tiktok(httpx.Response(200, json={**TOKEN, "expires_in": lifetime, "refresh_expires_in": lifetime}))

    grant = await provider.authorization.refresh(Secret("rft.one"))

    assert NOW + timedelta(hours=1) == grant.access_expire_time
    assert grant.refresh_expire_time is None


async def test_a_missing_refresh_token_is_none() -> None:
    """Without a refresh token in the answer, `refresh_token` is None: keep the old one."""
    answer = {name: value for name, value in TOKEN.items() if not name.startswith("refresh")}
    provider, _ = tiktok(httpx.Response(200, json=answer))

    grant = await provider.authorization.refresh(Secret("rft.one"))

    assert grant.refresh_token is None
    assert grant.refresh_expire_time is None


async def test_the_wrapped_shape_of_version_one_is_read() -> None:
    """A pair inside `data`, as TikTok's own pages still show it, is accepted."""
    provider, _ = tiktok(httpx.Response(200, json={"data": TOKEN, "message": "success"}))

    assert Secret("act.one") == (await provider.authorization.refresh(Secret("rft.one"))).access_token


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("access_denied", GrantRevoked),
        ("invalid_client", Misconfigured),
        ("invalid_grant", GrantRevoked),
        ("invalid_request", Misconfigured),
        ("invalid_scope", Misconfigured),
        ("unauthorized_client", Misconfigured),
        ("unsupported_grant_type", Misconfigured),
        ("unsupported_response_type", Misconfigured),
        ("server_error", Unavailable),
        ("temporarily_unavailable", Unavailable),
        ("something_new", ContractBroken),
    ],
)
async def test_every_oauth_error_has_its_meaning(code: str, error: type[ProviderError], status: int) -> None:
    """The `error` field decides, whatever the HTTP status; code, message and log id are kept; one call is made."""
    provider, vendor = tiktok(oauth_error(code, status))

    with pytest.raises(error) as raised:
        await provider.authorization.refresh(Secret("rft.one"))

    assert error is type(raised.value)
    assert code == raised.value.code
    assert "2022log" == raised.value.log_id
    assert status == raised.value.http_status
    assert "Said so." == raised.value.metadata["provider_message"]
    assert 1 == len(vendor.requests)


async def test_an_error_in_the_api_envelope_is_an_error() -> None:
    """A token refusal in the envelope of the other calls is understood."""
    answer = {"error": {"code": "internal_error", "message": "m", "log_id": "l"}}
    provider, _ = tiktok(httpx.Response(200, json=answer))

    with pytest.raises(Unavailable) as raised:
        await provider.authorization.refresh(Secret("rft.one"))
    assert "l" == raised.value.log_id


async def test_an_error_of_version_one_is_an_error() -> None:
    """The numeric code of the retired v1 is kept, and does not end a grant."""
    answer = {"data": {"error_code": 10007, "description": "expired"}, "message": "error"}
    provider, _ = tiktok(httpx.Response(200, json=answer))

    with pytest.raises(ContractBroken) as raised:
        await provider.authorization.refresh(Secret("rft.one"))
    assert "10007" == raised.value.code


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(200, html="<html>Hello</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": ""}),
        httpx.Response(200, json={"access_token": "with space"}),
        httpx.Response(200, json={"access_token": {"a": 1}}),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=repr,
)
async def test_a_lost_or_unreadable_answer_leaves_the_grant_in_doubt(answer: httpx.Response | Exception) -> None:
    """A lost or broken answer is Ambiguous, because the old refresh token may be replaced; one call is made."""
    provider, vendor = tiktok(answer)

    with pytest.raises(Ambiguous):
        await provider.authorization.refresh(Secret("rft.one"))
    assert 1 == len(vendor.requests)


async def test_what_was_never_sent_is_temporary() -> None:
    """A refused connection is Unavailable: no token was used."""
    provider, _ = tiktok(httpx.ConnectError("refused"))

    with pytest.raises(Unavailable):
        await provider.authorization.refresh(Secret("rft.one"))


async def test_a_wrong_path_at_the_edge_is_a_broken_contract() -> None:
    """A 404 page is ContractBroken and does not end a grant."""
    provider, _ = tiktok(httpx.Response(404, text="Unsupported path(Janus)", headers={"x-tt-logid": "edge"}))

    with pytest.raises(ContractBroken) as raised:
        await provider.authorization.refresh(Secret("rft.one"))
    assert (404, "edge") == (raised.value.http_status, raised.value.log_id)


async def test_a_grant_of_nobody_is_in_doubt() -> None:
    """A first grant without a user is Ambiguous."""
    provider, _ = tiktok(httpx.Response(200, json={**TOKEN, "open_id": ""}))

    with pytest.raises(Ambiguous):
        await provider.authorization.exchange("code", verifier=VERIFIER, redirect_uri=REDIRECT)


async def test_revoking_sends_the_access_token() -> None:
    """A revoke with an empty answer is a success."""
    provider, vendor = tiktok(httpx.Response(200))

    await provider.authorization.revoke(Secret("act.one"))

    assert "https://open.tiktokapis.com/v2/oauth/revoke/" == str(vendor.last.url)
    assert {"client_key": "ck_test", "client_secret": "canary-client-secret", "token": "act.one"} == form(vendor.last)


@pytest.mark.parametrize(
    "answer", [oauth_error("invalid_grant"), oauth_error("access_token_invalid"), httpx.Response(401)]
)
async def test_revoking_a_dead_grant_is_no_error(answer: httpx.Response) -> None:
    """Revoking a grant that is already revoked is not an error."""
    provider, _ = tiktok(answer)

    await provider.authorization.revoke(Secret("act.one"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (oauth_error("invalid_client"), Misconfigured),
        (oauth_error("server_error"), Unavailable),
        (httpx.Response(500), Ambiguous),
        (httpx.ReadTimeout("late"), Ambiguous),
    ],
)
async def test_a_revoke_that_failed_is_said(answer: httpx.Response | Exception, error: type[ProviderError]) -> None:
    """Any other refusal of a revoke is an error."""
    provider, _ = tiktok(answer)

    with pytest.raises(error):
        await provider.authorization.revoke(Secret("act.one"))


@pytest.mark.parametrize("setting", ["client_key", "client_secret"])
async def test_a_missing_setting_is_named(setting: str) -> None:
    """Without key or secret the provider can be built, and OAuth calls name the missing setting without a call."""
    provider, vendor = tiktok(httpx.Response(200, json=TOKEN), **{setting: ""})
    authorization = provider.authorization

    with pytest.raises(Misconfigured, match=f"GATEWAY_TIKTOK_{setting.upper()}") as raised:
        await authorization.refresh(Secret("rft.one"))
    with pytest.raises(Misconfigured):
        await authorization.exchange("code", verifier=VERIFIER, redirect_uri=REDIRECT)
    with pytest.raises(Misconfigured):
        await authorization.revoke(Secret("act.one"))
    with pytest.raises(Misconfigured):
        authorization.consent_uri(ConsentRequest("s", VERIFIER, REDIRECT, ()))
    assert {"setting": setting} == raised.value.metadata
    assert [] == vendor.requests


def test_the_scopes_are_those_of_the_user_side_api() -> None:
    """All six scopes, in the order a consent page should request them."""
    provider, _ = tiktok()

    assert (
        "user.info.basic",
        "user.info.profile",
        "user.info.stats",
        "video.list",
        "video.upload",
        "video.publish",
    ) == provider.authorization.scopes


@pytest.mark.parametrize(
    "settings",
    [
        {"api_url": "http://open.tiktokapis.com"},
        {"api_url": "http://127.0.0.1:8099"},
        {"authorize_url": "http://www.tiktok.com/v2/auth/authorize/"},
        {"api_url": "https://user:pw@open.tiktokapis.com"},
        {"api_url": "nonsense"},
        {"api_url": "https://["},
    ],
)
def test_an_unsafe_address_is_refused_at_the_start(settings: dict[str, str]) -> None:
    """Secrets are sent over https only; the error names the setting."""
    with pytest.raises(Misconfigured, match=f"GATEWAY_TIKTOK_{next(iter(settings)).upper()}"):
        tiktok(**settings)


def test_a_simulator_on_this_machine_may_be_allowed() -> None:
    """With `allow_loopback`, http and a port on a loopback address are accepted."""
    tiktok(
        api_url="http://127.0.0.1:8099", authorize_url="http://localhost:8099/v2/auth/authorize/", allow_loopback=True
    )
