"""Daily caps: how many posts a vendor allows per account or application, counted here and learned from its refusals.

Owns what a post uses of them and when one is used up. Which caps exist is in the provider's table; the slots of single
calls are in `limiter`.
"""

from datetime import UTC, datetime

from gateway.domain.context import Domain
from gateway.domain.quotas import ledger, limiter, sliding_window
from gateway.domain.quotas import standing as quota_standing
from gateway.domain.quotas.standing import DAILY_SCOPES, Standing
from gateway.domain.quotas.subjects import Subject
from gateway.errors import DailyCapReached, QuotaExceeded
from providers.capabilities import QuotaRule
from storage import posts, quotas
from storage.database import Transaction
from storage.posts import PostRow


async def learn(
    domain: Domain, provider: str, location: str, account: str, metric: str, *, refused_stamp: float | None = None
) -> datetime | None:
    """Record that a daily cap was reached: how many posts fitted, and until when. Return that time, None for an unknown
    metric.

    Others may have used up the cap too, and the vendor does not say when their posts stop counting: our oldest is the
    best guess. `refused_stamp` is the stamp of a post that was counted and refused only afterwards.
    """
    rule = domain.providers[provider].table.quota(metric)
    if rule is None:
        return None
    now = domain.clock()
    async with domain.db.transaction() as tx:
        row = await quotas.lock(tx, Subject(provider, location, account).key(rule), metric, now)
        row.stamps = sliding_window.without(row.stamps, refused_stamp)
        used = ledger.live(row, rule, now)
        row.learned_limit = max(1, len(used))
        row.blocked_until = (datetime.fromtimestamp(used[0], UTC) if used else now) + rule.window
        return row.blocked_until


async def clear_learned(tx: Transaction, domain: Domain, provider: str, location: str, account: str) -> None:
    """Unblock within `tx` the learned caps of a creator who can post according to the vendor.

    A creator who posted within the window counts already, and proves nothing about a cap on how many creators do.
    """
    rules = [rule for rule in domain.providers[provider].table.quotas if rule.per in DAILY_SCOPES and not rule.limit]
    standings = await quota_standing.within(tx, domain, rules, Subject(provider, location, account))
    applicable = quota_standing.without_counted_creator(standings)
    for each in applicable:
        if each.reset_time is not None:
            await quotas.unblock(tx, each.key, [each.rule.metric])


async def use(domain: Domain, post: PostRow, stamp: float) -> None:
    """Count a post, or a draft, that was submitted at `stamp` against its daily caps.

    An account that posted within the window is not one more active creator.
    """
    async with domain.db.transaction() as tx:
        await use_within(tx, domain, post, stamp)


async def use_within(tx: Transaction, domain: Domain, post: PostRow, stamp: float) -> None:
    """Do what `use` does, within `tx`."""
    now = domain.clock()
    counted: set[frozenset[str]] = set()
    # Accounts before the provider: this settles whether it is one more creator, and locks are taken in one order.
    for rule in sorted(_daily_rules(domain, post), key=lambda rule: rule.per):
        if rule.per == "provider" and rule.spent_by in counted:
            continue
        row = await quotas.lock(tx, _daily_subject(post).key(rule), rule.metric, now)
        if rule.per == "account" and ledger.live(row, rule, now):
            counted.add(rule.spent_by)
        ledger.add_stamp(row, rule, now, stamp)


async def free(tx: Transaction, domain: Domain, post: PostRow, stamp: float) -> None:
    """Release within `tx` what a draft used that was refused, failed, or was published by its creator."""
    for rule in _daily_rules(domain, post):
        if rule.limit:
            row = await quotas.lock(tx, _daily_subject(post).key(rule), rule.metric, domain.clock())
            row.stamps = sliding_window.without(row.stamps, stamp)
            # One use is free again: an earlier refusal no longer holds, and posts that waited need not wait any longer.
            row.blocked_until = None
            await posts.wake_mode(tx, post.location, post.account, post.mode, domain.clock())


def _daily_rules(domain: Domain, post: PostRow) -> list[QuotaRule]:
    return [rule for rule in quota_standing.spent_by(domain, post) if rule.per in DAILY_SCOPES]


def _daily_subject(post: PostRow) -> Subject:
    return Subject(post.provider, post.location, post.account)


async def check(domain: Domain, post: PostRow) -> list[QuotaExceeded]:
    """Return the daily caps that forbid a post now; short waits for a rate limit are left to the submission."""
    return [
        _exceeded(post, each)
        for each in await quota_standing.costs(domain, post)
        if each.rule.per in DAILY_SCOPES and each.reset_time is not None
    ]


def _exceeded(post: PostRow, standing: Standing) -> QuotaExceeded:
    """Return the error of a used-up cap; as the vendor's own cap when only a refusal could reveal it."""
    kind = QuotaExceeded if standing.rule.limit else DailyCapReached
    metric, subject = standing.rule.metric, standing.subject
    error = kind(metric, subject=subject, limit=standing.limit, retry_at=standing.reset_time)
    error.metadata["provider"] = post.provider
    return error


async def require_capacity(domain: Domain, post: PostRow) -> None:
    """Raise QuotaUsedUp when the call that submits the post would not get a slot now.

    Reads only, without occupying a slot. A quota that has a reserve for callers is also used up by reads and delays no
    submission; neither does a cap that nobody knows before the vendor refuses.
    """
    async with domain.db.read() as tx:
        await require_capacity_within(tx, domain, post)


async def require_capacity_within(tx: Transaction, domain: Domain, post: PostRow) -> None:
    """Do what `require_capacity` does, as `tx` sees it."""
    for each in await quota_standing.costs_within(tx, domain, post):
        if each.rule.limit and not each.rule.reserve and each.reset_time is not None:
            delay = (each.reset_time - domain.clock()).total_seconds()
            raise limiter.used_up(domain, post.provider, each.subject, each.rule, delay)
