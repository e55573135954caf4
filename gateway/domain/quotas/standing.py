"""The current standing of each quota: its limit, how much is used, and when the next use is free.

Reads the ledger. Counts nothing and refuses nothing.
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
from storage.database import Transaction
from storage.posts import PostRow
from storage.quotas import QuotaRow

DAILY_SCOPES = frozenset({"account", "provider"})
"""The scopes (`QuotaRule.per`) of daily caps, which posts use up; the other scopes limit single calls, which wait."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of a quota now: a `limit` of 0 is unknown, a `reset_time` of None means that one use is free.

    `subject` is the name shown to callers, `key` the one the ledger counts by. `learned` says that a refusal revealed
    the limit, `reported` that the vendor's headers stated it.
    """

    rule: QuotaRule
    subject: str
    key: str
    limit: int
    used: int
    reset_time: datetime | None
    learned: bool
    reported: bool


def spent_by(domain: Domain, post: PostRow) -> list[QuotaRule]:
    """Return the rules of the quotas that a post uses."""
    use, table = f"{post.mode}:{post_content.kind(post)}", domain.providers[post.provider].table
    return [rule for rule in table.quotas_of(post_content.fetched_by(post)) if use in rule.spent_by]


async def costs(domain: Domain, post: PostRow) -> list[Standing]:
    """Return the standing of each quota of which the post would use one."""
    async with domain.db.read() as tx:
        return await costs_within(tx, domain, post)


async def costs_within(tx: Transaction, domain: Domain, post: PostRow) -> list[Standing]:
    """Return what `costs` does, as `tx` sees it."""
    subject = await subjects.of_post(domain, post)
    return without_counted_creator(await within(tx, domain, spent_by(domain, post), subject))


def without_counted_creator(standings: Sequence[Standing]) -> list[Standing]:
    """Leave out caps on how many creators post, when this one posted within the window and so counts already."""
    counted = {each.rule.spent_by for each in standings if each.rule.per == "account" and each.used}
    return [each for each in standings if each.rule.per != "provider" or each.rule.spent_by not in counted]


async def of_account(domain: Domain, account: AccountRow) -> list[Standing]:
    """Return the standing of every quota that applies to an account, by metric."""
    rules = sorted(domain.providers[account.provider].table.quotas_of(account.platform), key=lambda rule: rule.metric)
    return await standings(domain, rules, await subjects.of_account(domain, account))


async def standings(domain: Domain, rules: Sequence[QuotaRule], subject: Subject) -> list[Standing]:
    """Return the standing of each rule's quota for a subject, in the order of the rules."""
    async with domain.db.read() as tx:
        return await within(tx, domain, rules, subject)


async def within(tx: Transaction, domain: Domain, rules: Sequence[QuotaRule], subject: Subject) -> list[Standing]:
    """Return what `standings` does, as `tx` sees it."""
    rows = await quotas.find(tx, sorted({subject.key(rule) for rule in rules}))
    now = domain.clock()
    return [_standing(rule, subject, rows, now) for rule in rules]


def _standing(rule: QuotaRule, subject: Subject, rows: Mapping[tuple[str, str], QuotaRow], now: datetime) -> Standing:
    name, key = subject.name(rule), subject.key(rule)
    row = rows.get((key, rule.metric))
    if row is None:
        return Standing(rule, name, key, rule.limit, 0, None, learned=False, reported=False)
    used = ledger.used(row, rule, now)
    at = ledger.next_at(row, rule, now)
    reset = datetime.fromtimestamp(at, UTC) if at > now.timestamp() else None
    blocked = row.blocked_until is not None and row.blocked_until > now
    # A learned limit that has since been exceeded says nothing about today.
    last_learned = row.learned_limit or 0
    learned = last_learned if not rule.limit and (blocked or last_learned > used) else 0
    return Standing(
        rule,
        name,
        key,
        ledger.limit(row, rule) or learned,
        used,
        reset,
        learned=blocked or learned > 0,
        reported=row.told_limit is not None,
    )
