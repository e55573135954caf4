"""What is submitted to a vendor to publish, and the status that it reports afterwards.

Owns the dataclasses of publishing. Sizes are bytes, offsets are 0-based, times aware.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from providers.models.accounts import PrivacyLevel
from providers.models.secret import Secret


class PostMode(StrEnum):
    """Where a post goes; two different things are called "draft"."""

    DIRECT = "direct"
    CREATOR_INBOX = "creator_inbox"
    PLANNER_DRAFT = "planner_draft"
    PLANNER_REVIEW = "planner_review"


@dataclass(frozen=True, slots=True)
class PostOptions:
    """The caller's choices; None means not chosen."""

    privacy_level: PrivacyLevel | None = None
    allow_comments: bool | None = None
    allow_duet: bool | None = None
    allow_stitch: bool | None = None
    branded_content: bool = False
    own_brand: bool = False
    ai_generated: bool = False


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A file the gateway will send: its exact size and media type (`video/mp4`, `video/quicktime`, `video/webm`)."""

    size: int
    mime_type: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class VideoLink:
    """A video that the vendor fetches from `uri` (secret: a link of ours carries its signature).

    `mime_type` is empty if it was not determined.
    """

    uri: Secret
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos, in order, that the vendor fetches from `uris`; `cover_index` counts from 0.

    `mime_types` are in the same order, empty if they were not determined.
    """

    uris: tuple[Secret, ...]
    mime_types: tuple[str, ...] = ()
    cover_index: int = 0
    title: str = ""
    auto_add_music: bool = False


Content = VideoFile | VideoLink | Photos | None
"""The media of a post; None is a post of text alone."""


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One post, ready to submit: `caption` in plain text, `cover_offset` from the start of a video.

    `account` is the vendor's id of the account and `platform` its network; a grant that is one account needs neither.
    With `schedule_time` the vendor itself publishes at that time.
    """

    mode: PostMode
    content: Content
    caption: str = ""
    options: PostOptions = PostOptions()
    cover_offset: timedelta | None = None
    account: str = ""
    platform: str = ""
    schedule_time: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post found at the vendor, perhaps one whose answer was lost: its texts and the media it names.

    `publish_id` is what `status` takes, where the vendor has such an id; `post_ids` are the ids of what is public
    already. `create_time` is None where the vendor does not report it.
    """

    publish_id: str = ""
    post_ids: tuple[str, ...] = ()
    public_uri: str = ""
    texts: tuple[str, ...] = ()
    create_time: datetime | None = None
    uris: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How a file is split: `count` chunks of `chunk_size` bytes; the last one also has the remainder."""

    size: int
    chunk_size: int
    count: int

    def chunk_at(self, offset: int) -> tuple[int, int, bool]:
        """Return (first, end, is_last) of the bytes to send from a confirmed `offset`, up to the chunk's boundary."""
        if not 0 <= offset < self.size:
            raise ValueError(f"offset {offset} is outside a file of {self.size} bytes")
        index = min(offset // self.chunk_size, self.count - 1)
        last = index == self.count - 1
        return offset, self.size if last else (index + 1) * self.chunk_size, last


@dataclass(frozen=True, slots=True)
class Begun:
    """The vendor's response to a submit: its id of the publish, and the upload URL (secret: it carries a token).

    `publish_id` is empty if the vendor accepted the post without returning an id.
    """

    publish_id: str
    upload_url: Secret | None = None
    upload_expire_time: datetime | None = None
    plan: ChunkPlan | None = None


@dataclass(frozen=True, slots=True)
class Transferred:
    """The answer to one chunk: `received` is the total of confirmed bytes (None: the vendor did not report it)."""

    received: int | None
    complete: bool


class PublishPhase(StrEnum):
    """The vendor's states in our vocabulary; undocumented ones are RUNNING.

    SCHEDULED waits for its time, AWAITING_CREATOR for a person.
    """

    SCHEDULED = "scheduled"
    RECEIVING = "receiving"
    RUNNING = "running"
    AWAITING_CREATOR = "awaiting_creator"
    PUBLISHED = "published"
    FAILED = "failed"


class FailureKind(StrEnum):
    """The cause of a failed publish, which decides what can be done about it."""

    RETRYABLE = "retryable"
    NOT_FETCHED = "not_fetched"
    """The vendor could not fetch the media from the gateway, which mends when the gateway can be reached again."""
    MEDIA = "media"
    CONTENT = "content"
    CREATOR = "creator"
    CAP = "cap"
    GRANT = "grant"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a planner's record says of the post that it was sent; None where it says nothing.

    `schedule_time` is when a post that waits will go out, `mode` where the record is: DIRECT if it goes out by itself.
    """

    caption: str | None = None
    media_count: int | None = None
    schedule_time: datetime | None = None
    mode: PostMode | None = None


@dataclass(frozen=True, slots=True)
class PublishStatus:
    """The status of a publish; `fail_code` is verbatim, `post_ids` are exact strings and may only be known later.

    `kept` is set by a planner, whose record may differ from what it was sent. `fail_quota` is the metric of the quota
    that is used up, for a failure of kind CAP.
    """

    phase: PublishPhase
    received: int | None = None
    post_ids: tuple[str, ...] = ()
    public_uri: str = ""
    fail_code: str = ""
    fail_kind: FailureKind | None = None
    fail_quota: str = ""
    vendor_status: str = ""
    log_id: str = ""
    kept: Kept | None = None
