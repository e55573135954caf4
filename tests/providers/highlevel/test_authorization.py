"""HighLevel's OAuth over the wire, in both API versions.

Owns the examples of the token endpoint. Agencies are in test_agency_installs.py, static tokens in test_grants.py.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from providers.capabilities import Capability, Support
from providers.errors import (
    Ambiguous,
    CapabilityMissing,
    ContractBroken,
    CreatorBlocked,
    GrantRevoked,
    Misconfigured,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.models.grants import ConsentRequest
from providers.models.secret import Secret
from tests.providers.highlevel.support import (
    API,
    CLIENT_ID,
    LOCATION,
    NOW,
    USER,
    VERIFIER,
    highlevel,
    refused,
)
from tests.providers.highlevel.support import (
    COMPANY as COMPANY_OF_TESTS,
)

REDIRECT = "https://gateway.example/oauth/highlevel/callback"
TOKEN = {
    "access_token": "access-one",
    "token_type": "Bearer",
    "expires_in": 86399,
    "refresh_token": "refresh-one",
    "scope": "locations.readonly socialplanner/post.write",
    "userType": "Location",
    "companyId": COMPANY_OF_TESTS,
    "locationId": LOCATION,
    "userId": USER,
}
_NAMES = {"access_token": "accessToken", "token_type": "tokenType", "expires_in": "expiresIn"}
_NAMES["refresh_token"] = "refreshToken"
V3_TOKEN = {_NAMES.get(name, name): value for name, value in TOKEN.items()}
VERSIONS = [("2021-07-28", TOKEN), ("v3", V3_TOKEN)]


def test_the_consent_uri_follows_highlevels_format() -> None:
    """It has scopes separated by %20, a state, no PKCE, and no plus signs."""
    provider, _ = highlevel()

    uri = provider.authorization.consent_uri(
        ConsentRequest("st&te", VERIFIER, REDIRECT, ("locations.readonly", "socialplanner/post.write"))
    )

    assert uri.startswith("https://marketplace.gohighlevel.com/v2/oauth/chooselocation?")
    assert "scope=locations.readonly%20socialplanner%2Fpost.write&" in uri
    assert {
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": [REDIRECT],
        "scope": ["locations.readonly socialplanner/post.write"],
        "state": ["st&te"],
    } == parse_qs(urlsplit(uri).query, strict_parsing=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"authorize_url": "https://crm.example/v2/oauth/chooselocation?version_id=65f0app&scope=theirs&empty="},
        {"authorize_url": "https://crm.example/v2/oauth/chooselocation?version_id=x&empty=", "version_id": "65f0app"},
        {"authorize_url": "https://crm.example/v2/oauth/chooselocation?empty=&", "version_id": "65f0app"},
    ],
)
def test_the_query_of_the_configured_page_is_merged(settings: dict[str, str]) -> None:
    """One question mark, and each parameter once: what the gateway or a setting states replaces what the URL has."""
    provider, _ = highlevel(**settings)

    uri = provider.authorization.consent_uri(ConsentRequest("st", VERIFIER, REDIRECT, ("a/b", "c")))

    assert 1 == uri.count("?")
    assert {
        "version_id": ["65f0app"],
        "empty": [""],
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": [REDIRECT],
        "scope": ["a/b c"],
        "state": ["st"],
    } == parse_qs(urlsplit(uri).query, strict_parsing=True, keep_blank_values=True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_denied", GrantRevoked),
        ("invalid_scope", Misconfigured),
        ("unauthorized_client", Misconfigured),
        ("unsupported_response_type", Misconfigured),
        ("server_error", Unavailable),
        ("temporarily_unavailable", Unavailable),
        ("nobody_knows", GrantRevoked),
    ],
)
def test_an_error_in_the_redirect_is_classified(code: str, kind: type[ProviderError]) -> None:
    """The same code means the same in the consent page's redirect as at the token endpoint."""
    error = highlevel()[0].authorization.redirect_error(code, "Said so.")

    assert (kind, code, "Said so.") == (type(error), error.code, error.metadata["provider_message"])


