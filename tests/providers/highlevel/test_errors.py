"""Every known error answer of HighLevel, on a read and on a write: its meaning and the details that are kept.

Owns the table, derived from the vendor's issues and from reports, not from the code.
"""

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    CreatorBlocked,
    GrantRevoked,
    Misconfigured,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
)
from providers.models.grants import AccessToken
from providers.simulators.highlevel.errors import BLOCKED_PAGE
from tests.providers.highlevel.support import LOCATION, FakeAccess, highlevel, refused

CLOSED = "This route is not yet supported by the IAM Service. Please update your IAM config."
FOREIGN = "The token does not have access to this location."
MONGO = "Argument passed in must be a single String of 12 bytes or a string of 24 hex characters"

TEXTS: list[tuple[int, str, str, type[ProviderError]]] = [
    (401, "Invalid JWT", "invalid_jwt", TokenRefused),
    (401, "Invalid token: access token is invalid", "token_invalid", TokenRefused),
    (401, "Some new trouble with a token", "", TokenRefused),
    (401, "Invalid Private Integration token", "private_token_invalid", TokenRefused),
    (401, "The token is not authorized for this scope.", "scope_not_granted", ScopeNotGranted),
    (401, CLOSED, "route_closed", Rejected),
    (403, CLOSED, "route_closed", Rejected),
    (403, FOREIGN, "wrong_location", Rejected),
    (401, "version header was not found.", "api_version", Misconfigured),
    (401, "version header is invalid", "api_version", Misconfigured),
    (400, "Endpoint GET /x is not available in API version v3", "api_version", Misconfigured),
    (400, "API endpoint has been removed", "endpoint_removed", Misconfigured),
    (400, "Location is not active", "location_not_active", CreatorBlocked),
    (400, MONGO, "not_an_id", ContentRefused),
    (422, "property X should not exist", "", ContentRefused),
    (404, "Account not found", "", NotFound),
    (429, "Too Many Requests", "", RateLimited),
    (400, "Never heard of", "", Rejected),
    (403, "Never heard of", "", Rejected),
    (415, "Unsupported Media Type", "", Rejected),
    # The status decides first: the same message with another status is unknown.
    (400, "Invalid JWT", "", Rejected),
    (404, "Location is not active", "", NotFound),
]
FAULTS: list[tuple[int, type[ProviderError], type[ProviderError]]] = [
    (408, Unavailable, Ambiguous),
    (500, Unavailable, Ambiguous),
    (503, Unavailable, Ambiguous),
    (302, ContractBroken, Ambiguous),
]
UNREADABLE: list[tuple[int, type[ProviderError], type[ProviderError]]] = [
    *FAULTS,
    (200, ContractBroken, Ambiguous),
    (204, ContractBroken, Ambiguous),
    (400, ContractBroken, ContractBroken),
    (403, ContractBroken, ContractBroken),
    (404, ContractBroken, ContractBroken),
    (401, TokenRefused, TokenRefused),
    (429, RateLimited, RateLimited),
]


async def failed(answer: httpx.Response, *, write: bool = False) -> ProviderError:
    """Make a call that gets this answer, and return its error."""
    provider, _ = highlevel(answer)
    accounts = provider.accounts
    call = (
        accounts.delete(FakeAccess(), LOCATION, "account")
        if write
        else accounts.social_accounts(FakeAccess(), LOCATION)
    )
    with pytest.raises(ProviderError) as raised:
        await call
    return raised.value


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(("status", "message", "code", "kind"), TEXTS)
async def test_every_known_error_is_classified(
    status: int, message: str, code: str, kind: type[ProviderError], write: bool
) -> None:
    """Status and message decide, alike for reads and writes; message, trace id and status are kept."""
    error = await failed(refused(status, message), write=write)
    # A word after "token:" looks like a token, and is redacted.
    kept = message.replace("token: access", "token: …")

    assert (kind, code, "highlevel") == (type(error), error.code, error.provider)
    assert ("trace-refused", status, kept) == (error.log_id, error.http_status, error.metadata["provider_message"])
    assert f"({code or f'HTTP {status}'}: {kept})" in str(error)


@pytest.mark.parametrize(("status", "read", "write"), FAULTS)
async def test_a_server_error_is_ambiguous_after_a_write(
    status: int, read: type[ProviderError], write: type[ProviderError]
) -> None:
    """A write may have happened; a read can be repeated."""
    answers = refused(status, "Internal Server Error"), refused(status, "Internal Server Error")

    assert (read, write) == (type(await failed(answers[0])), type(await failed(answers[1], write=True)))


@pytest.mark.parametrize(("status", "read", "write"), UNREADABLE)
async def test_answers_without_an_envelope(status: int, read: type[ProviderError], write: type[ProviderError]) -> None:
    """The HTTP status alone decides; Cloudflare's request id replaces the trace id."""
    errors = [
        await failed(httpx.Response(status, content=b"<html>", headers={"cf-ray": "edge"}), write=write)
        for write in (False, True)
    ]

    assert [read, write] == [type(error) for error in errors]
    assert ["edge", "edge"] == [error.log_id for error in errors]
    assert [status, status] == [error.http_status for error in errors]


@pytest.mark.parametrize("page", [BLOCKED_PAGE, "error code: 1010"])
async def test_a_blocked_user_agent_is_misconfigured(page: str) -> None:
    """The error names the setting to change."""
    error = await failed(httpx.Response(403, text=page))

    assert (Misconfigured, "user_agent_refused", {"setting": "user_agent"}) == (
        type(error),
        error.code,
        error.metadata,
    )


async def test_a_missing_scope_is_named() -> None:
    """It comes from the call, as HighLevel does not name it."""
    message = "The token is not authorized for this scope."
    errors = [await failed(refused(401, message)), await failed(refused(401, message), write=True)]

    assert ["socialplanner/account.readonly", "socialplanner/account.write"] == [
        error.metadata["scope"] for error in errors
    ]


async def test_all_messages_are_kept() -> None:
    """A list of messages becomes one line."""
    error = await failed(refused(422, ["property X should not exist", "userId should not be empty"]), write=True)

    assert (ContentRefused, "property X should not exist; userId should not be empty") == (
        type(error),
        error.metadata["provider_message"],
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, "RESOURCE_NOT_FOUND", NotFound), (400, "INVALID_ARGUMENT", ContentRefused)]
)
async def test_codes_of_v3_are_kept(status: int, code: str, kind: type[ProviderError]) -> None:
    """The code of v3's `error: {code, message}` is kept."""
    error = await failed(httpx.Response(status, json={"error": {"code": code, "message": "Said so."}}))

    assert (kind, code, "Said so.") == (type(error), error.code, error.metadata["provider_message"])


async def test_a_200_with_success_false_is_an_error() -> None:
    """It breaks the contract, and the error keeps the message."""
    error = await failed(httpx.Response(200, json={"success": False, "message": "Failed", "traceId": "t"}))

    assert (ContractBroken, "t", "Failed") == (type(error), error.log_id, error.metadata["provider_message"])


class RevokedAccess(FakeAccess):
    """An Access whose grant ends with the first refused token."""

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Raise GrantRevoked."""
        raise GrantRevoked("ended")


async def test_an_invalid_private_token_is_reported_to_the_access() -> None:
    """It cannot be renewed: the error is the one that Access raises, after one call."""
    provider, vendor = highlevel(refused(401, "Invalid Private Integration token"))

    with pytest.raises(GrantRevoked, match="ended"):
        await provider.accounts.social_accounts(RevokedAccess(), LOCATION)
    assert 1 == len(vendor.requests)
