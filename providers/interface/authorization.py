"""How a grant is got, renewed and given back.

Owns the contract of OAuth towards a vendor. Never stores, never logs what it holds.
"""

from typing import Protocol

from providers.models.grants import ConsentRequest, Grant
from providers.models.secret import Secret


class Authorization(Protocol):
    """Authorisation at one vendor."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the provider knows, in the order a consent page should ask for them."""
        ...

    def consent_uri(self, request: ConsentRequest) -> str:
        """Give the page to open in the user's browser; no vendor call."""
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
