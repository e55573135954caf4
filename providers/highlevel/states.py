"""The states of HighLevel's posts, mapped to the phases of a publish.

Owns the table of states and the few known words of failure messages. Makes no calls.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.highlevel import wire
from providers.http import strict_json
from providers.http.redact import HIDDEN, redact
from providers.http.refusals import safe_id
from providers.http.urls import may_open
from providers.models.publishing import FailureKind, Kept, PostMode, PublishPhase, PublishStatus
from providers.models.videos import VideoMetrics

# "status" of the specifications, read 2026-11-20. A notification asks a person to finish the post in the network's app.
PHASES: Mapping[str, PublishPhase] = {
    "draft": PublishPhase.AWAITING_CREATOR,
    "in_review": PublishPhase.AWAITING_CREATOR,
    "notification_sent": PublishPhase.AWAITING_CREATOR,
    "scheduled": PublishPhase.SCHEDULED,
    "pending": PublishPhase.RUNNING,
    "in_progress": PublishPhase.RUNNING,
    "published": PublishPhase.PUBLISHED,
    "failed": PublishPhase.FAILED,
    "deleted": PublishPhase.FAILED,
}
# Where a record is. A failed or deleted one, and a notification, do not say where it was sent.
MODES: Mapping[str, PostMode] = {
    "draft": PostMode.PLANNER_DRAFT,
    "in_review": PostMode.PLANNER_REVIEW,
    "scheduled": PostMode.DIRECT,
    "pending": PostMode.DIRECT,
    "in_progress": PostMode.DIRECT,
    "published": PostMode.DIRECT,
}
WAITING = ("scheduled", "in_review")
PUBLISHED = ("published",)
# The states in which no publish is running; undocumented states are excluded.
CANCELLABLE = ("draft", "in_review", "scheduled", "notification_sent", "failed")
BEFORE_PUBLISH = timedelta(seconds=30)
"""How long before its time a scheduled post counts as being published: clocks differ, and calls take time."""

AFTER_PUBLISH = timedelta(minutes=5)
"""How long after its time it still counts; later it is waiting, for example for an account to be reconnected."""

MAX_ERROR = 300
_URL = re.compile(r"(?i)\bhttps?://[^\s\"'<>]+")
# HighLevel publishes no catalogue of failures: these words tell who can fix one.
_FAILURE_WORDS = (
    ("reconnect", FailureKind.GRANT),
    ("account has expired", FailureKind.GRANT),
    ("token has expired", FailureKind.GRANT),
    ("posts per day", FailureKind.CAP),
    ("daily", FailureKind.CAP),
    ("thumbnail", FailureKind.CONTENT),
)


def read_status(row: Mapping[str, Any]) -> PublishStatus:
    """Read the status of a post; an undocumented state counts as still running."""
    state = wire.text(row, "status")
    phase = PHASES.get(state, PublishPhase.RUNNING)
    deleted = is_deleted(row)
    post_id = wire.identifier(row, "postId")
    if deleted:
        # Deleting removes HighLevel's record only: a published post stays published.
        was_published = bool(post_id or wire.text(row, "publishedAt"))
        phase = PublishPhase.PUBLISHED if was_published else PublishPhase.FAILED
    failed = phase is PublishPhase.FAILED
    published = phase is PublishPhase.PUBLISHED
    error = _error(row)
    return PublishStatus(
        phase=phase,
        post_ids=(post_id,) if post_id and published else (),
        public_uri=_safe_uri(wire.text(row, "previewLink")) if published else "",
        fail_code=("deleted" if deleted else error or "failed") if failed else "",
        fail_kind=(FailureKind.CANCELLED if deleted else _failure_kind(error)) if failed else None,
        vendor_status=safe_id(state, ()),
        kept=None if deleted else _kept(row, state),
    )


def _kept(row: Mapping[str, Any], state: str) -> Kept:
    """Return what the record says of the post: HighLevel cuts captions, drops media and moves dates silently."""
    summary, media = row.get("summary"), row.get("media")
    return Kept(
        caption=summary if isinstance(summary, str) else None,
        media_count=len(media) if isinstance(media, list) else None,
        schedule_time=publish_time(row) if state in WAITING else None,
        mode=MODES.get(state),
    )


def is_deleted(row: Mapping[str, Any]) -> bool:
    """Return whether HighLevel's record was deleted."""
    return wire.text(row, "status") == "deleted" or strict_json.flag(row, "deleted")


def publish_time(row: Mapping[str, Any]) -> datetime | None:
    """Return when a post is to be published: HighLevel's `displayDate`, or else `scheduleDate`."""
    return wire.instant(row, "displayDate") or wire.instant(row, "scheduleDate")


def publishes_soon(row: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a scheduled post may be in the course of being published, so that a change may come too late."""
    time = publish_time(row)
    if wire.text(row, "status") != "scheduled" or time is None:
        return False
    return -AFTER_PUBLISH < time - now < BEFORE_PUBLISH


def _failure_kind(error: str) -> FailureKind:
    message = error.lower()
    return next((kind for words, kind in _FAILURE_WORDS if words in message), FailureKind.UNKNOWN)


def _error(row: Mapping[str, Any]) -> str:
    """Return the message of a failure without URLs: a media URL gives access to a private file."""
    return redact(_URL.sub(HIDDEN, wire.text(row, "error")))[:MAX_ERROR]


def _safe_uri(uri: str) -> str:
    return uri if may_open(uri, allow_loopback=False) and len(uri) <= 2_000 else ""


def read_insights(row: Mapping[str, Any]) -> VideoMetrics | None:
    """Return the counts of a published post; None until HighLevel has read them, and where it does not.

    `insights` of v3's specification, read 2026-11-30: Facebook, Instagram, LinkedIn and YouTube.
    """
    names = {"like_count": "like", "comment_count": "comment", "share_count": "share"}
    insights = strict_json.mapping(row, "insights")
    counts = {name: wire.integer(insights.get(theirs)) for name, theirs in names.items()}
    known = {name: count for name, count in counts.items() if count is not None and count >= 0}
    return VideoMetrics(**known) if known else None
