"""The steps of a sync: each is one vendor call and one transaction, so that a sync goes on wherever it was stopped.

Owns what is read in which order, which videos' comments are read again, and what an error means for the account. A step
that was read twice, because a process died before its commit, changes nothing the second time.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway import reasons
from gateway.domain import vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.concurrency import backoff
from gateway.domain.context import Domain
from gateway.domain.engagement import store, sync
from providers.capabilities import Capability, CapabilityTable
from providers.errors import CapabilityMissing, ContractBroken, NotFound, ProviderError, ScopeNotGranted, Temporary
from providers.models.accounts import ProfilePart
from providers.models.engagement import AccountRef, CommentPage, Metric
from storage import accounts, engagement, engagement_syncs
from storage.accounts import AccountRow
from storage.database import DatabaseUnavailable, Transaction
from storage.engagement import StoredComment, VideoRow
from storage.engagement_syncs import RunRow
from storage.states import AccountState, SyncPhase

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
"""Longer than one step can take: after that another process goes on."""

VIDEO_PAGE, COMMENT_PAGE = 20, 30
WATCHED, WATCHED_FOR = 20, timedelta(days=7)
"""How many of the newest videos, published how long ago at most, are looked at in every sync: the vendor's counts of
comments are a day or two behind.
"""

PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
MAX_TRIES = 12
"""How often a step that fails is tried, with growing pauses: about a day."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One account that is being read."""

    domain: Domain
    run: RunRow
    account: AccountRow

    @property
    def access(self) -> ConnectionAccess:
        """The account's grant, for work in the background: callers go first."""
        row = self.account
        return ConnectionAccess(self.domain, row.provider, row.location, row.connection, background=True)

    @property
    def ref(self) -> AccountRef:
        """The account as providers know it."""
        row = self.account
        return AccountRef(row.provider_account_id, row.platform, row.kind, dict(row.provider_data))

    @property
    def provider(self) -> Any:
        """The account's provider."""
        return self.domain.providers[self.account.provider]


async def run_due(domain: Domain) -> bool:
    """Take one account that is due and read it until it is done or has to wait; return whether there was one."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        run = await engagement_syncs.take_due(tx, now, now + LEASE)
        account = None if run is None else await accounts.find(tx, run.location, run.account)
    if run is None:
        return False
    while run is not None:
        run = await _guarded(domain, run, account)
    return True


async def _guarded(domain: Domain, run: RunRow, account: AccountRow | None) -> RunRow | None:
    """Take one step; return the run if it goes on at once, None if it has ended, waits, or is another process's."""
    if account is None or account.state != AccountState.ACTIVE:
        await _end(domain, run, vendor_errors.stored_error("REAUTHORIZATION_REQUIRED", "It is not attached."))
        return None
    try:
        return await _step(_Reading(domain, run, account))
    except (Temporary, ContractBroken) as error:
        if run.tries + 1 >= MAX_TRIES:
            await _end(domain, run, _error(error))
        else:
            await _put_off(domain, run, error)
    except ProviderError as error:
        await _end(domain, run, _error(error))
    except DatabaseUnavailable:
        # The lease ends by itself.
        raise
    except Exception as error:  # whatever it is, it must not be met again every two minutes for ever
        log.error("engagement.failed", location=run.location, account=run.account, error=type(error).__name__)
        if run.tries + 1 >= MAX_TRIES:
            await _end(domain, run, vendor_errors.stored_error("INTERNAL", "Reading the account failed."))
        else:
            await _wait(domain, run, backoff(PAUSE, run.tries, LONGEST_PAUSE), run.tries + 1)
    return None


def _error(error: ProviderError) -> dict[str, Any]:
    return vendor_errors.stored_error(reasons.reason_of(error), error.message, **reasons.metadata_of(error))


async def _put_off(domain: Domain, run: RunRow, error: ProviderError) -> None:
    """Let a run wait: as long as the vendor or the quota says, which is no failed try, else longer each time."""
    wait = error.retry_after or backoff(PAUSE, run.tries, LONGEST_PAUSE)
    await _wait(domain, run, wait, run.tries if error.retry_after else run.tries + 1)
    log.info("engagement.waits", location=run.location, account=run.account, seconds=wait.total_seconds())


