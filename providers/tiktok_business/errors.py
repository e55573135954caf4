"""The codes of TikTok's API for Business as our errors, and which of its limits a refusal is about.

Owns the meaning of codes, which come with HTTP 200; the HTTP status decides only where there is no envelope. Knows
neither calls nor parsing. Codes as in TikTok's SDK (2026-02-27) and its portal (2026-08-13).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
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
from providers.http.refusals import Refusals
from providers.models.secret import Secret
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.wire import Envelope

RATE_LIMITS = frozenset({40016, 40100, 40132, 40133, 61000})
# "Suspend 5 minutes": the advice for the limit of a minute, and the safe one where the message names none.
MINUTE_PAUSE = timedelta(minutes=5)

Codes = Mapping[int, type[ProviderError]]
CODES: Codes = {
    **dict.fromkeys((40000, 40002, 40053, 40065), ContentRefused),
    **dict.fromkeys((40001, 40003, 40011, 40012, 40061, 40117, 40120, 40121, 40122, 40200, 40502), Rejected),
    40007: NotFound,
    **dict.fromkeys((40008, 40009, 40010, 40013, 40014, 40101, 40113, 40118, 40124, 40125, 41000), Misconfigured),
    **dict.fromkeys(RATE_LIMITS, RateLimited),
    # Something like it was done already: what it was, only a look can tell.
    40050: Ambiguous,
    **dict.fromkeys((40102, 40105, 40106, 40119, 40131), TokenRefused),
    **dict.fromkeys((40103, 40107, 40110, 40115), GrantRevoked),
    40130: ScopeNotGranted,
    **dict.fromkeys((40201, 40202, 40700, 40901, 60001), Unavailable),
    **dict.fromkeys((40900, *range(40904, 40912), 40915, 40916), ContentRefused),
    # An address that cannot be reached now may be reached later.
    **dict.fromkeys((40902, 40903, 40912, 40913, 40914), Unavailable),
}
TOKEN_CODES: Codes = {
    **CODES,
    **dict.fromkeys((40105, 40131), GrantRevoked),
    **dict.fromkeys((40000, 40002, 40108), Misconfigured),
}
"""The meaning of codes where tokens are issued: what is wrong with a code or a refresh token ends the grant."""

ADVERTISER_CODES: Codes = {
    **CODES,
    # An advertiser's token reaches many ad accounts: what does not fit one of them says nothing of the token.
    **dict.fromkeys((40106, 40119, 40300, 40301, 40302, 40309), Rejected),
}
"""The meaning of codes of the Marketing API."""

# Refused for what has to be done first, whatever the call: nothing happened.
_UNDONE = frozenset({40901})

# What is wrong with the application whoever asks: it says nothing of a grant.
APPLICATION_CODES = frozenset({40101, 40108, 40113, 40118, 40124, 40125})


def _no_wait(answer: Answer) -> timedelta:
    """Return the pause after a refusal with HTTP 429, which is not documented."""
    return MINUTE_PAUSE


_REFUSALS = Refusals(provider=PROVIDER, vendor="TikTok for Business", log_header="x-tt-logid", retry_after=_no_wait)
make, unreadable, header_log_id = _REFUSALS.make, _REFUSALS.unreadable, _REFUSALS.header_log_id


@dataclass(frozen=True, slots=True)
class Meaning:
    """How the answer to a call is to be understood: the meaning of its codes, whether it is a write, and whether a
    write of several objects may fail for some.
    """

    codes: Codes = field(default_factory=lambda: CODES)
    write: bool = False
    partial: bool = False


def refusal(
    answer: Answer, envelope: Envelope, meaning: Meaning, *, now: datetime, secrets: Iterable[Secret] = ()
) -> ProviderError:
    """Make the error of an envelope whose code is not a success.

    After a write a fault of the service is Ambiguous, and so is a code of a duplicate: only a look can tell.
    """
    code = envelope.code or 0
    kind = meaning.codes.get(code) or _unknown(code, write=meaning.write)
    if kind is Unavailable and meaning.write and code not in _UNDONE:
        kind = Ambiguous
    error = make(kind, answer, str(code), envelope.message, log_id=envelope.log_id, secrets=secrets)
    if code in RATE_LIMITS:
        error.retry_after = pause(envelope.message, now)
    return error


def token_refusal(answer: Answer, envelope: Envelope, secrets: Iterable[Secret]) -> ProviderError:
    """Make the error of a token call; an unknown code is ContractBroken, so that it does not end a grant."""
    code = envelope.code or 0
    kind = TOKEN_CODES.get(code) or (Unavailable if code >= 50000 else ContractBroken)
    error = make(kind, answer, str(code), envelope.message, log_id=envelope.log_id, secrets=secrets)
    refused = issubclass(kind, Rejected | ContractBroken) and kind is not GrantRevoked
    error.refuses_grant = refused and code not in APPLICATION_CODES
    if code in RATE_LIMITS:
        error.retry_after = MINUTE_PAUSE
    return error


def pause(message: str, now: datetime) -> timedelta:
    """Return how long to pause after a rate limit, which only the message names: of a second, a minute or a day (UTC).

    A message that names none of them restricts the application "temporarily", without an end.
    """
    if "QPS" in message:
        return timedelta(seconds=1)
    if "QPD" in message:
        return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now
    return MINUTE_PAUSE


def _unknown(code: int, *, write: bool) -> type[ProviderError]:
    """Classify an undocumented code: a fault of the service by its range, else a refusal of what was asked.

    A refused write did nothing; a refused read is one that this version does not understand.
    """
    if code >= 50000:
        return Unavailable
    return Rejected if write else ContractBroken


def contract(message: str, envelope: Envelope, *, write: bool = False) -> ProviderError:
    """Make the error of an answer whose envelope is valid but whose content is not."""
    kind = Ambiguous if write else ContractBroken
    return kind(message, provider=PROVIDER, code="contract", log_id=envelope.log_id)
