"""What the states of HighLevel's posts mean.

Owns the table of states and of the few words in which failures are told. Makes no call.
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
from providers.models.publishing import FailureKind, PublishPhase, PublishStatus

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
PUBLISHED = ("published",)
# What nobody works on now, as far as its state says; one that nobody documents is not among them.
PLANNED = ("draft", "in_review", "scheduled", "notification_sent", "failed")
GOES_OUT = timedelta(seconds=30)
"""How long before its time a planned post counts as going out: clocks differ, and calls take their time."""

WENT_OUT = timedelta(minutes=5)
"""How long after its time it does; later it waits for something, such as an account that must be reconnected."""

MAX_ERROR = 300
_ADDRESS = re.compile(r"(?i)\bhttps?://[^\s\"'<>]+")
# No catalogue is published: these words say who can help.
_WORDS = (
    ("reconnect", FailureKind.GRANT),
    ("account has expired", FailureKind.GRANT),
    ("token has expired", FailureKind.GRANT),
    ("posts per day", FailureKind.CAP),
    ("daily", FailureKind.CAP),
    ("thumbnail", FailureKind.CONTENT),
)


def read_status(row: Mapping[str, Any]) -> PublishStatus:
    """Read how a post stands; a state that nobody documents means that it is still running."""
    state = wire.text(row, "status")
    phase = PHASES.get(state, PublishPhase.RUNNING)
    gone = is_gone(row)
    post_id = wire.identifier(row, "postId")
    if gone:
        # Deleting takes away HighLevel's record only: what was published stays published.
        out = bool(post_id or wire.text(row, "publishedAt"))
        phase = PublishPhase.PUBLISHED if out else PublishPhase.FAILED
    failed = phase is PublishPhase.FAILED
    published = phase is PublishPhase.PUBLISHED
    error = _said(row)
    return PublishStatus(
        phase=phase,
        post_ids=(post_id,) if post_id and published else (),
        public_uri=_page(wire.text(row, "previewLink")) if published else "",
        fail_code=("deleted" if gone else error or "failed") if failed else "",
        fail_kind=(FailureKind.CANCELLED if gone else _kind(error)) if failed else None,
        vendor_status=safe_id(state, ()),
    )


def is_gone(row: Mapping[str, Any]) -> bool:
    """Return whether HighLevel's record was deleted."""
    return wire.text(row, "status") == "deleted" or strict_json.flag(row, "deleted")


def due(row: Mapping[str, Any]) -> datetime | None:
    """Return when a post is to go out; HighLevel says it as `displayDate`, sometimes as `scheduleDate` too."""
    return wire.instant(row, "displayDate") or wire.instant(row, "scheduleDate")


def going_out(row: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a scheduled post may be on its way out, so that whatever is asked now may come too late."""
    time = due(row)
    return wire.text(row, "status") == "scheduled" and time is not None and -WENT_OUT < time - now < GOES_OUT


def _kind(error: str) -> FailureKind:
    said = error.lower()
    return next((kind for words, kind in _WORDS if words in said), FailureKind.UNKNOWN)


def _said(row: Mapping[str, Any]) -> str:
    """Return the words of a failure without addresses: those of media open what is not everybody's."""
    return redact(_ADDRESS.sub(HIDDEN, wire.text(row, "error")))[:MAX_ERROR]


def _page(uri: str) -> str:
    return uri if may_open(uri, allow_loopback=False) and len(uri) <= 2_000 else ""
