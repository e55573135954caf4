"""How a grant is got, renewed and given back, and where it is at work.

Owns the contract of OAuth, static tokens and agencies' grants towards a vendor. Never stores, never logs what it holds.
"""

from collections.abc import Mapping
from typing import Protocol

from providers.interface.access import Access
from providers.models.grants import ConsentRequest, Grant, GrantKind, Places
from providers.models.secret import Secret


class Authorization(Protocol):
    """Authorisation at one vendor."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the provider knows, in the order a consent page should ask for them."""
        ...

    @property
    def returns_state(self) -> bool:
        """Whether the consent page is known to send the state back."""
        ...

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Check the settings of a new connection of a location of ours, and fill in what follows by itself; no call.

        Raises SettingInvalid, which names the setting.
        """
        ...

    def settings_of_grant(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Return the settings of a connection when it gets this grant: what was said, and what only the grant knows.

        Raises Rejected when the grant is for another place than the connection; no call.
        """
        ...

    def consent_uri(self, request: ConsentRequest) -> str:
        """Return the page to open in the user's browser; no vendor call."""
        ...

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Turn a one-use code into a grant: one vendor call, never repeated by itself.

        Raises GrantRevoked (the code is dead), Misconfigured, Temporary (nothing was sent), Ambiguous (the answer was
        lost).
        """
        ...

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Exchange a refresh token: one vendor call, never repeated by itself, because the old token may die with it.

        Raises GrantRevoked (the vendor's invalid_grant), Misconfigured, Temporary, Ambiguous (the answer was lost).
        """
        ...

    async def revoke(self, access_token: Secret) -> None:
        """End the grant at the vendor; a grant that is already dead is no error."""
        ...

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        """Take a token that a person made at the vendor, proved by one read with it; `scopes` are what its maker says.

        Raises SettingInvalid (`static_token`: it is none of those), GrantRevoked (it is dead), ScopeNotGranted,
        Rejected (it is for another place), Temporary, ContractBroken.
        """
        ...

    async def discover_settings(self, access: Access) -> dict[str, str]:
        """Find the settings that calls of a grant need and nobody said, none when nothing lacks: up to two reads.

        Raises NotFound when there is nothing that could be found, ScopeNotGranted when that cannot be asked, Temporary.
        """
        ...

    async def places(self, access: Access, *, cursor: str = "") -> Places:
        """List where an agency's grant is at work, one page: one vendor call."""
        ...

    async def derive(self, access: Access, place: str) -> Grant:
        """Get the grant of one place of an agency for the agency's access: one vendor call, harmless to repeat.

        Raises GrantRevoked when the vendor says that the agency has nothing there (any more), Rejected, Temporary,
        Ambiguous.
        """
        ...
