"""Grants of account holders: the consent page, the code, tokens that rotate, revocation, and what a token is for.

Owns what differs from TikTok's v2 API: no PKCE, JSON bodies, the field names. Never stores or logs a token.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, GrantRevoked, ProviderError
from providers.http.exchange import broken
from providers.http.urls import with_query
from providers.models.grants import ConsentRequest, Grant, GrantKind
from providers.models.secret import Secret
from providers.scopes import bounded
from providers.tiktok_business import wire
from providers.tiktok_business.capabilities import OPTIONAL_SCOPES, SCOPES, missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER, SETTINGS_PREFIX
from providers.tiktok_common.authorization import ConsentOnly
from providers.tiktok_common.grants import read_grant, read_scopes

TOKEN_PATH = "/tt_user/oauth2/token/"  # noqa: S105 - a path
REFRESH_PATH = "/tt_user/oauth2/refresh_token/"
REVOKE_PATH = "/tt_user/oauth2/revoke/"
INFO_PATH = "/tt_user/token_info/get/"

RedirectError = Callable[[str, str], ProviderError]

_NOTES = {
    Capability.STATIC_TOKEN: "TikTok gives tokens only after a user's consent.",
    Capability.AGENCY_GRANTS: "Each TikTok user grants for themselves.",
}


class BusinessAuthorization(ConsentOnly):
    """Authorisation of account holders at TikTok for Business."""

    def __init__(self, client: Client, clock: Callable[[], datetime], redirect_error: RedirectError) -> None:
        """Make the calls with `client`; `clock` makes expiry times absolute. The consent page is the one of TikTok's v2
        API, and so is what its errors mean. Raises Misconfigured (unknown scopes).
        """
        scopes = bounded(SETTINGS_PREFIX, (*SCOPES, *OPTIONAL_SCOPES), client.config.scopes or SCOPES)
        super().__init__(scopes, _missing)
        self._client = client
        self._clock = clock
        self.redirect_error = redirect_error

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the consent page's URL, as the portal makes it: without PKCE."""
        app_id, _ = self._client.config.application()
        query = {
            "client_key": app_id,
            "response_type": "code",
            "scope": ",".join(request.scopes),
            "redirect_uri": request.redirect_uri,
            "state": request.state,
        }
        return with_query(self._client.config.authorize_url, query, safe=",")

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Exchange a code for a grant: one call, and a second one if the answer does not say what was granted.

        A code that is still URL-encoded is decoded first.
        """
        fields = {"grant_type": "authorization_code", "auth_code": unquote(code), "redirect_uri": redirect_uri}
        grant = await self._grant(TOKEN_PATH, fields, Secret(fields["auth_code"]))
        if not grant.subject:
            raise broken("TikTok's grant names no user.", write=True, provider=PROVIDER)
        if grant.scopes:
            return grant
        with suppress(ProviderError):
            return replace(grant, scopes=await self.granted_scopes(grant.access_token))
        return grant

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Exchange a refresh token: one call. The refresh token in the answer replaces the old one."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return await self._grant(REFRESH_PATH, fields, refresh_token)

    async def revoke(self, access_token: Secret) -> None:
        """Revoke the application's access to the account, whoever connected it: every token of the two ends.

        If the token is unknown there, the grant counts as already revoked; one that is only expired leaves it: refresh
        before revoking. Raises TokenRefused (expired), Misconfigured, Temporary, Ambiguous.
        """
        body = {**self._application(), "access_token": access_token.reveal()}
        with suppress(GrantRevoked):
            await self._call(REVOKE_PATH, body, access_token)

    async def granted_scopes(self, access_token: Secret) -> tuple[str, ...]:
        """Ask what a token is for: one call."""
        app_id, _ = self._client.config.application()
        body = {"app_id": app_id, "access_token": access_token.reveal()}
        return read_scopes((await self._call(INFO_PATH, body, access_token)).data)

    async def _grant(self, path: str, fields: Mapping[str, str], secret: Secret) -> Grant:
        """Call a token endpoint and parse the pair; lifetimes count from before the call, to be on the safe side."""
        start = self._clock()
        envelope = await self._call(path, {**self._application(), **fields}, secret)
        return read_grant(
            envelope.data,
            start,
            provider=PROVIDER,
            refresh_lifetime="refresh_token_expires_in",
            log_id=envelope.log_id,
            http_status=200,
            kind=GrantKind.BUSINESS_ACCOUNT,
        )

    def _application(self) -> dict[str, Any]:
        app_id, secret = self._client.config.application()
        return {"client_id": app_id, "client_secret": secret.reveal()}

    async def _call(self, path: str, body: Mapping[str, Any], secret: Secret) -> wire.Envelope:
        _, application_secret = self._client.config.application()
        return await self._client.application(path, body, (application_secret, secret))


def _missing(capability: Capability) -> CapabilityMissing:
    return missing(capability, _NOTES[capability])
