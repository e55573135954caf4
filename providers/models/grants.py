"""The result of an authorisation: tokens, their expiry, what the user granted.

Owns the dataclasses of OAuth. Does not know how they are stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from providers.models.secret import Secret


class GrantKind(StrEnum):
    """The kind of subject of a grant; values match the enum of the API without its prefix."""

    USER = "USER"
    BUSINESS_ACCOUNT = "BUSINESS_ACCOUNT"
    ADVERTISER = "ADVERTISER"
    LOCATION = "LOCATION"
    COMPANY = "COMPANY"


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """The parameters of a consent page; `verifier` is the PKCE secret (RFC 7636 alphabet, 43–128 characters)."""

    state: str
    verifier: Secret
    redirect_uri: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """One pair of tokens as the vendor just issued it; times are absolute and aware.

    `refresh_token` is None if the vendor sent none (keep the one you have); `scopes` are those that were granted.
    `settings` are the connection settings that follow from the grant, under the provider's own keys; `kind` is None if
    the provider has only one.
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
    """One page of the places that an agency's grant covers, by the vendor's ids; the last has no `next_cursor`."""

    ids: tuple[str, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for one call; `version` is that of the stored pair, `lifetime` the whole time from issue to expiry.

    `subject` is the vendor's id of the grant's subject; `settings` are the connection's, under the provider's own keys.
    `kind` is the kind of its grant, None for the provider's usual one.
    """

    value: Secret
    version: int
    scopes: frozenset[str]
    expire_time: datetime
    lifetime: timedelta = timedelta(hours=24)
    subject: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    kind: GrantKind | None = None
