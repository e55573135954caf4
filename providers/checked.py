"""A provider that refuses what its own table does not promise, before the network.

Owns the check of capabilities and limits for every provider alike. Knows no vendor.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from providers.capabilities import Capability, CapabilityTable
from providers.errors import CapabilityMissing, ContentRefused
from providers.interface.access import Access
from providers.interface.accounts import Accounts
from providers.interface.authorization import Authorization
from providers.interface.provider import Provider
from providers.interface.publishing import Publishing
from providers.interface.videos import Videos
from providers.interface.webhooks import Webhooks
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import ConsentRequest, Grant, GrantKind, Places
from providers.models.publishing import (
    Begun,
    PhotoOrder,
    PostMode,
    PublishStatus,
    PullOrder,
    Transferred,
    VideoFile,
    VideoOrder,
)
from providers.models.secret import Secret
from providers.models.videos import Video, VideoPage
from providers.models.webhooks import Webhook

NEEDED_BY_MODE = {
    PostMode.DIRECT: Capability.POST_VIDEO_UPLOAD,
    PostMode.CREATOR_INBOX: Capability.POST_INBOX,
    PostMode.PLANNER_DRAFT: Capability.POST_PLANNER_DRAFT,
}


def checked(provider: Provider) -> Provider:
    """Wrap a provider: what its table does not promise raises CapabilityMissing, oversized posts ContentRefused."""
    table = provider.table
    return _Checked(
        name=provider.name,
        table=table,
        authorization=_Authorization(provider.authorization, table),
        accounts=_Accounts(provider.accounts, table),
        videos=_Videos(provider.videos, table),
        publishing=_Publishing(provider.publishing, table),
        webhooks=_Webhooks(provider.webhooks, table),
        inner=provider,
    )


def demand(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing, with the table's note, unless the capability may be used."""
    if not table.can(capability):
        cell = table.cell(capability)
        raise CapabilityMissing(capability, cell.support, cell.note, provider=table.provider)


def utf16_units(text: str) -> int:
    """Count as vendors count captions: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class _Checked:
    """The wrapped provider."""

    name: str
    table: CapabilityTable
    authorization: Authorization
    accounts: Accounts
    videos: Videos
    publishing: Publishing
    webhooks: Webhooks
    inner: Provider

    async def close(self) -> None:
        """Close the provider."""
        await self.inner.close()


@dataclass(frozen=True, slots=True)
class _Authorization:
    """Grants, as far as the table goes."""

    inner: Authorization
    table: CapabilityTable

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the provider knows."""
        return self.inner.scopes

    @property
    def returns_state(self) -> bool:
        """Says only what is known."""
        return self.inner.returns_state

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Makes no call."""
        return self.inner.settings(location, kind, given)

    def fitting(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Makes no call."""
        return self.inner.fitting(kind, settings, grant)

    def consent_uri(self, request: ConsentRequest) -> str:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return self.inner.consent_uri(request)

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return await self.inner.exchange(code, verifier=verifier, redirect_uri=redirect_uri)

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return await self.inner.refresh(refresh_token)

    async def revoke(self, access_token: Secret) -> None:
        """Needs REVOKE."""
        demand(self.table, Capability.REVOKE)
        await self.inner.revoke(access_token)

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        """Needs STATIC_TOKEN."""
        demand(self.table, Capability.STATIC_TOKEN)
        return await self.inner.static(token, settings=settings, scopes=scopes)

    async def settle(self, access: Access) -> dict[str, str]:
        """Every provider knows what it needs."""
        return await self.inner.settle(access)

    async def places(self, access: Access, *, cursor: str = "") -> Places:
        """Needs AGENCY_GRANTS."""
        demand(self.table, Capability.AGENCY_GRANTS)
        return await self.inner.places(access, cursor=cursor)

    async def derive(self, access: Access, place: str) -> Grant:
        """Needs AGENCY_GRANTS."""
        demand(self.table, Capability.AGENCY_GRANTS)
        return await self.inner.derive(access, place)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Profiles, as far as the table goes."""

    inner: Accounts
    table: CapabilityTable

    async def profile(self, access: Access, parts: Set[ProfilePart]) -> Profile:
        """Every provider has profiles."""
        return await self.inner.profile(access, parts)

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Needs CREATOR_INFO."""
        demand(self.table, Capability.CREATOR_INFO)
        return await self.inner.creator_info(access)


