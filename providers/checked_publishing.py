"""Publishing that refuses what the provider's own table does not promise, before the network.

Owns the check of an order's capabilities and limits for every provider alike. Knows no vendor.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from providers.capabilities import Capability, CapabilityTable, Limits
from providers.demand import demand
from providers.errors import ContentRefused
from providers.interface.access import Access
from providers.interface.publishing import Publishing
from providers.interface.records import Records
from providers.models.publishing import (
    Begun,
    Photos,
    PostMode,
    PublishRequest,
    PublishStatus,
    Sighting,
    Transferred,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret

NEEDED_BY_MODE = {
    PostMode.CREATOR_INBOX: Capability.POST_INBOX,
    PostMode.PLANNER_DRAFT: Capability.POST_PLANNER_DRAFT,
    PostMode.PLANNER_REVIEW: Capability.POST_PLANNER_REVIEW,
}


def needed(order: PublishRequest) -> Iterator[Capability]:
    """Name the capabilities that an order needs."""
    match order.content:
        case Photos():
            yield Capability.POST_PHOTO
        case VideoLink():
            yield Capability.POST_VIDEO_PULL
        case VideoFile():
            yield Capability.POST_VIDEO_UPLOAD
        case None:
            yield Capability.POST_TEXT
    if order.mode in NEEDED_BY_MODE:
        yield NEEDED_BY_MODE[order.mode]
    if order.schedule_time is not None:
        yield Capability.POST_SCHEDULE


def utf16_units(text: str) -> int:
    """Count as vendors count captions: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_order(table: CapabilityTable, order: PublishRequest) -> None:
    """Refuse an order that the table does not promise: CapabilityMissing, or ContentRefused beyond its limits."""
    for capability in needed(order):
        demand(table, capability)
    limits, content = table.limits_of(order.platform), order.content
    if isinstance(content, VideoFile):
        _check_file(table.provider, limits, content)
    if isinstance(content, Photos):
        _check_photos(table.provider, limits, content)
        _check_length(
            table.provider, order.caption, limits.max_photo_caption_units or limits.max_caption_units, "captions"
        )
    else:
        _check_length(table.provider, order.caption, limits.max_caption_units, "captions")


def _check_file(name: str, limits: Limits, file: VideoFile) -> None:
    if limits.video_mime_types and file.mime_type not in limits.video_mime_types:
        text = f"{name} takes {', '.join(limits.video_mime_types)} only."
        raise ContentRefused(text, provider=name, code="mime_type_unsupported")
    if 0 < limits.max_video_bytes < file.size:
        text = f"{name} takes videos up to {limits.max_video_bytes} bytes."
        raise ContentRefused(text, provider=name, code="file_too_large")


def _check_photos(name: str, limits: Limits, photos: Photos) -> None:
    if 0 < limits.max_photos < len(photos.uris):
        text = f"{name} takes up to {limits.max_photos} photos."
        raise ContentRefused(text, provider=name, code="photo_count")
    _check_length(name, photos.title, limits.max_title_units, "titles")


def _check_length(name: str, text: str, limit: int, what: str) -> None:
    if 0 < limit < utf16_units(text):
        message = f"{name} takes {what} up to {limit} UTF-16 units."
        raise ContentRefused(message, provider=name, code="caption_too_long")


@dataclass(frozen=True, slots=True)
class CheckedPublishing:
    """Publishing, as far as the table and its limits go."""

    inner: Publishing
    table: CapabilityTable

    def check(self, order: PublishRequest) -> None:
        """Needs what the order needs, within the limits."""
        check_order(self.table, order)
        self.inner.check(order)

    async def begin(self, access: Access, order: PublishRequest) -> Begun:
        """Checks the order first."""
        self.check(order)
        return await self.inner.begin(access, order)

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Is a part of handing over a file or photos."""
        return await self.inner.store(access, file, body, name=name)

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

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[Sighting, ...]:
        """Follows a begin, which was checked."""
        return await self.inner.find(access, account, since=since, until=until)

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Needs POST_CANCEL."""
        demand(self.table, Capability.POST_CANCEL)
        await self.inner.cancel(access, publish_id)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Makes no call."""
        return self.inner.public_uri(username, post_id, photos=photos)


@dataclass(frozen=True, slots=True)
class CheckedRecords:
    """A planner's records, as far as the table goes."""

    inner: Records
    table: CapabilityTable

    async def statuses(
        self, access: Access, publish_ids: Sequence[str], *, since: datetime, until: datetime
    ) -> Mapping[str, PublishStatus]:
        """Follows begins, which were checked."""
        return await self.inner.statuses(access, publish_ids, since=since, until=until)

    async def edit(self, access: Access, publish_id: str, order: PublishRequest) -> None:
        """Needs POST_EDIT, and an order within the limits."""
        demand(self.table, Capability.POST_EDIT)
        check_order(self.table, order)
        await self.inner.edit(access, publish_id, order)

    async def delete(self, access: Access, publish_id: str) -> None:
        """Needs POST_CANCEL: taking its record away is how a planner calls a post back."""
        demand(self.table, Capability.POST_CANCEL)
        await self.inner.delete(access, publish_id)
