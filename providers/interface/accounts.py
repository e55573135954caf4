"""Who is behind a grant, and what that creator may post now.

Owns the contract of profile reads. Reads may be repeated by the provider. Which accounts a grant of several holds is
`networks.py`.
"""

from collections.abc import Set
from typing import Protocol

from providers.interface.access import Access
from providers.models.accounts import CreatorInfo, Profile, ProfilePart


class Accounts(Protocol):
    """Profile reads at one vendor."""

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the asked parts in one vendor call; parts without a granted scope are left out and named in `missing`.

        `account` is the `provider_account_id` of one account of a grant that holds several; empty is who the grant is
        of. Raises ScopeNotGranted when no asked part is granted, NotFound for an account that is not the grant's.
        """
        ...

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Ask what the creator may post now: one vendor call. A blocked creator is an answer, not an error."""
        ...
