"""Converts posts in requests from the contract's messages to the domain's types.

Owns the parsing, and the maximum size of each field. Refuses only what cannot be stored; what may be posted is decided
by the domain's preflight checks. The other direction is `post_to_proto.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from google.protobuf import json_format

from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts.create import NewPost
from gateway.errors import FieldInvalid, Violation
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode
from socialgateway.v1 import account_pb2, post_pb2

T = TypeVar("T")

MAX_LABELS = 64
MAX_LABEL_KEY = 63
MAX_LABEL_VALUE = 256
MAX_OPTIONS = 32
"""Maximum number of options under the provider's own names: each refused one takes a call to identify."""

MAX_SOURCES = 100
"""Maximum number of photos; providers accept fewer. Each is looked up separately."""

MAX_CAPTION = 65_536
"""Maximum number of characters of a caption; no network accepts as many (Facebook's 63,206 is the most)."""

SOONEST = timedelta(minutes=1)
LATEST = timedelta(days=365)
"""How far ahead a schedule_time may be."""

LEAST_TOLERANCE = timedelta(minutes=1)
MOST_TOLERANCE = timedelta(days=30)
"""How late a post may be allowed to go out. With less than a minute, a short pause of the gateway would fail it."""

MAX_TITLE = 4096
MAX_SUBJECT = 256
MAX_DECLARATION = 4096

_MODES: dict[int, PostMode] = {
    post_pb2.POST_MODE_DIRECT: PostMode.DIRECT,
    post_pb2.POST_MODE_CREATOR_INBOX: PostMode.CREATOR_INBOX,
    post_pb2.POST_MODE_PLANNER_DRAFT: PostMode.PLANNER_DRAFT,
    post_pb2.POST_MODE_PLANNER_REVIEW: PostMode.PLANNER_REVIEW,
}
_CHOICES = ("allow_comments", "allow_duet", "allow_stitch")
_FLAGS = ("branded_content", "own_brand", "ai_generated")

_NO_CONTENT: tuple[dict[str, Any], list[str]] = ({}, [])


@dataclass(slots=True)
class FieldErrors:
    """Collects the invalid fields of one message: each is recorded, and parsing continues without it."""

    found: list[FieldInvalid] = field(default_factory=list)

    def read(self, reader: Callable[[], T], instead: T) -> T:
        """Return the result of `reader`, or `instead` if it raises FieldInvalid."""
        try:
            return reader()
        except FieldInvalid as error:
            self.found.append(error)
            return instead

    def combined(self) -> FieldInvalid:
        """Return the first error with the violations of all of them."""
        first = self.found[0]
        first.violations = tuple(violation for each in self.found for violation in each.violations)
        return first


def from_proto(
    message: post_pb2.Post, location: str, id: str, *, now: datetime
) -> tuple[NewPost, Sequence[FieldInvalid]]:
    """Return the new post, and the errors in its fields.

    Raises FieldInvalid with all of them if nothing more can be checked, because the account, mode or media is missing.
    """
    errors = FieldErrors()
    account = errors.read(lambda: names.ACCOUNT.parse_in(location, message.account, path="post.account"), "")
    content, uploads = errors.read(lambda: _content(message, location, errors), _NO_CONTENT)
    new = NewPost(
        location=location,
        id=id,
        account=account,
        mode=errors.read(lambda: _mode(message), ""),
        caption=errors.read(lambda: _caption(message), ""),
        content=content,
        uploads=uploads,
        options=_options(message.options),
        provider_extra=errors.read(lambda: _extra(message), {}),
        labels=errors.read(lambda: _labels(message), {}),
        consent=errors.read(lambda: _consent(message), None),
        route_policy="ANY" if message.route_policy == post_pb2.ROUTE_POLICY_ANY else "",
        schedule_time=errors.read(lambda: _schedule(message, now), None),
        late_tolerance_seconds=errors.read(lambda: _late_tolerance(message), None),
    )
    if not account or not content or not new.mode:
        raise errors.combined()
    return new, errors.found


