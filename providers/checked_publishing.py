"""The check of a publish request against a provider's capability table and limits, before the network.

Owns which capabilities a request needs and how its content is measured. Knows no vendor.
"""

from collections.abc import Iterator

from providers.capabilities import Capability, CapabilityTable, Limits
from providers.errors import ContentRefused, require
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.utf16 import utf16_units

NEEDED_BY_MODE = {
    PostMode.CREATOR_INBOX: Capability.POST_INBOX,
    PostMode.PLANNER_DRAFT: Capability.POST_PLANNER_DRAFT,
    PostMode.PLANNER_REVIEW: Capability.POST_PLANNER_REVIEW,
}


def needed(request: PublishRequest) -> Iterator[Capability]:
    """Yield the capabilities that a request needs."""
    match request.content:
        case Photos():
            yield Capability.POST_PHOTO
        case VideoLink():
            yield Capability.POST_VIDEO_PULL
        case VideoFile():
            yield Capability.POST_VIDEO_UPLOAD
        case None:
            yield Capability.POST_TEXT
    if request.mode in NEEDED_BY_MODE:
        yield NEEDED_BY_MODE[request.mode]
    if request.schedule_time is not None:
        yield Capability.POST_SCHEDULE


def check_request(table: CapabilityTable, request: PublishRequest) -> None:
    """Raise CapabilityMissing for what the table does not promise, ContentRefused for content beyond its limits."""
    for capability in needed(request):
        require(table, capability)
    limits, content = table.limits_of(request.platform), request.content
    if isinstance(content, VideoFile):
        _check_file(table.provider, limits, content)
    if isinstance(content, Photos):
        _check_photos(table.provider, limits, content)
        _check_length(
            table.provider, request.caption, limits.max_photo_caption_units or limits.max_caption_units, "captions"
        )
    else:
        _check_length(table.provider, request.caption, limits.max_caption_units, "captions")


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
