"""The profile behind a grant, and what that creator may post now.

Owns the contract of profile reads. The provider may repeat reads. The accounts of a grant that holds several are in
`networks.py`.
"""

from collections.abc import Set
from typing import Protocol

from providers.interface.access import Access
from providers.models.accounts import CreatorInfo, Profile, ProfilePart


class Accounts(Protocol):
    """Profile reads at one vendor."""

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the requested parts in one vendor call; parts whose scope was not granted are listed in `missing`.

        `account` is the `provider_account_id` of one account of a grant that holds several; empty means the subject of
        the grant. Raises ScopeNotGranted if no requested part is granted, NotFound for an account outside the grant.
        """
        ...

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Fetch what the creator may post now: one vendor call. A blocked creator is a result, not an error."""
        ...
