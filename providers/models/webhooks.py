"""What a vendor tells by itself, in our vocabulary.

Owns the values of webhooks. What follows from one is the gateway's business.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.models.publishing import FailureKind

UNREADABLE = "unreadable"
"""The code of a WebhookRefused whose delivery cannot be read; any other means that it is not proved to be authentic."""


class WebhookKind(StrEnum):
    """What happened; UNKNOWN is kept and shown, never dropped."""

    INSTALLED = "installed"
    GRANT_REMOVED = "grant_removed"
    PUBLISH_FAILED = "publish_failed"
    PUBLISHED = "published"
    AWAITING_CREATOR = "awaiting_creator"
    PUBLICLY_AVAILABLE = "publicly_available"
    NO_LONGER_AVAILABLE = "no_longer_available"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One authentic delivery.

    `event` is the vendor's own name of it, `subject` whom it is about (the vendor's user id), `dedupe_key` what makes
    two deliveries the same. `reason` says why: the vendor's own code of a failed publish, a sentence for a removed
    grant. `place` is where an agency, the subject, is at work from now on, empty when everywhere. `mode` is how the
    publish was begun (`direct`, `creator_inbox`), where the vendor says so. `raw` is the event's content.
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
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