@pytest.mark.parametrize(("version", "answer"), VERSIONS)
async def test_a_code_becomes_a_locations_grant(version: str, answer: dict[str, Any]) -> None:
    """Both spellings are read: expiries become absolute, scopes are split, the subject is the location."""
    provider, vendor = highlevel(httpx.Response(200, json=answer), api_version=version)

    grant = await provider.authorization.exchange("abc", verifier=VERIFIER, redirect_uri=REDIRECT)

    assert f"{API}/oauth/token" == str(vendor.last.url)
    assert (Secret("access-one"), Secret("refresh-one")) == (grant.access_token, grant.refresh_token)
    assert (NOW + timedelta(seconds=86_399), NOW + timedelta(days=365)) == (
        grant.access_expire_time,
        grant.refresh_expire_time,
    )
    assert ("locations.readonly", "socialplanner/post.write") == grant.scopes
    assert LOCATION == grant.subject
    assert {
        "user_type": "Location",
        "company_id": COMPANY_OF_TESTS,
        "location_id": LOCATION,
        "user_id": USER,
    } == grant.settings


async def test_a_code_is_sent_in_snake_case() -> None:
    """Version 2021-07-28 gets a form in snake case, with the code unchanged and the redirect URI."""
    provider, vendor = highlevel(httpx.Response(200, json=TOKEN))

    await provider.authorization.exchange("a%2Fb+c", verifier=VERIFIER, redirect_uri=REDIRECT)

    assert {
        "client_id": CLIENT_ID,
        "client_secret": "canary-client-secret",
        "grant_type": "authorization_code",
        "code": "a%2Fb+c",
        "redirect_uri": REDIRECT,
    } == vendor.form()


async def test_a_code_is_sent_in_camel_case() -> None:
    """Version v3 gets a form in camel case."""
    provider, vendor = highlevel(httpx.Response(200, json=V3_TOKEN), api_version="v3")

    await provider.authorization.exchange("abc", verifier=VERIFIER, redirect_uri=REDIRECT)

    assert {
        "clientId": CLIENT_ID,
        "clientSecret": "canary-client-secret",
        "grantType": "authorization_code",
        "code": "abc",
        "redirectUri": REDIRECT,
    } == vendor.form()


@pytest.mark.parametrize(
    ("version", "answer", "field"), [("2021-07-28", TOKEN, "refresh_token"), ("v3", V3_TOKEN, "refreshToken")]
)
async def test_a_refresh_returns_the_new_pair(version: str, answer: dict[str, Any], field: str) -> None:
    """The old refresh token is sent, and the new one returned."""
    provider, vendor = highlevel(httpx.Response(200, json={**answer, field: "refresh-two"}), api_version=version)

    grant = await provider.authorization.refresh(Secret("refresh-one"))

    assert "refresh-one" == vendor.form()[field]
    assert Secret("refresh-two") == grant.refresh_token


async def test_a_companys_grant_names_the_company() -> None:
    """Without a location the subject is the company."""
    answer = {name: value for name, value in TOKEN.items() if name != "locationId"}
    provider, _ = highlevel(httpx.Response(200, json={**answer, "userType": "Company"}))

    grant = await provider.authorization.exchange("abc", verifier=VERIFIER, redirect_uri=REDIRECT)

    assert (COMPANY_OF_TESTS, "Company") == (grant.subject, grant.settings["user_type"])
    assert "location_id" not in grant.settings


@pytest.mark.parametrize(("lifetime", "seconds"), [("7200", 7200), (7200.0, 7200), (10**30, 3600), (10**12, 315360000)])
async def test_lifetimes_are_read(lifetime: Any, seconds: int) -> None:
    """Numbers and numeric strings are read, and implausibly long lifetimes bounded."""
    provider, _ = highlevel(httpx.Response(200, json={**TOKEN, "expires_in": lifetime}))

    grant = await provider.authorization.refresh(Secret("r"))

    assert NOW + timedelta(seconds=seconds) == grant.access_expire_time


@pytest.mark.parametrize("lifetime", [None, "soon", -1, 0, [], True, 1.5])
async def test_a_missing_lifetime_does_not_lose_the_pair(lifetime: Any) -> None:
    """A pair without a usable lifetime is valid for an hour: refusing it would lose the new refresh token."""
    provider, _ = highlevel(httpx.Response(200, json={**TOKEN, "expires_in": lifetime}))

    grant = await provider.authorization.refresh(Secret("r"))

    assert (NOW + timedelta(hours=1), Secret("refresh-one")) == (grant.access_expire_time, grant.refresh_token)


async def test_a_missing_refresh_token_is_none() -> None:
    """Without a refresh token in the answer the grant has None: the old one stays valid."""
    answer = {name: value for name, value in TOKEN.items() if name != "refresh_token"}
    provider, _ = highlevel(httpx.Response(200, json=answer))

    grant = await provider.authorization.refresh(Secret("r"))

    assert (None, None) == (grant.refresh_token, grant.refresh_expire_time)


