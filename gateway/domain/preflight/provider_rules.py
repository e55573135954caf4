"""What a provider cannot do with a post, or would silently ignore, by its table, its limits and its own check.

Owns asking the provider, without any vendor call, until every option it refuses is named. What a request needs, and
what is too long, is measured by `providers/checked_publishing.py`. Knows no creator and no media.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gateway import reasons
from gateway.domain import post_content
from gateway.domain.vendor_errors import without_capability
from gateway.errors import ContentRejected, DomainError, FieldInvalid, OptionUnsupported, Violation
from providers import errors as providers
from providers.capabilities import Capability, CapabilityTable, Limits
from providers.checked_publishing import has_too_many_photos, misses_media, needed_capabilities, too_long_texts
from providers.interface import Provider
from providers.models.publishing import Content, Photos, PostOptions, PublishRequest, VideoFile
from storage.accounts import AccountRow
from storage.posts import PostRow

MAX_LINKS = 100
MAX_REFUSALS = 48
"""How many options are named at once: the provider is asked again after each. A post cannot have more of them."""

_CAPABILITY_PATHS = {
    Capability.POST_PHOTO: "photos",
    Capability.POST_VIDEO_PULL: "video.source.vendor_pull",
    Capability.POST_VIDEO_UPLOAD: "video",
    Capability.POST_INBOX: "mode",
    Capability.POST_PLANNER_DRAFT: "mode",
    Capability.POST_PLANNER_REVIEW: "mode",
    Capability.POST_SCHEDULE: "schedule_time",
}
_PREFIXES = {"cover_offset": "video.", "title": "photos.", "cover_index": "photos.", "auto_add_music": "photos."}
_DEFAULTS: dict[str, Any] = {"caption": "", "cover_offset": None, "schedule_time": None}
_PHOTO_DEFAULTS: dict[str, Any] = {"title": "", "auto_add_music": False}


def placeholder_request(post: PostRow, account: AccountRow, table: CapabilityTable) -> PublishRequest:
    """Return the publish request of a post, with placeholders for its media."""
    kind = post_content.kind(post)
    content: Content
    if kind == "file":
        content = _placeholder_file(table.limits_of(account.platform))
    else:
        content = post_content.placeholder(post, len(post_content.sources_of(post)) if kind == "photos" else 1)
    return post_content.publish_request(post, account, content, table)


def _placeholder_file(limits: Limits) -> VideoFile:
    return VideoFile(size=1, mime_type=next(iter(limits.video_mime_types), "video/mp4"))


def capabilities(post: PostRow, request: PublishRequest, table: CapabilityTable) -> Iterator[DomainError]:
    """Yield an error for everything that the provider cannot do at all."""
    needed = list(needed_capabilities(request))
    if post_content.is_kept(post, table):
        needed.append(Capability.POST_SCHEDULE)
    for capability in needed:
        if table.can(capability):
            continue
        if capability is Capability.POST_TEXT:
            yield FieldInvalid("post.video", f"a post for {table.display_name} needs a video or photos")
            continue
        refusal, note = without_capability(table, capability), table.cell(capability).note or "not offered"
        refusal.violations = (Violation(f"post.{_CAPABILITY_PATHS[capability]}", note),)
        yield refusal
    if post.content.get("cover"):
        yield _unsupported("video.cover", "a cover of its own is not offered; choose a frame with cover_offset")


def texts(request: PublishRequest, limits: Limits) -> Iterator[DomainError]:
    """Check the length of caption and title, the number of photos, and that the cover is one of them."""
    for found in too_long_texts(request, limits):
        path = f"post.{_PREFIXES.get(found.field, '')}{found.field}"
        yield FieldInvalid(path, f"has {found.length} {found.unit}, {found.limit} are allowed")
    photos = request.content
    if not isinstance(photos, Photos):
        return
    count, cover = len(photos.uris), photos.cover_index
    if has_too_many_photos(request, limits) or (limits.max_photos and not count):
        yield FieldInvalid("post.photos.sources", f"has {count} photos, 1 to {limits.max_photos} are allowed")
    if not 0 <= cover < max(1, count):
        yield FieldInvalid("post.photos.cover_index", f"is {cover}, the last photo is {count - 1}")


def media_kind(request: PublishRequest, table: CapabilityTable) -> Iterator[DomainError]:
    """Check that a post has the media without which its network takes none; `capabilities` reports text posts where
    the provider has none at all.
    """
    limits = table.limits_of(request.platform)
    if misses_media(request, limits) and (request.content is not None or table.can(Capability.POST_TEXT)):
        path = "post.video" if request.content is None else "post.photos"
        yield FieldInvalid(path, f"a post for {request.platform or table.display_name} needs {limits.required_media}")


def options(provider: Provider, request: PublishRequest) -> Iterator[DomainError]:
    """Ask the provider for each option that it cannot honour, as if media and texts were within its limits.

    A provider names one option at a time, so it is asked again without that one; so many times at most.
    """
    remaining: PublishRequest | None = _within_limits(request, provider.table.limits_of(request.platform))
    for _ in range(MAX_REFUSALS):
        if remaining is None:
            return
        try:
            provider.publishing.check(remaining)
            return
        except providers.OptionUnsupported as error:
            yield _unsupported(_path(remaining, error.field), error.message, reasons.metadata_of(error))
            remaining = _without(remaining, error.field)
        except providers.ContentRefused as error:
            yield ContentRejected(error.message, metadata=reasons.metadata_of(error))
            return
        except providers.CapabilityMissing:
            # `capabilities` has reported it.
            return


def _within_limits(request: PublishRequest, limits: Limits) -> PublishRequest:
    """Shorten the texts and the list of photos of a request, and exchange media of the wrong kind: `texts` and
    `media_kind` have reported them.
    """
    content = request.content
    if misses_media(request, limits):
        content = _placeholder_file(limits)
    if isinstance(content, Photos):
        uris = content.uris[: limits.max_photos or MAX_LINKS]
        content = replace(content, uris=uris, cover_index=0, title=content.title[:1])
    return replace(request, content=content, caption=request.caption[:1])


def _without(request: PublishRequest, field: str) -> PublishRequest | None:
    """Return the request without an option that was refused; None if it cannot be left out."""
    if field in request.extra:
        return replace(request, extra={name: value for name, value in request.extra.items() if name != field})
    if field in PostOptions.__slots__:
        unset = replace(request.options, **{field: getattr(PostOptions(), field)})
        return replace(request, options=unset) if unset != request.options else None
    if field in _DEFAULTS:
        return replace(request, **{field: _DEFAULTS[field]}) if getattr(request, field) != _DEFAULTS[field] else None
    photos = request.content
    if isinstance(photos, Photos) and field in _PHOTO_DEFAULTS and getattr(photos, field) != _PHOTO_DEFAULTS[field]:
        return replace(request, content=replace(photos, **{field: _PHOTO_DEFAULTS[field]}))
    return None


def _path(request: PublishRequest, field: str) -> str:
    """Return the path of an option in the API's Post message."""
    if field in request.extra:
        return f"provider_extra.{field}"
    if field in PostOptions.__slots__:
        return f"options.{field}"
    return f"{_PREFIXES.get(field, '')}{field}"


def _unsupported(path: str, text: str, metadata: dict[str, str] | None = None) -> OptionUnsupported:
    return OptionUnsupported(text, violations=[Violation(f"post.{path}", text)], metadata=metadata)
