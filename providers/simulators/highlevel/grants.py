"""What was granted: codes, access and refresh tokens of two classes, Private Integration Tokens, and how each dies.

Owns: the authorization server's memory. Knows nothing of HTTP, nor of posts.
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
    """What a company (no location) or one location granted. `bulk`: an agency installed in several at once."""

    company_id: str
    location_id: str | None
    scopes: tuple[str, ...]
    user_id: str
    bulk: bool = False
    private: bool = False
    alive: bool = True

    @property
    def user_type(self) -> str:
        """The class of its tokens."""
        return "Company" if self.location_id is None else "Location"

    @property
    def resource(self) -> str:
        """Whose rate limit its calls count against."""
        return self.location_id or self.company_id


@dataclass(frozen=True, slots=True)
class Credential:
    """A code or token: what it opens, and until when (None: for ever)."""

    grant: Grant
    expires_at: datetime | None
    redirect_uri: str = ""

    def valid(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.grant.alive and (self.expires_at is None or now < self.expires_at)


@dataclass(slots=True)
class Grants:
    """Every code and token that is known. `entropy(n)` gives n random bytes."""

    config: SimulatorConfig
    entropy: Entropy
    codes: dict[str, Credential] = field(default_factory=dict)
    access: dict[str, Credential] = field(default_factory=dict)
    refresh: dict[str, Credential] = field(default_factory=dict)
    private: dict[str, Credential] = field(default_factory=dict)

    def new_code(self, grant: Grant, redirect_uri: str, now: datetime) -> str:
        """A code for a consent that was just given."""
        code = ids.authorization_code(self.entropy)
        self.codes[code] = Credential(grant, now + timedelta(seconds=self.config.code_seconds), redirect_uri)
        return code

    def redeem(self, code: str, redirect_uri: str, now: datetime) -> Grant:
        """The grant of a code, which is then spent. Raises Refusal. The texts of refusals are not documented."""
        known = self.codes.get(code)
        if known is None or not known.valid(now):
            raise Refusal(400, "Invalid grant: authorization code is invalid")
        if redirect_uri and redirect_uri != known.redirect_uri:
            raise Refusal(400, "Invalid grant: redirect_uri does not match")
        del self.codes[code]
        return known.grant

    def rotate(self, token: str, now: datetime) -> Grant:
        """The grant of a refresh token, which dies. Raises Refusal."""
        known = self.refresh.get(token)
        if known is None or not known.valid(now):
            raise Refusal(400, "Invalid grant: refresh token is invalid")
        if self.config.refresh_invalidates_old:
            del self.refresh[token]
        return known.grant

    def issue_access(self, grant: Grant, now: datetime) -> str:
        """A new access token."""
        claims = {"authClass": grant.user_type, "authClassId": grant.resource, "scope": list(grant.scopes)}
        token = ids.jwt(self.entropy, claims)
        self.access[token] = Credential(grant, now + timedelta(seconds=self.config.access_token_seconds))
        return token

    def issue_refresh(self, grant: Grant, now: datetime) -> str:
        """A new refresh token, good for a year from now."""
        token = ids.jwt(self.entropy, {"authClass": grant.user_type, "authClassId": grant.resource})
        self.refresh[token] = Credential(grant, now + timedelta(seconds=self.config.refresh_token_seconds))
        return token

    def bearer(self, token: str, now: datetime) -> Grant:
        """The grant behind an Authorization header. Raises Refusal 401 in the words of its kind of token."""
        known = (self.private if token.startswith("pit-") else self.access).get(token)
        if known is not None and known.valid(now):
            return known.grant
        if token.startswith("pit-"):
            raise Refusal(401, errors.INVALID_PIT, brief=True)
        raise Refusal(401, errors.INVALID_TOKEN if ids.is_jwt(token) else errors.INVALID_JWT, brief=True)

    # Private Integration Tokens

    def new_private(self, grant: Grant) -> str:
        """A Private Integration Token: static, without an end."""
        token = ids.private_token(self.entropy)
        self.private[token] = Credential(replace(grant, private=True), None)
        return token

    def rotate_private(self, token: str, now: datetime, *, later: bool = False) -> str:
        """Another token for the same integration; the old one dies now, or lives for seven more days. KeyError."""
        known = self.private[token]
        end = now + timedelta(seconds=self.config.rotation_seconds if later else 0)
        self.private[token] = replace(known, expires_at=end)
        fresh = ids.private_token(self.entropy)
        self.private[fresh] = replace(known, expires_at=None)
        return fresh

    def revoke_private(self, token: str) -> None:
        """The integration is deleted. Raises KeyError."""
        del self.private[token]

    def set_private_scopes(self, token: str, scopes: tuple[str, ...]) -> None:
        """Scopes are edited without a new token. Raises KeyError."""
        self.private[token].grant.scopes = scopes

    # How they end

    def expire_access(self, now: datetime, resource: str | None = None) -> int:
        """End the access tokens of a location or company, or of all; refresh tokens live on. Gives how many."""
        tokens = [each for each, known in self.access.items() if resource in (None, known.grant.resource)]
        for token in tokens:
            self.access[token] = replace(self.access[token], expires_at=now)
        return len(tokens)

    def end(self, resource: str) -> bool:
        """End every grant of a location or company but its Private Integrations. False when there was none."""
        known = [*self.codes.values(), *self.access.values(), *self.refresh.values()]
        living = [each.grant for each in known if each.grant.resource == resource and each.grant.alive]
        for grant in living:
            grant.alive = False
        return bool(living)


def token_answer(config: SimulatorConfig, grant: Grant, access: str, refresh: str) -> dict[str, Any]:
    """What /oauth/token of 2021-07-28 answers. A bulk install does not tell which locations were picked."""
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