REFUSALS: list[tuple[httpx.Response, type[ProviderError], str]] = [
    (refused(400, "Invalid grant: refresh token is invalid"), GrantRevoked, "invalid_grant"),
    (refused(400, "Invalid grant: authorization code is invalid"), GrantRevoked, "invalid_grant"),
    (refused(400, "Invalid grant: redirect_uri does not match"), Misconfigured, "redirect_uri"),
    (refused(401, "Invalid client credentials"), Misconfigured, "invalid_client"),
    (refused(400, "Location is not active"), CreatorBlocked, "location_not_active"),
    (refused(400, "Endpoint /x is not available in API version v3"), Misconfigured, "api_version"),
    (refused(401, "Invalid JWT"), Misconfigured, ""),
    (refused(422, ["client_id should not be empty"]), Misconfigured, ""),
    (refused(404, "Not Found"), Misconfigured, ""),
    (refused(429, "Too Many Requests"), RateLimited, ""),
    (refused(400, "Something new"), ContractBroken, ""),
    (httpx.Response(400, json={"error": "invalid_grant", "error_description": "d"}), GrantRevoked, "invalid_grant"),
    (httpx.Response(401, json={"error": "invalid_client"}), Misconfigured, "invalid_client"),
    (httpx.Response(400, json={"error": "unsupported_grant_type"}), Misconfigured, "unsupported_grant_type"),
    (httpx.Response(400, json={"error": "something_new"}), ContractBroken, "something_new"),
    (httpx.Response(404, text="nowhere"), ContractBroken, "contract"),
    (httpx.Response(403, text="error code: 1010"), Misconfigured, "user_agent_refused"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), REFUSALS)
async def test_every_known_refusal_of_a_token_call_is_classified(
    answer: httpx.Response, kind: type[ProviderError], code: str
) -> None:
    """Only a known sign of a revoked grant revokes one; an unknown refusal does not. One call is made."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.authorization.refresh(Secret("canary-refresh"))

    assert (kind, code, 1) == (type(raised.value), raised.value.code, len(vendor.requests))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        refused(500, "Internal Server Error"),
        refused(408, "Request Timeout"),
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(200, html="<html>Hello</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={**TOKEN, "access_token": "with space"}),
        httpx.Response(302, json={}, headers={"location": "https://elsewhere.example/"}),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=repr,
)
async def test_a_lost_or_unreadable_answer_leaves_the_grant_in_doubt(answer: httpx.Response | Exception) -> None:
    """It is unknown whether the old refresh token is still valid; the call is made once."""
    provider, vendor = highlevel(answer)

    with pytest.raises(Ambiguous):
        await provider.authorization.refresh(Secret("r"))
    assert 1 == len(vendor.requests)


async def test_a_refused_connection_is_temporary() -> None:
    """Nothing was sent, so the refresh token is still valid."""
    provider, _ = highlevel(httpx.ConnectError("refused"))

    with pytest.raises(Unavailable):
        await provider.authorization.refresh(Secret("r"))


async def test_a_grant_without_a_subject_is_ambiguous() -> None:
    """The first grant of a connection must name its location or company."""
    provider, _ = highlevel(httpx.Response(200, json={"access_token": "a", "userId": USER}))

    with pytest.raises(Ambiguous):
        await provider.authorization.exchange("code", verifier=VERIFIER, redirect_uri=REDIRECT)


@pytest.mark.parametrize("setting", ["client_id", "client_secret"])
async def test_a_missing_setting_is_named_without_a_call(setting: str) -> None:
    """Without id or secret the provider is built, and each OAuth call raises an error that names the setting."""
    provider, vendor = highlevel(httpx.Response(200, json=TOKEN), **{setting: ""})
    authorization = provider.authorization

    with pytest.raises(Misconfigured, match=f"GATEWAY_HIGHLEVEL_{setting.upper()}"):
        await authorization.refresh(Secret("r"))
    with pytest.raises(Misconfigured):
        await authorization.exchange("code", verifier=VERIFIER, redirect_uri=REDIRECT)
    with pytest.raises(Misconfigured):
        authorization.consent_uri(ConsentRequest("s", VERIFIER, REDIRECT, ()))
    assert [] == vendor.requests


async def test_revocation_is_impossible() -> None:
    """It raises CapabilityMissing without a call: HighLevel has none that revokes a grant."""
    provider, vendor = highlevel()

    with pytest.raises(CapabilityMissing) as raised:
        await provider.authorization.revoke(Secret("a"))
    assert (Capability.REVOKE, Support.IMPOSSIBLE, []) == (
        raised.value.capability,
        raised.value.support,
        vendor.requests,
    )
