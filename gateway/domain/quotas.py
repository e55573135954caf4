"""The quota ledger: what a vendor still allows, shared by all processes, refused here before the vendor would.

Owns the sliding windows and what is learned from refusals. Which limits there are is the provider's table's business;
a caller's patience is its own deadline.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

import structlog

from gateway import deadline
from gateway.domain import orders, windows
from gateway.domain.context import Domain
from gateway.domain.errors import DailyCapReached, QuotaExceeded
from providers.capabilities import QuotaRule
from providers.errors import QuotaUsedUp
from storage import posts, quotas
from storage.accounts import AccountRow
from storage.database import DatabaseUnavailable, Transaction
from storage.posts import PostRow
from storage.quotas import QuotaRow

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 10.0
BACKGROUND_PATIENCE_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""What is left of a caller's time for the call itself."""

NAP_SECONDS = 0.001
"""The shortest wait: less would be lost in the arithmetic of times."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a quota stands now: `limit` 0 is not known, `reset_time` None says that one is free."""

    rule: QuotaRule
    subject: str
    limit: int
    used: int
    reset_time: datetime | None
    learned: bool


@asynccontextmanager
async def slot(domain: Domain, provider: str, subject: str, metric: str, *, background: bool) -> AsyncIterator[None]:
    """Hold a slot around one vendor call; it counts from the end of the call, when the vendor has surely seen it.

    Waits while a slot is near and the caller has time. Raises QuotaUsedUp, DatabaseUnavailable: then nothing was sent.
    """
    rule = domain.providers[provider].table.quota(metric)
    if rule is None:
        yield
        return
    stamp = await _take(domain, provider, subject, rule, background)
    try:
        yield
    finally:
        # A process that dies here, or a database that fails, leaves the slot used for longer than it was; what the
        # vendor answered counts more than that.
        try:
            await domain.tokens.guard(_restamp(domain, subject, metric, stamp, domain.clock().timestamp()))
        except Exception as error:
            log.warning("quota.not_restamped", subject=subject, metric=metric, error=type(error).__name__)


async def _take(domain: Domain, provider: str, subject: str, rule: QuotaRule, background: bool) -> float:
    waited = 0.0
    while True:
        stamp, delay = await _try(domain, subject, rule, background)
        if not delay:
            return stamp
        if delay > _patience(background, waited):
            raise _used_up(domain, provider, subject, rule, delay)
        await domain.sleep(delay)
        waited += delay


async def _try(domain: Domain, subject: str, rule: QuotaRule, background: bool) -> tuple[float, float]:
    """Take a slot that is free: give its stamp and 0, or 0 and the seconds until one may be."""
    limit = max(1, rule.limit - rule.reserve) if background and rule.limit else rule.limit
    async with domain.db.transaction() as tx:
        row = await quotas.hold(tx, subject, rule.metric, domain.clock())
        # Only now: the row may have been held by others for a while.
        now = domain.clock()
        at = _next(row, rule, now, limit)
        if at > now.timestamp():
            return 0.0, max(at - now.timestamp(), NAP_SECONDS)
        stamp = now.timestamp() + windows.CALL_SECONDS
        _add(row, rule, now, stamp)
        return stamp, 0.0


def _patience(background: bool, waited: float) -> float:
    """Give how many seconds more a caller waits for a slot."""
    most = (BACKGROUND_PATIENCE_SECONDS if background else PATIENCE_SECONDS) - waited
    left = deadline.left()
    return most if left is None else min(most, left - ANSWER_SECONDS)


def _next(row: QuotaRow, rule: QuotaRule, now: datetime, limit: int) -> float:
    """Give when the next one may be used, in seconds since 1970; now or earlier when at once."""
    blocked = row.blocked_until.timestamp() if row.blocked_until is not None else 0.0
    return max(blocked, windows.free_at(row.stamps, limit, now.timestamp(), rule.window.total_seconds()))


def _counted(row: QuotaRow, rule: QuotaRule, now: datetime) -> list[float]:
    return windows.live(row.stamps, now.timestamp(), rule.window.total_seconds())


def _add(row: QuotaRow, rule: QuotaRule, now: datetime, stamp: float) -> None:
    row.stamps = windows.kept([*row.stamps, stamp], now.timestamp(), rule.window.total_seconds())


def _used_up(domain: Domain, provider: str, subject: str, rule: QuotaRule, delay: float) -> QuotaUsedUp:
    # Rounded up: who comes back after exactly this long finds the slot free.
    after = timedelta(milliseconds=ceil(delay * 1000))
    at = domain.clock() + after
    return QuotaUsedUp(
        rule.metric, subject=subject, limit=rule.limit, provider=provider, retry_after=after, retry_at=at
    )


async def _restamp(domain: Domain, subject: str, metric: str, stamp: float, at: float) -> None:
    """Put another time in the place of a stamp."""
    async with domain.db.transaction() as tx:
        row = await quotas.hold(tx, subject, metric, domain.clock())
        # Also when the stamp is gone, because a frozen process took its call for over: the vendor has seen it.
        row.stamps = sorted([*windows.without(row.stamps, stamp), at])


