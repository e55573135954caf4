"""Every code of TikTok's tables, on a read and on a write: the error it becomes and what is kept of it.

Owns the table, written down from the documentation and not from the code.
"""

from datetime import timedelta

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    CreatorBlocked,
    DailyCapReached,
    Misconfigured,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
)
from tests.providers.tiktok.support import FakeAccess, ok, publish_request, refused, tiktok

READS: list[tuple[int, str, type[ProviderError]]] = [
    (401, "access_token_invalid", TokenRefused),
    (200, "access_token_invalid", TokenRefused),
    (401, "scope_not_authorized", ScopeNotGranted),
    (400, "scope_permission_missed", ScopeNotGranted),
    (400, "invalid_params", ContentRefused),
    (400, "invalid_param", ContentRefused),
    (400, "invalid_file_upload", ContentRefused),
    (429, "rate_limit_exceeded", RateLimited),
    (500, "internal_error", Unavailable),
    (400, "invalid_publish_id", NotFound),
    (400, "token_not_authorized_for_specified_publish_id", NotFound),
    (400, "publish_not_cancellable", Rejected),
    (401, "some_new_token_trouble", TokenRefused),
    (401, "scope_of_a_new_kind", ScopeNotGranted),
    (429, "slow_down", RateLimited),
    (503, "overloaded", Unavailable),
    (400, "never_heard_of", ContractBroken),
    (200, "never_heard_of", ContractBroken),
]
WRITES: list[tuple[int, str, type[ProviderError]]] = [
    (400, "invalid_param", ContentRefused),
    (400, "invalid_params", ContentRefused),
    (400, "app_version_check_failed", CreatorBlocked),
    (403, "spam_risk_too_many_posts", DailyCapReached),
    (403, "spam_risk_too_many_pending_share", DailyCapReached),
    (403, "reached_active_user_cap", DailyCapReached),
    (403, "spam_risk_user_banned_from_posting", CreatorBlocked),
    (403, "unaudited_client_can_only_post_to_private_accounts", CreatorBlocked),
    (403, "url_ownership_unverified", Misconfigured),
    (403, "privacy_level_option_mismatch", ContentRefused),
    (401, "access_token_invalid", TokenRefused),
    (401, "scope_not_authorized", ScopeNotGranted),
    (429, "rate_limit_exceeded", RateLimited),
    (500, "internal_error", Ambiguous),
    (200, "internal_error", Ambiguous),
    (403, "spam_risk_of_a_new_kind", CreatorBlocked),
    (403, "never_heard_of", Rejected),
    (503, "never_heard_of", Ambiguous),
]
UNREADABLE = [
    (401, TokenRefused),
    (404, ContractBroken),
    (403, ContractBroken),
    (429, RateLimited),
    (408, Unavailable),
    (500, Unavailable),
    (502, Unavailable),
    (200, ContractBroken),
    (204, ContractBroken),
    (302, ContractBroken),
]


@pytest.mark.parametrize(("status", "code", "error"), READS)
async def test_codes_of_reads(status: int, code: str, error: type[ProviderError]) -> None:
    """Each code becomes the table's error; code, message, log id and HTTP status are kept."""
    provider, _ = tiktok(refused(status, code, "Said by TikTok."))

    with pytest.raises(error) as raised:
        await provider.publishing.status(FakeAccess(), "p")

    assert error is type(raised.value)
    assert ("tiktok", code, "2026refused", status) == (
        raised.value.provider,
        raised.value.code,
        raised.value.log_id,
        raised.value.http_status,
    )
    assert {"provider_message": "Said by TikTok."} == raised.value.metadata
    assert f"({code}: Said by TikTok.)" in str(raised.value)


@pytest.mark.parametrize(("status", "code", "error"), WRITES)
async def test_codes_of_an_init(status: int, code: str, error: type[ProviderError]) -> None:
    """After a refusal of an init nothing happened; after a server error it may have."""
    provider, _ = tiktok(refused(status, code))

    with pytest.raises(error) as raised:
        await provider.publishing.begin(FakeAccess(), publish_request())
    assert (error, code) == (type(raised.value), raised.value.code)


@pytest.mark.parametrize(("status", "error"), UNREADABLE)
async def test_answers_without_an_envelope(status: int, error: type[ProviderError]) -> None:
    """Without an envelope the HTTP status decides, and the log id comes from the header."""
    provider, _ = tiktok(httpx.Response(status, content=b"<html>", headers={"x-tt-logid": "edge"}))

    with pytest.raises(error) as raised:
        await provider.publishing.status(FakeAccess(), "p")
    assert (error, "edge", status) == (type(raised.value), raised.value.log_id, raised.value.http_status)


async def test_ok_with_a_failing_status_is_no_success() -> None:
    """A 500 whose envelope has the code ok is still an error."""
    answer = ok({"status": "PUBLISH_COMPLETE"})
    provider, _ = tiktok(httpx.Response(500, content=answer.content))

    with pytest.raises(Unavailable):
        await provider.publishing.status(FakeAccess(), "p")


async def test_logid_is_read_where_the_tables_promise_it() -> None:
    """The log id is also read from `logid`, the spelling of the reference tables."""
    body = {"error": {"code": "invalid_params", "message": "m", "logid": "spelled so"}}
    provider, _ = tiktok(httpx.Response(400, json=body))

    with pytest.raises(ContentRefused) as raised:
        await provider.publishing.status(FakeAccess(), "p")
    assert "spelled so" == raised.value.log_id


@pytest.mark.parametrize(
    ("header", "seconds"), [("", 60), ("7", 7), ("0", 0), ("soon", 60), ("-5", 60), ("9" * 30, 60), ("999999", 86400)]
)
async def test_a_rate_limit_says_when_to_come_back(header: str, seconds: int) -> None:
    """The retry delay is TikTok's own if it sends one, else one whole window."""
    answer = refused(429, "rate_limit_exceeded")
    provider, _ = tiktok(httpx.Response(429, content=answer.content, headers={"retry-after": header}))

    with pytest.raises(RateLimited) as raised:
        await provider.publishing.status(FakeAccess(), "p")
    assert timedelta(seconds=seconds) == raised.value.retry_after


async def test_unstorable_characters_are_replaced() -> None:
    """NUL and lone surrogates, legal in JSON but not storable, are replaced."""
    body = b'{"data":{"status":"FAILED","fail_reason":"a\\u0000b\\ud800c"},"error":{"code":"ok","log_id":"l\\u0000"}}'
    provider, _ = tiktok(httpx.Response(200, content=body))

    found = await provider.publishing.status(FakeAccess(), "p")

    assert ("a\ufffdb\ufffdc", "l\ufffd") == (found.fail_code, found.log_id)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
async def test_numbers_that_cannot_be_kept_break_the_contract(number: str) -> None:
    """An answer with Infinity is refused, because it cannot be stored as JSON."""
    body = '{"data":{"status":"FAILED","x":' + number + '},"error":{"code":"ok"}}'
    provider, _ = tiktok(httpx.Response(200, content=body.encode()))

    with pytest.raises(ContractBroken):
        await provider.publishing.status(FakeAccess(), "p")
