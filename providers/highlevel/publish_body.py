"""The bodies that create and update a post of the planner, and the checks of a publish request that need no call.

Owns the translation of a PublishRequest. The options of each network are in platform_options.py. Makes no calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from providers.errors import ContentRefused, OptionUnsupported, Rejected
from providers.highlevel import media_library, platform_options, wire
from providers.highlevel.config import PROVIDER
from providers.highlevel.location_ids import LocationIds
from providers.highlevel.platform_options import TIKTOK
from providers.models.publishing import Content, Photos, PostMode, PublishRequest, VideoLink
from providers.models.secret import Secret

# The specification requires a date in the future; live users keep a margin of a minute or more (read 2026-11-20).
MARGIN = timedelta(seconds=60)
EXTRA_DELAY = timedelta(seconds=10)
POST_TYPES = ("post", "story", "reel")
# Without `status` a post is published at once, whatever its date (reports of live users, read 2026-11-20).
STATUSES = {PostMode.PLANNER_DRAFT: "draft", PostMode.PLANNER_REVIEW: "in_review"}
FIELDS = (
    "accountIds",
    "type",
    "userId",
    "createdBy",
    "media",
    "summary",
    "status",
    "scheduleDate",
    "followUpComment",
    "ogTagsDetails",
    "postApprovalDetails",
    "tags",
    "categoryId",
    "tiktokPostDetails",
    "gmbPostDetails",
    "pinterestPostDetails",
    "youtubePostDetails",
)
# Further fields of a medium that an update accepts, by the specifications; the others in an answer are HighLevel's own.
MEDIA_FIELDS, MEDIA_FIELDS_V3 = ("caption", "id"), ("altText",)
# A video for TikTok that has one is not published (report of a live user, read 2026-11-20).
THUMBNAIL_FIELDS = ("thumbnail",)
_BY_SUFFIX = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """The ids of a request's category and tags, which callers pass by name."""

    category: str = ""
    tags: tuple[str, ...] = ()


def check(request: PublishRequest, now: datetime, *, v3: bool) -> None:
    """Refuse what the planner or the network cannot do, or would silently drop; see the interface."""
    if request.mode is PostMode.CREATOR_INBOX:
        raise _unsupported("HighLevel has no way into a creator's inbox.", "mode")
    platform_options.check_extra(request, v3=v3)
    _check_content(request)
    _check_time(request, now)
    platform_options.check_options(request)


def _check_content(request: PublishRequest) -> None:
    content = request.content
    if request.cover_offset is not None:
        raise _unsupported("HighLevel's planner cannot use a frame of the video as its cover.", "cover_offset")
    if content is None and not request.caption:
        raise ContentRefused("A text post needs a text.", provider=PROVIDER, code="caption_missing")
    if isinstance(content, Photos):
        _check_photos(content)


def _check_photos(photos: Photos) -> None:
    if not photos.uris:
        raise ContentRefused("There is no photo.", provider=PROVIDER, code="photo_count")
    for name, chosen in (
        ("title", bool(photos.title)),
        ("cover_index", photos.cover_index != 0),
        ("auto_add_music", photos.auto_add_music),
    ):
        if chosen:
            raise _unsupported("HighLevel's planner has no such option for photos.", name)


def _check_time(request: PublishRequest, now: datetime) -> None:
    late = request.schedule_time is not None and request.schedule_time <= now + MARGIN
    if request.mode is PostMode.PLANNER_DRAFT and request.schedule_time is not None:
        raise _unsupported("HighLevel's planner keeps a draft without a time.", "schedule_time")
    if request.mode is PostMode.PLANNER_REVIEW and (request.schedule_time is None or late):
        text = "A post in review needs a time, more than a minute ahead, to go out at once it is approved."
        raise ContentRefused(text, provider=PROVIDER, code="schedule_time_missing")


