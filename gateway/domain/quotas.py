"""What a vendor still allows: caps of a day, counted and learned from refusals, and how every quota stands.

Owns what posts use, and what callers are shown. Which limits there are is the provider's table's business; the slots of
single calls are `slots`'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain import ledger, orders, slots, subjects, windows
from gateway.domain.context import Domain
from gateway.domain.errors import DailyCapReached, QuotaExceeded
from gateway.domain.subjects import Subject
from providers.capabilities import QuotaRule
from storage import posts, quotas
from storage.accounts import AccountRow
from storage.database import Transaction
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


async def learn(
    domain: Domain, provider: str, location: str, account: str, metric: str, *, vain: float | None = None
) -> datetime | None:
    """A cap of the day was met: keep how many fitted, and until when; give that time. None for a metric nobody knows.

    Others may have used the cap too, and nobody tells when theirs end: the oldest of ours is the best guess. `vain` is
    the stamp of a post that was counted, and refused only afterwards.
    """
    rule = domain.providers[provider].table.quota(metric)
    if rule is None:
        return None
    now = domain.clock()
    async with domain.db.transaction() as tx:
        row = await quotas.lock(tx, Subject(provider, location, account).key(rule), metric, now)
        row.stamps = windows.without(row.stamps, vain)
        used = ledger.live(row, rule, now)
        row.learned_limit = max(1, len(used))
        row.blocked_until = (datetime.fromtimestamp(used[0], UTC) if used else now) + rule.window
        return row.blocked_until


async def allowed(domain: Domain, provider: str, location: str, account: str) -> None:
    """The vendor says that the creator can post: what was learned to be used up is free again.

    Who has posted within the window counts already, and proves nothing about a limit on how many creators do.
    """
    rules = [rule for rule in domain.providers[provider].table.quotas if rule.per in OF_DAYS and not rule.limit]
    standings = await _standings(domain, rules, Subject(provider, location, account))
    blocked = [each for each in _needed(standings) if each.reset_time is not None]
    if blocked:
        async with domain.db.transaction() as tx:
            for each in blocked:
                await quotas.unblock(tx, each.key, [each.rule.metric])


async def use(domain: Domain, post: PostRow, stamp: float) -> None:
    """Count a post, or a draft, that was announced at `stamp` against the caps of its day.

    Who posted already within the window is no further active creator.
    """
    now = domain.clock()
    async with domain.db.transaction() as tx:
        counted: set[frozenset[str]] = set()
        # Accounts before the provider: whether this is a further creator is known by then, and locks keep one order.
        for rule in sorted(_day_rules(domain, post), key=lambda rule: rule.per):
            if rule.per == "provider" and rule.spent_by in counted:
                continue
            row = await quotas.lock(tx, _day_subject(post).key(rule), rule.metric, now)
            if rule.per == "account" and ledger.live(row, rule, now):
                counted.add(rule.spent_by)
            ledger.add(row, rule, now, stamp)


async def free(tx: Transaction, domain: Domain, post: PostRow, stamp: float) -> None:
    """Return back, with this transaction, what a draft held that was refused, failed, or published by its creator."""
    for rule in _day_rules(domain, post):
        if rule.limit:
            row = await quotas.lock(tx, _day_subject(post).key(rule), rule.metric, domain.clock())
            row.stamps = windows.without(row.stamps, stamp)
            # A place became free: that the vendor had none is past, and who waited for one need wait no longer.
            row.blocked_until = None
            await posts.wake_mode(tx, post.location, post.account, post.mode, domain.clock())


def _day_rules(domain: Domain, post: PostRow) -> list[QuotaRule]:
    return [rule for rule in spent_by(domain, post) if rule.per in OF_DAYS]


def _day_subject(post: PostRow) -> Subject:
    return Subject(post.provider, post.location, post.account)


def spent_by(domain: Domain, post: PostRow) -> list[QuotaRule]:
    """Return the quotas that a post uses."""
    use = f"{post.mode}:{orders.kind(post)}"
    return [rule for rule in domain.providers[post.provider].table.quotas if use in rule.spent_by]


async def check(domain: Domain, post: PostRow) -> list[QuotaExceeded]:
    """Return which caps of the day forbid a post now; what is only a matter of a minute is waited for later."""
    return [
        _exceeded(post, each)
        for each in await costs(domain, post)
        if each.rule.per in OF_DAYS and each.reset_time is not None
    ]


def _exceeded(post: PostRow, standing: Standing) -> QuotaExceeded:
    """Say it as the vendor's own limit where only the vendor could have told."""
    kind = QuotaExceeded if standing.rule.limit else DailyCapReached
    metric, subject = standing.rule.metric, standing.subject
    error = kind(metric, subject=subject, limit=standing.limit, retry_at=standing.reset_time)
    error.metadata["provider"] = post.provider
    return error


async def ready(domain: Domain, post: PostRow) -> None:
    """Raise QuotaUsedUp when the call that announces the post would not go out now: it is not announced in vain.

    Only a look, without a slot. What questions use up, of which callers have a part, holds no announcement up; nor does
    a cap that nobody knows before the vendor refuses.
    """
    for each in await costs(domain, post):
        if each.rule.limit and not each.rule.reserve and each.reset_time is not None:
            delay = (each.reset_time - domain.clock()).total_seconds()
            raise slots.used_up(domain, post.provider, each.subject, each.rule, delay)


async def costs(domain: Domain, post: PostRow) -> list[Standing]:
    """Return how each quota stands of which the post would use one."""
    return _needed(await _standings(domain, spent_by(domain, post), await subjects.of_post(domain, post)))


def _needed(standings: Sequence[Standing]) -> list[Standing]:
    """Leave out what all accounts share and this one has its part of, because it posted already within the window."""
    counted = {each.rule.spent_by for each in standings if each.rule.per == "account" and each.used}
    return [each for each in standings if each.rule.per != "provider" or each.rule.spent_by not in counted]


async def of_account(domain: Domain, account: AccountRow) -> list[Standing]:
    """Return every quota that bears on an account, by metric."""
    rules = sorted(domain.providers[account.provider].table.quotas, key=lambda rule: rule.metric)
    return await _standings(domain, rules, await subjects.of_account(domain, account))


async def _standings(domain: Domain, rules: Sequence[QuotaRule], subject: Subject) -> list[Standing]:
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
