"""Starting a network's consent: the page for the owner's browser, in every reported form of the answer.

Owns the examples. The steps after the consent are covered by test_account_oauth.py.
"""

import httpx
import pytest

from providers.errors import ContractBroken, OptionUnsupported, ScopeNotGranted
from tests.providers.highlevel.support import API, LOCATION, RECORD, USER, FakeAccess, highlevel, ok, refused

PAGE = "https://www.tiktok.com/v2/auth/authorize/?client_key=k&state=s"
OAUTH = f"{API}/social-media-posting/oauth"


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_start_is_called_with_the_token(version: str) -> None:
    """The query has location and acting user, and optional parameters only if set; no redirect is followed."""
    provider, vendor = highlevel(httpx.Response(302, headers={"location": PAGE}), api_version=version)
    accounts = provider.accounts

    plain = await accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER)
    again = await accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER, page="integration", reconnect=True)

    query = f"locationId={LOCATION}&userId={USER}"
    assert [f"{OAUTH}/tiktok/start?{query}", f"{OAUTH}/tiktok/start?{query}&page=integration&reconnect=true"] == [
        str(request.url) for request in vendor.requests
    ]
    assert "Bearer canary-token-1" == vendor.last.headers["authorization"]
    assert [PAGE, PAGE] == [plain, again]


FORMS: list[tuple[httpx.Response, str]] = [
    *((httpx.Response(status, headers={"location": PAGE}), PAGE) for status in (301, 302, 303, 307, 308)),
    (httpx.Response(302, headers={"location": "/next?a=b"}), f"{API}/next?a=b"),
    (ok(url=PAGE), PAGE),
    (ok({"redirectUrl": PAGE}), PAGE),
    (httpx.Response(200, json=PAGE), PAGE),
    (httpx.Response(200, text=f"{PAGE}\n"), PAGE),
    (httpx.Response(200, html=f"<script>window.location.href = '{PAGE}'</script>"), PAGE),
    (httpx.Response(200, html=f'<script>location.replace("{PAGE}")</script>'), PAGE),
    (httpx.Response(200, html=f'<meta content="0;url={PAGE.replace("&", "&amp;")}">'), PAGE),
]


@pytest.mark.parametrize(("answer", "page"), FORMS)
async def test_the_page_is_found_in_every_form_of_the_answer(answer: httpx.Response, page: str) -> None:
    """The answer may be any redirect, JSON, an HTML page that redirects, or the plain URL."""
    provider, _ = highlevel(answer)

    assert page == await provider.accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302),
        httpx.Response(200),
        httpx.Response(204),
        ok(),
        ok(url=7),
        ok(url="http://plain.example/"),
        ok(url="javascript:alert(1)"),
        ok(url="https://user:pw@evil.example/"),
        httpx.Response(302, headers={"location": "http://127.0.0.1/"}),
        httpx.Response(302, headers={"location": "https://["}),
        httpx.Response(200, html="<html>Hello</html>"),
    ],
    ids=repr,
)
async def test_an_unsafe_or_missing_page_is_refused(answer: httpx.Response) -> None:
    """Without an https URL the contract is broken; there is no retry."""
    provider, vendor = highlevel(answer)

    with pytest.raises(ContractBroken):
        await provider.accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER)
    assert 1 == len(vendor.requests)


async def test_a_missing_scope_at_the_start_is_named() -> None:
    """Starting needs the read scope, although it starts a change."""
    provider, _ = highlevel(refused(401, "The token is not authorized for this scope."))

    with pytest.raises(ScopeNotGranted) as raised:
        await provider.accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER)
    assert "socialplanner/oauth.readonly" == raised.value.metadata["scope"]


@pytest.mark.parametrize(
    ("version", "platform"),
    [("2021-07-28", "youtube"), ("2021-07-28", "twitter"), ("v3", "bluesky"), ("v3", "twitter"), ("v3", "../x")],
)
async def test_an_undocumented_network_is_refused(version: str, platform: str) -> None:
    """Each API version has its networks; no call is made for others."""
    provider, vendor = highlevel(ok(), api_version=version)

    with pytest.raises(OptionUnsupported) as raised:
        await provider.accounts.start(FakeAccess(), LOCATION, platform, user_id=USER)
    with pytest.raises(OptionUnsupported):
        await provider.accounts.choose(FakeAccess(), LOCATION, platform, RECORD)
    assert ("platform", []) == (raised.value.field, vendor.requests)
