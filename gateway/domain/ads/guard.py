"""How much a write may spend, and whether somebody has to say that it may.

Owns what counts as spending, and the confirmations: signed, for exact objects, budgets and etags, for a quarter of an
hour. Calls no vendor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from gateway.aip import confirmations
from gateway.domain.context import Domain
from gateway.errors import BudgetCeilingExceeded, DomainError, SpendConfirmationRequired
from providers.models.ads import AdBudget, BudgetKind

PURPOSE = b"spend-confirmation\0"
LIFETIME = timedelta(minutes=15)
DAYS = 30
"""For how many days a daily budget is counted, if it is not over earlier."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a write may spend: `amount` is None if nobody can tell; `facts` are all that somebody would decide upon."""

    action: str
    resource: str
    currency: str
    amount: Decimal | None
    facts: Sequence[Any]


def commitment(budget: AdBudget, start: datetime | None, end: datetime | None, now: datetime) -> Decimal:
    """Return how much of a budget can be spent within DAYS days: all of a lifetime, or what its days add up to."""
    amount = budget.amount or Decimal(0)
    if budget.kind != BudgetKind.DAILY:
        return amount
    if end is None:
        return amount * DAYS
    days = ceil((end - max(start or now, now)) / DAY)
    return amount * min(max(days, 1), DAYS)


def check(domain: Domain, spending: Spending, confirmation: str) -> None:
    """Raise BudgetCeilingExceeded or SpendConfirmationRequired, with a confirmation to repeat the call with, unless the
    spending is below the ceiling of its currency, or confirmed.
    """
    now = domain.clock()
    ceiling = domain.spend_ceilings.get(spending.currency)
    if ceiling is not None and spending.amount is not None and spending.amount <= ceiling:
        return
    if confirmations.is_valid(domain.oauth_secret, PURPOSE, confirmation, _facts(spending), now):
        return
    raise _refusal(domain, spending, ceiling, now)


def _refusal(domain: Domain, spending: Spending, ceiling: Decimal | None, now: datetime) -> DomainError:
    expires = now + LIFETIME
    metadata = {
        "amount": "unknown" if spending.amount is None else f"{spending.amount} {spending.currency}",
        "spendConfirmation": confirmations.make(domain.oauth_secret, PURPOSE, _facts(spending), expires),
        "expireTime": expires.isoformat(),
    }
    if ceiling is None:
        return SpendConfirmationRequired(metadata=metadata, resource=spending.resource)
    metadata["ceiling"] = f"{ceiling} {spending.currency}"
    return BudgetCeilingExceeded(metadata=metadata, resource=spending.resource)


def _facts(spending: Spending) -> list[Any]:
    # Not the amount, which follows from the facts, and shrinks while time passes.
    return [spending.action, spending.resource, spending.currency, list(spending.facts)]