def build(request: PublishRequest, ids: LocationIds, labels: Labels, now: datetime, *, v3: bool) -> dict[str, Any]:
    """Return the body that creates a post: always with a status, documented fields only, none of them None.

    Raises Rejected if the acting user is unknown.
    """
    if not ids.user_id:
        text = (
            "HighLevel posts in the name of a user, and none is known: set provider_settings user_id of the connection."
        )
        raise Rejected(text, provider=PROVIDER, code="user_missing")
    publish_at = _publish_at(request, now)
    return wire.allowed(
        FIELDS,
        {
            "accountIds": [request.account],
            "type": request.extra.get("post_type", "post"),
            "userId": ids.user_id,
            "createdBy": ids.user_id,
            "media": media(request.content, v3=v3),
            "summary": request.caption,
            "status": STATUSES.get(request.mode) or ("scheduled" if publish_at else "published"),
            "scheduleDate": format_time(publish_at) if publish_at else None,
            "tags": list(labels.tags),
            "categoryId": labels.category or None,
            **platform_options.fields_of(request),
        },
    )


def _publish_at(request: PublishRequest, now: datetime) -> datetime | None:
    """Return when HighLevel is to publish, None for a draft and for "now".

    Never earlier than requested: a time closer than HighLevel accepts is moved some seconds back.
    """
    time = request.schedule_time
    if time is None or time <= now or request.mode is PostMode.PLANNER_DRAFT:
        return None
    return max(time, now + MARGIN + EXTRA_DELAY)


def media(content: Content, *, v3: bool) -> list[dict[str, str]]:
    """Return the value of `media`; a text post needs the empty list, as it is refused without the field."""
    match content:
        case VideoLink(uri, mime_type):
            pairs: Sequence[tuple[str, str]] = [(uri.reveal(), mime_type or guess_type(uri.reveal(), "video/mp4"))]
        case Photos(uris, mime_types):
            known = [*mime_types, *[""] * len(uris)]
            pairs = [
                (uri.reveal(), known[index] or guess_type(uri.reveal(), "image/jpeg")) for index, uri in enumerate(uris)
            ]
        case _:
            pairs = []
    return [{"url": url, "type": media_library.media_type(mime_type, v3=v3)} for url, mime_type in pairs]


def media_for_update(post: Mapping[str, Any], platform: str, *, v3: bool) -> list[dict[str, str]]:
    """Return all media of an existing post as an update must repeat them: with MIME types and user-provided fields.

    Raises ContentRefused if one has no URL or no known type: the update would remove it from the post.
    """
    value = post.get("media")
    rows = value if isinstance(value, list) else [] if value is None else [value]
    names = [*MEDIA_FIELDS, *(MEDIA_FIELDS_V3 if v3 else ()), *(() if platform in TIKTOK else THUMBNAIL_FIELDS)]
    return [_medium_for_update(row, names, v3=v3) for row in rows]


def _medium_for_update(row: Any, names: Sequence[str], *, v3: bool) -> dict[str, str]:
    medium = row if isinstance(row, dict) else {}
    url, type_name = wire.text(medium, "url"), wire.text(medium, "type")
    mime_type = media_library.mime_type(type_name) if "/" in type_name else guess_type(url, "")
    if not url or not mime_type:
        text = "An update would remove a medium of the post."
        raise ContentRefused(text, provider=PROVIDER, code="media_would_be_lost")
    further = {name: value for name in names if (value := wire.text(medium, name))}
    return {"url": url, "type": media_library.media_type(mime_type, v3=v3), **further}


def media_urls(body: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the media URLs in a body as secrets: a link of the gateway's own contains its access token."""
    return tuple(Secret(each["url"]) for each in body["media"])


def guess_type(url: str, default: str) -> str:
    """Guess a media type by the suffix of a URL."""
    try:
        return _BY_SUFFIX.get(PurePosixPath(urlsplit(url).path).suffix.lower(), default)
    except ValueError:
        return default


def format_time(moment: datetime) -> str:
    """Return a time in HighLevel's format: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unsupported(text: str, field: str) -> OptionUnsupported:
    return OptionUnsupported(text, field=field, provider=PROVIDER)
