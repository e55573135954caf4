"""How much a campaign and an ad group must be allowed to spend at least, and in which steps.

Owns the minimum budgets (TikTok's help centre, August 2025), which are known in US dollars only: of other currencies
TikTok itself refuses what is too little, and names the figure.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from providers.models.ads import AdAccount, AdBudget, BudgetKind
from providers.tiktok_business.ads.refused import refuse, unsupported

CAMPAIGN_OVER = Decimal(50)
AD_GROUP_OVER_A_DAY = Decimal(20)
MOST = Decimal(10) ** 12
# ISO 4217: the currencies without a smaller unit. Every other one has two digits at least.
WITHOUT_CENTS = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_DAY = timedelta(days=1)


def check_campaign_budget(account: AdAccount, budget: AdBudget, before: AdBudget | None) -> None:
    """Refuse a campaign's budget that TikTok would not take, or that changes its kind."""
    _check_amount(account, budget, before)
    if budget.amount is not None and account.currency == "USD" and budget.amount <= CAMPAIGN_OVER:
        raise refuse(
            "budget.amount", "The budget of a campaign is too small.", allowed=f"more than {CAMPAIGN_OVER} USD"
        )


def check_ad_group_budget(
    account: AdAccount, budget: AdBudget, before: AdBudget | None, start: datetime | None, end: datetime | None
) -> None:
    """Refuse an ad group's budget that TikTok would not take; a lifetime budget needs an end.

    `start` is when it may be delivered, None if that is not known.
    """
    _check_amount(account, budget, before)
    if budget.amount is None:
        raise refuse("budget.kind", "An ad group needs a budget of its own.")
    if budget.kind is BudgetKind.LIFETIME and end is None:
        raise refuse("end", "A budget for the whole time needs its end.")
    if account.currency != "USD":
        return
    if budget.kind is BudgetKind.DAILY and budget.amount <= AD_GROUP_OVER_A_DAY:
        text = "The daily budget of an ad group is too small."
        raise refuse("budget.amount", text, allowed=f"more than {AD_GROUP_OVER_A_DAY} USD")
    if budget.kind is BudgetKind.LIFETIME and start is not None and end is not None:
        days = max(1, -((start - end) // _DAY))
        if budget.amount < AD_GROUP_OVER_A_DAY * days:
            text = f"The budget of an ad group is too small for {days} days."
            raise refuse("budget.amount", text, allowed=f"{AD_GROUP_OVER_A_DAY * days} USD or more")


def _check_amount(account: AdAccount, budget: AdBudget, before: AdBudget | None) -> None:
    if before is not None and budget.kind is not before.kind:
        raise unsupported("budget.kind", "The kind of a budget cannot change.")
    if (budget.kind is BudgetKind.NONE) != (budget.amount is None):
        raise refuse("budget.amount", "A budget has an amount, and no budget has none.")
    if budget.amount is not None:
        check_money(account, budget.amount, "budget.amount")


def check_money(account: AdAccount, amount: Decimal, field: str) -> None:
    """Refuse an amount that is not positive, or not a multiple of the currency's smallest unit."""
    if not amount.is_finite() or not 0 < amount < MOST:
        raise refuse(field, "The amount must be more than zero.")
    step = Decimal(1) if account.currency in WITHOUT_CENTS else Decimal("0.01")
    if amount % step:
        raise refuse(field, f"The amount is not a multiple of {step} {account.currency}.", allowed=str(step))
