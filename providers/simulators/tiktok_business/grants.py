"""The grants of account holders: how a token is told to be unknown, expired or without the scope.

Owns: the formats of this API and its codes; codes and tokens themselves are those of TikTok's v2 API.
"""

from datetime import datetime
from typing import Any

from providers.simulators.tiktok import grants
from providers.simulators.tiktok.errors import OAuthError
from providers.simulators.tiktok.grants import Grant
from providers.simulators.tiktok_business.errors import VendorError


class Grants(grants.Grants):
    """Every code and token."""

    def exchange(self, code: str, redirect_uri: str, now: datetime) -> dict[str, Any]:
        """Exchange a code for tokens, once. Raise VendorError 40110, or 40101 for another redirect URI."""
        if code in self.codes and self.codes[code].redirect_uri != redirect_uri:
            raise VendorError(40101, "redirect_uri: does not match the one of the authorization")
        try:
            grant = self.redeem(code, redirect_uri, None, now)
        except OAuthError:
            raise VendorError(40110) from None
        return self.issue(grant, now)

    def renew(self, token: str, now: datetime) -> dict[str, Any]:
        """Exchange a refresh token. Raise VendorError 40103 when it is expired, 40107 when it is not valid."""
        grant = self.refresh.get(token)
        if grant is None or not grant.alive:
            raise VendorError(40107)
        if grant.refresh_expires_at <= now:
            raise VendorError(40103)
        return self.issue(grant, now, old_refresh=token)

    def issue(self, grant: Grant, now: datetime, *, old_refresh: str | None = None) -> dict[str, Any]:
        """Return a new pair of tokens in the format of this API."""
        issued = super().issue(grant, now, old_refresh=old_refresh)
        return {**issued, "refresh_token_expires_in": issued.pop("refresh_expires_in")}

    def valid(self, token: str, now: datetime) -> Grant:
        """Return the grant of an access token. Raise VendorError 40104, 40105 or 40102."""
        if not token:
            raise VendorError(40104)
        known = self.access.get(token)
        if known is None or not known.grant.alive:
            raise VendorError(40105)
        if known.expires_at <= now:
            raise VendorError(40102)
        return known.grant
