"""How each quota stands now: its limit, what is used, and when the next one is free.

Owns reading the ledger. Counts nothing and refuses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.quotas import ledger, subjects
from gateway.domain.quotas.subjects import Subject
from providers.capabilities import QuotaRule
from storage import quotas
from storage.accounts import AccountRow
from storage.posts import PostRow
from storage.quotas import QuotaRow

OF_DAYS = frozenset({"account", "provider"})
"""Whose quotas posts use up for a day; the others are about single calls, which wait."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a quota stands now: `limit` 0 is not known, `reset_time` None says that one is free.

    `subject` is what a caller is shown, `key` what the ledger counts by. `learned` is what a refusal showed, `told`
    what the vendor's headers say.
    """

    rule: QuotaRule
    subject: str
    key: str
    limit: int
    used: int
    reset_time: datetime | None
    learned: bool
    told: bool


def spent_by(domain: Domain, post: PostRow) -> list[QuotaRule]:
    """Return the quotas that a post uses."""
    use = f"{post.mode}:{post_content.kind(post)}"
    return [rule for rule in domain.providers[post.provider].table.quotas if use in rule.spent_by]


async def costs(domain: Domain, post: PostRow) -> list[Standing]:
    """Return how each quota stands of which the post would use one."""
    return needed(await standings(domain, spent_by(domain, post), await subjects.of_post(domain, post)))


def needed(standings: Sequence[Standing]) -> list[Standing]:
    """Leave out what all accounts share and this one has its part of, because it posted already within the window."""
    counted = {each.rule.spent_by for each in standings if each.rule.per == "account" and each.used}
    return [each for each in standings if each.rule.per != "provider" or each.rule.spent_by not in counted]


async def of_account(domain: Domain, account: AccountRow) -> list[Standing]:
    """Return every quota that bears on an account, by metric."""
    rules = sorted(domain.providers[account.provider].table.quotas, key=lambda rule: rule.metric)
    return await standings(domain, rules, await subjects.of_account(domain, account))


async def standings(domain: Domain, rules: Sequence[QuotaRule], subject: Subject) -> list[Standing]:
    """Return how the quotas of these rules stand for a subject, in the order of the rules."""
    async with domain.db.read() as tx:
        rows = await quotas.find(tx, sorted({subject.key(rule) for rule in rules}))
    now = domain.clock()
    return [_standing(rule, subject, rows, now) for rule in rules]


def _standing(rule: QuotaRule, subject: Subject, rows: Mapping[tuple[str, str], QuotaRow], now: datetime) -> Standing:
    name, key = subject.name(rule), subject.key(rule)
    row = rows.get((key, rule.metric))
    if row is None:
        return Standing(rule, name, key, rule.limit, 0, None, learned=False, told=False)
    used = ledger.used(row, rule, now)
    at = ledger.next_at(row, rule, now)
    reset = datetime.fromtimestamp(at, UTC) if at > now.timestamp() else None
    blocked = row.blocked_until is not None and row.blocked_until > now
    # What once did not fit and now does has told nothing about today.
    shown = row.learned_limit or 0
    learned = shown if not rule.limit and (blocked or shown > used) else 0
    return Standing(
        rule,
        name,
        key,
        ledger.limit(row, rule) or learned,
        used,
        reset,
        learned=blocked or learned > 0,
        told=row.told_limit is not None,
    )
