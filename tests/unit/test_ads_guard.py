"""`gateway/domain/ads/guard.py`: what counts as spending, and which confirmations are taken."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from gateway.domain.ads import guard
from gateway.domain.ads.guard import Spending, commitment
from gateway.domain.context import Domain
from gateway.errors import BudgetCeilingExceeded, DomainError, SpendConfirmationRequired
from providers.models.ads import AdBudget, BudgetKind
from tests.fixtures.clock import START

DAILY, LIFETIME = AdBudget(BudgetKind.DAILY, Decimal(20)), AdBudget(BudgetKind.LIFETIME, Decimal(300))


@dataclass
class Rules:
    """The few dependencies that the guard has."""

    spend_ceilings: dict[str, Decimal] = field(default_factory=dict)
    now: datetime = START
    oauth_secret: bytes = b"secret"

    def clock(self) -> datetime:
        """Return the time."""
        return self.now


def spending(amount: Decimal | None = Decimal(600), **values: Any) -> Spending:
    """Return what a launch would spend."""
    facts = [["c1", 3], ["budget", "20"]]
    return Spending(
        **{"action": "launch", "resource": "c", "currency": "USD", "amount": amount, "facts": facts, **values}
    )


def refusal(rules: Rules, wanted: Spending, confirmation: str = "") -> DomainError | None:
    """Return why something is refused, None if it is not."""
    try:
        guard.check(cast(Domain, rules), wanted, confirmation)
    except DomainError as error:
        return error
    return None


def confirmed(rules: Rules, wanted: Spending) -> str:
    """Return the confirmation that a refusal hands out."""
    error = refusal(rules, wanted)
    assert error is not None
    return error.metadata["spendConfirmation"]


@pytest.mark.parametrize(
    ("budget", "start", "end", "expected"),
    [
        (DAILY, None, None, 600),
        (DAILY, None, START + timedelta(days=3), 60),
        (DAILY, START + timedelta(days=2), START + timedelta(days=3), 20),
        (DAILY, None, START + timedelta(hours=1), 20),
        (DAILY, None, START + timedelta(days=90), 600),
        (DAILY, None, START - timedelta(days=1), 20),
        (LIFETIME, None, None, 300),
        (LIFETIME, None, START + timedelta(days=1), 300),
        (AdBudget(), None, None, 0),
    ],
)
def test_what_thirty_days_can_spend(budget: AdBudget, start: Any, end: Any, expected: int) -> None:
    """A daily budget counts for the days of its flight, at most thirty and at least one; a lifetime budget whole."""
    assert expected == commitment(budget, start, end, START)


def test_below_the_ceiling_nobody_is_asked() -> None:
    """Up to the ceiling of the very currency, that amount included."""
    assert refusal(Rules({"USD": Decimal(600)}), spending()) is None


def test_above_the_ceiling_the_refusal_says_how_much() -> None:
    """The refusal names the amount, the ceiling, and until when its confirmation is valid."""
    error = refusal(Rules({"USD": Decimal(599)}), spending())
    assert isinstance(error, BudgetCeilingExceeded)
    assert ("600 USD", "599 USD") == (error.metadata["amount"], error.metadata["ceiling"])
    assert (START + timedelta(minutes=15)).isoformat() == error.metadata["expireTime"]


def test_without_a_ceiling_everything_needs_a_confirmation() -> None:
    """No default lets anything be spent: not even a cent, nor in a currency that is not named."""
    assert isinstance(refusal(Rules(), spending(Decimal("0.01"))), SpendConfirmationRequired)
    assert isinstance(refusal(Rules({"EUR": Decimal(10_000)}), spending()), SpendConfirmationRequired)


def test_what_nobody_can_tell_needs_a_confirmation() -> None:
    """A budget of a kind that is not known here is above every ceiling."""
    error = refusal(Rules({"USD": Decimal(10**12)}), spending(None))
    assert error is not None
    assert "unknown" == error.metadata["amount"]


def test_a_confirmation_is_for_what_it_was_handed_out_for() -> None:
    """The same call passes; another budget, another object, another etag, another action or secret does not."""
    rules, wanted = Rules(), spending()
    token = confirmed(rules, wanted)

    assert refusal(rules, wanted, token) is None
    others = [
        replace(wanted, facts=[["c1", 3], ["budget", "21"]]),
        replace(wanted, facts=[["c1", 4], ["budget", "20"]]),
        replace(wanted, resource="d"),
        replace(wanted, action="update"),
        replace(wanted, currency="EUR"),
    ]
    assert [] == [other for other in others if refusal(rules, other, token) is None]
    assert refusal(replace(rules, oauth_secret=b"another"), wanted, token) is not None


def test_a_confirmation_ends_after_a_quarter_of_an_hour() -> None:
    """A second before it passes, then it does not, and a new one is handed out."""
    rules, wanted = Rules(), spending()
    token = confirmed(rules, wanted)
    assert refusal(replace(rules, now=START + timedelta(minutes=14, seconds=59)), wanted, token) is None
    late = refusal(replace(rules, now=START + timedelta(minutes=15)), wanted, token)
    assert late is not None
    assert late.metadata["spendConfirmation"] != token


@pytest.mark.parametrize(
    "junk", ["x", "1.2", "9" * 300, "9999999999.", ".", "é", "1e9.AAAA", "-5.AAAA", "99999999999999.x"]
)
def test_junk_is_no_confirmation(junk: str) -> None:
    """Whatever else is sent is refused like nothing, and never raises anything else."""
    assert isinstance(refusal(Rules(), spending(), junk), SpendConfirmationRequired)


def test_a_later_expiry_cannot_be_written_into_a_confirmation() -> None:
    """The time is signed as well."""
    rules, wanted = Rules(), spending()
    stamp, _, signature = confirmed(rules, wanted).partition(".")
    assert refusal(rules, wanted, f"{int(stamp) + 3600}.{signature}") is not None
