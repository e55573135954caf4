"""HighLevel's calls over the wire: headers, quotas, retries, rate limits, lost answers.

Owns what is common to all calls. The meaning of error answers is covered by test_errors.py.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import Ambiguous, ContentRefused, ProviderError, RateLimited, TokenRefused, Unavailable
from providers.highlevel import Choice
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from tests.providers.highlevel.support import API, LOCATION, NOW, FakeAccess, highlevel, ok, refused

ACCOUNTS: dict[str, list[Any]] = {"accounts": [], "groups": []}
RATES = {
    "X-RateLimit-Limit-Daily": "200000",
    "X-RateLimit-Daily-Remaining": "199000",
    "X-RateLimit-Interval-Milliseconds": "10000",
    "X-RateLimit-Max": "100",
    "X-RateLimit-Remaining": "0",
}
DAY = ("requests_per_day", 200_000, 199_000, 3_600)
NO_DAY = {**RATES, "X-RateLimit-Daily-Remaining": "0"}


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_a_read_has_the_documented_headers(version: str) -> None:
    """It has Authorization, Version and User-Agent, and neither a body nor its headers."""
    provider, vendor = highlevel(ok(ACCOUNTS), api_version=version, user_agent="agency/1")

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert ("GET", f"{API}/social-media-posting/{LOCATION}/accounts") == (vendor.last.method, str(vendor.last.url))
    assert ("Bearer canary-token-1", version, "agency/1") == tuple(
        vendor.last.headers[name] for name in ("authorization", "version", "user-agent")
    )
    assert b"" == vendor.last.content
    assert "content-type" not in vendor.last.headers


async def test_the_default_user_agent_is_ours() -> None:
    """HighLevel would reject the user agent of a library."""
    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert vendor.last.headers["user-agent"].startswith("social-gateway")


async def test_every_call_counts_for_the_burst_and_for_the_day() -> None:
    """Each call, also a retry, takes a slot of the burst quota first, then one of the daily quota."""
    provider, _ = highlevel(httpx.Response(503), ok(ACCOUNTS))
    access = FakeAccess()

    await provider.accounts.social_accounts(access, LOCATION)

    assert ["requests", "requests_per_day"] * 2 == access.slots
    assert [] == access.limits


async def test_an_id_cannot_lead_to_another_path() -> None:
    """Slashes are escaped; an empty id and one of dots only are refused before any call."""
    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), "a/../b")
    with pytest.raises(ContentRefused) as raised:
        await provider.accounts.social_accounts(FakeAccess(), "..")

    assert b"/social-media-posting/a%2F..%2Fb/accounts" == vendor.last.url.raw_path
    assert ("not_an_id", 1) == (raised.value.code, len(vendor.requests))


async def test_a_malformed_token_is_not_sent() -> None:
    """It is renewed like a token that HighLevel refused."""

    class MalformedToken(FakeAccess):
        async def token(self) -> AccessToken:
            """Return a token that is invalid in a header, later a valid one."""
            value = Secret("with space" if self.version == 1 else "good")
            return AccessToken(value, self.version, self.scopes, NOW)

    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(MalformedToken(), LOCATION)

    assert ["Bearer good"] == [request.headers["authorization"] for request in vendor.requests]


async def test_a_refused_token_is_renewed_once() -> None:
    """The call is repeated once with a newer token."""
    provider, vendor = highlevel(refused(401, "Invalid token: access token is invalid"), ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert ["Bearer canary-token-1", "Bearer canary-token-2"] == [
        request.headers["authorization"] for request in vendor.requests
    ]


async def test_a_second_refusal_is_the_end() -> None:
    """If the new token is refused too, TokenRefused is raised without a third call."""
    provider, vendor = highlevel(refused(401, "Invalid JWT"))

    with pytest.raises(TokenRefused):
        await provider.accounts.social_accounts(FakeAccess(), LOCATION)
    assert 2 == len(vendor.requests)


@pytest.mark.parametrize("answer", [httpx.Response(502), httpx.ReadTimeout("late"), httpx.ConnectError("refused")])
async def test_a_read_is_repeated_once(answer: httpx.Response | Exception) -> None:
    """A second failure raises Unavailable."""
    provider, vendor = highlevel(answer)

    with pytest.raises(Unavailable):
        await provider.accounts.social_accounts(FakeAccess(), LOCATION)
    assert 2 == len(vendor.requests)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), Unavailable),
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.RemoteProtocolError("cut"), Ambiguous),
        (httpx.Response(500), Ambiguous),
        (httpx.Response(504, html="<html>"), Ambiguous),
        (refused(503, "Service Unavailable"), Ambiguous),
        (httpx.Response(200, html="<html>"), Ambiguous),
        (httpx.Response(200, json={"success": False, "message": "no"}), Ambiguous),
    ],
    ids=repr,
)
async def test_a_write_is_never_repeated(answer: httpx.Response | Exception, kind: type[Exception]) -> None:
    """It is Unavailable if nothing was sent, and Ambiguous if the change may have happened."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind):
        await provider.accounts.delete(FakeAccess(), LOCATION, "account")
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize(
    ("headers", "metric", "seconds"),
    [
        ({}, "requests", 10),
        (RATES, "requests", 10),
        ({**RATES, "X-RateLimit-Interval-Milliseconds": "2500"}, "requests", 2.5),
        ({**RATES, "Retry-After": "7"}, "requests", 7),
        ({**RATES, "Retry-After": "0"}, "requests", 10),
        ({**RATES, "Retry-After": "soon"}, "requests", 10),
        ({**RATES, "Retry-After": "999999"}, "requests", 86_400),
        ({"X-RateLimit-Interval-Milliseconds": "-1"}, "requests", 10),
        ({"X-RateLimit-Daily-Remaining": "none"}, "requests", 10),
        (NO_DAY, "requests_per_day", 3_600),
        ({**NO_DAY, "Retry-After": "60"}, "requests_per_day", 60),
    ],
)
async def test_a_rate_limit_names_its_quota_and_delay(headers: dict[str, str], metric: str, seconds: float) -> None:
    """The delay is Retry-After or else the interval; the quota is the daily one if it is used up. There is no retry."""
    provider, vendor = highlevel(refused(429, "Too Many Requests", headers=headers))
    access = FakeAccess()

    with pytest.raises(RateLimited) as raised:
        await provider.accounts.social_accounts(access, LOCATION)
    assert [(metric, timedelta(seconds=seconds))] == access.limits
    assert (timedelta(seconds=seconds), metric) == (raised.value.retry_after, raised.value.metadata["quota"])
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize(
    ("headers", "reported"),
    [
        ({}, []),
        (RATES, [("requests", 100, 0, 10), DAY]),
        ({"X-RateLimit-Remaining": "7"}, [("requests", None, 7, 10)]),
        ({**RATES, "X-RateLimit-Interval-Milliseconds": "0"}, [("requests", 100, 0, 10), DAY]),
        ({**RATES, "X-RateLimit-Interval-Milliseconds": "60000"}, [("requests", 100, 0, 60), DAY]),
        ({"X-RateLimit-Max": "-1", "X-RateLimit-Remaining": "1e3"}, []),
        ({"X-RateLimit-Max": "+5", "X-RateLimit-Remaining": "9" * 40, "X-RateLimit-Limit-Daily": "0x10"}, []),
    ],
)
@pytest.mark.parametrize("status", [200, 404, 429, 500])
async def test_rate_limit_headers_are_reported(status: int, headers: dict[str, str], reported: list[Any]) -> None:
    """Limit, remaining calls and reset are reported for every answer; invalid numbers are ignored."""
    answer = ok(ACCOUNTS) if status == 200 else refused(status)
    answer.headers.update(headers)
    provider, _ = highlevel(answer)
    access = FakeAccess()

    with suppress(ProviderError):
        await provider.accounts.delete(access, LOCATION, "account")

    expected = [(metric, limit, left, timedelta(seconds=holds)) for metric, limit, left, holds in reported]
    assert expected == access.heard


