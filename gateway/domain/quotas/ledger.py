"""One row of the quota ledger under its rule: what counts now, what is left, and when the next may be used.

Owns the three things that a row knows: what we sent, what the vendor refused, what its headers said. Pure: whoever
calls holds the row. Knows no provider and no caller.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.quotas import bucketed_window, sliding_window
from providers.capabilities import QuotaRule
from storage.quotas import QuotaRow

EXACT = 1_000
"""Up to this limit the time of each call is kept, eight bytes each; beyond it calls are counted by slices of time."""

MARGIN = 20
"""What a vendor counts otherwise than we do is news when it differs by more than a 20th of the limit."""

TRUST = 10
"""A header may raise a documented limit, up to ten times: more is taken for nonsense."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What the ledger believes at one moment: the limit if a header told it, what is left by our count and by theirs.

    `told` is None when no header has spoken that still holds.
    """

    limit: int | None
    own: int
    told: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What the headers of one answer say of a quota; `remaining` is right for `holds` at most."""

    limit: int | None
    remaining: int | None
    holds: timedelta


def limit(row: QuotaRow, rule: QuotaRule) -> int:
    """Return the limit as far as it is known, 0 when it is not: what the vendor's headers say, else its
    documentation.
    """
    return row.told_limit or rule.limit


def used(row: QuotaRow, rule: QuotaRule, now: datetime) -> int:
    """Return how many count within the window that ends now, by our own count or, when that is more, by the
    vendor's.
    """
    told = 0 if (left := _told(row, now)) is None else limit(row, rule) - left
    return max(told, _own(row, rule, now))


def next_at(row: QuotaRow, rule: QuotaRule, now: datetime, *, background: bool = False) -> float:
    """Return when the next one may be used, in seconds since 1970; now or earlier when at once."""
    most = limit(row, rule)
    kept = min(rule.low + (rule.reserve if background else 0), max(most - 1, 0))
    at = row.blocked_until.timestamp() if row.blocked_until is not None else 0.0
    told = _told(row, now)
    if told is not None and told <= kept and row.told_until is not None:
        at = max(at, row.told_until.timestamp())
    seconds, window = now.timestamp(), rule.window.total_seconds()
    if _tallied(rule):
        return max(at, bucketed_window.free_at(row.counts, most - kept, seconds, window))
    return max(at, sliding_window.free_at(row.stamps, most - kept, seconds, window))


def take(row: QuotaRow, rule: QuotaRule, now: datetime) -> float | None:
    """Count a call that begins now; give its stamp, to be replaced when the call ends, None when there is none.

    A tally needs no end: it counts everything as if it took as long as it may.
    """
    if _told(row, now):
        row.told_left = (row.told_left or 0) - 1
    seconds, window = now.timestamp(), rule.window.total_seconds()
    if _tallied(rule):
        row.counts = bucketed_window.added(row.counts, seconds, window)
        return None
    stamp = seconds + sliding_window.CALL_SECONDS
    add(row, rule, now, stamp)
    return stamp


def add(row: QuotaRow, rule: QuotaRule, now: datetime, stamp: float) -> None:
    """Keep the time of one more use."""
    row.stamps = sliding_window.kept([*row.stamps, stamp], now.timestamp(), rule.window.total_seconds())


def live(row: QuotaRow, rule: QuotaRule, now: datetime) -> list[float]:
    """Return the times that count within the window that ends now, oldest first."""
    return sliding_window.live(row.stamps, now.timestamp(), rule.window.total_seconds())


def reckon(row: QuotaRow, rule: QuotaRule, now: datetime) -> Reckoning:
    """Say what the ledger believes now."""
    own = max(0, limit(row, rule) - _own(row, rule, now))
    return Reckoning(row.told_limit, own, _told(row, now))


def sensible(rule: QuotaRule, said: Said) -> Said:
    """Take out what no vendor means: no limit at all, one far above the documented, more left than there is.

    After a whole window nothing counts any more that was counted now, so nothing holds for longer.
    """
    most = said.limit if said.limit is not None and 0 < said.limit <= rule.limit * TRUST else None
    left = said.remaining if said.remaining is not None and 0 <= said.remaining <= (most or rule.limit) else None
    holds = said.holds if timedelta(0) < said.holds <= rule.window else rule.window
    return Said(most, left, holds)


def is_news(rule: QuotaRule, thought: Reckoning, said: Said) -> bool:
    """Return whether the ledger must hear it: each time is a write, and most answers say what we have counted
    ourselves.

    News is a limit that was not told before, too little left for somebody when we thought there was more, a count that
    is far from ours, and a vendor that takes back what it said.
    """
    if said.limit is not None and said.limit != thought.limit:
        return True
    if said.remaining is None:
        return False
    margin = (said.limit or thought.limit or rule.limit) // MARGIN
    if thought.told is not None and said.remaining > thought.told + margin:
        return True
    believed = thought.own if thought.told is None else min(thought.own, thought.told)
    scarce = said.remaining <= rule.low + rule.reserve and said.remaining < believed
    return said.remaining <= rule.low or scarce or said.remaining < believed - margin


def hear(row: QuotaRow, said: Said, now: datetime) -> None:
    """Keep what the headers said."""
    row.told_limit = said.limit or row.told_limit
    if said.remaining is not None:
        row.told_left, row.told_until = said.remaining, now + said.holds


def _tallied(rule: QuotaRule) -> bool:
    return rule.limit > EXACT


def _own(row: QuotaRow, rule: QuotaRule, now: datetime) -> int:
    seconds, window = now.timestamp(), rule.window.total_seconds()
    return bucketed_window.used(row.counts, seconds, window) if _tallied(rule) else len(live(row, rule, now))


def _told(row: QuotaRow, now: datetime) -> int | None:
    """Return what the vendor said is left, less what was used since, while that holds."""
    return row.told_left if row.told_until is not None and row.told_until > now else None
