"""What the states of HighLevel's posts mean.

Owns the table of states and of the few words in which failures are told. Makes no call.
"""

from collections.abc import Mapping
from typing import Any

from providers.highlevel import wire
from providers.http import strict_json
from providers.http.refusals import safe_id
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
PUBLISHED, UNDER_WAY = ("published",), ("in_progress", "pending")
MAX_ERROR = 300
# No catalogue is published: these words say who can help.
_WORDS = (
    ("reconnect", FailureKind.GRANT),
    ("expired", FailureKind.GRANT),
    ("posts per day", FailureKind.CAP),
    ("daily", FailureKind.CAP),
    ("thumbnail", FailureKind.CONTENT),
)


def read_status(row: Mapping[str, Any]) -> PublishStatus:
    """Read how a post stands; a state that nobody documents means that it is still running."""
    state = wire.text(row, "status")
    phase = PHASES.get(state, PublishPhase.RUNNING)
    gone = state == "deleted" or strict_json.flag(row, "deleted")
    post_id = wire.identifier(row, "postId")
    if gone:
        # Deleting takes away HighLevel's record only: what was published stays published.
        out = bool(post_id or wire.text(row, "publishedAt"))
        phase = PublishPhase.PUBLISHED if out else PublishPhase.FAILED
    failed = phase is PublishPhase.FAILED
    error = wire.text(row, "error")[:MAX_ERROR]
    return PublishStatus(
        phase=phase,
        post_ids=(post_id,) if post_id and phase is PublishPhase.PUBLISHED else (),
        public_uri=_page(wire.text(row, "previewLink")),
        fail_code=("deleted" if gone else error or "failed") if failed else "",
        fail_kind=(FailureKind.CANCELLED if gone else _kind(error)) if failed else None,
        vendor_status=safe_id(state, ()),
    )


def _kind(error: str) -> FailureKind:
    said = error.lower()
    return next((kind for words, kind in _WORDS if words in said), FailureKind.UNKNOWN)


def _page(uri: str) -> str:
    return uri if uri.startswith("https://") and len(uri) <= 2_000 else ""
