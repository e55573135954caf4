"""HighLevel's calls over the wire: headers, counting, repetition, rate limits, lost answers.

Owns what is common to all calls. What refusals mean is in test_errors.py.
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
async def test_a_read_as_it_goes_out(version: str) -> None:
    """Bearer, Version, our own name, and nothing that belongs to a body."""
    provider, vendor = highlevel(ok(ACCOUNTS), api_version=version, user_agent="agency/1")

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert ("GET", f"{API}/social-media-posting/{LOCATION}/accounts") == (vendor.last.method, str(vendor.last.url))
    assert ("Bearer canary-token-1", version, "agency/1") == tuple(
        vendor.last.headers[name] for name in ("authorization", "version", "user-agent")
    )
    assert b"" == vendor.last.content
    assert "content-type" not in vendor.last.headers


async def test_our_own_name_is_sent_by_default() -> None:
    """A library's would be turned away."""
    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert vendor.last.headers["user-agent"].startswith("social-gateway")


async def test_every_call_counts_for_the_burst_and_for_the_day() -> None:
    """Both quotas are held around each call, a repeated one too; what finds no slot in the burst counts for no day."""
    provider, _ = highlevel(httpx.Response(503), ok(ACCOUNTS))
    access = FakeAccess()

    await provider.accounts.social_accounts(access, LOCATION)

    assert ["requests", "requests_per_day"] * 2 == access.slots
    assert [] == access.limits


async def test_an_id_cannot_lead_to_another_path() -> None:
    """Slashes are part of the id; dots alone, and nothing, are refused before any call."""
    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), "a/../b")
    with pytest.raises(ContentRefused) as raised:
        await provider.accounts.social_accounts(FakeAccess(), "..")

    assert b"/social-media-posting/a%2F..%2Fb/accounts" == vendor.last.url.raw_path
    assert ("not_an_id", 1) == (raised.value.code, len(vendor.requests))


async def test_a_token_that_no_header_takes_is_not_sent() -> None:
    """It is answered with a newer one, like any token that is refused."""

    class MalformedToken(FakeAccess):
        async def token(self) -> AccessToken:
            """Lend what no header can carry, first."""
            value = Secret("with space" if self.version == 1 else "good")
            return AccessToken(value, self.version, self.scopes, NOW)

    provider, vendor = highlevel(ok(ACCOUNTS))

    await provider.accounts.social_accounts(MalformedToken(), LOCATION)

    assert ["Bearer good"] == [request.headers["authorization"] for request in vendor.requests]


async def test_a_refused_token_is_renewed_once() -> None:
    """One newer token and one more call."""
    provider, vendor = highlevel(refused(401, "Invalid token: access token is invalid"), ok(ACCOUNTS))

    await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert ["Bearer canary-token-1", "Bearer canary-token-2"] == [
        request.headers["authorization"] for request in vendor.requests
    ]


async def test_a_second_refusal_is_the_end() -> None:
    """A fresh token that is refused too is said, and nothing more is tried."""
    provider, vendor = highlevel(refused(401, "Invalid JWT"))

    with pytest.raises(TokenRefused):
        await provider.accounts.social_accounts(FakeAccess(), LOCATION)
    assert 2 == len(vendor.requests)


@pytest.mark.parametrize("answer", [httpx.Response(502), httpx.ReadTimeout("late"), httpx.ConnectError("refused")])
async def test_a_read_is_repeated_once(answer: httpx.Response | Exception) -> None:
    """HighLevel may be away for a moment; not for two."""
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
    """What was never sent is temporary; whatever may have happened is in doubt."""
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
async def test_a_rate_limit_says_which_and_when(headers: dict[str, str], metric: str, seconds: float) -> None:
    """Retry-After if it comes, else the interval; the day's quota when nothing of it is left. It is not repeated."""
    provider, vendor = highlevel(refused(429, "Too Many Requests", headers=headers))
    access = FakeAccess()

    with pytest.raises(RateLimited) as raised:
        await provider.accounts.social_accounts(access, LOCATION)
    assert [(metric, timedelta(seconds=seconds))] == access.limits
    assert (timedelta(seconds=seconds), metric) == (raised.value.retry_after, raised.value.metadata["quota"])
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize(
    ("headers", "told"),
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
async def test_what_the_headers_say_is_told(status: int, headers: dict[str, str], told: list[Any]) -> None:
    """Whatever the answer is: limit, what is left, and how long that holds; what is no number is not told."""
    answer = ok(ACCOUNTS) if status == 200 else refused(status)
    answer.headers.update(headers)
    provider, _ = highlevel(answer)
    access = FakeAccess()

    with suppress(ProviderError):
        await provider.accounts.delete(access, LOCATION, "account")

    expected = [(metric, limit, left, timedelta(seconds=holds)) for metric, limit, left, holds in told]
    assert expected == access.heard


async def test_without_an_answer_nothing_is_told() -> None:
    """There are no headers to read."""
    provider, _ = highlevel(httpx.ReadTimeout("late"))
    access = FakeAccess()

    with pytest.raises(Ambiguous):
        await provider.accounts.delete(access, LOCATION, "account")

    assert [] == access.heard


async def test_a_rate_limit_without_a_body_is_one_too() -> None:
    """The body of a 429 is not documented."""
    provider, _ = highlevel(httpx.Response(429, headers={"Retry-After": "3"}))
    access = FakeAccess()

    with pytest.raises(RateLimited):
        await provider.accounts.delete(access, LOCATION, "account")
    assert [("requests", timedelta(seconds=3))] == access.limits


async def test_a_form_goes_out_without_a_token() -> None:
    """The token endpoint is called by the application, not by a grant."""
    answer = {"access_token": "a", "companyId": "c", "expires_in": 1}
    provider, vendor = highlevel(httpx.Response(200, json=answer))

    await provider.authorization.refresh(Secret("r"))

    assert ("application/x-www-form-urlencoded", "no-cache") == (
        vendor.last.headers["content-type"],
        vendor.last.headers["cache-control"],
    )
    assert "authorization" not in vendor.last.headers


async def test_bodies_are_utf8_json() -> None:
    """Names keep their letters."""
    provider, vendor = highlevel(ok({"oAuthId": "o"}, 201))

    await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok", "a", Choice("id", name="Bäckerei 🥐"))

    sent: Any = vendor.sent()
    assert ("application/json", "Bäckerei 🥐") == (vendor.last.headers["content-type"], sent["name"])
    assert "Bäckerei 🥐".encode() in vendor.last.content
