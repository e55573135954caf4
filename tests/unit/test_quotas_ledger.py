"""A row of the ledger: what headers change, which reports are stored, and its size after ten thousand calls.

Owns the rules of `gateway/domain/quotas/ledger.py` in numbers. That they bind callers is shown in
tests/flows/test_quotas_limiter.py.
"""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.quotas import ledger
from gateway.domain.quotas.ledger import QuotaEstimate, QuotaReport
from providers.capabilities import QuotaRule
from storage.quotas import QuotaRow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND, TEN, HOUR, DAY = timedelta(seconds=1), timedelta(seconds=10), timedelta(hours=1), timedelta(days=1)
BURST = QuotaRule("requests", 100, TEN, "subject", reserve=37, low=3)
LARGE = QuotaRule("requests_per_day", 200_000, DAY, "subject", reserve=2_000)


def row() -> QuotaRow:
    """Return a row that nobody used."""
    return QuotaRow(subject="providers/p/subjects/s", metric="requests", update_time=NOW)


def free(held: QuotaRow, rule: QuotaRule, now: datetime = NOW, *, background: bool = False) -> bool:
    """Return whether the next call may go out."""
    return ledger.next_at(held, rule, now, background=background) <= now.timestamp()


def fits(held: QuotaRow, rule: QuotaRule, *, background: bool = False) -> int:
    """Use all there is now; give how many that were."""
    count = 0
    while free(held, rule, background=background):
        ledger.record_call(held, rule, NOW)
        count += 1
    return count


@pytest.mark.parametrize(("background", "expected"), [(False, 97), (True, 60)])
def test_the_last_of_a_limit_are_never_used_and_background_work_leaves_more(background: bool, expected: int) -> None:
    """Of a hundred three are nobody's, and forty are not for background work."""
    assert expected == fits(row(), BURST, background=background)


def test_a_large_limit_leaves_its_reserve_to_callers() -> None:
    """Of the day's 200,000 the last 2,000 are not for background work."""
    held = row()
    ledger.record_call(held, LARGE, NOW)
    held.counts = dict.fromkeys(held.counts, 198_000)

    assert (False, True) == (free(held, LARGE, background=True), free(held, LARGE))
    held.counts = dict.fromkeys(held.counts, 200_000)
    assert not free(held, LARGE)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (QuotaReport(100, 50, TEN), QuotaReport(100, 50, TEN)),
        (QuotaReport(5, 4, SECOND), QuotaReport(5, 4, SECOND)),
        (QuotaReport(1_000, 1_000, TEN), QuotaReport(1_000, 1_000, TEN)),
        (QuotaReport(1_001, 50, TEN), QuotaReport(None, 50, TEN)),
        (QuotaReport(0, 0, TEN), QuotaReport(None, 0, TEN)),
        (QuotaReport(-5, -5, TEN), QuotaReport(None, None, TEN)),
        (QuotaReport(10, 11, TEN), QuotaReport(10, None, TEN)),
        (QuotaReport(None, 101, TEN), QuotaReport(None, None, TEN)),
        (QuotaReport(None, None, TEN), QuotaReport(None, None, TEN)),
        (QuotaReport(999_999_999_999, 999_999_999_999, TEN), QuotaReport(None, None, TEN)),
        (QuotaReport(100, 0, timedelta(days=999)), QuotaReport(100, 0, TEN)),
        (QuotaReport(100, 0, timedelta(0)), QuotaReport(100, 0, TEN)),
        (QuotaReport(100, 0, -HOUR), QuotaReport(100, 0, TEN)),
    ],
)
def test_impossible_values_are_ignored(report: QuotaReport, expected: QuotaReport) -> None:
    """A limit is at least one and at most ten times the documented one; no more is left than that, nor for longer."""
    assert expected == ledger.plausible(BURST, report)


@pytest.mark.parametrize("remaining", range(0, 101, 5))
@pytest.mark.parametrize("most", [1, 2, 40, 100, 1_000])
def test_whatever_headers_say_calls_go_on_within_a_window(most: int, remaining: int) -> None:
    """No header stops anybody for longer than the window, callers and background work alike."""
    held, report = row(), ledger.plausible(BURST, QuotaReport(most, remaining, timedelta(days=9)))
    ledger.store_report(held, report, NOW)

    for background in (False, True):
        assert free(held, BURST, NOW + TEN, background=background)
    assert fits(held, BURST) <= most


@pytest.mark.parametrize(
    ("current", "report", "expected"),
    [
        # The vendor counts what we count, or less: our own count is the safer.
        (QuotaEstimate(100, 60, None), QuotaReport(100, 60, TEN), False),
        (QuotaEstimate(100, 60, None), QuotaReport(100, 90, TEN), False),
        (QuotaEstimate(100, 60, 50), QuotaReport(100, 50, TEN), False),
        # A few calls more or less are on their way at any moment.
        (QuotaEstimate(100, 60, None), QuotaReport(100, 56, TEN), False),
        (QuotaEstimate(100, 60, None), QuotaReport(100, 54, TEN), True),
        (QuotaEstimate(100, 60, 50), QuotaReport(100, 54, TEN), False),
        # Somebody else uses it: from where background work must stop, each call counts.
        (QuotaEstimate(100, 41, None), QuotaReport(100, 40, TEN), True),
        (QuotaEstimate(100, 40, None), QuotaReport(100, 40, TEN), False),
        # Hardly anything is left, whatever we think.
        (QuotaEstimate(100, 3, None), QuotaReport(100, 3, TEN), True),
        (QuotaEstimate(100, 90, 0), QuotaReport(100, 0, TEN), True),
        # The vendor takes back what it said.
        (QuotaEstimate(100, 90, 10), QuotaReport(100, 16, TEN), True),
        # The limit itself, the first time and when it changes.
        (QuotaEstimate(None, 90, None), QuotaReport(100, 90, TEN), True),
        (QuotaEstimate(100, 90, None), QuotaReport(50, 40, TEN), True),
        (QuotaEstimate(100, 90, None), QuotaReport(None, None, TEN), False),
    ],
)
def test_a_report_is_stored_only_when_it_changes_who_may_call(
    current: QuotaEstimate, report: QuotaReport, expected: bool
) -> None:
    """A report that agrees with the ledger costs no write; one that changes who may call is stored."""
    assert expected == ledger.is_worth_storing(BURST, current, report)


def test_what_is_left_is_less_what_was_used_since() -> None:
    """The vendor said ten: ten calls later nothing is left of it, without another word."""
    held = row()
    ledger.store_report(held, QuotaReport(100, 10, TEN), NOW)

    assert 7 == fits(held, BURST)
    assert (3, 97) == (held.told_left, ledger.used(held, BURST, NOW))
    assert not free(held, BURST, NOW + TEN - SECOND)
    assert free(held, BURST, NOW + TEN)


def test_our_own_count_binds_although_the_vendor_says_that_all_is_left() -> None:
    """Calls that are on their way are in our count, and not yet in the vendor's."""
    held = row()
    assert 97 == fits(held, BURST)

    ledger.store_report(held, QuotaReport(100, 100, TEN), NOW)

    assert not free(held, BURST)
    assert 97 == ledger.used(held, BURST, NOW)


def test_ten_thousand_uses_of_a_large_limit_leave_a_small_row() -> None:
    """Not a stamp for each, and nothing to be told when a call ends."""
    held = row()
    for number in range(10_000):
        assert ledger.record_call(held, LARGE, NOW + timedelta(seconds=20 * number)) is None

    assert (25, []) == (len(held.counts), held.stamps)
