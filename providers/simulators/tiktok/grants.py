"""The grants of users: codes, access tokens, refresh tokens, and how each of them ends.

Owns: the state of the authorization server. Knows nothing of HTTP, posts or users.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy
from providers.simulators.tiktok import ids
from providers.simulators.tiktok.config import SimulatorConfig
from providers.simulators.tiktok.errors import OAuthError

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")


@dataclass(slots=True, eq=False)
class Grant:
    """One consent of one user. Rotation does not extend the life of the refresh token."""

    open_id: str
    scopes: tuple[str, ...]
    refresh_expires_at: datetime
    alive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code and what it is bound to."""

    open_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The grant and the expiry of an access token."""

    grant: Grant
    expires_at: datetime


def challenge_of(verifier: str) -> str:
    """Return TikTok's code challenge: SHA-256 in lower-case hexadecimal, where RFC 7636 has base64url."""
    return hashlib.sha256(verifier.encode()).hexdigest()


def _check_verifier(challenge: str | None, verifier: str | None) -> None:
    if challenge is None:
        return  # A verifier without a challenge is ignored, as observed with web clients.
    if verifier is None or not _VERIFIER.match(verifier) or challenge_of(verifier) != challenge:
        raise OAuthError("invalid_request", "Code verifier or code challenge is invalid.")


@dataclass(slots=True)
class Grants:
    """Every code and token. `entropy(n)` returns n random bytes."""

    config: SimulatorConfig
    entropy: Entropy
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)

    def new_code(
        self, *, open_id: str, scopes: tuple[str, ...], redirect_uri: str, challenge: str | None, now: datetime
    ) -> str:
        """Return a new authorization code."""
        code = ids.authorization_code(self.entropy)
        self.codes[code] = Code(
            open_id=open_id,
            scopes=scopes,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=now + timedelta(seconds=self.config.code_seconds),
        )
        return code

    def redeem(self, code: str, redirect_uri: str | None, verifier: str | None, now: datetime) -> Grant:
        """Return the grant of a code and invalidate the code. Raise OAuthError, which leaves the code valid."""
        known = self.codes.get(code)
        if known is None or known.expires_at <= now:
            raise OAuthError("invalid_grant", "Authorization code is expired.")
        if redirect_uri != known.redirect_uri:
            raise OAuthError("invalid_request", "Redirect_uri is not matched with the uri when requesting code.")
        _check_verifier(known.challenge, verifier)
        del self.codes[code]
        return self.new_grant(known.open_id, known.scopes, now)

    def new_grant(self, open_id: str, scopes: tuple[str, ...], now: datetime) -> Grant:
        """Return a new grant; the user's older grants remain valid."""
        return Grant(open_id, scopes, now + timedelta(seconds=self.config.refresh_token_seconds))

    def issue(self, grant: Grant, now: datetime, *, old_refresh: str | None = None) -> dict[str, Any]:
        """Return a new pair of tokens for a grant, in the format of the token endpoint."""
        access, refresh = ids.access_token(self.entropy), ids.refresh_token(self.entropy)
        seconds = self.config.access_token_seconds
        self.access[access] = AccessToken(grant, now + timedelta(seconds=seconds))
        if old_refresh is not None and self.config.refresh_invalidates_old:
            del self.refresh[old_refresh]
        self.refresh[refresh] = grant
        return {
            "access_token": access,
            "expires_in": seconds,
            "open_id": grant.open_id,
            "refresh_token": refresh,
            "refresh_expires_in": int((grant.refresh_expires_at - now).total_seconds()),
            "scope": ",".join(grant.scopes),
            "token_type": "Bearer",
        }

    def by_refresh_token(self, token: str, now: datetime) -> Grant:
        """Return the grant of a valid refresh token. Raise OAuthError invalid_grant."""
        grant = self.refresh.get(token)
        if grant is None or not grant.alive or grant.refresh_expires_at <= now:
            raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")
        return grant

    def by_access_token(self, token: str, now: datetime) -> Grant | None:
        """Return the grant of a valid access token, or None."""
        known = self.access.get(token)
        if known is None or known.expires_at <= now or not known.grant.alive:
            return None
        return known.grant

    def expire_access_tokens(self, now: datetime, open_id: str | None = None) -> int:
        """Expire the access tokens of a user, or of all users, but not the refresh tokens. Return the number."""
        tokens = [token for token, known in self.access.items() if open_id in (None, known.grant.open_id)]
        for token in tokens:
            self.access[token] = replace(self.access[token], expires_at=now)
        return len(tokens)

    def remove(self, open_id: str) -> bool:
        """Invalidate every grant, token and code of a user. Return False when no grant was valid."""
        grants = [*self.refresh.values(), *(known.grant for known in self.access.values())]
        living = [grant for grant in grants if grant.open_id == open_id and grant.alive]
        for grant in living:
            grant.alive = False
        self.codes = {code: known for code, known in self.codes.items() if known.open_id != open_id}
        return bool(living)
