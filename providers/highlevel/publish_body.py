"""What a post of HighLevel's planner may carry: the checks that need no call, and the body of create and update.

Owns the translation of an order. What each network takes beside words and media is platform_options.py. Makes no call.
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
from providers.highlevel.location_ids import Place
from providers.highlevel.platform_options import TIKTOK
from providers.models.publishing import Content, Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret

# The specification lets a date be in the future only; live users keep a minute and more (read 2026-11-20).
MARGIN = timedelta(seconds=60)
LATER = timedelta(seconds=10)
POST_TYPES = ("post", "story", "reel")
# Without `status` a post goes out at once, whatever its date says (reports of live users, read 2026-11-20).
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
# What else a medium may carry, by the specifications; the rest of what is shown of one is HighLevel's own.
KEPT, KEPT_V3 = ("caption", "id"), ("altText",)
# With one a video for TikTok is not published (report of a live user, read 2026-11-20).
THUMBNAILS = ("thumbnail",)
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
    """The ids of an order's category and tags, found by their names."""

    category: str = ""
    tags: tuple[str, ...] = ()


def check(order: PublishRequest, now: datetime, *, v3: bool) -> None:
    """Refuse what the planner or the order's network cannot do, or would silently drop; see the interface."""
    if order.mode is PostMode.CREATOR_INBOX:
        raise _unsupported("HighLevel has no way into a creator's inbox.", "mode")
    platform_options.check_extra(order, v3=v3)
    _check_content(order)
    _check_time(order, now)
    platform_options.check_options(order)


def _check_content(order: PublishRequest) -> None:
    content = order.content
    if order.cover_offset is not None:
        raise _unsupported("HighLevel's planner takes no frame as a cover.", "cover_offset")
    if order.platform in TIKTOK and not isinstance(content, VideoFile | VideoLink):
        raise _unsupported("HighLevel takes one video for TikTok, and nothing else.", "content")
    if content is None and not order.caption:
        raise ContentRefused("A post of words needs words.", provider=PROVIDER, code="caption_missing")
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


def _check_time(order: PublishRequest, now: datetime) -> None:
    late = order.schedule_time is not None and order.schedule_time <= now + MARGIN
    if order.mode is PostMode.PLANNER_DRAFT and order.schedule_time is not None:
        raise _unsupported("HighLevel's planner keeps a draft without a time.", "schedule_time")
    if order.mode is PostMode.PLANNER_REVIEW and (order.schedule_time is None or late):
        text = "A post in review needs a time, more than a minute ahead, to go out at once it is approved."
        raise ContentRefused(text, provider=PROVIDER, code="schedule_time_missing")


def body(order: PublishRequest, place: Place, labels: Labels, now: datetime, *, v3: bool) -> dict[str, Any]:
    """Return the body of create: a status always, only what is documented, nothing that is None."""
    if not place.user_id:
        text = "HighLevel posts in a user's name, and none is known: set provider_settings user_id of the connection."
        raise Rejected(text, provider=PROVIDER, code="user_missing")
    planned = _planned(order, now)
    return wire.allowed(
        FIELDS,
        {
            "accountIds": [order.account],
            "type": order.extra.get("post_type", "post"),
            "userId": place.user_id,
            "createdBy": place.user_id,
            "media": media(order.content, v3=v3),
            "summary": order.caption,
            "status": STATUSES.get(order.mode) or ("scheduled" if planned else "published"),
            "scheduleDate": instant(planned) if planned else None,
            "tags": list(labels.tags),
            "categoryId": labels.category or None,
            **platform_options.of(order),
        },
    )


def _planned(order: PublishRequest, now: datetime) -> datetime | None:
    """Return when HighLevel is to publish, None for a draft and for now.

    Never before its time: one that is nearer than HighLevel takes goes out some seconds late.
    """
    time = order.schedule_time
    if time is None or time <= now or order.mode is PostMode.PLANNER_DRAFT:
        return None
    return max(time, now + MARGIN + LATER)


def media(content: Content, *, v3: bool) -> list[dict[str, str]]:
    """Return `media`: an empty list for words alone, without which a post is refused."""
    match content:
        case VideoLink(uri, mime_type):
            pairs: Sequence[tuple[str, str]] = [(uri.reveal(), mime_type or guessed(uri.reveal(), "video/mp4"))]
        case Photos(uris, mime_types):
            known = [*mime_types, *[""] * len(uris)]
            pairs = [
                (uri.reveal(), known[index] or guessed(uri.reveal(), "image/jpeg")) for index, uri in enumerate(uris)
            ]
        case _:
            pairs = []
    return [{"url": url, "type": media_library.media_type(mime_type, v3=v3)} for url, mime_type in pairs]


def again(found: Mapping[str, Any], platform: str, *, v3: bool) -> list[dict[str, str]]:
    """Return the media of a post that HighLevel showed, as an update must say them: as MIME types, all of them, with
    what a person gave them.

    Raises ContentRefused when one has no address or no type that can be said: an update would lose it.
    """
    shown = found.get("media")
    rows = shown if isinstance(shown, list) else [] if shown is None else [shown]
    names = [*KEPT, *(KEPT_V3 if v3 else ()), *(() if platform in TIKTOK else THUMBNAILS)]
    return [_again(row, names, v3=v3) for row in rows]


def _again(row: Any, names: Sequence[str], *, v3: bool) -> dict[str, str]:
    found = row if isinstance(row, dict) else {}
    url, said = wire.text(found, "url"), wire.text(found, "type")
    mime_type = media_library.mime_type(said) if "/" in said else guessed(url, "")
    if not url or not mime_type:
        text = "HighLevel shows a medium that an update would lose."
        raise ContentRefused(text, provider=PROVIDER, code="media_would_be_lost")
    kept = {name: value for name in names if (value := wire.text(found, name))}
    return {"url": url, "type": media_library.media_type(mime_type, v3=v3), **kept}


def addresses(body: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the addresses of media that a body holds: one of ours opens with what it holds."""
    return tuple(Secret(each["url"]) for each in body["media"])


def guessed(url: str, otherwise: str) -> str:
    """Tell a media type by the end of an address."""
    try:
        return _BY_SUFFIX.get(PurePosixPath(urlsplit(url).path).suffix.lower(), otherwise)
    except ValueError:
        return otherwise


def instant(moment: datetime) -> str:
    """Write a time as HighLevel takes it: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unsupported(text: str, field: str) -> OptionUnsupported:
    return OptionUnsupported(text, field=field, provider=PROVIDER)
