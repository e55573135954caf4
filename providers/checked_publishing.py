"""The check of a publish request against a provider's capability table and limits, before the network.

Owns which capabilities and media a request needs and which limits its texts have; the gateway's preflight asks here
too. Knows no vendor.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from providers.capabilities import Capability, CapabilityTable, Limits, RequiredMedia
from providers.errors import ContentRefused, require
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.text_units import TextUnit, length

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


@dataclass(frozen=True, slots=True)
class TooLong:
    """A text of a request that is longer than `limit`, both counted in `unit`."""

    field: str
    length: int
    limit: int
    unit: TextUnit


def too_long_texts(request: PublishRequest, limits: Limits) -> Iterator[TooLong]:
    """Yield each text of a request that is too long, in the unit in which the vendor counts."""
    photos, unit = request.content if isinstance(request.content, Photos) else None, limits.text_unit
    caption_limit = (photos and limits.max_photo_caption_units) or limits.max_caption_units
    texts = [
        ("title", photos.title if photos else "", limits.max_title_units, unit),
        ("caption", request.caption, caption_limit, unit),
        ("caption", request.caption, limits.max_caption_bytes, TextUnit.UTF8_BYTE),
    ]
    for field, text, limit, counted_in in texts:
        if 0 < limit < (units := length(text, counted_in)):
            yield TooLong(field, units, limit, counted_in)


def misses_media(request: PublishRequest, limits: Limits) -> bool:
    """Return whether a request lacks the media that the vendor requires."""
    match limits.required_media:
        case RequiredMedia.VIDEO:
            return not isinstance(request.content, VideoFile | VideoLink)
        case RequiredMedia.ANY:
            return request.content is None
        case RequiredMedia.NONE:
            return False


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
    if misses_media(request, limits):
        text = f"A post for {request.platform or name} needs {limits.required_media}."
        raise ContentRefused(text, provider=name, code="media_missing")
    if has_too_many_photos(request, limits):
        raise ContentRefused(f"{name} takes up to {limits.max_photos} photos.", provider=name, code="photo_count")
    for found in too_long_texts(request, limits):
        text = f"{name} takes {found.field}s up to {found.limit} {found.unit}."
        raise ContentRefused(text, provider=name, code="caption_too_long")


def _check_file(name: str, limits: Limits, file: VideoFile) -> None:
    if limits.video_mime_types and file.mime_type not in limits.video_mime_types:
        text = f"{name} takes {', '.join(limits.video_mime_types)} only."
        raise ContentRefused(text, provider=name, code="mime_type_unsupported")
    if 0 < limits.max_video_bytes < file.size:
        text = f"{name} takes videos up to {limits.max_video_bytes} bytes."
        raise ContentRefused(text, provider=name, code="file_too_large")
