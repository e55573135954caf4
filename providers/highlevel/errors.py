"""HighLevel's error answers as ProviderErrors: one table of messages, one of statuses, one for OAuth.

Owns the meaning of error answers. Knows neither calls nor parsing. HighLevel publishes no catalogue of its messages
(requested in issue 249 of GoHighLevel/highlevel-api-docs, open on 2026-11-20): those below were reported by live users
in the issues 178, 213, 226, 249, 304 and 333 and in public repositories, read 2026-11-20. Unknown ones are passed on.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
    Temporary,
    TokenRefused,
    Unavailable,
)
from providers.highlevel import limits
from providers.highlevel.config import PROVIDER
from providers.highlevel.wire import Envelope
from providers.http.exchange import Answer, broken
from providers.http.refusals import Refusals, of_redirect
from providers.models.secret import Secret


class Text(NamedTuple):
    """A known message: its statuses, a part of it in lower case, our code for it, and the error it means."""

    statuses: tuple[int, ...]
    part: str
    code: str
    kind: type[ProviderError]


TEXTS = (
    # 401 has many meanings: only an expired, revoked or malformed token is worth a retry with a newer one.
    Text((401,), "invalid private integration token", "private_token_invalid", TokenRefused),
    Text((401,), "not authorized for this scope", "scope_not_granted", ScopeNotGranted),
    Text((401,), "version header", "api_version", Misconfigured),
    Text((401,), "invalid jwt", "invalid_jwt", TokenRefused),
    Text((401,), "access token is invalid", "token_invalid", TokenRefused),
    # A path, a method, or a kind of token (agency, location, private) for which the call is not available.
    Text((401, 403), "not yet supported by the iam service", "route_closed", Rejected),
    # An agency's token, or another location's.
    Text((401, 403), "does not have access to this location", "wrong_location", Rejected),
    Text((400,), "not available in api version", "api_version", Misconfigured),
    Text((400,), "api endpoint has been removed", "endpoint_removed", Misconfigured),
    # The agency suspended the location; the grant remains valid and works again once the location is active.
    Text((400,), "location is not active", "location_not_active", CreatorBlocked),
    Text((400,), "a string of 24 hex characters", "not_an_id", ContentRefused),
    # HighLevel's clock is ahead of ours, or the call took long: a retry sends a later time, or none.
    Text((400, 422), "scheduledate must be after", "schedule_passed", Temporary),
)
# Given before a call reaches what it is for: for the token, the path, the rate, or the whole location.
AT_THE_DOOR = (TokenRefused, ScopeNotGranted, RateLimited, Misconfigured)
DOOR_CODES = ("route_closed", "wrong_location", "location_not_active")
STATUSES: Mapping[int, type[ProviderError]] = {
    401: TokenRefused,
    404: NotFound,
    408: Unavailable,
    413: ContentRefused,
    422: ContentRefused,
    429: RateLimited,
}
# RFC 6749, 5.2; HighLevel documents no further codes for the token endpoint.
OAUTH_CODES: Mapping[str, type[ProviderError]] = {
    "invalid_grant": GrantRevoked,
    "invalid_client": Misconfigured,
    "invalid_request": Misconfigured,
    "invalid_scope": Misconfigured,
    "unauthorized_client": Misconfigured,
    "unsupported_grant_type": Misconfigured,
}
# What is wrong with the application whoever asks: it says nothing of a grant.
APPLICATION_CODES = ("invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type")
# HighLevel refuses dead refresh tokens in words too (reports of live users, issues 213 and 249, read 2026-11-20).
GRANT_STATUSES = (400, 401, 403, 422)
# RFC 6749, 4.1.2.1: further codes of a consent page. HighLevel documents no redirect with an error (read 2026-11-20).
REDIRECT_CODES: Mapping[str, type[ProviderError]] = {
    **OAUTH_CODES,
    "access_denied": GrantRevoked,
    "unsupported_response_type": Misconfigured,
    "server_error": Unavailable,
    "temporarily_unavailable": Unavailable,
}
OAUTH_TEXTS = (
    Text((400, 401), "redirect_uri", "redirect_uri", Misconfigured),
    Text((400, 401), "client credentials", "invalid_client", Misconfigured),
    Text((400, 401), "invalid grant", "invalid_grant", GrantRevoked),
)
OAUTH_STATUSES: Mapping[int, type[ProviderError]] = {
    **dict.fromkeys((401, 403, 404, 415, 422), Misconfigured),
    429: RateLimited,
}
# Operations of v3 that follow AIP-193 return a code; so far only the list of installed locations does.
_INVALID = "INVALID_ARGUMENT"
# Cloudflare stands in front of HighLevel: its id is the log id of an answer without a trace id.
_REFUSALS = Refusals(PROVIDER, "HighLevel", log_header="cf-ray", retry_after=limits.wait, quota=limits.used_up)
make = _REFUSALS.make


def refusal(
    answer: Answer, said: Envelope, *, write: bool, creates: bool = False, secrets: Iterable[Secret] = ()
) -> ProviderError:
    """Return the error for an answer whose envelope reports a failure.

    A call that `creates` something that the public sees may have done so although the answer is a 4xx: HighLevel was
    seen to answer 422 and to keep and publish the post (report of a live user, read 2026-11-25).
    """
    known = _known(TEXTS, answer.status, said.message)
    kind = known.kind if known else ContentRefused if said.code == _INVALID else STATUSES.get(answer.status, Rejected)
    if answer.status >= 500 or kind is Unavailable:
        kind = Ambiguous if write else Unavailable
    elif answer.status < 400:
        kind = Ambiguous if write else ContractBroken
    error = make(kind, answer, known.code if known else said.code, said.message, log_id=said.log_id, secrets=secrets)
    error.unproven = creates and not _proves_nothing(error)
    return error


def _proves_nothing(error: ProviderError) -> bool:
    """Return whether an error proves that the call did not reach what it is for, or already says that it may have."""
    return isinstance(error, (*AT_THE_DOOR, Ambiguous)) or error.code in DOOR_CODES


def oauth_refusal(answer: Answer, said: Envelope, secrets: Iterable[Secret] = ()) -> ProviderError:
    """Return the error for a token call; an unknown refusal is ContractBroken, so that it does not revoke a grant.

    A server error is Ambiguous: the refresh token may have been exchanged before it.
    """
    if answer.status >= 500 or answer.status in (408, *range(200, 400)):
        return make(Ambiguous, answer, said.code, said.message, log_id=said.log_id, secrets=secrets)
    known = _known((*TEXTS, *OAUTH_TEXTS), answer.status, said.message)
    if known is not None and known.kind is not TokenRefused:
        return make(known.kind, answer, known.code, said.message, log_id=said.log_id, secrets=secrets)
    kind = OAUTH_CODES.get(said.code) or OAUTH_STATUSES.get(answer.status, ContractBroken)
    error = make(kind, answer, said.code, said.message, log_id=said.log_id, secrets=secrets)
    in_doubt = answer.status in GRANT_STATUSES and kind is not GrantRevoked
    error.refuses_grant = in_doubt and said.code not in APPLICATION_CODES
    return error


def redirect_error(code: str, message: str) -> ProviderError:
    """Return what a code in the consent page's redirect means, as at the token endpoint."""
    return of_redirect(PROVIDER, REDIRECT_CODES, code, message)


