"""What follows from a vendor's answer while publishing: pure tables and arithmetic, no calls and no rows.

Owns the delays, the limits of trying, and which failure of a publish is which reason.
"""

from datetime import datetime, timedelta

from gateway.domain.concurrency import backoff
from providers.errors import ProviderError
from providers.models.publishing import FailureKind

POLL_FIRST = timedelta(seconds=2)
POLL_MAX = timedelta(seconds=60)
"""Polls at 2, 4, 8 … 60 s: far inside a vendor's limit per minute."""

RETRY_FIRST = timedelta(seconds=2)
RETRY_MAX = timedelta(minutes=5)
REAUTHORIZATION_WAIT = timedelta(minutes=10)
"""How often a post looks for its connection again; a new authorisation wakes it at once."""

LATE_TOLERANCE = timedelta(hours=24)
"""How late a post may still go out when the caller did not say."""

AFTER_SCHEDULE = timedelta(seconds=30)
"""How long after its time a post that the vendor keeps is first asked for."""

OVERDUE = timedelta(minutes=5)
"""How long after its time a planner may keep a post before callers are told."""

LOOKUP_FIRST = timedelta(seconds=5)
LOOKUP_MAX = timedelta(minutes=1)
"""Looks for a post whose announcement was not answered, in the vendor's list: after 5, 10, 20, 40, 60 s, and so on."""

LOOKUP_SPAN = timedelta(minutes=2)
LOOKUP_MISSES = 4
"""How long, and how often in a row, the vendor's list must be without a post before it counts as never made. A vendor
that cuts its own calls after some 100 seconds has none under way by then.
"""

SUBMIT_WITHIN = timedelta(seconds=20)
"""How long after its announcement was written down a call that may publish may still leave. A worker that was frozen
in between must not make it when it wakes: another has looked for the post in vain by then, and made it. The rest of
LOOKUP_SPAN is the vendor's.
"""

OUTCOME_LIMIT = timedelta(hours=24)
"""After this long without a word from the vendor the outcome is for a human to decide."""

MIN_FAILED_POLLS = 2
"""How many questions in a row must have gone wrong before that limit ends a post."""

POST_ID_LIMIT = timedelta(hours=24)
POST_ID_POLL_MAX = timedelta(minutes=15)
"""A published post's id may come late (moderation), or a creator may finish a draft: asked ever more seldom, for a
day.
"""

MAX_SUBMITS = 3
"""How many announcements may follow bytes that were sent in vain, or lost answers that cost a pending draft."""

MAX_LOST_SUBMITS = 30
"""How many announcements may follow lost answers of which it is sure that nothing came."""

MAX_CHUNK_FAILURES = 8
EXPIRY_SLACK = timedelta(minutes=5)
"""How much later than announced an upload address may still work."""

CONFIRM_EXPIRED = timedelta(seconds=10)
CONFIRM_UNKNOWN = timedelta(seconds=30)
"""How long a vendor must go on saying "incomplete" after its upload address died, before it is believed."""

CONFIRM_POLLS = 4
"""How often in a row it must have said so, each time with the same number of bytes."""

MAX_FINAL_REJECTIONS = 3
"""How often a last chunk may be refused for good, by a vendor that says it lacks bytes, before the post fails."""

MAX_FAULTS = 8
"""How often in a row a step may meet a fault of our own, before the post is given up."""

MAX_DENIALS = 10
"""How often in a row a vendor may deny an id that it gave, before the outcome counts as unknown."""

FAIL_REASONS: dict[FailureKind, str] = {
    FailureKind.RETRYABLE: "PROVIDER_UNAVAILABLE",
    FailureKind.MEDIA: "MEDIA_INVALID",
    FailureKind.CONTENT: "CONTENT_REJECTED",
    FailureKind.CREATOR: "CREATOR_RULE_BROKEN",
    FailureKind.CAP: "PROVIDER_DAILY_CAP",
    FailureKind.GRANT: "REAUTHORIZATION_REQUIRED",
    FailureKind.CANCELLED: "STATE_FORBIDS",
    FailureKind.UNKNOWN: "CONTENT_REJECTED",
}


def poll_delay(polls: int, maximum: timedelta = POLL_MAX) -> timedelta:
    """Return the time until the next poll after `polls` of them."""
    return backoff(POLL_FIRST, polls, maximum)


def retry_delay(failures: int, error: ProviderError | None = None) -> timedelta:
    """Return the time until the next try after `failures` in a row; the vendor's own word goes first."""
    if error is not None and error.retry_after is not None:
        return min(max(error.retry_after, timedelta(seconds=1)), timedelta(hours=1))
    return backoff(RETRY_FIRST, failures, RETRY_MAX)


def too_late(due: datetime, tolerance_seconds: int | None, now: datetime) -> bool:
    """Return whether a post that was due then may no longer go out."""
    tolerance = LATE_TOLERANCE if tolerance_seconds is None else timedelta(seconds=tolerance_seconds)
    return now - due > tolerance
