"""The steps of a sync: each is one vendor call and one transaction, so that a sync goes on wherever it was stopped.

Owns what is read in which order, which videos' comments are read again, and what an error means for the account. A step
that was read twice, because a process died before its commit, changes nothing the second time. The comments themselves
are read in `comment_scan.py`.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from gateway import reasons
from gateway.domain import vendor_errors
from gateway.domain.concurrency import backoff, take_turns
from gateway.domain.context import Domain
from gateway.domain.engagement import comment_scan, read, store
from gateway.domain.engagement.sync_run import (
    LEASE,
    Reading,
    RunLost,
    empty_pages,
    end,
    is_passed_over,
    is_too_empty,
    moved,
)
from providers.capabilities import Capability, CapabilityTable
from providers.errors import CapabilityMissing, ContractBroken, ProviderError, RateLimited, ScopeNotGranted, Temporary
from providers.models.engagement import Span
from storage import accounts, engagement_syncs, engagement_videos, metric_points
from storage.accounts import AccountRow
from storage.database import DatabaseUnavailable, Transaction
from storage.engagement_syncs import RunRow
from storage.engagement_videos import VideoRow
from storage.states import AccountState, SyncPhase

T = TypeVar("T")

log = structlog.get_logger(__name__)

VIDEO_PAGE = 20
WATCHED, WATCHED_FOR = 20, timedelta(days=7)
"""How many of the newest videos, published how long ago at most, are looked at in every sync: the vendor's counts of
comments are a day or two behind.
"""

USUAL_DAYS, MOST_DAYS = timedelta(days=7), timedelta(days=60)
"""How many days of values a vendor shows unless it is asked for others, and how far back it is asked."""

STEPS = 50
"""How many steps of an account are taken before it is the turn of others."""

PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
MAX_TRIES = 12
"""How often a step that fails is tried, with growing pauses: within about half a day."""


async def run_due(domain: Domain) -> int:
    """Read the accounts that are due, a few at once, of agencies in turns: each until it is done, has to wait, or has
    had its share of steps, after which it is due again. Return how many. Any number of replicas may do it.
    """

    async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
        now = domain.clock()
        return await engagement_syncs.take_due(tx, chosen, now, now + LEASE)

    async def one(location: str, id: str) -> None:
        await _read(domain, location, id)

    return await take_turns(domain.db, engagement_syncs.DUE, domain.syncs, one, lease=lease, now=domain.clock)


async def _read(domain: Domain, location: str, id: str) -> None:
    async with domain.db.read() as tx:
        run = await engagement_syncs.find_run(tx, location, id)
        account = None if run is None else await accounts.find(tx, run.location, run.account)
    for _ in range(STEPS):
        if run is None:
            return
        run = await _guarded(domain, run, account)
    if run is not None:
        await _wait(domain, run, timedelta(0), 0)


async def _guarded(domain: Domain, run: RunRow, account: AccountRow | None) -> RunRow | None:
    """Take one step; return the run if it goes on at once, None if it has ended, waits, or is another process's."""
    if account is None or account.state != AccountState.ACTIVE:
        await end(domain, run, vendor_errors.stored_error("REAUTHORIZATION_REQUIRED", "It is not attached."))
        return None
    try:
        return await _step(Reading(domain, run, account))
    except (Temporary, ContractBroken) as error:
        if run.tries + 1 >= MAX_TRIES:
            await end(domain, run, _error(error))
        else:
            await _put_off(domain, run, error)
    except ProviderError as error:
        await end(domain, run, _error(error))
    except RunLost:
        pass
    except DatabaseUnavailable:
        # The lease ends by itself.
        raise
    except Exception as error:  # whatever it is, it must not be met again every two minutes for ever
        log.error("engagement.failed", location=run.location, account=run.account, error=type(error).__name__)
        if run.tries + 1 >= MAX_TRIES:
            await end(domain, run, vendor_errors.stored_error("INTERNAL", "Reading the account failed."))
        else:
            await _wait(domain, run, backoff(PAUSE, run.tries, LONGEST_PAUSE), run.tries + 1)
    return None


def _error(error: ProviderError) -> dict[str, Any]:
    return vendor_errors.stored_error(reasons.reason_of(error), error.message, **reasons.metadata_of(error))


async def _put_off(domain: Domain, run: RunRow, error: ProviderError) -> None:
    """Let a run wait: as long as the vendor or the quota says, else longer each time. A limit is no failed try."""
    wait = error.retry_after or backoff(PAUSE, run.tries, LONGEST_PAUSE)
    await _wait(domain, run, wait, run.tries if isinstance(error, RateLimited) else run.tries + 1)
    log.info("engagement.waits", location=run.location, account=run.account, seconds=wait.total_seconds())


