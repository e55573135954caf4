"""What an authorisation gives: tokens, their expiry, what the user granted.

Owns the values of OAuth. Knows nothing of how they are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from providers.models.secret import Secret


class GrantKind(StrEnum):
    """Whose grant it is; values match the enum of the API without its prefix."""

    USER = "USER"
    BUSINESS_ACCOUNT = "BUSINESS_ACCOUNT"
    ADVERTISER = "ADVERTISER"
    LOCATION = "LOCATION"
    COMPANY = "COMPANY"


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What a consent page is opened with; `verifier` is the PKCE secret (RFC 7636 alphabet, 43–128 characters)."""

    state: str
    verifier: Secret
    redirect_uri: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """One pair of tokens as the vendor just gave it; times are absolute and aware.

    `refresh_token` is None when the vendor gave none (keep the one you have); `scopes` are those really granted.
    `settings` are what it says of where it is at work, by the provider's own names; `kind` is None when the provider
    has only one.
    """

    access_token: Secret
    access_expire_time: datetime
    refresh_token: Secret | None
    refresh_expire_time: datetime | None
    scopes: tuple[str, ...]
    subject: str
    settings: dict[str, str] = field(default_factory=dict)
    kind: GrantKind | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """One page of the places where an agency's grant is at work, by the vendor's ids; the last has no `next_cursor`."""

    ids: tuple[str, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token lent for one call; `version` says which saved pair it came from, `lifetime` how long it lives in all.

    `subject` is whose grant it is, by the vendor's id; `settings` are the connection's, by the provider's own names.
    """

    value: Secret
    version: int
    scopes: frozenset[str]
    expire_time: datetime
    lifetime: timedelta = timedelta(hours=24)
    subject: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