@dataclass(frozen=True, slots=True)
class _Videos:
    """Video reads, as far as the table goes."""

    inner: Videos
    table: CapabilityTable

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """Needs VIDEO_LIST, and METRICS when they are asked."""
        demand(self.table, Capability.VIDEO_LIST)
        if metrics:
            demand(self.table, Capability.METRICS)
        return await self.inner.list_videos(access, cursor=cursor, limit=limit, metrics=metrics)

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Needs VIDEO_QUERY, and METRICS when they are asked."""
        demand(self.table, Capability.VIDEO_QUERY)
        if metrics:
            demand(self.table, Capability.METRICS)
        return await self.inner.query_videos(access, ids, metrics=metrics)


@dataclass(frozen=True, slots=True)
class _Publishing:
    """Publishing, as far as the table and its limits go."""

    inner: Publishing
    table: CapabilityTable

    def check_video(self, order: VideoOrder) -> None:
        """Needs what the mode needs, and a file and a caption within the limits."""
        demand(self.table, NEEDED_BY_MODE[order.mode])
        limits, name = self.table.limits, self.table.provider
        if limits.video_mime_types and order.file.mime_type not in limits.video_mime_types:
            raise ContentRefused(
                f"{name} takes {', '.join(limits.video_mime_types)} only.", provider=name, code="mime_type_unsupported"
            )
        if 0 < limits.max_video_bytes < order.file.size:
            raise ContentRefused(
                f"{name} takes videos up to {limits.max_video_bytes} bytes.", provider=name, code="file_too_large"
            )
        self._check_length(order.caption, limits.max_caption_units, "captions")
        self.inner.check_video(order)

    def check_pull(self, order: PullOrder) -> None:
        """Needs POST_VIDEO_PULL, what the mode needs, and a caption within the limits."""
        demand(self.table, Capability.POST_VIDEO_PULL)
        demand(self.table, NEEDED_BY_MODE[order.mode])
        self._check_length(order.caption, self.table.limits.max_caption_units, "captions")
        self.inner.check_pull(order)

    async def begin_pull(self, access: Access, order: PullOrder) -> Begun:
        """Checks the order first."""
        self.check_pull(order)
        return await self.inner.begin_pull(access, order)

    def check_photos(self, order: PhotoOrder) -> None:
        """Needs POST_PHOTO, what the mode needs, and as many photos and characters as the limits allow."""
        demand(self.table, Capability.POST_PHOTO)
        if order.mode is not PostMode.DIRECT:
            demand(self.table, NEEDED_BY_MODE[order.mode])
        limits, name = self.table.limits, self.table.provider
        if 0 < limits.max_photos < len(order.uris):
            raise ContentRefused(f"{name} takes up to {limits.max_photos} photos.", provider=name, code="photo_count")
        self._check_length(order.title, limits.max_title_units, "titles")
        self._check_length(order.caption, limits.max_photo_caption_units, "captions of photos")
        self.inner.check_photos(order)

    async def begin_photos(self, access: Access, order: PhotoOrder) -> Begun:
        """Checks the order first."""
        self.check_photos(order)
        return await self.inner.begin_photos(access, order)

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Needs POST_CANCEL."""
        demand(self.table, Capability.POST_CANCEL)
        await self.inner.cancel(access, publish_id)

    def _check_length(self, text: str, limit: int, what: str) -> None:
        if 0 < limit < utf16_units(text):
            name = self.table.provider
            raise ContentRefused(
                f"{name} takes {what} up to {limit} UTF-16 units.", provider=name, code="caption_too_long"
            )

    async def begin_video(self, access: Access, order: VideoOrder) -> Begun:
        """Checks the order first."""
        self.check_video(order)
        return await self.inner.begin_video(access, order)

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> Transferred:
        """Follows a begin, which was checked."""
        return await self.inner.send_chunk(upload_url, file, first=first, end=end, body=body)

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Follows a begin, which was checked."""
        return await self.inner.status(access, publish_id)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Makes no call."""
        return self.inner.public_uri(username, post_id, photos=photos)


@dataclass(frozen=True, slots=True)
class _Webhooks:
    """Webhooks, as far as the table goes."""

    inner: Webhooks
    table: CapabilityTable

    @property
    def come_again(self) -> int:
        """Says only what is known."""
        return self.inner.come_again

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Needs WEBHOOKS."""
        demand(self.table, Capability.WEBHOOKS)
        return self.inner.read(headers, body, now=now)

    def parse(self, body: bytes) -> Webhook:
        """Needs WEBHOOKS."""
        demand(self.table, Capability.WEBHOOKS)
        return self.inner.parse(body)
