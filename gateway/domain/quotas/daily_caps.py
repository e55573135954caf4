"""What a vendor still allows: caps of a day, counted and learned from refusals, and how every quota stands.

Owns what posts use, and what callers are shown. Which limits there are is the provider's table's business; the slots of
single calls are `slots`'.
"""

from datetime import UTC, datetime

from gateway.domain.context import Domain
from gateway.domain.quotas import ledger, limiter, sliding_window
from gateway.domain.quotas import standing as quota_standing
from gateway.domain.quotas.standing import OF_DAYS, Standing
from gateway.domain.quotas.subjects import Subject
from gateway.errors import DailyCapReached, QuotaExceeded
from providers.capabilities import QuotaRule
from storage import posts, quotas
from storage.database import Transaction
from storage.posts import PostRow


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
        row = await quotas.hold(tx, Subject(provider, location, account).key(rule), metric, now)
        row.stamps = sliding_window.without(row.stamps, vain)
        used = ledger.live(row, rule, now)
        row.learned_limit = max(1, len(used))
        row.blocked_until = (datetime.fromtimestamp(used[0], UTC) if used else now) + rule.window
        return row.blocked_until


async def allowed(domain: Domain, provider: str, location: str, account: str) -> None:
    """The vendor says that the creator can post: what was learned to be used up is free again.

    Who has posted within the window counts already, and proves nothing about a limit on how many creators do.
    """
    rules = [rule for rule in domain.providers[provider].table.quotas if rule.per in OF_DAYS and not rule.limit]
    standings = await quota_standing.standings(domain, rules, Subject(provider, location, account))
    blocked = [each for each in quota_standing.needed(standings) if each.reset_time is not None]
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
            row = await quotas.hold(tx, _day_subject(post).key(rule), rule.metric, now)
            if rule.per == "account" and ledger.live(row, rule, now):
                counted.add(rule.spent_by)
            ledger.add(row, rule, now, stamp)


async def free(tx: Transaction, domain: Domain, post: PostRow, stamp: float) -> None:
    """Return back, with this transaction, what a draft held that was refused, failed, or published by its creator."""
    for rule in _day_rules(domain, post):
        if rule.limit:
            row = await quotas.hold(tx, _day_subject(post).key(rule), rule.metric, domain.clock())
            row.stamps = sliding_window.without(row.stamps, stamp)
            # A place became free: that the vendor had none is past, and who waited for one need wait no longer.
            row.blocked_until = None
            await posts.wake_mode(tx, post.location, post.account, post.mode, domain.clock())


def _day_rules(domain: Domain, post: PostRow) -> list[QuotaRule]:
    return [rule for rule in quota_standing.spent_by(domain, post) if rule.per in OF_DAYS]


def _day_subject(post: PostRow) -> Subject:
    return Subject(post.provider, post.location, post.account)


async def check(domain: Domain, post: PostRow) -> list[QuotaExceeded]:
    """Return which caps of the day forbid a post now; what is only a matter of a minute is waited for later."""
    return [
        _exceeded(post, each)
        for each in await quota_standing.costs(domain, post)
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
    for each in await quota_standing.costs(domain, post):
        if each.rule.limit and not each.rule.reserve and each.reset_time is not None:
            delay = (each.reset_time - domain.clock()).total_seconds()
            raise limiter.used_up(domain, post.provider, each.subject, each.rule, delay)
