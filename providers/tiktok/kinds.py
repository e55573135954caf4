"""Which of TikTok's two APIs serves a call: that of the kind of its grant, or of its account.

Owns the choice. A user's grant is of the v2 API, an account holder's and an advertiser's of the API for Business; their
tokens, ids and scopes are not interchangeable.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from datetime import datetime

from providers.interface.access import Access
from providers.interface.accounts import Accounts
from providers.interface.publishing import Publishing
from providers.interface.videos import Videos
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import GrantKind
from providers.models.publishing import Begun, FoundPost, PublishRequest, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret
from providers.models.videos import Video, VideoMetrics, VideoPage
from providers.tiktok_business.capabilities import PLATFORM


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


class PublishingByKind:
    """Posts: submitted with the API of their account's platform, followed with that of the grant."""

    def __init__(self, user: Publishing, business: Publishing) -> None:
        """Choose between the two."""
        self._user, self._business = user, business

    def check(self, request: PublishRequest) -> None:
        """Refuse what cannot be published; see the interface."""
        self._for(request).check(request)

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Submit a post; see the interface."""
        return await self._for(request).begin(access, request)

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Raise OptionUnsupported: neither of the two has a media library."""
        return await self._user.store(access, file, body, name=name)

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> Transferred:
        """Send bytes of a file, which only the v2 API takes; see the interface."""
        return await self._user.send_chunk(upload_url, file, first=first, end=end, body=body)

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Return the status of a publish; see the interface."""
        return await (await self._of(access)).status(access, publish_id)

    async def metrics(self, access: Access, publish_id: str, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
        """Read the counts of what a publish became; see the interface."""
        return await (await self._of(access)).metrics(access, publish_id, post_ids)

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List what an account posted; see the interface."""
        return await (await self._of(access)).find(access, account, since=since, until=until)

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Ask TikTok to cancel a publish; see the interface."""
        await (await self._of(access)).cancel(access, publish_id)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return the public URL of a post, which is the same for both."""
        return self._user.public_uri(username, post_id, photos=photos)

    def _for(self, request: PublishRequest) -> Publishing:
        return self._business if request.platform == PLATFORM else self._user

    async def _of(self, access: Access) -> Publishing:
        return self._business if await is_business(access) else self._user
