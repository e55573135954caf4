"""The check of a publish request against a provider's capability table and limits, before the network.

Owns which capabilities a request needs and which limits its texts have; the gateway's preflight asks here too. Knows no
vendor.
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


def needed_capabilities(request: PublishRequest) -> Iterator[Capability]:
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


def too_long_texts(request: PublishRequest, limits: Limits) -> Iterator[tuple[str, int, int]]:
    """Yield (field, length, limit), in UTF-16 units, for each text of a request that is too long."""
    photos = request.content if isinstance(request.content, Photos) else None
    texts = [("caption", request.caption, limits.max_caption_units)]
    if photos is not None:
        caption_limit = limits.max_photo_caption_units or limits.max_caption_units
        texts = [("title", photos.title, limits.max_title_units), ("caption", request.caption, caption_limit)]
    for field, text, limit in texts:
        if 0 < limit < (units := utf16_units(text)):
            yield field, units, limit


def has_too_many_photos(request: PublishRequest, limits: Limits) -> bool:
    """Return whether a request has more photos than the limit."""
    return isinstance(request.content, Photos) and 0 < limits.max_photos < len(request.content.uris)


def check_request(table: CapabilityTable, request: PublishRequest) -> None:
    """Raise CapabilityMissing for what the table does not promise, ContentRefused for content beyond its limits."""
    for capability in needed_capabilities(request):
        require(table, capability)
    name, limits = table.provider, table.limits_of(request.platform)
    if isinstance(request.content, VideoFile):
        _check_file(name, limits, request.content)
    if has_too_many_photos(request, limits):
        raise ContentRefused(f"{name} takes up to {limits.max_photos} photos.", provider=name, code="photo_count")
    for field, _, limit in too_long_texts(request, limits):
        text = f"{name} takes {field}s up to {limit} UTF-16 units."
        raise ContentRefused(text, provider=name, code="caption_too_long")


def _check_file(name: str, limits: Limits, file: VideoFile) -> None:
    if limits.video_mime_types and file.mime_type not in limits.video_mime_types:
        text = f"{name} takes {', '.join(limits.video_mime_types)} only."
        raise ContentRefused(text, provider=name, code="mime_type_unsupported")
    if 0 < limits.max_video_bytes < file.size:
        text = f"{name} takes videos up to {limits.max_video_bytes} bytes."
        raise ContentRefused(text, provider=name, code="file_too_large")
