"""Which of TikTok's two APIs serves a call: that of the kind of its grant, or of its account.

Owns the choice. A user's grant is of the v2 API, an account holder's and an advertiser's of the API for Business; their
tokens, ids and scopes are not interchangeable.
"""

from collections.abc import Sequence, Set

from providers.interface.access import Access
from providers.interface.accounts import Accounts
from providers.interface.videos import Videos
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import GrantKind
from providers.models.videos import Video, VideoPage


async def is_business(access: Access) -> bool:
    """Return whether the access is to the grant of an account holder."""
    return (await access.token()).kind is GrantKind.BUSINESS_ACCOUNT


class AccountsByKind:
    """Profiles, each read with the API of its grant."""

    def __init__(self, user: Accounts, business: Accounts, advertiser: Accounts) -> None:
        """Choose between the three."""
        self._user = user
        self._others = {GrantKind.BUSINESS_ACCOUNT: business, GrantKind.ADVERTISER: advertiser}

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch a profile; see the interface."""
        return await (await self._of(access)).profile(access, parts, account)

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Fetch what the creator may post now; see the interface."""
        return await (await self._of(access)).creator_info(access)

    async def _of(self, access: Access) -> Accounts:
        kind = (await access.token()).kind
        return self._user if kind is None else self._others.get(kind, self._user)


class VideosByKind:
    """Videos, each read with the API of its grant."""

    def __init__(self, user: Videos, business: Videos) -> None:
        """Choose between the two."""
        self._user, self._business = user, business

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """List videos; see the interface."""
        facet = self._business if await is_business(access) else self._user
        return await facet.list_videos(access, cursor=cursor, limit=limit, metrics=metrics)

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Look up videos by id; see the interface."""
        facet = self._business if await is_business(access) else self._user
        return await facet.query_videos(access, ids, metrics=metrics)