async def _wait(domain: Domain, run: RunRow, wait: timedelta, tries: int) -> None:
    now = domain.clock()
    async with domain.db.transaction() as tx:
        await engagement_syncs.move(tx, run, tries=tries, due_at=now + wait, update_time=now)


async def _step(reading: Reading) -> RunRow | None:
    match reading.run.phase:
        case SyncPhase.ACCOUNT:
            return await _read_account(reading)
        case SyncPhase.VIDEOS:
            return await _read_videos(reading)
        case SyncPhase.COMMENTS:
            return await comment_scan.read_comments(reading)
    return None


async def _read_account(reading: Reading) -> RunRow | None:
    """Read the profile's counts and the daily values: one call each, where there are any."""
    domain, account, provider = reading.domain, reading.account, reading.provider
    counts = await _unless_refused(reading, read.account_totals(provider, reading.access))
    figures = None
    if provider.table.can(Capability.ACCOUNT_METRICS):
        days = await _missed_days(reading)
        figures = await _unless_refused(reading, provider.engagement.figures(reading.access, reading.ref, days))
    now, lists = domain.clock(), provider.table.can(Capability.VIDEO_LIST)
    async with domain.db.transaction() as tx:
        await store.save_counts(tx, account, counts or {}, now)
        if figures is not None:
            await store.save_figures(tx, account, figures, now)
        return await moved(tx, reading, phase=SyncPhase.VIDEOS if lists else SyncPhase.COMMENTS)


async def _missed_days(reading: Reading) -> Span | None:
    """Return the days since the newest one that is kept, None for the vendor's usual ones, if these are enough."""
    async with reading.domain.db.read() as tx:
        last = await metric_points.last_day(tx, reading.account.location, reading.account.id)
    today = reading.domain.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    if last is None or last >= today - USUAL_DAYS:
        return None
    return Span(max(last, today - MOST_DAYS), today)


async def _unless_refused(reading: Reading, call: Awaitable[T]) -> T | None:
    """Await a call for values of the account; None if it is refused, which costs these values and nothing else."""
    try:
        return await call
    except (CapabilityMissing, ScopeNotGranted):
        return None
    except ProviderError as error:
        if not is_passed_over(reading, error):
            raise
        return None


async def _read_videos(reading: Reading) -> RunRow | None:
    """Read one page of videos, and mark those whose comments are to be read."""
    domain, run = reading.domain, reading.run
    try:
        found = await reading.provider.videos.list_videos(reading.access, cursor=run.cursor, limit=VIDEO_PAGE)
        readable = await _can_read_comments(reading)
    except ScopeNotGranted:
        return await _next_phase(reading)
    now = domain.clock()
    async with domain.db.transaction() as tx:
        known = await store.save_videos(tx, reading.account, found.videos, now)
        if readable:
            for place, video in enumerate(found.videos):
                row = known[video.provider_video_id]
                watched = not run.cursor and place < WATCHED and _is_young(row, now)
                if watched or row.scan_time is None or row.comment_count != row.scanned_count:
                    await _begin_scan(tx, row, run.sync, now)
        following = "" if is_too_empty(run, found.videos) else found.next_cursor
        values: dict[str, Any] = {"cursor": following, "videos": run.videos + len(found.videos)}
        values["empty_pages"] = empty_pages(run, found.videos) if following else 0
        return await moved(tx, reading, phase=SyncPhase.VIDEOS if following else SyncPhase.COMMENTS, **values)


async def _next_phase(reading: Reading) -> RunRow | None:
    async with reading.domain.db.transaction() as tx:
        return await moved(tx, reading, phase=SyncPhase.COMMENTS, cursor="")


async def _can_read_comments(reading: Reading) -> bool:
    """Return whether comments are listed by video, which a planner does not do, and the grant has their scope."""
    table: CapabilityTable = reading.provider.table
    if not (table.can(Capability.COMMENT_LIST) and table.has_comments(reading.account.platform)):
        return False
    token = await reading.access.token()
    return table.granted(token.scopes, token.kind or "")["can_read_comments"]


def _is_young(row: VideoRow, now: datetime) -> bool:
    return row.publish_time is not None and row.publish_time > now - WATCHED_FOR


async def _begin_scan(tx: Transaction, row: VideoRow, scan: str, now: datetime) -> None:
    """Mark a video for this sync; a scan that an earlier sync has begun starts anew."""
    if row.scan != scan:
        values: dict[str, Any] = {"scan": scan, "scan_start": now, "scan_cursor": "", "scan_found": 0}
        await engagement_videos.change_video(tx, row.location, row.account, row.video, scan_due=True, **values)
