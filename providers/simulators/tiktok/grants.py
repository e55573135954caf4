"""What users granted: codes, access tokens, refresh tokens, and how each of them dies.

Owns: the authorization server's memory. Knows nothing of HTTP, of posts, nor of who the users are.
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
    """One consent of one user. The refresh token's end does not move when it rotates."""

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
    """An access token: whose, and until when."""

    grant: Grant
    expires_at: datetime


def challenge_of(verifier: str) -> str:
    """TikTok's code challenge: SHA-256 in lower-case hexadecimals, where RFC 7636 has base64url."""
    return hashlib.sha256(verifier.encode()).hexdigest()


def _check_verifier(challenge: str | None, verifier: str | None) -> None:
    if challenge is None:
        return  # A verifier without a challenge is ignored: seen on web clients, and it works.
    if verifier is None or not _VERIFIER.match(verifier) or challenge_of(verifier) != challenge:
        raise OAuthError("invalid_request", "Code verifier or code challenge is invalid.")


@dataclass(slots=True)
class Grants:
    """Every code and token that is known. `entropy(n)` gives n random bytes."""

    config: SimulatorConfig
    entropy: Entropy
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)

    def new_code(
        self, *, open_id: str, scopes: tuple[str, ...], redirect_uri: str, challenge: str | None, now: datetime
    ) -> str:
        """A code for a consent that was just given."""
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
        """The grant of a code, which is then spent. Raises OAuthError, which does not spend it."""
        known = self.codes.get(code)
        if known is None or known.expires_at <= now:
            raise OAuthError("invalid_grant", "Authorization code is expired.")
        if redirect_uri != known.redirect_uri:
            raise OAuthError("invalid_request", "Redirect_uri is not matched with the uri when requesting code.")
        _check_verifier(known.challenge, verifier)
        del self.codes[code]
        return self.new_grant(known.open_id, known.scopes, now)

    def new_grant(self, open_id: str, scopes: tuple[str, ...], now: datetime) -> Grant:
        """A fresh grant; the user's older ones live on."""
        return Grant(open_id, scopes, now + timedelta(seconds=self.config.refresh_token_seconds))

    def issue(self, grant: Grant, now: datetime, *, old_refresh: str | None = None) -> dict[str, Any]:
        """A new pair of tokens for a grant, in the form of the token endpoint's answer."""
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
        """The living grant of a refresh token. Raises OAuthError invalid_grant."""
        grant = self.refresh.get(token)
        if grant is None or not grant.alive or grant.refresh_expires_at <= now:
            raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")
        return grant

    def by_access_token(self, token: str, now: datetime) -> Grant | None:
        """The living grant of an access token that has not expired, or None."""
        known = self.access.get(token)
        if known is None or known.expires_at <= now or not known.grant.alive:
            return None
        return known.grant

    def expire_access_tokens(self, now: datetime, open_id: str | None = None) -> int:
        """End the access tokens of a user, or of all; refresh tokens live on. Gives how many."""
        tokens = [token for token, known in self.access.items() if open_id in (None, known.grant.open_id)]
        for token in tokens:
            self.access[token] = replace(self.access[token], expires_at=now)
        return len(tokens)

    def remove(self, open_id: str) -> bool:
        """End every grant, token and code of a user. False when there was none alive."""
        grants = [*self.refresh.values(), *(known.grant for known in self.access.values())]
        living = [grant for grant in grants if grant.open_id == open_id and grant.alive]
        for grant in living:
            grant.alive = False
        self.codes = {code: known for code, known in self.codes.items() if known.open_id != open_id}
        return bool(living)
