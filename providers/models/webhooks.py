"""Webhook events of a vendor, in our vocabulary.

Owns the dataclasses of webhooks. What an event changes is decided by the gateway.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.models.publishing import FailureKind

UNREADABLE = "unreadable"
"""The code of a WebhookRefused whose delivery cannot be parsed; any other means that it is not proved authentic."""


class WebhookKind(StrEnum):
    """What happened; events of kind UNKNOWN are stored and listed, never dropped."""

    INSTALLED = "installed"
    GRANT_REMOVED = "grant_removed"
    PUBLISH_FAILED = "publish_failed"
    PUBLISHED = "published"
    AWAITING_CREATOR = "awaiting_creator"
    PUBLICLY_AVAILABLE = "publicly_available"
    NO_LONGER_AVAILABLE = "no_longer_available"
    COMMENT = "comment"
    UNKNOWN = "unknown"


class CommentAction(StrEnum):
    """What happened to a comment."""

    WRITTEN = "written"
    DELETED = "deleted"
    HIDDEN = "hidden"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class CommentNotice:
    """What a delivery says of a comment, by the vendor's ids; `reply_to` is the comment that it answers, if any.

    `text` is empty where the vendor leaves it out.
    """

    action: CommentAction
    comment: str
    video: str
    reply_to: str = ""
    text: str = ""
    author_id: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One authentic delivery.

    `event` is the vendor's own name of it, `subject` the vendor's id of the user it is about; two deliveries with the
    same `dedupe_key` are the same event. `reason` is the vendor's own code for a failed publish, a sentence for a
    removed grant. `comment` is set for kind COMMENT. `place` is the place that an agency (the subject) now covers,
    empty for all places. `mode` is how the publish was submitted (`direct`, `creator_inbox`), if the vendor reports it.
    `raw` is the event's content.
    """

    kind: WebhookKind
    event: str
    subject: str
    dedupe_key: str
    occur_time: datetime | None = None
    place: str = ""
    publish_id: str = ""
    post_id: str = ""
    mode: str = ""
    reason: str = ""
    fail_kind: FailureKind | None = None
    fail_quota: str = ""
    comment: CommentNotice | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
