"""TikTok's error codes as our errors: one table for refusals, one for OAuth.

Owns the meaning of codes. Knows neither calls nor parsing. Codes as on developers.tiktok.com, read 2026-11-20: "Error
Handling", "Direct Post", "Upload Video", "Query Creator Info", "Get Post Status", "Manage User Access Tokens".
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
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
)
from providers.http.exchange import Answer
from providers.http.refusals import Refusals, of_redirect
from providers.http.retry_after import requested_wait
from providers.models.secret import Secret
from providers.tiktok.wire import Envelope
from providers.tiktok_common.publish_status import CAPS

PROVIDER = "tiktok"
# "Rate Limits" page: sliding windows of one minute; Retry-After is not documented.
RATE_WINDOW = timedelta(seconds=60)

CODES: Mapping[str, type[ProviderError]] = {
    # §"Error Handling"
    "access_token_invalid": TokenRefused,
    "scope_not_authorized": ScopeNotGranted,
    "scope_permission_missed": ScopeNotGranted,
    "invalid_params": ContentRefused,
    "invalid_param": ContentRefused,
    "invalid_file_upload": ContentRefused,
    "rate_limit_exceeded": RateLimited,
    "internal_error": Unavailable,
    # creator info and init
    "spam_risk_too_many_posts": DailyCapReached,
    "spam_risk_too_many_pending_share": DailyCapReached,
    "spam_risk_user_banned_from_posting": CreatorBlocked,
    "spam_risk": CreatorBlocked,
    "reached_active_user_cap": DailyCapReached,
    # Until TikTok has audited the application, only private accounts may post: nothing of this creator's is accepted.
    "unaudited_client_can_only_post_to_private_accounts": CreatorBlocked,
    "app_version_check_failed": CreatorBlocked,
    "url_ownership_unverified": Misconfigured,
    "privacy_level_option_mismatch": ContentRefused,
    # status and cancel
    "invalid_publish_id": NotFound,
    "token_not_authorized_for_specified_publish_id": NotFound,
    "publish_not_cancellable": Rejected,
}

OAUTH_CODES: Mapping[str, type[ProviderError]] = {
    "access_denied": GrantRevoked,
    "invalid_grant": GrantRevoked,
    "invalid_client": Misconfigured,
    "invalid_request": Misconfigured,
    "invalid_scope": Misconfigured,
    "unauthorized_client": Misconfigured,
    "unsupported_grant_type": Misconfigured,
    "unsupported_response_type": Misconfigured,
    "server_error": Unavailable,
    "temporarily_unavailable": Unavailable,
}

# What is wrong with the application whoever asks: it says nothing of a grant.
APPLICATION_CODES = ("invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type")


def _retry_after(answer: Answer) -> timedelta:
    """Return TikTok's Retry-After if it sends one, else a whole rate window."""
    found = requested_wait(answer.headers)
    return RATE_WINDOW if found is None else found


_REFUSALS = Refusals(provider=PROVIDER, vendor="TikTok", log_header="x-tt-logid", retry_after=_retry_after)
make, unreadable, header_log_id = _REFUSALS.make, _REFUSALS.unreadable, _REFUSALS.header_log_id


def refusal(answer: Answer, envelope: Envelope, *, write: bool, secrets: Iterable[Secret] = ()) -> ProviderError:
    """Make the error of an answer whose envelope carries a code other than ok."""
    kind = CODES.get(envelope.code) or _unknown(envelope.code, answer.status, write)
    if kind is Unavailable and write:
        kind = Ambiguous
    error = make(kind, answer, envelope.code, envelope.message, log_id=envelope.log_id, secrets=secrets)
    if envelope.code in CAPS:
        error.metadata["quota"] = CAPS[envelope.code]
    return error


def oauth_refusal(answer: Answer, code: str, message: str, log_id: str, secrets: Iterable[Secret]) -> ProviderError:
    """Make the error of a token call; an unknown code is ContractBroken, so that it does not end a grant."""
    kind = OAUTH_CODES.get(code) or CODES.get(code) or ContractBroken
    error = make(kind, answer, code, message, log_id=log_id, secrets=secrets)
    # TikTok answers some refusals with status 200.
    refused = answer.status < 500 and issubclass(kind, Rejected | ContractBroken) and kind is not GrantRevoked
    error.refuses_grant = refused and code not in APPLICATION_CODES
    return error


def redirect_error(code: str, message: str) -> ProviderError:
    """Return what a code in the consent page's redirect means, as at the token endpoint."""
    return of_redirect(PROVIDER, {**CODES, **OAUTH_CODES}, code, message)


def _unknown(code: str, status: int, write: bool) -> type[ProviderError]:
    """Classify an undocumented code by its prefix, then by the HTTP status.

    Any other code is ContractBroken for a read and Rejected for a write: nothing happened, and a retry is pointless.
    """
    if code.startswith("spam_risk"):
        return CreatorBlocked
    if code.startswith("scope_"):
        return ScopeNotGranted
    by_status: dict[int, type[ProviderError]] = {401: TokenRefused, 429: RateLimited, 408: Unavailable}
    return Unavailable if status >= 500 else by_status.get(status, Rejected if write else ContractBroken)


def contract(message: str, envelope: Envelope) -> ContractBroken:
    """Make the error of a read whose envelope is valid but whose content is not."""
    return ContractBroken(message, provider=PROVIDER, code="contract", log_id=envelope.log_id)