async def _wait(domain: Domain, run: RunRow, wait: timedelta, tries: int) -> None:
    now = domain.clock()
    async with domain.db.transaction() as tx:
        await engagement_syncs.move(tx, run, tries=tries, due_at=now + wait, update_time=now)


async def _end(domain: Domain, run: RunRow, error: dict[str, Any] | None) -> None:
    now, phase = domain.clock(), SyncPhase.FAILED if error else SyncPhase.DONE
    async with domain.db.transaction() as tx:
        if await engagement_syncs.move(tx, run, phase=phase, error=error, due_at=None, update_time=now):
            await sync.finish(tx, run, now, succeeded=error is None)


async def _step(reading: _Reading) -> RunRow | None:
    match reading.run.phase:
        case SyncPhase.ACCOUNT:
            return await _read_account(reading)
        case SyncPhase.VIDEOS:
            return await _read_videos(reading)
        case SyncPhase.COMMENTS:
            return await _read_comments(reading)
    return None


async def _moved(tx: Transaction, reading: _Reading, **values: Any) -> RunRow | None:
    """Move the run on within the transaction that keeps what was read, and prolong the lease."""
    now = reading.domain.clock()
    return await engagement_syncs.move(tx, reading.run, tries=0, due_at=now + LEASE, update_time=now, **values)


async def _read_account(reading: _Reading) -> RunRow | None:
    """Read the profile's counts and the daily values: one call each, where there are any."""
    domain, account, provider = reading.domain, reading.account, reading.provider
    counts, figures = await _profile_counts(reading), None
    if provider.table.can(Capability.ACCOUNT_METRICS):
        # A missing scope costs these values and nothing else.
        with suppress(CapabilityMissing, ScopeNotGranted):
            figures = await provider.engagement.figures(reading.access, reading.ref, None)
    now, lists = domain.clock(), provider.table.can(Capability.VIDEO_LIST)
    async with domain.db.transaction() as tx:
        await store.save_counts(tx, account, counts, now)
        if figures is not None:
            await store.save_figures(tx, account, figures, now)
        moved = await _moved(tx, reading, phase=SyncPhase.VIDEOS if lists else SyncPhase.COMMENTS)
    return moved


async def _profile_counts(reading: _Reading) -> dict[Metric, int | None]:
    table = reading.provider.table
    if table.can(Capability.ACCOUNT_LIST) or "stats" not in table.profile_scopes:
        return {}
    try:
        profile = await reading.provider.accounts.profile(reading.access, frozenset({ProfilePart.STATS}))
    except ScopeNotGranted:
        return {}
    return {
        Metric.FOLLOWERS: profile.follower_count,
        Metric.LIKES: profile.like_count,
        Metric.POSTS: profile.video_count,
    }


async def _read_videos(reading: _Reading) -> RunRow | None:
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
        phase = SyncPhase.VIDEOS if found.next_cursor else SyncPhase.COMMENTS
        videos = run.videos + len(found.videos)
        return await _moved(tx, reading, phase=phase, cursor=found.next_cursor, videos=videos)


async def _next_phase(reading: _Reading) -> RunRow | None:
    async with reading.domain.db.transaction() as tx:
        return await _moved(tx, reading, phase=SyncPhase.COMMENTS, cursor="")


async def _can_read_comments(reading: _Reading) -> bool:
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
        await engagement.change_video(tx, row.location, row.account, row.video, scan_due=True, **values)


async def _read_comments(reading: _Reading) -> RunRow | None:
    """Read one page of comments of the video that is next, or of replies to one of its comments."""
    location, account = reading.account.location, reading.account.id
    async with reading.domain.db.read() as tx:
        video = await engagement.next_scan(tx, location, account)
        parent = None
        if video is not None and video.scan_cursor == _TOP_DONE:
            parent = await engagement.next_replies(tx, location, account, video.video)
    if video is None:
        await _end(reading.domain, reading.run, None)
        return None
    try:
        if video.scan_cursor != _TOP_DONE:
            return await _read_page(reading, video)
        return await (_finish_scan(reading, video) if parent is None else _read_replies(reading, video, parent))
    except ScopeNotGranted:
        # The grant has lost the scope of comments: what was read counts, and the videos stay to be scanned.
        await _end(reading.domain, reading.run, None)
        return None


