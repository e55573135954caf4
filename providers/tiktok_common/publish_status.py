"""How far a publish is, as both of TikTok's APIs report it: the states, the reasons of a failure, the caps behind them.

Owns these tables, as on developers.tiktok.com ("Get Post Status", 2026-11-20); TikTok for Business uses the same words
(portal, 2026-08-13). Makes no call.
"""

from collections.abc import Mapping
from typing import Any

from providers.models.publishing import FailureKind, PublishPhase, PublishStatus

PHASES = {
    "PROCESSING_UPLOAD": PublishPhase.RECEIVING,
    "PROCESSING_DOWNLOAD": PublishPhase.RECEIVING,
    "SEND_TO_USER_INBOX": PublishPhase.AWAITING_CREATOR,
    "PUBLISH_COMPLETE": PublishPhase.PUBLISHED,
    "FAILED": PublishPhase.FAILED,
}

# The quota that is used up, for each refusal because of a daily cap.
CAPS: Mapping[str, str] = {
    "spam_risk_too_many_posts": "posts_per_day",
    "spam_risk_too_many_pending_share": "pending_drafts",
    "reached_active_user_cap": "active_creators",
}

FAIL_REASONS: Mapping[str, FailureKind] = {
    "file_format_check_failed": FailureKind.MEDIA,
    "duration_check_failed": FailureKind.MEDIA,
    "frame_rate_check_failed": FailureKind.MEDIA,
    "picture_size_check_failed": FailureKind.MEDIA,
    "internal": FailureKind.RETRYABLE,
    "video_pull_failed": FailureKind.NOT_FETCHED,
    "photo_pull_failed": FailureKind.NOT_FETCHED,
    "publish_cancelled": FailureKind.CANCELLED,
    "auth_removed": FailureKind.GRANT,
    "spam_risk_too_many_posts": FailureKind.CAP,
    "spam_risk_user_banned_from_posting": FailureKind.CREATOR,
    "spam_risk_text": FailureKind.CONTENT,
    "spam_risk": FailureKind.CREATOR,
}


def failure_kind(reason: str) -> FailureKind:
    """Classify a fail reason; an unknown one is UNKNOWN, which is never retried automatically."""
    return FAIL_REASONS.get(reason, FailureKind.UNKNOWN)


def failure_of(reason: str) -> dict[str, Any]:
    """Return the fields of a `PublishStatus` that a failure for this reason has."""
    return {"fail_code": reason, "fail_kind": failure_kind(reason), "fail_quota": CAPS.get(reason, "")}


def status_of(
    vendor_status: str, reason: str, post_ids: tuple[str, ...], log_id: str, *, received: int | None = None
) -> PublishStatus:
    """Return a status; an undocumented state means that the publish is still running."""
    phase = PHASES.get(vendor_status, PublishPhase.RUNNING)
    failed: dict[str, Any] = failure_of(reason) if phase is PublishPhase.FAILED else {}
    return PublishStatus(
        phase=phase, received=received, post_ids=post_ids, vendor_status=vendor_status, log_id=log_id, **failed
    )
