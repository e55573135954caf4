"""The planner's posts and how they progress over time: scheduled, in progress, published or failed.

Owns: the records and the ledger of what was published. Knows nothing of HTTP or of how media are fetched.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from providers.simulators.common.ids import Entropy
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.ledger import Published
from providers.simulators.highlevel.post_records import PostRecord
from providers.simulators.highlevel.social_accounts import SimAccount, SocialAccounts

DAY = timedelta(days=1)
# The planner's error when tiktokPostDetails is missing or a thumbnail is set: notes of a public adapter on live
# behaviour, read 2026-11-20.
NO_THUMBNAIL = "TikTok will not support thumbnail in the Video"
EXPIRED = "The social account has expired. Please reconnect it"
GONE = "The social account is no longer connected"
TOO_MANY = "The daily limit of posts of this TikTok user is reached"
_LINKS = {
    "tiktok": "https://www.tiktok.com/@{user}/video/{id}",
    "tiktok-business": "https://www.tiktok.com/@{user}/video/{id}",
    "facebook": "https://www.facebook.com/{user}/posts/{id}",
    "instagram": "https://www.instagram.com/p/{id}",
    "youtube": "https://www.youtube.com/watch?v={id}",
}


@dataclass(slots=True, kw_only=True)
class Planner:
    """The planner's state. `fetch(record)` begins to fetch a record's media, and later calls `fetched` or `fail`."""

    config: SimulatorConfig
    entropy: Entropy
    accounts: SocialAccounts
    fetch: Callable[[PostRecord], None]
    records: dict[str, PostRecord] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    failures: deque[str] = field(default_factory=deque)
    # The records that still change over time, so that thousands of finished ones cost nothing.
    _active: dict[str, PostRecord] = field(default_factory=dict)

    def add(self, record: PostRecord) -> None:
        """Add a post, or reactivate one that was changed."""
        self.records[record.id] = record
        self._active[record.id] = record

    def settle(self, now: datetime) -> None:
        """Apply everything that is due by `now`, the earliest first. A post leaves in_progress once."""
        self._active = {record.id: record for record in self._active.values() if record.active}
        for record in sorted(self._active.values(), key=lambda each: each.due or now):
            if record.status == "scheduled" and record.due is not None and record.due <= now:
                self._start(record, now)
            if record.publishing and record.fetched and self._ends_at(record) <= now:
                self._finish(record)

    def fetched(self, record: PostRecord, sha256: tuple[str, ...], sizes: tuple[int, ...]) -> None:
        """Record that all media were fetched."""
        record.sha256, record.sizes, record.fetched = sha256, sizes, True

    def fail(self, record: PostRecord, reason: str) -> None:
        """Fail a post without publishing it."""
        record.error = reason
        record.fetched = True
        if not record.deleted:
            record.status = "failed"

    def delete(self, record: PostRecord) -> None:
        """Delete the record; a post that is on a network, or being published, stays."""
        record.deleted, record.status = True, "deleted"

    def posts_today(self, account_id: str, now: datetime) -> int:
        """Return the number of an account's posts in 24 hours, published or being published."""
        done = sum(row.account_id == account_id and row.time > now - DAY for row in self.published)
        return done + sum(each.publishing and account_id in each.account_ids for each in self._active.values())

    def _start(self, record: PostRecord, now: datetime) -> None:
        """Begin publishing. A scheduled post of an expired account waits until the account is reconnected."""
        accounts = self.of(record)
        if record.schedule is not None and any(each is not None and each.expired(now) for each in accounts):
            record.waiting = True
            return
        reason = next(filter(None, (self._refusal(record, account, now) for account in accounts)), "")
        record.status = "in_progress"
        record.started = now if record.waiting else record.due
        record.fetched = not self.config.pull_media
        if reason or not accounts:
            self.fail(record, reason or GONE)
        elif not record.fetched:
            self.fetch(record)

    def _refusal(self, record: PostRecord, account: SimAccount | None, now: datetime) -> str:
        if account is None or account.deleted or not account.active:
            return GONE
        if account.expired(now):
            return EXPIRED
        if not account.tiktok:
            return ""
        if not record.details.get("tiktokPostDetails") or any(each.get("thumbnail") for each in record.media):
            return NO_THUMBNAIL
        cap = self.config.posts_per_day
        return TOO_MANY if cap is not None and self.posts_today(account.id, now) >= cap else ""

    def of(self, record: PostRecord) -> list[SimAccount | None]:
        """Return the accounts of a post; None for a removed one."""
        return [self.accounts.by_id.get(each) for each in record.account_ids]

    def _ends_at(self, record: PostRecord) -> datetime:
        if record.started is None:
            raise ValueError("it has not begun")
        return record.started + timedelta(seconds=self.config.processing_seconds)

    def _finish(self, record: PostRecord) -> None:
        if self.failures:
            self.fail(record, self.failures.popleft())
            return
        time = self._ends_at(record)
        rows = [self._row(record, account, time) for account in self.of(record) if account is not None]
        if not rows:
            self.fail(record, GONE)
            return
        self.published += rows
        record.published_at = time
        record.platform_post_id, record.preview_link = rows[0].platform_post_id, rows[0].preview_link
        if not record.deleted:
            record.status = "published"

    def _row(self, record: PostRecord, account: SimAccount, time: datetime) -> Published:
        number = ids.platform_post(self.entropy)
        link = _LINKS.get(account.platform, "https://social.sim.example/{user}/{id}")
        return Published(
            post_id=record.id,
            location_id=record.location_id,
            account_id=account.id,
            platform=account.platform,
            platform_post_id=number,
            preview_link=link.format(user=account.username, id=number),
            summary=record.summary,
            media=tuple(str(each["url"]) for each in record.media),
            details=record.details,
            time=time,
            sha256=record.sha256,
            sizes=record.sizes,
        )
