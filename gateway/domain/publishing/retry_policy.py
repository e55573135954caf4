"""The retry policy of publishing: pure tables and arithmetic, no calls and no rows.

Owns the delays, the limits of retrying, and the reason for each kind of publish failure.
"""

from datetime import datetime, timedelta

from gateway.domain.concurrency import backoff
from providers.errors import ProviderError
from providers.models.publishing import FailureKind

POLL_FIRST = timedelta(seconds=2)
POLL_MAX = timedelta(seconds=60)
"""Polls after 2, 4, 8 … 60 s: far below a vendor's limit per minute."""

RETRY_FIRST = timedelta(seconds=2)
RETRY_MAX = timedelta(minutes=5)
REAUTHORIZATION_WAIT = timedelta(minutes=10)
"""How often a post checks its connection again; a new authorization makes it due at once."""

LATE_TOLERANCE = timedelta(hours=24)
"""How late a post may still go out if the caller set no tolerance."""

AFTER_SCHEDULE = timedelta(seconds=30)
"""How long after its scheduled time a post that the vendor schedules is first polled."""

OVERDUE = timedelta(minutes=5)
"""How long after its scheduled time a planner may keep a post before callers see an error."""

LOOKUP_FIRST = timedelta(seconds=5)
LOOKUP_MAX = timedelta(minutes=1)
"""Searches of the vendor's list for a post whose submit got no response: after 5, 10, 20, 40, 60, 60 … s."""

LOOKUP_SPAN = timedelta(minutes=2)
LOOKUP_MISSES = 4
"""How long, and how often in a row, a post must be missing from the vendor's list before it counts as never created. A
vendor that aborts its own calls after some 100 seconds has none in progress by then.
"""

SUBMIT_WITHIN = timedelta(seconds=20)
"""How long after INIT_SENT was committed a call that may publish may still start. A worker that was frozen in between
must not make it when it wakes up: by then another worker has searched for the post without success and submitted it.
The rest of LOOKUP_SPAN is the vendor's.
"""

PROOF_FIRST = timedelta(seconds=10)
PROOF_MAX = timedelta(minutes=15)
"""Searches for proof of an unknown outcome: after 10, 20, 40 s … 15 min."""

OUTCOME_LIMIT = timedelta(hours=24)
"""After this long without an outcome from the vendor, a person has to decide."""

MIN_FAILED_POLLS = 2
"""How many polls in a row must have failed before that limit ends a post."""

POST_ID_LIMIT = timedelta(hours=24)
POST_ID_POLL_MAX = timedelta(minutes=15)
"""A published post's id may come late (moderation), and a creator may still publish a draft: polled for a day, with
growing delays.
"""

MAX_SUBMITS = 3
"""How many submits a round may make if uploads fail, or if lost responses may each occupy a pending draft."""

MAX_FETCHES = 8
"""How many submits a round may make if the vendor could not fetch the media from the gateway, which proves that nothing
was posted: their delays outlast four minutes in which the gateway cannot be reached, as in a restart that hangs.
"""

MAX_LOST_SUBMITS = 30
"""How many submits a round may make if the lost ones certainly had no effect."""

MAX_CHUNK_FAILURES = 8
EXPIRY_SLACK = timedelta(minutes=5)
"""How long an upload address may still work after its stated expiry."""

CONFIRM_EXPIRED = timedelta(seconds=10)
CONFIRM_UNKNOWN = timedelta(seconds=30)
"""How long a vendor must keep reporting "incomplete" after its upload address stopped working, to be believed."""

CONFIRM_POLLS = 4
"""How often in a row it must have reported so, each time with the same number of bytes."""

MAX_FINAL_REJECTIONS = 3
"""How often the last chunk may be rejected, by a vendor that reports missing bytes, before the post fails."""

MAX_FAULTS = 8
"""How many steps in a row may end with an internal error before the post is given up."""

MAX_DENIALS = 10
"""How often in a row a vendor may deny a publish id that it issued before the outcome counts as unknown."""

FAIL_REASONS: dict[FailureKind, str] = {
    FailureKind.RETRYABLE: "PROVIDER_UNAVAILABLE",
    FailureKind.NOT_FETCHED: "PROVIDER_UNAVAILABLE",
    FailureKind.MEDIA: "MEDIA_INVALID",
    FailureKind.CONTENT: "CONTENT_REJECTED",
    FailureKind.CREATOR: "CREATOR_RULE_BROKEN",
    FailureKind.CAP: "PROVIDER_DAILY_CAP",
    FailureKind.GRANT: "REAUTHORIZATION_REQUIRED",
    FailureKind.CANCELLED: "STATE_FORBIDS",
    FailureKind.UNKNOWN: "CONTENT_REJECTED",
}

SUBMITS_AFTER: dict[FailureKind, int] = {
    FailureKind.RETRYABLE: MAX_SUBMITS,
    FailureKind.NOT_FETCHED: MAX_FETCHES,
}
"""How many submits a round may make if the vendor reports a failure of this kind; one for every other kind."""


def poll_delay(polls: int, maximum: timedelta = POLL_MAX) -> timedelta:
    """Return the delay before the next poll after `polls` of them."""
    return backoff(POLL_FIRST, polls, maximum)


def retry_delay(failures: int, error: ProviderError | None = None) -> timedelta:
    """Return the delay before the next try after `failures` in a row; the vendor's `retry_after` takes precedence."""
    if error is not None and error.retry_after is not None:
        return min(max(error.retry_after, timedelta(seconds=1)), timedelta(hours=1))
    return backoff(RETRY_FIRST, failures, RETRY_MAX)


def latest(due: datetime, tolerance_seconds: int | None) -> datetime:
    """Return the last moment at which a post that was due at `due` may go out."""
    return due + (LATE_TOLERANCE if tolerance_seconds is None else timedelta(seconds=tolerance_seconds))
