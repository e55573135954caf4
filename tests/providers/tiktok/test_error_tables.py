"""Every code of TikTok's tables, for each call: the error it becomes here, and the reason that a caller sees.

Owns the tables, typed from the vendor's pages and not from the code. A fake TikTok answers each row to the real
provider. That no code of the vendor's reference is missing is checked only if it is kept beside the checkout.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from gateway import status
from gateway.domain.publishing import retry_policy
from providers.errors import (
    Ambiguous,
    ContentRefused,
    CreatorBlocked,
    DailyCapReached,
    GrantRevoked,
    Misconfigured,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
    UploadGone,
)
from providers.models.accounts import ProfilePart
from providers.models.publishing import FailureKind, PostMode, PublishPhase
from providers.models.secret import Secret
from providers.tiktok import TikTok
from tests.fixtures import reference
from tests.providers.tiktok.support import VERIFIER, FakeAccess, ok, publish_request, refused, tiktok
from tests.providers.tiktok.test_photos_and_pulls import photos, pull
from tests.providers.tiktok.test_upload import send

ROOT = Path(__file__).parents[3]

C = grpc.StatusCode
Case = tuple[str, int, str, type[ProviderError], str]
"""The call, TikTok's HTTP status and code, the error it becomes here, the reason over gRPC."""

CALLS: dict[str, Callable[[TikTok], Awaitable[Any]]] = {
    "oauth/token, code": lambda it: it.authorization.exchange("the-code", verifier=VERIFIER, redirect_uri="https://x/"),
    "oauth/token, refresh": lambda it: it.authorization.refresh(Secret("rft.token")),
    "user/info": lambda it: it.accounts.profile(FakeAccess(), {ProfilePart.BASIC}),
    "video/list": lambda it: it.videos.list_videos(FakeAccess()),
    "video/query": lambda it: it.videos.query_videos(FakeAccess(), ["1"]),
    "creator_info": lambda it: it.accounts.creator_info(FakeAccess()),
    "video/init": lambda it: it.publishing.begin(FakeAccess(), publish_request()),
    "video/init, pull": lambda it: it.publishing.begin(FakeAccess(), pull()),
    "inbox/video/init": lambda it: it.publishing.begin(FakeAccess(), publish_request(PostMode.CREATOR_INBOX)),
    "content/init": lambda it: it.publishing.begin(FakeAccess(), photos()),
    "content/init, draft": lambda it: it.publishing.begin(FakeAccess(), photos(PostMode.CREATOR_INBOX)),
    "cancel": lambda it: it.publishing.cancel(FakeAccess(), "p"),
    "status/fetch": lambda it: it.publishing.status(FakeAccess(), "p"),
}
READS = ("user/info", "video/list", "video/query", "creator_info", "status/fetch")
WRITES = ("video/init", "video/init, pull", "inbox/video/init", "content/init", "content/init, draft", "cancel")