async def limited(domain: Domain, provider: str, subject: str, metric: str, retry_after: timedelta) -> None:
    """The vendor refused although a slot was held: nobody calls before it said that one may.

    A database that is away changes nothing about the vendor's answer, so it is not raised.
    """
    log.warning("quota.limited", provider=provider, subject=subject, metric=metric)
    with suppress(DatabaseUnavailable):
        async with domain.db.transaction() as tx:
            row = await quotas.hold(tx, subject, metric, domain.clock())
            until = domain.clock() + retry_after
            row.blocked_until = max(row.blocked_until or until, until)


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
        row = await quotas.hold(tx, _subject(rule, provider, location, account, ""), metric, now)
        row.stamps = windows.without(row.stamps, vain)
        used = _counted(row, rule, now)
        row.learned_limit = max(1, len(used))
        row.blocked_until = (datetime.fromtimestamp(used[0], UTC) if used else now) + rule.window
        return row.blocked_until


async def allowed(domain: Domain, provider: str, location: str, account: str) -> None:
    """The vendor says that the creator can post: what was learned to be used up is free again.

    Who has posted within the window counts already, and proves nothing about a limit on how many creators do.
    """
    rules = [rule for rule in domain.providers[provider].table.quotas if rule.per != "connection" and not rule.limit]
    subjects = {rule.metric: _subject(rule, provider, location, account, "") for rule in rules}
    blocked = [each for each in _needed(await _standings(domain, rules, subjects)) if each.reset_time is not None]
    if blocked:
        async with domain.db.transaction() as tx:
            for each in blocked:
                await quotas.unblock(tx, each.subject, [each.rule.metric])


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
            row = await quotas.hold(tx, _subject_of(rule, post), rule.metric, now)
            if rule.per == "account" and _counted(row, rule, now):
                counted.add(rule.spent_by)
            _add(row, rule, now, stamp)


async def free(tx: Transaction, domain: Domain, post: PostRow, stamp: float) -> None:
    """Give back, with this transaction, what a draft held that was refused, failed, or published by its creator."""
    for rule in _day_rules(domain, post):
        if rule.limit:
            row = await quotas.hold(tx, _subject_of(rule, post), rule.metric, domain.clock())
            row.stamps = windows.without(row.stamps, stamp)
            # A place became free: that the vendor had none is past, and who waited for one need wait no longer.
            row.blocked_until = None
            await posts.wake_mode(tx, post.location, post.account, post.mode, domain.clock())


def _day_rules(domain: Domain, post: PostRow) -> list[QuotaRule]:
    return [rule for rule in spent_by(domain, post) if rule.per != "connection"]


def spent_by(domain: Domain, post: PostRow) -> list[QuotaRule]:
    """Give the quotas that a post uses."""
    use = f"{post.mode}:{orders.kind(post)}"
    return [rule for rule in domain.providers[post.provider].table.quotas if use in rule.spent_by]


async def check(domain: Domain, post: PostRow) -> list[QuotaExceeded]:
    """Tell which caps of the day forbid a post now; what is only a matter of a minute is waited for later."""
    return [
        _exceeded(post, each)
        for each in await costs(domain, post)
        if each.rule.per != "connection" and each.reset_time is not None
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
            raise _used_up(domain, post.provider, each.subject, each.rule, delay)


async def costs(domain: Domain, post: PostRow) -> list[Standing]:
    """Give how each quota stands of which the post would use one."""
    rules = spent_by(domain, post)
    return _needed(await _standings(domain, rules, {rule.metric: _subject_of(rule, post) for rule in rules}))


def _needed(standings: Sequence[Standing]) -> list[Standing]:
    """Leave out what all accounts share and this one has its part of, because it posted already within the window."""
    counted = {each.rule.spent_by for each in standings if each.rule.per == "account" and each.used}
    return [each for each in standings if each.rule.per != "provider" or each.rule.spent_by not in counted]


async def of_account(domain: Domain, account: AccountRow) -> list[Standing]:
    """Give every quota that bears on an account, by metric."""
    rules = sorted(domain.providers[account.provider].table.quotas, key=lambda rule: rule.metric)
    subjects = {
        rule.metric: _subject(rule, account.provider, account.location, account.id, account.connection)
        for rule in rules
    }
    return await _standings(domain, rules, subjects)


async def _standings(domain: Domain, rules: Sequence[QuotaRule], subjects: Mapping[str, str]) -> list[Standing]:
    async with domain.db.read() as tx:
        rows = await quotas.find(tx, sorted(set(subjects.values())))
    now = domain.clock()
    return [_standing(rule, subjects[rule.metric], rows, now) for rule in rules]


def _standing(rule: QuotaRule, subject: str, rows: Mapping[tuple[str, str], QuotaRow], now: datetime) -> Standing:
    row = rows.get((subject, rule.metric))
    if row is None:
        return Standing(rule, subject, rule.limit, 0, None, False)
    used = len(_counted(row, rule, now))
    at = _next(row, rule, now, rule.limit)
    reset = datetime.fromtimestamp(at, UTC) if at > now.timestamp() else None
    blocked = row.blocked_until is not None and row.blocked_until > now
    # What once did not fit and now does has told nothing about today.
    shown = row.learned_limit or 0
    learned = shown if not rule.limit and (blocked or shown > used) else 0
    return Standing(rule, subject, rule.limit or learned, used, reset, blocked or learned > 0)


def _subject_of(rule: QuotaRule, post: PostRow) -> str:
    return _subject(rule, post.provider, post.location, post.account, post.connection)


def _subject(rule: QuotaRule, provider: str, location: str, account: str, connection: str) -> str:
    """Name whose limit it is."""
    if rule.per == "provider":
        return f"providers/{provider}"
    kind, id = ("accounts", account) if rule.per == "account" else ("connections", connection)
    return f"locations/{location}/{kind}/{id}"