def unreadable(answer: Answer, *, write: bool, secrets: Iterable[Secret] = ()) -> ProviderError:
    """Make the error of an answer without envelope, from its HTTP status alone.

    Cloudflare answers 403 with its code 1010 when it refuses the client's User-Agent.
    """
    if answer.status == 403 and b"error code: 1010" in answer.body:
        error = make(Misconfigured, answer, "user_agent_refused", secrets=secrets)
        error.metadata["setting"] = "user_agent"
        return error
    return _REFUSALS.unreadable(answer, write=write, secrets=secrets)


def unreadable_grant(answer: Answer, secrets: Iterable[Secret]) -> ProviderError:
    """Make the error of a token call's answer without envelope: bare words may mean the grant, too."""
    error = unreadable(answer, write=True, secrets=secrets)
    error.refuses_grant = answer.status in GRANT_STATUSES and not isinstance(error, Misconfigured)
    return error


def contract(message: str, *, write: bool = False, log_id: str = "", http_status: int = 0) -> ProviderError:
    """Make the error of an answer whose envelope is fine and whose content is not."""
    return broken(message, write=write, provider=PROVIDER, log_id=log_id, http_status=http_status)


def _known(texts: Iterable[Text], status: int, message: str) -> Text | None:
    """Find a text by status first, words second."""
    said = message.lower()
    return next((each for each in texts if status in each.statuses and each.part in said), None)
