"""TikTok's OAuth v2: the consent page, the code, tokens that may rotate, revocation.

Owns TikTok's deviations from the standard: comma-separated scopes, a PKCE challenge in hex, errors with HTTP 200.
Never stores or logs a token.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, GrantRevoked, ProviderError, TokenRefused
from providers.http import strict_json
from providers.http.exchange import Answer, broken
from providers.http.urls import with_query
from providers.models.grants import ConsentRequest, Grant
from providers.models.secret import Secret
from providers.scopes import bounded
from providers.tiktok.capabilities import TABLE
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, header_log_id, oauth_refusal, redirect_error, unreadable
from providers.tiktok_common import values
from providers.tiktok_common.authorization import ConsentOnly
from providers.tiktok_common.grants import read_grant

# In the order a consent page should ask for them ("Scopes Overview").
SCOPES = (
    "user.info.basic",
    "user.info.profile",
    "user.info.stats",
    "video.list",
    "video.upload",
    "video.publish",
)
TOKEN_PATH = "/v2/oauth/token/"  # noqa: S105 - a path
REVOKE_PATH = "/v2/oauth/revoke/"


def code_challenge(verifier: Secret) -> str:
    """Return TikTok's S256 challenge: lower-case hex, not the base64url of RFC 7636.

    Page "Login Kit for Desktop" of developers.tiktok.com, read 2026-11-20.
    """
    return hashlib.sha256(verifier.reveal().encode("ascii")).hexdigest()


class TikTokAuthorization(ConsentOnly):
    """Authorisation at TikTok."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        """Make the calls with `client`; `clock` makes expiry times absolute. Raises Misconfigured (unknown scopes)."""
        super().__init__(bounded(PROVIDER, SCOPES, client.config.scopes), _missing)
        self._client = client
        self._clock = clock

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the consent page's URL; the page is always shown, so that an agency sees which account it connects."""
        client_key, _ = self._client.config.application()
        query = {
            "client_key": client_key,
            "response_type": "code",
            "scope": ",".join(request.scopes),
            "redirect_uri": request.redirect_uri,
            "state": request.state,
            "disable_auto_auth": "1",
            "code_challenge": code_challenge(request.verifier),
            "code_challenge_method": "S256",
        }
        return with_query(self._client.config.authorize_url, query, safe=",")

    def redirect_error(self, code: str, message: str) -> ProviderError:
        """Return what a code in the consent page's redirect means; see errors.py."""
        return redirect_error(code, message)

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Exchange a code for a grant: one call. A code that is still URL-encoded is decoded first."""
        fields = {
            "code": unquote(code),
            "grant_type": "authorization_code",
            "redirect_uri": redirect_uri,
            "code_verifier": verifier.reveal(),
        }
        grant = await self._grant(fields, ("code", "code_verifier"))
        if not grant.subject:
            raise broken("TikTok's grant names no user.", write=True, provider=PROVIDER)
        return grant

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Exchange a refresh token: one call. A new refresh token in the answer replaces the old one."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return await self._grant(fields, ("refresh_token",))

    async def revoke(self, access_token: Secret) -> None:
        """Revoke the grant. TikTok refuses an expired access token and then keeps the grant: refresh before revoking.

        If the token is refused, the grant counts as already revoked. Raises Misconfigured, Temporary, Ambiguous.
        """
        answer, secrets = await self._post(REVOKE_PATH, {"token": access_token.reveal()}, ("token",))
        if not answer.body.strip() and 200 <= answer.status < 300:
            return
        try:
            _checked_body(answer, secrets)
        except (GrantRevoked, TokenRefused):
            return

    async def _grant(self, fields: Mapping[str, str], secret_fields: tuple[str, ...]) -> Grant:
        """Call the token endpoint and parse the pair; lifetimes count from before the call, to be on the safe side."""
        start = self._clock()
        answer, secrets = await self._post(TOKEN_PATH, fields, secret_fields)
        return read_grant(
            _checked_body(answer, secrets),
            start,
            provider=PROVIDER,
            refresh_lifetime="refresh_expires_in",
            log_id=header_log_id(answer, secrets),
            http_status=answer.status,
        )

    async def _post(
        self, path: str, fields: Mapping[str, str], secret_fields: tuple[str, ...]
    ) -> tuple[Answer, tuple[Secret, ...]]:
        """POST a form with the application's key and secret; return the answer and the secrets to redact from it."""
        client_key, client_secret = self._client.config.application()
        secrets = (client_secret, *(Secret(fields[name]) for name in secret_fields))
        form = {"client_key": client_key, "client_secret": client_secret.reveal(), **fields}
        return await self._client.form(path, form), secrets


def _missing(capability: Capability) -> CapabilityMissing:
    cell = TABLE.cell(capability)
    return CapabilityMissing(capability, cell.support, cell.note, provider=PROVIDER)


def _checked_body(answer: Answer, secrets: tuple[Secret, ...]) -> dict[str, Any]:
    """Parse an answer of an OAuth endpoint or raise its refusal, which is known by the `error` field.

    TikTok sends errors with HTTP 200 too. Also accepts the wrapped shape of the retired v1 (`{data: {…}, message}`),
    which TikTok's own pages still show.
    """
    try:
        root = strict_json.parse_object(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=True, secrets=secrets) from None
    refused = _refused(root, answer, secrets)
    if refused is not None:
        raise refused
    if not 200 <= answer.status < 300:
        raise unreadable(answer, write=True, secrets=secrets)
    data = strict_json.mapping(root, "data")
    return data if "access_token" in data else root


def _refused(root: dict[str, Any], answer: Answer, secrets: tuple[Secret, ...]) -> ProviderError | None:
    """Return the error of a refusal in any of its three shapes: flat, enveloped, v1."""
    error, envelope, data = (
        values.text(root, "error"),
        strict_json.mapping(root, "error"),
        strict_json.mapping(root, "data"),
    )
    log_id = values.text(root, "log_id") or values.text(root, "logid")
    if error:
        return oauth_refusal(answer, error, values.text(root, "error_description"), log_id, secrets)
    code = values.text(envelope, "code")
    if code and code != "ok":
        log_id = values.text(envelope, "log_id") or log_id
        return oauth_refusal(answer, code, values.text(envelope, "message"), log_id, secrets)
    old_code = strict_json.integer(data.get("error_code"))
    if old_code:
        return oauth_refusal(answer, str(old_code), values.text(data, "description"), log_id, secrets)
    return None
