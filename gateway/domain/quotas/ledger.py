"""The arithmetic of one row of the quota ledger: what counts now, what is left, and when the next call may be made.

Combines the three things that a row records: the calls we made, the vendor's refusals, and its rate-limit headers. Pure
functions: the caller locks the row. Knows no provider and no caller.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.quotas import bucketed_window, sliding_window
from providers.capabilities import QuotaRule
from storage.quotas import QuotaRow

MAX_STAMPED_LIMIT = 1_000
"""Up to this limit each call has a stamp of eight bytes; above it calls are counted per time bucket."""

MARGIN_DIVISOR = 20
"""The vendor's count is stored when it differs from ours by more than a 20th of the limit."""

MAX_RAISE = 10
"""A header may raise a documented limit up to tenfold; anything above is ignored as nonsense."""


@dataclass(frozen=True, slots=True)
class QuotaEstimate:
    """The ledger's view of a quota at one moment: what is left by our own count and by the vendor's.

    `limit` is the one from a header, None if none stated it. `reported_left` is None unless a header's count still
    holds.
    """

    limit: int | None
    counted_left: int
    reported_left: int | None

    def used_part(self, rule: QuotaRule) -> float:
        """Return which part of the quota is used, from 0 to 1; 0 if its limit is not known."""
        most = self.limit or rule.limit
        left = self.counted_left if self.reported_left is None else min(self.counted_left, self.reported_left)
        return 1 - min(left, most) / most if most else 0.0


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """What the headers of one response state about a quota; `remaining` is valid for at most `valid_for`."""

    limit: int | None
    remaining: int | None
    valid_for: timedelta


def limit(row: QuotaRow, rule: QuotaRule) -> int:
    """Return the limit: the one in the vendor's headers, else the documented one; 0 when neither is known."""
    return row.told_limit or rule.limit


def used(row: QuotaRow, rule: QuotaRule, now: datetime) -> int:
    """Return how many calls count within the window that ends now: our own count, or the vendor's if that is higher."""
    reported = 0 if (left := _reported_left(row, now)) is None else limit(row, rule) - left
    return max(reported, _counted(row, rule, now))


def next_at(row: QuotaRow, rule: QuotaRule, now: datetime, *, background: bool = False) -> float:
    """Return when the next call may be made, in seconds since 1970; a time up to now means at once."""
    most = limit(row, rule)
    reserved = min(rule.low + (rule.reserve if background else 0), max(most - 1, 0))
    at = row.blocked_until.timestamp() if row.blocked_until is not None else 0.0
    left = _reported_left(row, now)
    if left is not None and left <= reserved and row.told_until is not None:
        at = max(at, row.told_until.timestamp())
    seconds, window = now.timestamp(), rule.window.total_seconds()
    if _is_bucketed(rule):
        return max(at, bucketed_window.free_at(row.counts, most - reserved, seconds, window))
    return max(at, sliding_window.free_at(row.stamps, most - reserved, seconds, window))


def record_call(row: QuotaRow, rule: QuotaRule, now: datetime) -> float | None:
    """Count a call that begins now; return its stamp, to be replaced when the call ends, None when it has none.

    A bucketed call needs no end: each is counted as if it took the longest possible time.
    """
    if _reported_left(row, now):
        row.told_left = (row.told_left or 0) - 1
    seconds, window = now.timestamp(), rule.window.total_seconds()
    if _is_bucketed(rule):
        row.counts = bucketed_window.add_call(row.counts, seconds, window)
        return None
    stamp = seconds + sliding_window.CALL_SECONDS
    add_stamp(row, rule, now, stamp)
    return stamp


def add_stamp(row: QuotaRow, rule: QuotaRule, now: datetime, stamp: float) -> None:
    """Record the time of one more use."""
    row.stamps = sliding_window.prune([*row.stamps, stamp], now.timestamp(), rule.window.total_seconds())


def live(row: QuotaRow, rule: QuotaRule, now: datetime) -> list[float]:
    """Return the stamps that count within the window that ends now, oldest first."""
    return sliding_window.live(row.stamps, now.timestamp(), rule.window.total_seconds())


def estimate(row: QuotaRow, rule: QuotaRule, now: datetime) -> QuotaEstimate:
    """Return the ledger's view of the quota now."""
    counted_left = max(0, limit(row, rule) - _counted(row, rule, now))
    return QuotaEstimate(row.told_limit, counted_left, _reported_left(row, now))


def plausible(rule: QuotaRule, report: QuotaReport) -> QuotaReport:
    """Return the report without impossible values: no limit at all, one far above the documented, more left than it.

    After a whole window nothing that was counted now counts any more, so no report is valid for longer than that.
    """
    most = report.limit if report.limit is not None and 0 < report.limit <= rule.limit * MAX_RAISE else None
    left = report.remaining if report.remaining is not None and 0 <= report.remaining <= (most or rule.limit) else None
    valid_for = report.valid_for if timedelta(0) < report.valid_for <= rule.window else rule.window
    return QuotaReport(most, left, valid_for)


def is_worth_storing(rule: QuotaRule, current: QuotaEstimate, report: QuotaReport) -> bool:
    """Return whether the report must be stored: that costs a write, and most responses state what we counted ourselves.

    It must be for a changed limit, for too little left where we expected more, for a count far from ours, and for a
    vendor that corrects its earlier count.
    """
    if report.limit is not None and report.limit != current.limit:
        return True
    if report.remaining is None:
        return False
    margin = (report.limit or current.limit or rule.limit) // MARGIN_DIVISOR
    if current.reported_left is not None and report.remaining > current.reported_left + margin:
        return True
    left = current.counted_left if current.reported_left is None else min(current.counted_left, current.reported_left)
    scarce = report.remaining <= rule.low + rule.reserve and report.remaining < left
    return report.remaining <= rule.low or scarce or report.remaining < left - margin


def store_report(row: QuotaRow, report: QuotaReport, now: datetime) -> None:
    """Record what the headers stated."""
    row.told_limit = report.limit or row.told_limit
    if report.remaining is not None:
        row.told_left, row.told_until = report.remaining, now + report.valid_for


def _is_bucketed(rule: QuotaRule) -> bool:
    return rule.limit > MAX_STAMPED_LIMIT


def _counted(row: QuotaRow, rule: QuotaRule, now: datetime) -> int:
    seconds, window = now.timestamp(), rule.window.total_seconds()
    return bucketed_window.used(row.counts, seconds, window) if _is_bucketed(rule) else len(live(row, rule, now))


def _reported_left(row: QuotaRow, now: datetime) -> int | None:
    """Return what the vendor reported as left, minus what was used since; None when no report is valid."""
    return row.told_left if row.told_until is not None and row.told_until > now else None
