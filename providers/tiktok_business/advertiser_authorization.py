"""Grants of advertisers: the page of TikTok's portal, the code, a token that lives until it is revoked.

Owns what differs from the grants of account holders: no refresh, no expiry, scopes by number, many ad accounts and no
TikTok user. Never stores or logs a token.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, GrantRevoked, ProviderError
from providers.http import strict_json
from providers.http.exchange import broken
from providers.http.urls import with_query
from providers.models.grants import ConsentRequest, Grant, GrantKind
from providers.models.secret import Secret
from providers.tiktok_business import wire
from providers.tiktok_business.ads.capabilities import SCOPES, expanded
from providers.tiktok_business.ads.profile import USER_PATH
from providers.tiktok_business.authorization import RedirectError
from providers.tiktok_business.capabilities import missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_common import values
from providers.tiktok_common.authorization import ConsentOnly

TOKEN_PATH = "/oauth2/access_token/"  # noqa: S105 - a path
REVOKE_PATH = "/oauth2/revoke_token/"
# The token does not expire; a grant needs an expiry.
LIFETIME = timedelta(days=3650)

_NOTES = {
    Capability.STATIC_TOKEN: "TikTok gives tokens only after an advertiser's consent.",
    Capability.AGENCY_GRANTS: "Each advertiser grants for the ad accounts that they pick.",
}


class AdvertiserAuthorization(ConsentOnly):
    """Authorisation of advertisers at TikTok for Business."""

    def __init__(self, client: Client, clock: Callable[[], datetime], redirect_error: RedirectError) -> None:
        """Make the calls with `client`; `redirect_error` is what an error of the consent page means."""
        super().__init__(SCOPES, _missing)
        self._client = client
        self._clock = clock
        self.redirect_error = redirect_error

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the portal's page. Its scopes are those ticked on the application: none can be asked for here."""
        app_id, _ = self._client.config.application()
        query = {"app_id": app_id, "state": request.state, "redirect_uri": request.redirect_uri}
        return with_query(self._client.config.advertiser_authorize_url, query)

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Exchange a code for a grant: one call, and a read of whose it is, because the token does not say so.

        The list of ad accounts is not asked for here: for users with thousands of them the call takes too long.
        """
        auth_code = Secret(unquote(code))
        start = self._clock()
        body = {**self._application(), "auth_code": auth_code.reveal(), "return_advertiser_ids": False}
        envelope = await self._call(TOKEN_PATH, body, auth_code)
        token = envelope.data.get("access_token")
        if not strict_json.is_token(token):
            raise broken("TikTok's grant holds no access token.", write=True, provider=PROVIDER, log_id=envelope.log_id)
        access_token = Secret(str(token))
        return Grant(
            access_token=access_token,
            access_expire_time=start + LIFETIME,
            refresh_token=None,
            refresh_expire_time=None,
            scopes=read_scopes(envelope.data),
            subject=await self._subject(access_token),
            kind=GrantKind.ADVERTISER,
        )

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Raise GrantRevoked without a call: there is nothing to refresh, a token that is refused is over."""
        raise GrantRevoked("An advertiser's token is not refreshed: the advertiser must consent again.")

    async def revoke(self, access_token: Secret) -> None:
        """Revoke a token, for every ad account that it reaches and with every webhook subscription made with it.

        A token that is unknown there counts as already revoked. Raises Misconfigured, Temporary, Ambiguous.
        """
        body = {**self._application(), "access_token": access_token.reveal()}
        with suppress(GrantRevoked):
            await self._call(REVOKE_PATH, body, access_token)

    async def _subject(self, token: Secret) -> str:
        """Return the id of the person in TikTok for Business who consented. Raises Ambiguous: the code is used up."""
        try:
            data = (await self._client.with_token(USER_PATH, {}, token)).data
        except ProviderError as error:
            raise broken("TikTok does not say whose grant it is.", write=True, provider=PROVIDER) from error
        if not (subject := values.identifier(data.get("core_user_id"))):
            raise broken("TikTok's grant names no user.", write=True, provider=PROVIDER)
        return subject

    def _application(self) -> dict[str, Any]:
        app_id, secret = self._client.config.application()
        return {"app_id": app_id, "secret": secret.reveal()}

    async def _call(self, path: str, body: Mapping[str, Any], secret: Secret) -> wire.Envelope:
        _, application_secret = self._client.config.application()
        return await self._client.application(path, body, (application_secret, secret))


def read_scopes(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the granted scopes as text, with those that they imply."""
    return expanded(str(each) for each in values.items(data, "scope") if strict_json.integer(each) is not None)


def _missing(capability: Capability) -> CapabilityMissing:
    return missing(capability, _NOTES[capability])
