"""TikTok's OAuth v2: the consent page, the code, the pair of tokens that may rotate, the end of a grant.

Owns what is TikTok's own about it: comma scopes, PKCE in hex, errors with HTTP 200. Never stores, never logs what it
holds.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import unquote, urlencode

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, GrantRevoked, ProviderError, TokenRefused
from providers.http import strict_json
from providers.http.exchange import Answer, broken
from providers.interface.access import Access
from providers.models.grants import ConsentRequest, Grant, GrantKind
from providers.models.secret import Secret
from providers.tiktok import wire
from providers.tiktok.capabilities import TABLE
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, header_log_id, oauth_refusal, unreadable

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
# Kept when TikTok forgets `expires_in`: short enough to be refreshed soon, long enough not to spin. Refusing the answer
# would lose a refresh token that has just replaced the old one.
FALLBACK_LIFETIME = timedelta(hours=1)
_MAX_LIFETIME = timedelta(days=3650)


def code_challenge(verifier: Secret) -> str:
    """Return TikTok's S256 challenge: lower-case hex, not the base64url of RFC 7636.

    Page "Login Kit for Desktop" of developers.tiktok.com, read 2026-11-20.
    """
    return hashlib.sha256(verifier.reveal().encode("ascii")).hexdigest()


class TikTokAuthorization:
    """Authorisation at TikTok."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        """Use `client` for the calls and `clock` to make expiries absolute."""
        self._client = client
        self._clock = clock

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes of the user-side API."""
        return SCOPES

    @property
    def returns_state(self) -> bool:
        """Documented ("Login Kit for Web")."""
        return True

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """A user's grant has no settings."""
        return {}

    def settings_of_grant(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Whose grant it is says its subject alone."""
        return {}

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the consent page; it always shows itself, so that an agency sees which account it will connect."""
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
        return f"{self._client.config.authorize_url}?{urlencode(query, safe=',', errors='replace')}"

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Turn a code into a grant: one call. A code that is still URL-encoded is decoded first."""
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
        """Exchange a refresh token: one call. The pair may carry a new refresh token, which then replaces the old."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return await self._grant(fields, ("refresh_token",))

    async def revoke(self, access_token: Secret) -> None:
        """End the grant. TikTok refuses an expired access token and keeps the grant then: refresh before revoking.

        A refused token counts as a grant that is already dead. Raises Misconfigured, Temporary, Ambiguous.
        """
        answer, hidden = await self._post(REVOKE_PATH, {"token": access_token.reveal()}, ("token",))
        if not answer.body.strip() and 200 <= answer.status < 300:
            return
        try:
            _opened(answer, hidden)
        except (GrantRevoked, TokenRefused):
            return

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> NoReturn:
        """Refuse: see the table."""
        raise _missing(Capability.STATIC_TOKEN)

    async def discover_settings(self, access: Access) -> dict[str, str]:
        """Nothing lacks."""
        return {}

    async def places(self, access: Access, *, cursor: str = "") -> NoReturn:
        """Refuse: see the table."""
        raise _missing(Capability.AGENCY_GRANTS)

    async def derive(self, access: Access, place: str) -> NoReturn:
        """Refuse: see the table."""
        raise _missing(Capability.AGENCY_GRANTS)

    async def _grant(self, fields: Mapping[str, str], secret_fields: tuple[str, ...]) -> Grant:
        """Call the token endpoint and read the pair; expiries count from before the call, to be on the safe side."""
        asked = self._clock()
        answer, hidden = await self._post(TOKEN_PATH, fields, secret_fields)
        return _read_grant(_opened(answer, hidden), answer, asked, hidden)

    async def _post(
        self, path: str, fields: Mapping[str, str], secret_fields: tuple[str, ...]
    ) -> tuple[Answer, tuple[Secret, ...]]:
        """Post a form with the application's key and secret; give the answer and what must be hidden in its words."""
        client_key, client_secret = self._client.config.application()
        hidden = (client_secret, *(Secret(fields[name]) for name in secret_fields))
        form = {"client_key": client_key, "client_secret": client_secret.reveal(), **fields}
        return await self._client.form(path, form), hidden


def _missing(capability: Capability) -> CapabilityMissing:
    cell = TABLE.cell(capability)
    return CapabilityMissing(capability, cell.support, cell.note, provider=PROVIDER)


def _opened(answer: Answer, hidden: tuple[Secret, ...]) -> dict[str, Any]:
    """Open an answer of an OAuth endpoint; the `error` field decides, because TikTok sends errors with HTTP 200 too.

    Also reads the wrapped shape of the retired v1 (`{data: {…}, message}`), which TikTok's own pages still show.
    """
    try:
        root = strict_json.parse(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=True, secrets=hidden) from None
    if not isinstance(root, dict):
        raise unreadable(answer, write=True, secrets=hidden)
    refused = _refused(root, answer, hidden)
    if refused is not None:
        raise refused
    if not 200 <= answer.status < 300:
        raise unreadable(answer, write=True, secrets=hidden)
    data = strict_json.mapping(root, "data")
    return data if "access_token" in data else root


def _refused(root: dict[str, Any], answer: Answer, hidden: tuple[Secret, ...]) -> ProviderError | None:
    """Find a refusal in any of its three shapes: flat, enveloped, v1."""
    error, envelope, data = (
        wire.text(root, "error"),
        strict_json.mapping(root, "error"),
        strict_json.mapping(root, "data"),
    )
    log_id = wire.text(root, "log_id") or wire.text(root, "logid")
    if error:
        return oauth_refusal(answer, error, wire.text(root, "error_description"), log_id, hidden)
    code = wire.text(envelope, "code")
    if code and code != "ok":
        log_id = wire.text(envelope, "log_id") or log_id
        return oauth_refusal(answer, code, wire.text(envelope, "message"), log_id, hidden)
    old_code = strict_json.integer(data.get("error_code"))
    if old_code:
        return oauth_refusal(answer, str(old_code), wire.text(data, "description"), log_id, hidden)
    return None


def _read_grant(data: Mapping[str, Any], answer: Answer, asked: datetime, hidden: tuple[Secret, ...]) -> Grant:
    """Read a pair of tokens; without a usable access token nobody knows what TikTok did."""
    access_token, refresh_token = data.get("access_token"), data.get("refresh_token")
    if not strict_json.is_token(access_token):
        raise broken(
            "TikTok's grant holds no access token.",
            write=True,
            provider=PROVIDER,
            log_id=header_log_id(answer, hidden),
            http_status=answer.status,
        )
    renewable = strict_json.is_token(refresh_token)
    lifetime = _lifetime(data, "refresh_expires_in")
    return Grant(
        access_token=Secret(str(access_token)),
        access_expire_time=asked + (_lifetime(data, "expires_in") or FALLBACK_LIFETIME),
        refresh_token=Secret(str(refresh_token)) if renewable else None,
        refresh_expire_time=asked + lifetime if renewable and lifetime else None,
        scopes=tuple(dict.fromkeys(part.strip() for part in wire.text(data, "scope").split(",") if part.strip())),
        subject=wire.identifier(data.get("open_id")),
    )


def _lifetime(data: Mapping[str, Any], key: str) -> timedelta | None:
    """Read seconds, sent as a number or as a numeric string; nothing usable is None."""
    value = data.get(key)
    seconds = strict_json.integer(int(value) if isinstance(value, float) else value)
    if seconds is None or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 10**10)), _MAX_LIFETIME)