CHANGEABLE = ("caption", "options", "schedule_time", "labels", "provider_extra", "late_tolerance")
"""The fields that UpdatePost may change."""


def changes(
    message: post_pb2.Post, paths: frozenset[str], *, now: datetime
) -> tuple[dict[str, Any], Sequence[FieldInvalid]]:
    """Return the new values of the columns that an update changes, and the errors in its fields."""
    errors = FieldErrors()
    readers: dict[str, tuple[str, Callable[[], Any], Any]] = {
        "caption": ("caption", lambda: _caption(message), ""),
        "options": ("options", lambda: _options(message.options), {}),
        "schedule_time": ("schedule_time", lambda: _schedule(message, now), None),
        "labels": ("labels", lambda: _labels(message), {}),
        "provider_extra": ("provider_extra", lambda: _extra(message), {}),
        "late_tolerance": ("late_tolerance_seconds", lambda: _late_tolerance(message), None),
    }
    chosen = [readers[path] for path in sorted(paths)]
    values = {column: errors.read(reader, instead) for column, reader, instead in chosen}
    return values, errors.found


def _mode(message: post_pb2.Post) -> str:
    """Return the mode; an unset one has no default, because that is what a value lost by the client looks like."""
    if message.mode not in _MODES:
        raise FieldInvalid("post.mode", "is required")
    return _MODES[message.mode].value


def _caption(message: post_pb2.Post) -> str:
    return _up_to(MAX_CAPTION, message.caption, "post.caption")


def _up_to(most: int, text: str, path: str) -> str:
    """Return a text that can be stored, and read back in a page of a list."""
    if len(text) > most:
        raise FieldInvalid(path, f"has {len(text)} characters, at most {most} are accepted")
    return text


def _extra(message: post_pb2.Post) -> dict[str, Any]:
    """Return the options under the provider's own names; NaN and infinity, which JSON does not have, are refused."""
    count = len(message.provider_extra.fields)
    if count > MAX_OPTIONS:
        raise FieldInvalid("post.provider_extra", f"has {count} options, at most {MAX_OPTIONS} are accepted")
    try:
        return json_format.MessageToDict(message.provider_extra)
    except (ValueError, json_format.Error):
        raise FieldInvalid("post.provider_extra", "must be representable in JSON: every number finite") from None


def _content(message: post_pb2.Post, location: str, errors: FieldErrors) -> tuple[dict[str, Any], list[str]]:
    """Return the content and its uploads; instead of what is wrong in it stands something that passes every check, so
    that the rest of the post is checked too.
    """
    kind = message.WhichOneof("content")
    if kind == "photos":
        found, values = _photos(message.photos, location, errors)
    elif kind == "video":
        found, values = _video(message.video, location, errors)
    elif message.caption:
        kind, found, values = "text", [], {}
    else:
        raise FieldInvalid("post.video", "a post needs a video, photos or a caption")
    return post_content.build_content(kind, found, **values), post_content.upload_ids(found)


def _video(video: post_pb2.VideoContent, location: str, errors: FieldErrors) -> tuple[list[Source], dict[str, Any]]:
    values: dict[str, Any] = {}
    if video.HasField("cover_offset"):
        values["cover_offset_ms"] = errors.read(lambda: _offset_ms(video.cover_offset), 0)
    if video.HasField("cover"):
        values["cover"] = "given"
    return [errors.read(lambda: _source(video.source, location, "post.video.source"), Source())], values


def _photos(photos: post_pb2.PhotoContent, location: str, errors: FieldErrors) -> tuple[list[Source], dict[str, Any]]:
    count = len(photos.sources)
    if not 1 <= count <= MAX_SOURCES:
        raise FieldInvalid("post.photos.sources", f"has {count} photos, 1 to {MAX_SOURCES} are accepted")

    def source(index: int) -> Source:
        return _source(photos.sources[index], location, f"post.photos.sources[{index}]")

    found = [errors.read(partial(source, index), Source()) for index in range(count)]
    title = errors.read(lambda: _up_to(MAX_TITLE, photos.title, "post.photos.title"), "")
    values = {"cover_index": photos.cover_index, "title": title, "auto_add_music": photos.auto_add_music}
    return found, {name: value for name, value in values.items() if value}


