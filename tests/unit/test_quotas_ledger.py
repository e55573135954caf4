"""A row of the ledger: what headers can make of it, what is news, and what it costs after ten thousand calls.

Owns the rules of `gateway/domain/quotas/ledger.py` in numbers. That they bind callers is shown in
tests/flows/test_quotas_limiter.py.
"""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.quotas import ledger
from gateway.domain.quotas.ledger import Reckoning, Said
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
    """Use all there is now, and return how many that were."""
    count = 0
    while free(held, rule, background=background):
        ledger.take(held, rule, NOW)
        count += 1
    return count


@pytest.mark.parametrize(("background", "expected"), [(False, 97), (True, 60)])
def test_the_last_of_a_limit_are_never_used_and_background_work_leaves_more(background: bool, expected: int) -> None:
    """Of a limit of a hundred three are never used, and forty are not for background work."""
    assert expected == fits(row(), BURST, background=background)


def test_a_large_limit_leaves_its_reserve_to_callers() -> None:
    """Of the day's 200,000 the last 2,000 are not for background work."""
    held = row()
    ledger.take(held, LARGE, NOW)
    held.counts = dict.fromkeys(held.counts, 198_000)

    assert (False, True) == (free(held, LARGE, background=True), free(held, LARGE))
    held.counts = dict.fromkeys(held.counts, 200_000)
    assert not free(held, LARGE)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(100, 50, TEN), Said(100, 50, TEN)),
        (Said(5, 4, SECOND), Said(5, 4, SECOND)),
        (Said(1_000, 1_000, TEN), Said(1_000, 1_000, TEN)),
        (Said(1_001, 50, TEN), Said(None, 50, TEN)),
        (Said(0, 0, TEN), Said(None, 0, TEN)),
        (Said(-5, -5, TEN), Said(None, None, TEN)),
        (Said(10, 11, TEN), Said(10, None, TEN)),
        (Said(None, 101, TEN), Said(None, None, TEN)),
        (Said(None, None, TEN), Said(None, None, TEN)),
        (Said(999_999_999_999, 999_999_999_999, TEN), Said(None, None, TEN)),
        (Said(100, 0, timedelta(days=999)), Said(100, 0, TEN)),
        (Said(100, 0, timedelta(0)), Said(100, 0, TEN)),
        (Said(100, 0, -HOUR), Said(100, 0, TEN)),
    ],
)
def test_what_no_vendor_means_is_not_believed(said: Said, expected: Said) -> None:
    """An impossible limit or remainder is ignored, and a reset outside the window is replaced by the window."""
    assert expected == ledger.sensible(BURST, said)


@pytest.mark.parametrize("remaining", range(0, 101, 5))
@pytest.mark.parametrize("most", [1, 2, 40, 100, 1_000])
def test_whatever_headers_say_calls_go_on_within_a_window(most: int, remaining: int) -> None:
    """No header stops anybody for longer than the window, callers and background work alike."""
    held, said = row(), ledger.sensible(BURST, Said(most, remaining, timedelta(days=9)))
    ledger.hear(held, said, NOW)

    for background in (False, True):
        assert free(held, BURST, NOW + TEN, background=background)
    assert fits(held, BURST) <= most


@pytest.mark.parametrize(
    ("thought", "said", "news"),
    [
        # The vendor counts what we count, or less: our own count is the safer.
        (Reckoning(100, 60, None), Said(100, 60, TEN), False),
        (Reckoning(100, 60, None), Said(100, 90, TEN), False),
        (Reckoning(100, 60, 50), Said(100, 50, TEN), False),
        # A few calls more or less are on their way at any moment.
        (Reckoning(100, 60, None), Said(100, 56, TEN), False),
        (Reckoning(100, 60, None), Said(100, 54, TEN), True),
        (Reckoning(100, 60, 50), Said(100, 54, TEN), False),
        # Somebody else uses it: from where background work must stop, each call counts.
        (Reckoning(100, 41, None), Said(100, 40, TEN), True),
        (Reckoning(100, 40, None), Said(100, 40, TEN), False),
        # Hardly anything is left, whatever we think.
        (Reckoning(100, 3, None), Said(100, 3, TEN), True),
        (Reckoning(100, 90, 0), Said(100, 0, TEN), True),
        # The vendor takes back what it said.
        (Reckoning(100, 90, 10), Said(100, 16, TEN), True),
        # The limit itself, the first time and when it changes.
        (Reckoning(None, 90, None), Said(100, 90, TEN), True),
        (Reckoning(100, 90, None), Said(50, 40, TEN), True),
        (Reckoning(100, 90, None), Said(None, None, TEN), False),
    ],
)
def test_what_is_news(thought: Reckoning, said: Said, news: bool) -> None:
    """A row is written only when an answer changes who may call."""
    assert news == ledger.is_news(BURST, thought, said)


def test_what_is_left_is_less_what_was_used_since() -> None:
    """After the vendor reports ten left, ten calls use them up without another report."""
    held = row()
    ledger.hear(held, Said(100, 10, TEN), NOW)

    assert 7 == fits(held, BURST)
    assert (3, 97) == (held.told_left, ledger.used(held, BURST, NOW))
    assert not free(held, BURST, NOW + TEN - SECOND)
    assert free(held, BURST, NOW + TEN)


def test_our_own_count_binds_although_the_vendor_says_that_all_is_left() -> None:
    """Calls that are on their way are in our count, and not yet in the vendor's."""
    held = row()
    assert 97 == fits(held, BURST)

    ledger.hear(held, Said(100, 100, TEN), NOW)

    assert not free(held, BURST)
    assert 97 == ledger.used(held, BURST, NOW)


def test_ten_thousand_uses_of_a_large_limit_leave_a_small_row() -> None:
    """A large limit stores no timestamp for each call, and needs no update when a call ends."""
    held = row()
    for number in range(10_000):
        assert ledger.take(held, LARGE, NOW + timedelta(seconds=20 * number)) is None

    assert (25, []) == (len(held.counts), held.stamps)