# "Manage User Access Tokens": the statuses are not documented, HTTP 200 was recorded.
OAUTH: list[tuple[str, type[ProviderError], str]] = [
    ("access_denied", GrantRevoked, "REAUTHORIZATION_REQUIRED"),
    ("invalid_grant", GrantRevoked, "REAUTHORIZATION_REQUIRED"),
    ("invalid_client", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("invalid_request", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("invalid_scope", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("unauthorized_client", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("unsupported_grant_type", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("unsupported_response_type", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("server_error", Unavailable, "PROVIDER_UNAVAILABLE"),
    ("temporarily_unavailable", Unavailable, "PROVIDER_UNAVAILABLE"),
]

# "Error Handling": every call may return these.
COMMON: list[tuple[int, str, type[ProviderError], str]] = [
    (401, "access_token_invalid", TokenRefused, "REAUTHORIZATION_REQUIRED"),
    (401, "scope_not_authorized", ScopeNotGranted, "SCOPE_NOT_GRANTED"),
    (400, "scope_permission_missed", ScopeNotGranted, "SCOPE_NOT_GRANTED"),
    (400, "invalid_params", ContentRefused, "CONTENT_REJECTED"),
    (400, "invalid_param", ContentRefused, "CONTENT_REJECTED"),
    (400, "invalid_file_upload", ContentRefused, "CONTENT_REJECTED"),
    (429, "rate_limit_exceeded", RateLimited, "PROVIDER_RATE_LIMITED"),
]

SPECIAL: list[Case] = [
    # "Query Creator Info", "Direct Post", "Upload Video", "Photo Post"
    *(
        (call, 403, code, kind, reason)
        for call in ("video/init", "video/init, pull", "content/init")
        for code, kind, reason in (
            ("spam_risk_too_many_posts", DailyCapReached, "PROVIDER_DAILY_CAP"),
            ("spam_risk_user_banned_from_posting", CreatorBlocked, "CREATOR_RULE_BROKEN"),
            ("reached_active_user_cap", DailyCapReached, "PROVIDER_DAILY_CAP"),
            ("unaudited_client_can_only_post_to_private_accounts", CreatorBlocked, "CREATOR_RULE_BROKEN"),
            ("url_ownership_unverified", Misconfigured, "PROVIDER_MISCONFIGURED"),
            ("privacy_level_option_mismatch", ContentRefused, "CONTENT_REJECTED"),
        )
    ),
    ("inbox/video/init", 403, "spam_risk_too_many_pending_share", DailyCapReached, "PROVIDER_DAILY_CAP"),
    ("inbox/video/init", 403, "spam_risk_user_banned_from_posting", CreatorBlocked, "CREATOR_RULE_BROKEN"),
    ("inbox/video/init", 403, "url_ownership_unverified", Misconfigured, "PROVIDER_MISCONFIGURED"),
    ("content/init, draft", 400, "app_version_check_failed", CreatorBlocked, "CREATOR_RULE_BROKEN"),
    ("content/init, draft", 403, "spam_risk_too_many_pending_share", DailyCapReached, "PROVIDER_DAILY_CAP"),
    # "Get Post Status", "Cancel"
    ("status/fetch", 400, "invalid_publish_id", NotFound, "RESOURCE_NOT_FOUND"),
    ("status/fetch", 400, "token_not_authorized_for_specified_publish_id", NotFound, "RESOURCE_NOT_FOUND"),
    ("cancel", 400, "invalid_publish_id", NotFound, "RESOURCE_NOT_FOUND"),
    ("cancel", 400, "token_not_authorized_for_specified_publish_id", NotFound, "RESOURCE_NOT_FOUND"),
    ("cancel", 400, "publish_not_cancellable", Rejected, "CONTENT_REJECTED"),
    ("cancel", 403, "url_ownership_unverified", Misconfigured, "PROVIDER_MISCONFIGURED"),
]

# The meaning of a server error depends on whether something may have happened.
FAULTS: list[Case] = [
    *((call, 500, "internal_error", Unavailable, "PROVIDER_UNAVAILABLE") for call in READS),
    *((call, 500, "internal_error", Ambiguous, "OUTCOME_UNKNOWN") for call in WRITES),
]

# "Query Creator Info" deliberately returns these with HTTP 200: a result, not an error.
BLOCKS: list[tuple[int, str, str]] = [
    (200, "spam_risk_too_many_posts", "posts_per_day"),
    (200, "spam_risk_user_banned_from_posting", ""),
    (200, "reached_active_user_cap", "active_creators"),
]

# "Get Post Status": the failure kind, and the reason that a post keeps.
FAIL_REASONS: list[tuple[str, FailureKind, str]] = [
    ("file_format_check_failed", FailureKind.MEDIA, "MEDIA_INVALID"),
    ("duration_check_failed", FailureKind.MEDIA, "MEDIA_INVALID"),
    ("frame_rate_check_failed", FailureKind.MEDIA, "MEDIA_INVALID"),
    ("picture_size_check_failed", FailureKind.MEDIA, "MEDIA_INVALID"),
    ("internal", FailureKind.RETRYABLE, "PROVIDER_UNAVAILABLE"),
    ("video_pull_failed", FailureKind.NOT_FETCHED, "PROVIDER_UNAVAILABLE"),
    ("photo_pull_failed", FailureKind.NOT_FETCHED, "PROVIDER_UNAVAILABLE"),
    ("publish_cancelled", FailureKind.CANCELLED, "STATE_FORBIDS"),
    ("auth_removed", FailureKind.GRANT, "REAUTHORIZATION_REQUIRED"),
    ("spam_risk_too_many_posts", FailureKind.CAP, "PROVIDER_DAILY_CAP"),
    ("spam_risk_user_banned_from_posting", FailureKind.CREATOR, "CREATOR_RULE_BROKEN"),
    ("spam_risk_text", FailureKind.CONTENT, "CONTENT_REJECTED"),
    ("spam_risk", FailureKind.CREATOR, "CREATOR_RULE_BROKEN"),
]

# "Media Transfer Guide": the PUT has no codes, only HTTP statuses.
PUTS: list[tuple[int, type[ProviderError], str]] = [
    (400, Rejected, "CONTENT_REJECTED"),
    (403, UploadGone, "UPLOAD_EXPIRED"),
    (404, UploadGone, "UPLOAD_EXPIRED"),
    (405, UploadGone, "UPLOAD_EXPIRED"),
    (500, Ambiguous, "OUTCOME_UNKNOWN"),
    (502, Ambiguous, "OUTCOME_UNKNOWN"),
]

CODES_OF_GRPC = {
    "REAUTHORIZATION_REQUIRED": C.FAILED_PRECONDITION,
    "SCOPE_NOT_GRANTED": C.FAILED_PRECONDITION,
    "CONTENT_REJECTED": C.FAILED_PRECONDITION,
    "CREATOR_RULE_BROKEN": C.FAILED_PRECONDITION,
    "MEDIA_INVALID": C.FAILED_PRECONDITION,
    "STATE_FORBIDS": C.FAILED_PRECONDITION,
    "PROVIDER_MISCONFIGURED": C.FAILED_PRECONDITION,
    "UPLOAD_EXPIRED": C.FAILED_PRECONDITION,
    "PROVIDER_RATE_LIMITED": C.RESOURCE_EXHAUSTED,
    "PROVIDER_DAILY_CAP": C.RESOURCE_EXHAUSTED,
    "RESOURCE_NOT_FOUND": C.NOT_FOUND,
    "PROVIDER_UNAVAILABLE": C.UNAVAILABLE,
    "OUTCOME_UNKNOWN": C.ABORTED,
}


def check(error: ProviderError, kind: type[ProviderError], code: str, reason: str) -> None:
    """Check the error and what a caller sees of it: the reason, its status code, the vendor's own code."""
    assert kind is type(error)
    assert code == error.code
    facts = status.error_facts(error)
    assert (reason, code) == (facts.reason, facts.metadata["providerCode"])
    assert CODES_OF_GRPC[reason] is status.REASONS[facts.reason].code


@pytest.mark.parametrize("call", ["oauth/token, code", "oauth/token, refresh"])
@pytest.mark.parametrize("http", [200, 400, 401])
@pytest.mark.parametrize(("code", "kind", "reason"), OAUTH)
async def test_oauth_codes(call: str, http: int, code: str, kind: type[ProviderError], reason: str) -> None:
    """Each code of the token endpoint means the same, whatever its HTTP status."""
    answer = {"error": code, "error_description": "Said so.", "log_id": "2026"}
    provider, _ = tiktok(httpx.Response(http, json=answer))
    with pytest.raises(ProviderError) as raised:
        await CALLS[call](provider)
    check(raised.value, kind, code, reason)


@pytest.mark.parametrize("call", READS + WRITES)
@pytest.mark.parametrize(("http", "code", "kind", "reason"), COMMON)
async def test_common_codes(call: str, http: int, code: str, kind: type[ProviderError], reason: str) -> None:
    """The codes that every call may return mean the same everywhere."""
    provider, _ = tiktok(refused(http, code))
    with pytest.raises(ProviderError) as raised:
        await CALLS[call](provider)
    check(raised.value, kind, code, reason)


@pytest.mark.parametrize(("call", "http", "code", "kind", "reason"), SPECIAL + FAULTS)
async def test_codes_of_a_call(call: str, http: int, code: str, kind: type[ProviderError], reason: str) -> None:
    """A call's own codes are translated; a server error is ambiguous only if something may have happened."""
    provider, _ = tiktok(refused(http, code))
    with pytest.raises(ProviderError) as raised:
        await CALLS[call](provider)
    check(raised.value, kind, code, reason)


@pytest.mark.parametrize(("http", "code", "cap"), BLOCKS)
async def test_creators_that_are_blocked(http: int, code: str, cap: str) -> None:
    """A creator who cannot post now is a result with the reason and the cap."""
    provider, _ = tiktok(refused(http, code))
    found = await provider.accounts.creator_info(FakeAccess())
    assert (False, code, cap, bool(cap)) == (found.can_post, found.cannot_post_reason, found.cap, found.daily_cap)


@pytest.mark.parametrize(("code", "kind", "reason"), FAIL_REASONS)
async def test_fail_reasons(code: str, kind: FailureKind, reason: str) -> None:
    """A failed post is a result; its reason decides the failure kind and what its caller sees."""
    provider, _ = tiktok(ok({"status": "FAILED", "fail_reason": code}))
    found = await provider.publishing.status(FakeAccess(), "p")
    assert (PublishPhase.FAILED, code, kind) == (found.phase, found.fail_code, found.fail_kind)
    assert reason == retry_policy.FAIL_REASONS[kind]
    assert CODES_OF_GRPC[reason] is status.REASONS[reason].code


@pytest.mark.parametrize(("http", "kind", "reason"), PUTS)
async def test_answers_to_bytes(http: int, kind: type[ProviderError], reason: str) -> None:
    """Each HTTP status for a chunk that TikTok does not store is translated."""
    provider, _ = tiktok(httpx.Response(http))
    with pytest.raises(ProviderError) as raised:
        await send(provider, 0, 100, size=100)
    check(raised.value, kind, f"http_{http}", reason)


def typed() -> set[str]:
    """Return every code in the tables of this file."""
    return {
        *(code for code, _, _ in OAUTH),
        *(code for _, code, _, _ in COMMON),
        *(code for _, _, code, _, _ in SPECIAL + FAULTS),
        *(code for _, code, _ in BLOCKS),
        *(code for code, _, _ in FAIL_REASONS),
    }


SECTIONS = ("1.6", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "4")
# Words of those sections that look like a code and are none.
FIELDS = {
    *("chunk_size", "comment_disabled", "creator_avatar_url", "creator_nickname", "creator_username", "data"),
    *("downloaded_bytes", "duet_disabled", "error", "fail_reason", "is_aigc", "max_video_post_duration_sec", "message"),
    *("ok", "post_info", "privacy_level_options", "publicaly_available_post_id", "publish_id", "source", "source_info"),
    *("stitch_disabled", "total_chunk_count", "upload_url", "uploaded_bytes", "video_size", "video_url"),
}


def documented(text: str) -> set[str]:
    """Return every word in backticks in the reference's sections about errors, except the known fields."""
    found: set[str] = set()
    for number in SECTIONS:
        section = re.search(rf"^##+ {re.escape(number)}\.? .*?(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
        assert section is not None, f"the reference has no section {number}"
        found |= set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", section[0]))
    return found - FIELDS


def test_no_code_of_the_reference_is_missing() -> None:
    """The tables above have exactly the codes of the vendor's reference."""
    found = documented(reference.text("tiktok-v2.md"))
    assert sorted(typed()) == sorted(found)
