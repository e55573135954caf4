"""The check of a publish request against a provider's capability table and limits, before the network.

Owns which capabilities and media a request needs and which limits its texts have; the gateway's preflight asks here
too. Knows no vendor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType

from providers.capabilities import Capability, CapabilityTable, Limits, RequiredMedia
from providers.errors import ContentRefused, require
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.text_units import TextUnit, length

NEEDED_BY_MODE = {
    PostMode.CREATOR_INBOX: Capability.POST_INBOX,
    PostMode.PLANNER_DRAFT: Capability.POST_PLANNER_DRAFT,
    PostMode.PLANNER_REVIEW: Capability.POST_PLANNER_REVIEW,
}
NEEDED_BY_CONTENT = {
    Photos: Capability.POST_PHOTO,
    VideoLink: Capability.POST_VIDEO_PULL,
    VideoFile: Capability.POST_VIDEO_UPLOAD,
    NoneType: Capability.POST_TEXT,
}


def needed_capabilities(request: PublishRequest) -> Iterator[Capability]:
    """Yield the capabilities that a request needs."""
    yield NEEDED_BY_CONTENT[type(request.content)]
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
    for code, text in _refusals(table.provider, table.limits_of(request.platform), request):
        raise ContentRefused(text, provider=table.provider, code=code)


def _refusals(name: str, limits: Limits, request: PublishRequest) -> Iterator[tuple[str, str]]:
    file = request.content
    if isinstance(file, VideoFile):
        if limits.video_mime_types and file.mime_type not in limits.video_mime_types:
            yield "mime_type_unsupported", f"{name} takes {', '.join(limits.video_mime_types)} only."
        if 0 < limits.max_video_bytes < file.size:
            yield "file_too_large", f"{name} takes videos up to {limits.max_video_bytes} bytes."
    if misses_media(request, limits):
        yield "media_missing", f"A post for {request.platform or name} needs {limits.required_media}."
    if has_too_many_photos(request, limits):
        yield "photo_count", f"{name} takes up to {limits.max_photos} photos."
    for found in too_long_texts(request, limits):
        yield "caption_too_long", f"{name} takes {found.field}s up to {found.limit} {found.unit}."
