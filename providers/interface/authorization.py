"""How a grant is obtained, refreshed and revoked, and which places an agency's grant covers.

Owns the contract of OAuth, static tokens and agencies' grants. Never stores or logs a token.
"""

from collections.abc import Mapping
from typing import Protocol

from providers.errors import ProviderError
from providers.interface.access import Access
from providers.models.grants import ConsentRequest, Grant, GrantKind, Places
from providers.models.secret import Secret


class Authorization(Protocol):
    """Authorisation at one vendor."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes of the provider, in the order a consent page should request them."""
        ...

    @property
    def returns_state(self) -> bool:
        """Whether the consent page is known to return the OAuth state."""
        ...

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Validate the settings of a new connection in one of our locations and add the implied ones; no call.

        Raises SettingInvalid, which names the setting.
        """
        ...

    def settings_of_grant(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Return the settings of a connection once it has this grant: the given ones and those from the grant; no call.

        Raises Rejected if the grant is for another place than the connection.
        """
        ...

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the URL of the consent page for the user's browser; no vendor call."""
        ...

    def redirect_error(self, code: str, message: str) -> ProviderError:
        """Return what `error` and `error_description` in the consent page's redirect mean, as at the token endpoint.

        Misconfigured or Temporary, else GrantRevoked: the person, or the provider, did not grant it.
        """
        ...

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Exchange a one-time code for a grant: one vendor call, never retried by the provider.

        Raises GrantRevoked (the code is invalid), Misconfigured, Temporary (nothing was sent), Ambiguous (the answer
        was lost).
        """
        ...

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Exchange a refresh token: one vendor call, never retried by the provider, because it may end the old token.

        Raises GrantRevoked (the vendor's invalid_grant), Misconfigured, Temporary, Ambiguous (the answer was lost).
        """
        ...

    async def revoke(self, access_token: Secret) -> None:
        """Revoke the grant at the vendor; a grant that is already revoked is not an error."""
        ...

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        """Return the grant of a token that a person created at the vendor, verified by one read with it.

        `scopes` are those its creator claims. Raises SettingInvalid (`static_token`: not such a token), GrantRevoked
        (it is no longer valid), ScopeNotGranted, Rejected (it is for another place), Temporary, ContractBroken.
        """
        ...

    async def discover_settings(self, access: Access) -> dict[str, str]:
        """Look up the settings that calls with a grant need and that are not set yet: up to two reads.

        Return an empty dict if none is missing. Raises NotFound if the vendor has no suitable value, ScopeNotGranted
        if the grant may not look it up, Temporary.
        """
        ...

    async def places(self, access: Access, *, cursor: str = "") -> Places:
        """List the places that an agency's grant covers, one page: one vendor call."""
        ...

    async def derive(self, access: Access, place: str) -> Grant:
        """Obtain the grant of one of an agency's places with the agency's access: one vendor call, safe to repeat.

        Raises GrantRevoked if the agency has no access to the place (any more), Rejected, Temporary, Ambiguous.
        """
        ...
