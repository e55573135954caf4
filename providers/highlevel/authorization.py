"""HighLevel's grants: the consent page, authorization codes, rotating refresh tokens, static tokens, agencies.

Owns HighLevel's variant of OAuth: two spellings, tokens of locations and companies, no revocation. Never stores or
logs a token.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NoReturn
from urllib.parse import quote

from providers.capabilities import Capability
from providers.errors import CapabilityMissing, GrantRevoked, ProviderError, SettingInvalid, TokenRefused
from providers.highlevel import agency_installs, location_ids, users, wire
from providers.highlevel.accounts import accounts_path
from providers.highlevel.capabilities import LIST_SCOPE, SCOPES, TABLE
from providers.highlevel.client import Call, Client, parse_envelope
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract, oauth_refusal, redirect_error, unreadable_grant
from providers.highlevel.grants import STATIC_LIFETIME, camel, read_grant
from providers.http import strict_json
from providers.http.urls import with_query
from providers.interface.access import Access
from providers.models.grants import ConsentRequest, Grant, GrantKind, Places
from providers.models.secret import Secret
from providers.scopes import bounded

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_PRIVATE = "pit-"


class HighLevelAuthorization:
    """Authorization at HighLevel."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        """Use `client` for the calls and `clock` to make expiries absolute. Raises Misconfigured (unknown scopes)."""
        self._client = client
        self._clock = clock
        self._scopes = bounded(PROVIDER, SCOPES, client.config.scopes)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the application has: every one that the provider uses, unless a setting bounds them.

        If one of them is not enabled in the application's portal, the whole consent fails in its last step (issue 311
        of GoHighLevel/highlevel-api-docs, read 2026-11-20).
        """
        return self._scopes

    @property
    def returns_state(self) -> bool:
        """False: no page of the documentation mentions a state (read 2026-11-20)."""
        return False

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Validate `location_id`, `company_id` and `user_id`; see location_ids.py."""
        return location_ids.complete_settings(location, kind, given)

    def settings_of_grant(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Check that the grant matches the connection; see location_ids.py."""
        return location_ids.settings_with_grant(kind, settings, grant)

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the page where the user picks a location, or an agency's locations.

        No page of the documentation mentions PKCE or `state` (read 2026-11-20): the verifier is not sent, and the state
        may not be returned.
        """
        client_id, _ = self._client.config.application()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": request.redirect_uri,
            "scope": " ".join(request.scopes),
            "state": request.state,
        }
        if self._client.config.version_id:
            query["version_id"] = self._client.config.version_id
        return with_query(self._client.config.authorize_url, query, quote_via=quote)

    def redirect_error(self, code: str, message: str) -> ProviderError:
        """Return what a code in the consent page's redirect means; see errors.py."""
        return redirect_error(code, message)

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Exchange a code for a grant: one call. Its `user_type` says whether it is a location's or a company's."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        grant = await self._grant(fields, "code")
        if not grant.subject:
            raise contract("HighLevel's grant names neither location nor company.", write=True)
        return grant

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Exchange a refresh token: one call. The new one replaces it; the old one is assumed to be invalid at once."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return await self._grant(fields, "refresh_token")

    async def revoke(self, access_token: Secret) -> NoReturn:
        """Refuse: see the table. Makes no call."""
        cell = TABLE.cell(Capability.REVOKE)
        raise CapabilityMissing(Capability.REVOKE, cell.support, cell.note, provider=PROVIDER)

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        """Accept a location's Private Integration Token after one read with it, the list of accounts.

        HighLevel does not report the scopes of such a token: they are those that its creator states.
        """
        if not token.reveal().startswith(_PRIVATE) or not strict_json.is_token(token.reveal()):
            text = "must be a Private Integration Token, which begins with pit-"
            raise SettingInvalid("static_token", text, provider=PROVIDER)
        location_id = settings.get(location_ids.LOCATION, "")
        if not location_id:
            # Unlike a consent, such a token does not name its location.
            text = "must name the HighLevel location that the token was created in"
            raise SettingInvalid(location_ids.LOCATION, text, provider=PROVIDER)
        call = Call("GET", accounts_path(location_id), LIST_SCOPE, write=False)
        try:
            await self._client.once(token, call, parse_envelope)
        except TokenRefused as error:
            # A static token cannot be renewed. The new error keeps the code, trace id and status.
            raise GrantRevoked(error.message, **vars(error)) from None
        return Grant(
            access_token=token,
            access_expire_time=self._clock() + STATIC_LIFETIME,
            refresh_token=None,
            refresh_expire_time=None,
            scopes=tuple(dict.fromkeys(scopes)),
            subject=location_id,
            settings={"user_type": "Location", "location_id": location_id},
            kind=GrantKind.LOCATION,
        )

    async def discover_settings(self, access: Access) -> dict[str, str]:
        """Find the acting user; see users.py."""
        return await users.find_acting_user(self._client, access)

    async def places(self, access: Access, *, cursor: str = "") -> Places:
        """List the locations where a company's application is installed."""
        company = (await access.token()).subject
        page = await self.installed_locations(access, company_id=company, cursor=cursor, limit=agency_installs.MAX_PAGE)
        return Places(tuple(each.id for each in page.locations if each.installed), page.next_cursor)

    async def derive(self, access: Access, place: str) -> Grant:
        """Return the grant of one of a company's locations."""
        return await self.location_token(access, company_id=(await access.token()).subject, location_id=place)

    async def location_token(self, access: Access, *, company_id: str, location_id: str) -> Grant:
        """Exchange a company's access for the grant of a location where the application is installed."""
        return await agency_installs.location_token(self._client, access, company_id, location_id)

    async def installed_locations(
        self, access: Access, *, company_id: str, cursor: str = "", limit: int = 20, installed: bool | None = True
    ) -> agency_installs.InstalledPage:
        """List one page of a company's locations; a company's grant does not name the locations that were picked."""
        return await agency_installs.installed_locations(
            self._client, access, company_id, cursor=cursor, limit=limit, installed=installed
        )

    async def _grant(self, fields: Mapping[str, str], secret: str) -> Grant:
        """Call the token endpoint and read the pair; expiries count from before the call, to be on the safe side."""
        requested_at = self._clock()
        client_id, client_secret = self._client.config.application()
        form = {"client_id": client_id, "client_secret": client_secret.reveal(), **fields}
        answer = await self._client.form(TOKEN_PATH, camel(form) if self._client.config.v3 else form)
        hidden = (client_secret, Secret(fields[secret]))
        try:
            response = wire.envelope(answer.body)
        except strict_json.Malformed:
            raise unreadable_grant(answer, hidden) from None
        if not 200 <= answer.status < 300:
            raise oauth_refusal(answer, response, hidden)
        return read_grant(response, requested_at, answer.status)