async def test_without_an_answer_nothing_is_reported() -> None:
    """A timeout has no headers to report."""
    provider, _ = highlevel(httpx.ReadTimeout("late"))
    access = FakeAccess()

    with pytest.raises(Ambiguous):
        await provider.accounts.delete(access, LOCATION, "account")

    assert [] == access.heard


async def test_a_rate_limit_needs_no_body() -> None:
    """A 429 without a body is RateLimited: its body is not documented."""
    provider, _ = highlevel(httpx.Response(429, headers={"Retry-After": "3"}))
    access = FakeAccess()

    with pytest.raises(RateLimited):
        await provider.accounts.delete(access, LOCATION, "account")
    assert [("requests", timedelta(seconds=3))] == access.limits


async def test_the_token_endpoint_is_called_without_a_token() -> None:
    """It gets a form with the application's credentials, and no Authorization header."""
    answer = {"access_token": "a", "companyId": "c", "expires_in": 1}
    provider, vendor = highlevel(httpx.Response(200, json=answer))

    await provider.authorization.refresh(Secret("r"))

    assert ("application/x-www-form-urlencoded", "no-cache") == (
        vendor.last.headers["content-type"],
        vendor.last.headers["cache-control"],
    )
    assert "authorization" not in vendor.last.headers


async def test_bodies_are_utf8_json() -> None:
    """Non-ASCII characters are sent unescaped."""
    provider, vendor = highlevel(ok({"oAuthId": "o"}, 201))

    await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok", "a", Choice("id", name="Bäckerei 🥐"))

    sent: Any = vendor.sent()
    assert ("application/json", "Bäckerei 🥐") == (vendor.last.headers["content-type"], sent["name"])
    assert "Bäckerei 🥐".encode() in vendor.last.content