def _source(source: post_pb2.MediaSource, location: str, path: str) -> Source:
    kind = source.WhichOneof("source")
    if kind == "upload":
        upload = names.UPLOAD.parse_in(location, source.upload, path=f"{path}.upload")
        return Source(upload=upload, vendor_pull=source.vendor_pull)
    if kind == "uri" and source.uri:
        return Source(uri=source.uri, vendor_pull=source.vendor_pull)
    raise FieldInvalid(path, "needs an upload or a uri")


def _offset_ms(duration: Any) -> int:
    milliseconds = duration.seconds * 1000 + duration.nanos // 1_000_000
    if not 0 <= milliseconds < 2**31:
        raise FieldInvalid("post.video.cover_offset", "must lie within the video")
    return int(milliseconds)


def _options(options: post_pb2.PostOptions) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(options, name) for name in _CHOICES if options.HasField(name)}
    values |= {name: True for name in _FLAGS if getattr(options, name)}
    if options.privacy_level:
        values["privacy_level"] = privacy_from_proto(options.privacy_level).value
    return values


def privacy_from_proto(level: int) -> PrivacyLevel:
    """Return the privacy level of an enum value other than UNSPECIFIED."""
    return PrivacyLevel[account_pb2.PrivacyLevel.Name(level).removeprefix("PRIVACY_LEVEL_")]


def privacy_to_proto(level: PrivacyLevel) -> int:
    """Return the enum value of a privacy level."""
    return account_pb2.PrivacyLevel.Value(f"PRIVACY_LEVEL_{level.name}")


def _labels(message: post_pb2.Post) -> dict[str, str]:
    labels = dict(message.labels)
    if len(labels) > MAX_LABELS:
        raise FieldInvalid("post.labels", f"at most {MAX_LABELS} labels")
    for key, value in labels.items():
        if not 0 < len(key) <= MAX_LABEL_KEY or len(value) > MAX_LABEL_VALUE:
            raise FieldInvalid("post.labels", f"keys have 1 to {MAX_LABEL_KEY}, values to {MAX_LABEL_VALUE} characters")
        if "\x00" in key or "\x00" in value:
            raise FieldInvalid("post.labels", "must not contain NUL")
    return labels


def _consent(message: post_pb2.Post) -> dict[str, Any] | None:
    if not message.HasField("consent"):
        return None
    consent = message.consent
    lengths = {"subject": (consent.subject, MAX_SUBJECT), "declaration": (consent.declaration, MAX_DECLARATION)}
    long = [
        Violation(f"post.consent.{name}", f"has {len(text)} characters, at most {limit} are kept")
        for name, (text, limit) in lengths.items()
        if len(text) > limit
    ]
    if long:
        raise FieldInvalid(long[0].field, long[0].description, *long[1:])
    return {
        "subject": consent.subject,
        "declaration": consent.declaration,
        "time": consent.time.ToDatetime(UTC).isoformat(),
    }


def _schedule(message: post_pb2.Post, now: datetime) -> datetime | None:
    if not message.HasField("schedule_time"):
        return None
    when = message.schedule_time.ToDatetime(UTC)
    if when < now + SOONEST:
        raise FieldInvalid("post.schedule_time", "must be at least a minute ahead; leave it out to publish now")
    if when > now + LATEST:
        raise FieldInvalid("post.schedule_time", f"must be at most {LATEST.days} days ahead")
    return when


def _late_tolerance(message: post_pb2.Post) -> int | None:
    if not message.HasField("late_tolerance"):
        return None
    tolerance = message.late_tolerance
    exact = tolerance.seconds + tolerance.nanos / 1_000_000_000
    if not LEAST_TOLERANCE.total_seconds() <= exact <= MOST_TOLERANCE.total_seconds():
        raise FieldInvalid("post.late_tolerance", f"must be between a minute and {MOST_TOLERANCE.days} days")
    return int(tolerance.seconds)
