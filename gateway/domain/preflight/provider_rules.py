"""What a provider cannot do with a post, or would silently drop: its table, its limits of text, and its own word.

Owns asking the provider, without any call, until every option it refuses is named. Knows no creator and no media.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gateway import reasons
from gateway.domain import post_content
from gateway.domain.capabilities import missing
from gateway.domain.context import Domain
from gateway.errors import ContentRejected, DomainError, FieldInvalid, OptionUnsupported, Violation
from providers import errors as providers
from providers.capabilities import Capability, CapabilityTable, Limits
from providers.checked_publishing import NEEDED_BY_MODE
from providers.models.publishing import Content, Photos, PostMode, PostOptions, PublishRequest, VideoFile
from storage.accounts import AccountRow
from storage.posts import PostRow

_KINDS = {
    "text": (Capability.POST_TEXT, "content"),
    "photos": (Capability.POST_PHOTO, "photos"),
    "pull": (Capability.POST_VIDEO_PULL, "video.source.vendor_pull"),
    "file": (Capability.POST_VIDEO_UPLOAD, "video"),
}
_MODES = NEEDED_BY_MODE
MAX_LINKS = 100
MAX_REFUSALS = 20
"""How many options are named at once: a provider is asked anew for each."""

_UNSET: dict[str, Any] = {"caption": "", "cover_offset": None, "schedule_time": None}
_UNSET_OF_PHOTOS: dict[str, Any] = {"title": "", "auto_add_music": False}
_PLACES = {"cover_offset": "video.", "title": "photos.", "cover_index": "photos.", "auto_add_music": "photos."}


def capabilities(post: PostRow, table: CapabilityTable) -> Iterator[DomainError]:
    """Name everything that the provider cannot do at all."""
    wanted = [_KINDS[post_content.kind(post)]]
    if (mode := PostMode(post.mode)) in _MODES:
        wanted.append((_MODES[mode], "mode"))
    if post.schedule_time is not None:
        wanted.append((Capability.POST_SCHEDULE, "schedule_time"))
    for capability, path in wanted:
        if capability is Capability.POST_TEXT and not table.can(capability):
            yield FieldInvalid("post.video", f"a post for {table.display_name} needs a video or photos")
        elif not table.can(capability):
            refusal = missing(table, capability)
            refusal.violations = (Violation(f"post.{path}", table.cell(capability).note or "not offered"),)
            yield refusal
    if post.content.get("cover"):
        yield _unsupported("video.cover", "a cover of its own is not offered; choose a frame with cover_offset")


def texts(post: PostRow, limits: Limits) -> Iterator[DomainError]:
    """Check captions and titles, which are counted in UTF-16 units, and how many photos there are."""
    if post_content.kind(post) != "photos":
        yield from _too_long("post.caption", post.caption, limits.max_caption_units)
        return
    yield from _too_long("post.photos.title", str(post.content.get("title", "")), limits.max_title_units)
    yield from _too_long("post.caption", post.caption, limits.max_photo_caption_units or limits.max_caption_units)
    count = len(post_content.sources_of(post))
    if too_many(post, limits) or (limits.max_photos and not count):
        yield FieldInvalid("post.photos.sources", f"has {count} photos, 1 to {limits.max_photos} are allowed")
    cover = int(post.content.get("cover_index", 0))
    if not 0 <= cover < max(1, count):
        yield FieldInvalid("post.photos.cover_index", f"is {cover}, the last photo is {count - 1}")


def too_many(post: PostRow, limits: Limits) -> bool:
    """Return whether a post has more photos than the provider takes: then nobody looks into any of them."""
    return post_content.kind(post) == "photos" and 0 < limits.max_photos < len(post_content.sources_of(post))


def _too_long(path: str, text: str, limit: int) -> Iterator[DomainError]:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if limit and units > limit:
        yield FieldInvalid(path, f"has {units} UTF-16 units, {limit} are allowed")


def options(domain: Domain, post: PostRow, account: AccountRow) -> Iterator[DomainError]:
    """Ask the provider for each option that it cannot honour, as if media and texts were within its limits.

    A provider names one at a time, so it is asked again without that one; at most twenty are named.
    """
    provider = domain.providers[post.provider]
    order: PublishRequest | None = _question(post, account, provider.table)
    for _ in range(MAX_REFUSALS):
        if order is None:
            return
        try:
            provider.publishing.check(order)
            return
        except providers.OptionUnsupported as error:
            path = _path(order, error.field)
            yield _unsupported(path, error.message, reasons.metadata_of(error))
            order = _without(order, error.field)
        except providers.ContentRefused as error:
            yield ContentRejected(error.message, metadata=reasons.metadata_of(error))
            return
        except providers.CapabilityMissing:
            # Its table was read before.
            return


def _question(post: PostRow, account: AccountRow, table: CapabilityTable) -> PublishRequest:
    kind, limits = post_content.kind(post), table.limits_of(account.platform)
    content: Content
    if kind == "file":
        content = VideoFile(size=1, mime_type=next(iter(limits.video_mime_types), "video/mp4"))
    else:
        count = min(len(post_content.sources_of(post)), limits.max_photos or MAX_LINKS) if kind == "photos" else 1
        content = post_content.placeholder(post, count)
    if isinstance(content, Photos):
        content = replace(content, cover_index=0, title=content.title[:1])
    order = post_content.publish_request(post, account, content)
    return replace(order, caption=order.caption[:1])


def _without(order: PublishRequest, field: str) -> PublishRequest | None:
    """Take out an option that is refused; None when that is not possible."""
    if field in order.extra:
        return replace(order, extra={name: value for name, value in order.extra.items() if name != field})
    if field in PostOptions.__slots__:
        unset = replace(order.options, **{field: getattr(PostOptions(), field)})
        return replace(order, options=unset) if unset != order.options else None
    if field in _UNSET:
        return replace(order, **{field: _UNSET[field]}) if getattr(order, field) != _UNSET[field] else None
    photos = order.content
    if isinstance(photos, Photos) and getattr(photos, field, None) != _UNSET_OF_PHOTOS.get(
        field, getattr(photos, field, None)
    ):
        return replace(order, content=replace(photos, **{field: _UNSET_OF_PHOTOS[field]}))
    return None


def _path(order: PublishRequest, field: str) -> str:
    """Return the contract's path of an option."""
    if field in order.extra:
        return f"provider_extra.{field}"
    if field in PostOptions.__slots__:
        return f"options.{field}"
    return f"{_PLACES.get(field, '')}{field}"


def _unsupported(path: str, text: str, metadata: dict[str, str] | None = None) -> OptionUnsupported:
    return OptionUnsupported(text, violations=[Violation(f"post.{path}", text)], metadata=metadata)
