"""Comments and points of metrics from the store, read again from the vendor when they are too old for the caller.

Owns how old an answer may be, and what is read then. What fills the store otherwise are syncs and webhooks.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import is_younger
from gateway.domain.context import Domain
from gateway.domain.engagement import read, store
from gateway.domain.engagement.read import ConnectedAccount
from gateway.errors import FieldInvalid
from providers.errors import CapabilityMissing, ScopeNotGranted
from storage import engagement, engagement_syncs, engagement_videos, metric_points, post_matching
from storage.engagement import StoredComment
from storage.metric_points import PointRow

DEFAULT_AGE = timedelta(minutes=1)
"""How old comments below one video, or below one comment, may be when the caller does not say."""

MAX_VIDEOS = 20
VENDOR_PAGE = 30


@dataclass(frozen=True, slots=True)
class Stored:
    """Comments from the store, our posts by the ids of their videos, and how old the answer may be at most: when the
    vendor was last asked.
    """

    comments: Sequence[StoredComment]
    posts: dict[str, str]
    fetch_time: datetime | None


async def page(
    domain: Domain,
    target: ConnectedAccount,
    *,
    video: str = "",
    reply_to: str = "",
    max_age: timedelta = DEFAULT_AGE,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Stored:
    """Return stored comments, newest first: directly below one video, below one comment, or below every video.

    Below one video or comment the vendor is asked before the first page if the newest answer is older than `max_age`:
    one call, for the newest. Raises storage's NotFound (the comment), ProviderError.
    """
    fetched = await _fetch_time(domain, target, video, reply_to)
    single = bool(video or reply_to)
    if single and after is None and not _is_fresh(fetched, max_age, domain.clock()):
        fetched = await _refresh(domain, target, video, reply_to)
    row = target.row
    async with domain.db.read() as tx:
        found = await engagement.page(
            tx, row.location, row.id, video=video, reply_to=reply_to, after=after, limit=limit
        )
        ids = sorted({each.video for each in found})
        ours = await post_matching.by_provider_post_ids(tx, row.location, row.id, ids) if ids else {}
    return Stored(found, ours, fetched)


def _is_fresh(fetched: datetime | None, max_age: timedelta, now: datetime) -> bool:
    return fetched is not None and is_younger(fetched, max_age, now)


async def _fetch_time(domain: Domain, target: ConnectedAccount, video: str, reply_to: str) -> datetime | None:
    """Return when the vendor was last asked for what is listed."""
    location, account = target.row.location, target.row.id
    async with domain.db.read() as tx:
        if video:
            return await engagement_videos.comments_time(tx, location, account, video)
        if reply_to:
            parent = await engagement.find_comment(tx, location, account, reply_to)
            return parent.fetch_time if parent is not None else None
        schedule = await engagement_syncs.schedule_of(tx, location, account)
        return schedule.last_time if schedule is not None else None


async def _refresh(domain: Domain, target: ConnectedAccount, video: str, reply_to: str) -> datetime:
    below = await read.video_of(domain, target, reply_to) if reply_to else video
    found = await target.facet.list_comments(
        target.access, target.ref, parent=reply_to or video, post=below, limit=VENDOR_PAGE
    )
    now = domain.clock()
    async with domain.db.transaction() as tx:
        if not await store.is_attached(tx, target.row):
            return now
        await store.save_comments(tx, target.row, found.comments, now, domain.engagement_retention)
        if reply_to:
            await engagement.change_comment(tx, target.row.location, target.row.id, reply_to, fetch_time=now)
        else:
            await engagement_videos.note_look(tx, target.row.location, target.row.id, video, now)
    return now


async def points(
    domain: Domain,
    location: str,
    account: str,
    *,
    videos: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    max_age: timedelta,
    after: tuple[str, str, str, datetime] | None,
    limit: int,
) -> Sequence[PointRow]:
    """Return one page of the points of an account, or of some of its videos, after reading them again from the vendor
    if the account was last synced longer than `max_age` ago: one or two calls.

    Raises what `read.connected` raises, FieldInvalid (too many videos), ProviderError.
    """
    if len(videos) > MAX_VIDEOS:
        raise FieldInvalid("videos", f"must be at most {MAX_VIDEOS}")
    target = await read.connected(domain, location, account)
    if after is None and not _is_fresh(await _fetch_time(domain, target, "", ""), max_age, domain.clock()):
        await _read_again(domain, target, videos)
    async with domain.db.read() as tx:
        return await metric_points.page(
            tx, location, account, videos=videos, start=start, end=end, after=after, limit=limit
        )


async def _read_again(domain: Domain, target: ConnectedAccount, videos: Sequence[str]) -> None:
    row, provider, figures = target.row, domain.providers[target.row.provider], None
    if videos:
        found = await provider.videos.query_videos(target.access, videos)
        async with domain.db.transaction() as tx:
            if await store.is_attached(tx, row):
                await store.save_videos(tx, row, found, domain.clock())
        return
    counts = await read.account_totals(provider, target.access)
    # An account without values by the day has its totals.
    with suppress(CapabilityMissing, ScopeNotGranted):
        figures = await target.facet.figures(target.access, target.ref, None)
    async with domain.db.transaction() as tx:
        if not await store.is_attached(tx, row):
            return
        await store.save_counts(tx, row, counts, domain.clock())
        if figures is not None:
            await store.save_figures(tx, row, figures, domain.clock())
