"""Grants: codes, access and refresh tokens of two classes, Private Integration Tokens, and how each of them ends.

Owns: the state of the authorization server. Knows nothing of HTTP or posts.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy
from providers.simulators.highlevel import errors, ids
from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.errors import Refusal


@dataclass(slots=True, eq=False)
class Grant:
    """The grant of a company (no location) or of one location. `bulk`: an agency installed in several at once."""

    company_id: str
    location_id: str | None
    scopes: tuple[str, ...]
    user_id: str
    bulk: bool = False
    private: bool = False
    alive: bool = True

    @property
    def user_type(self) -> str:
        """The `userType` of its tokens."""
        return "Company" if self.location_id is None else "Location"

    @property
    def resource(self) -> str:
        """The location or company whose rate limit applies to its calls."""
        return self.location_id or self.company_id


@dataclass(frozen=True, slots=True)
class Credential:
    """A code or token: its grant and its expiry (None: never)."""

    grant: Grant
    expires_at: datetime | None
    redirect_uri: str = ""

    def valid(self, now: datetime) -> bool:
        """Return whether it is still valid."""
        return self.grant.alive and (self.expires_at is None or now < self.expires_at)


@dataclass(slots=True)
class Grants:
    """Every code and token. `entropy(n)` returns n random bytes."""

    config: SimulatorConfig
    entropy: Entropy
    codes: dict[str, Credential] = field(default_factory=dict)
    access: dict[str, Credential] = field(default_factory=dict)
    refresh: dict[str, Credential] = field(default_factory=dict)
    private: dict[str, Credential] = field(default_factory=dict)

    def new_code(self, grant: Grant, redirect_uri: str, now: datetime) -> str:
        """Return a new authorization code."""
        code = ids.authorization_code(self.entropy)
        self.codes[code] = Credential(grant, now + timedelta(seconds=self.config.code_seconds), redirect_uri)
        return code

    def redeem(self, code: str, redirect_uri: str, now: datetime) -> Grant:
        """Return the grant of a code and invalidate the code. Raise Refusal, with undocumented messages."""
        known = self.codes.get(code)
        if known is None or not known.valid(now):
            raise Refusal(400, "Invalid grant: authorization code is invalid")
        if redirect_uri and redirect_uri != known.redirect_uri:
            raise Refusal(400, "Invalid grant: redirect_uri does not match")
        del self.codes[code]
        return known.grant

    def rotate(self, token: str, now: datetime) -> Grant:
        """Return the grant of a refresh token and invalidate the token. Raise Refusal."""
        known = self.refresh.get(token)
        if known is None or not known.valid(now):
            raise Refusal(400, "Invalid grant: refresh token is invalid")
        if self.config.refresh_invalidates_old:
            del self.refresh[token]
        return known.grant

    def issue_access(self, grant: Grant, now: datetime) -> str:
        """Return a new access token."""
        claims = {"authClass": grant.user_type, "authClassId": grant.resource, "scope": list(grant.scopes)}
        token = ids.jwt(self.entropy, claims)
        self.access[token] = Credential(grant, now + timedelta(seconds=self.config.access_token_seconds))
        return token

    def issue_refresh(self, grant: Grant, now: datetime) -> str:
        """Return a new refresh token, valid for a year from now."""
        token = ids.jwt(self.entropy, {"authClass": grant.user_type, "authClassId": grant.resource})
        self.refresh[token] = Credential(grant, now + timedelta(seconds=self.config.refresh_token_seconds))
        return token

    def bearer(self, token: str, now: datetime) -> Grant:
        """Return the grant of a bearer token. Raise Refusal 401 with the message for its kind of token."""
        known = (self.private if token.startswith("pit-") else self.access).get(token)
        if known is not None and known.valid(now):
            return known.grant
        if token.startswith("pit-"):
            raise Refusal(401, errors.INVALID_PIT, brief=True)
        raise Refusal(401, errors.INVALID_TOKEN if ids.is_jwt(token) else errors.INVALID_JWT, brief=True)

    # Private Integration Tokens

    def new_private(self, grant: Grant) -> str:
        """Return a new Private Integration Token, which does not expire."""
        token = ids.private_token(self.entropy)
        self.private[token] = Credential(replace(grant, private=True), None)
        return token

    def rotate_private(self, token: str, now: datetime, *, later: bool = False) -> str:
        """Return a new token of an integration. The old one expires now, or `later` in seven days. Raise KeyError."""
        known = self.private[token]
        end = now + timedelta(seconds=self.config.rotation_seconds if later else 0)
        self.private[token] = replace(known, expires_at=end)
        fresh = ids.private_token(self.entropy)
        self.private[fresh] = replace(known, expires_at=None)
        return fresh

    def revoke_private(self, token: str) -> None:
        """Delete an integration. Raise KeyError."""
        del self.private[token]

    def set_private_scopes(self, token: str, scopes: tuple[str, ...]) -> None:
        """Change the scopes of an integration without a new token. Raise KeyError."""
        self.private[token].grant.scopes = scopes

    # Expiry and revocation

    def expire_access(self, now: datetime, resource: str | None = None) -> int:
        """Expire the access tokens of a location or company, or all; refresh tokens stay valid. Return the number."""
        tokens = [each for each, known in self.access.items() if resource in (None, known.grant.resource)]
        for token in tokens:
            self.access[token] = replace(self.access[token], expires_at=now)
        return len(tokens)

    def end(self, resource: str) -> bool:
        """Invalidate a location's or company's grants except Private Integrations. Return False when there was none."""
        known = [*self.codes.values(), *self.access.values(), *self.refresh.values()]
        living = [each.grant for each in known if each.grant.resource == resource and each.grant.alive]
        for grant in living:
            grant.alive = False
        return bool(living)


def token_answer(config: SimulatorConfig, grant: Grant, access: str, refresh: str) -> dict[str, Any]:
    """Return the response of /oauth/token of 2021-07-28. A bulk install does not name the picked locations."""
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": config.access_token_seconds,
        "refresh_token": refresh,
        "scope": " ".join(grant.scopes),
        "userType": grant.user_type,
        "companyId": grant.company_id,
        "userId": grant.user_id,
        "isBulkInstallation": grant.bulk,
    }
    return answer if grant.location_id is None else {**answer, "locationId": grant.location_id}