_TOP_DONE = "done"
"""The cursor of a scan that has read every comment directly below the video."""


async def _list(reading: _Reading, video: VideoRow, *, parent: str = "", cursor: str = "") -> CommentPage | None:
    """Return one page; None if the vendor does not know the video or the comment any more."""
    try:
        page: CommentPage = await reading.provider.engagement.list_comments(
            reading.access,
            reading.ref,
            parent=parent or video.video,
            post=video.video,
            cursor=cursor,
            limit=COMMENT_PAGE,
        )
    except NotFound:
        return None
    return page


async def _read_page(reading: _Reading, video: VideoRow) -> RunRow | None:
    page = await _list(reading, video, cursor=video.scan_cursor)
    if page is None:
        return await _finish_scan(reading, video)
    now, account = reading.domain.clock(), reading.account
    async with reading.domain.db.transaction() as tx:
        added, former = await store.save_comments(tx, account, page.comments, now, scan=video.scan)
        for each in page.comments:
            if (each.reply_count or 0) > len(each.replies) and former.get(each.id) != each.reply_count:
                await engagement.change_comment(tx, account.location, account.id, each.id, replies_due=True)
        found = video.scan_found + len(added)
        whole = not page.next_cursor
        done = whole or (not added and _all_found(video, found))
        if whole:
            await engagement.remove_unseen(tx, video, reply_to="")
        cursor = _TOP_DONE if done else page.next_cursor
        await engagement.change_video(
            tx, video.location, video.account, video.video, scan_cursor=cursor, scan_found=found
        )
        return await _counted(tx, reading, len(page.comments), added)


def _all_found(video: VideoRow, found: int) -> bool:
    """Return whether as many comments were found as the vendor counts more than at the last scan: none is missing then.

    When it counts fewer, some were deleted, and only a whole scan shows which.
    """
    if video.scan_time is None or video.comment_count is None or video.scanned_count is None:
        return False
    return 0 <= video.comment_count - video.scanned_count <= found


async def _counted(
    tx: Transaction, reading: _Reading, seen: int, added: list[StoredComment], **values: Any
) -> RunRow | None:
    run = reading.run
    return await _moved(tx, reading, comments=run.comments + seen, new_comments=run.new_comments + len(added), **values)


async def _read_replies(reading: _Reading, video: VideoRow, parent: StoredComment) -> RunRow | None:
    run, account = reading.run, reading.account
    cursor = run.cursor if run.video == parent.comment else ""
    page = await _list(reading, video, parent=parent.comment, cursor=cursor)
    now = reading.domain.clock()
    async with reading.domain.db.transaction() as tx:
        comments = page.comments if page is not None else ()
        added, _ = await store.save_comments(tx, account, comments, now, scan=video.scan)
        following = page.next_cursor if page is not None else ""
        if not following:
            if page is not None:
                await engagement.remove_unseen(tx, video, reply_to=parent.comment)
            await engagement.change_comment(tx, account.location, account.id, parent.comment, replies_due=False)
        place = {"cursor": following, "video": parent.comment if following else ""}
        return await _counted(tx, reading, len(comments), added, **place)


async def _finish_scan(reading: _Reading, video: VideoRow) -> RunRow | None:
    """Record the count at which a video was scanned: it is scanned again when the vendor counts another."""
    now = reading.domain.clock()
    async with reading.domain.db.transaction() as tx:
        values: dict[str, Any] = {"scan_due": False, "scan_cursor": "", "scan_time": now}
        await engagement.change_video(
            tx, video.location, video.account, video.video, scanned_count=video.comment_count, **values
        )
        return await _moved(tx, reading)
