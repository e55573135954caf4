"""Keeping what a vendor shows of an account: comments, each once, with its event; videos; points of metrics.

Owns which comment is news, and how what providers return becomes rows. Calls no vendor, and does not know who asked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gateway.aip import names
from gateway.domain.accounts.forget import RECEIVED
from providers.models.engagement import Comment, Figures, Metric
from providers.models.videos import Video
from storage import accounts, engagement, engagement_syncs, engagement_videos, events, metric_points
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.engagement import StoredComment
from storage.engagement_videos import VideoRow
from storage.metric_points import PointRow
from storage.states import AccountState, MetricPeriod

DAY = timedelta(days=1)


async def is_attached(tx: Transaction, account: AccountRow) -> bool:
    """Return whether an account still has its grant; if it has, what `tx` keeps of it is there before the grant's end
    deletes it.
    """
    await engagement_syncs.lock_account(tx, account.location, account.id)
    row = await accounts.find(tx, account.location, account.id)
    return row is not None and row.state != AccountState.DETACHED


async def save_comments(
    tx: Transaction, account: AccountRow, found: Iterable[Comment], now: datetime, retention: timedelta, scan: str = ""
) -> tuple[list[StoredComment], dict[str, int | None]]:
    """Keep comments, with the answers that came with them; return the new ones, and the former reply counts of others.

    A new comment of another person is told in an event, unless it is older than the account's first sync (what callers
    list of an account that is not synced is no news either) or than `retention`: then it may have been here before.
    """
    rows = {row.comment: row for each in found for row in _rows(account, each, now, scan)}
    added, former = await engagement.save_comments(tx, list(rows.values()))
    schedule = await engagement_syncs.schedule_of(tx, account.location, account.id)
    # Vendors count in whole seconds.
    since = None if schedule is None else max(schedule.start_time.replace(microsecond=0), now - retention)
    for row in sorted(added, key=lambda each: (each.publish_time, each.comment)):
        if not row.own and since is not None and row.publish_time >= since:
            await record_received(tx, row, now)
    return added, former


async def record_received(tx: Transaction, row: StoredComment, now: datetime, provider_event_id: str = "") -> None:
    """Write the event of a new comment."""
    await events.append(
        tx,
        row.location,
        type=RECEIVED,
        subject=names.COMMENT.format(row.location, row.account, row.comment),
        payload={"comment": row.model_dump(mode="json")},
        now=now,
        provider_event_id=provider_event_id or None,
    )


def _rows(account: AccountRow, comment: Comment, now: datetime, scan: str) -> Iterable[StoredComment]:
    shown = comment.replies
    yield StoredComment(
        replies_due=(comment.reply_count or 0) > len(shown),
        location=account.location,
        account=account.id,
        comment=comment.id,
        video=comment.post_id,
        reply_to=comment.reply_to,
        text=comment.text,
        author_name=comment.author_name,
        author_avatar_uri=comment.author_avatar_uri,
        author_id=comment.author_id,
        own=comment.own,
        hidden=comment.hidden,
        liked=comment.liked,
        pinned=comment.pinned,
        like_count=comment.like_count,
        reply_count=comment.reply_count,
        attachment_uris=list(comment.attachment_uris),
        publish_time=comment.publish_time or now,
        scan=scan,
        fetch_time=now,
    )
    for reply in shown:
        yield from _rows(account, reply, now, scan)


def to_comment(row: StoredComment) -> Comment:
    """Return a stored comment as providers return one."""
    return Comment(
        id=row.comment,
        post_id=row.video,
        text=row.text,
        author_name=row.author_name,
        author_avatar_uri=row.author_avatar_uri,
        author_id=row.author_id,
        own=row.own,
        depth=2 if row.reply_to else 1,
        like_count=row.like_count,
        reply_count=row.reply_count,
        attachment_uris=tuple(row.attachment_uris),
        publish_time=row.publish_time,
        reply_to=row.reply_to,
        hidden=row.hidden,
        liked=row.liked,
        pinned=row.pinned,
    )


async def save_videos(
    tx: Transaction, account: AccountRow, found: Sequence[Video], now: datetime
) -> dict[str, VideoRow]:
    """Keep videos and append their totals; return their rows."""
    rows = [
        VideoRow(
            location=account.location,
            account=account.id,
            video=each.provider_video_id,
            publish_time=each.publish_time,
            comment_count=None if each.metrics is None else each.metrics.comment_count,
            fetch_time=now,
        )
        for each in found
    ]
    points = [
        point(account, metric, MetricPeriod.TOTAL, now, value, now, video=each.provider_video_id)
        for each in found
        for metric, value in totals_of(each).items()
    ]
    await metric_points.append(tx, points)
    return await engagement_videos.save_videos(tx, rows)


def totals_of(video: Video) -> dict[Metric, float]:
    """Return what a vendor counts of a video since it was published; what it does not count is left out."""
    if video.totals or video.metrics is None:
        return dict(video.totals)
    counts = {
        Metric.VIEWS: video.metrics.view_count,
        Metric.LIKES: video.metrics.like_count,
        Metric.COMMENTS: video.metrics.comment_count,
        Metric.SHARES: video.metrics.share_count,
    }
    return {metric: count for metric, count in counts.items() if count is not None}


async def save_figures(tx: Transaction, account: AccountRow, figures: Figures, now: datetime) -> None:
    """Append the daily values of an account; a day that the vendor has no number of has no point."""
    if figures.span is None:
        return
    start = figures.span.start
    points = [
        point(account, each.metric, MetricPeriod.DAY, start + DAY * number, value, now)
        for each in figures.series
        for number, value in enumerate(each.days)
        if value is not None
    ]
    await metric_points.append(tx, points)


async def save_counts(tx: Transaction, account: AccountRow, counts: dict[Metric, int | None], now: datetime) -> None:
    """Append the totals of an account's profile."""
    known = {metric: count for metric, count in counts.items() if count is not None}
    points = [point(account, metric, MetricPeriod.TOTAL, now, count, now) for metric, count in known.items()]
    await metric_points.append(tx, points)


def point(
    account: AccountRow,
    metric: Metric,
    period: MetricPeriod,
    time: datetime,
    value: float,
    now: datetime,
    *,
    video: str = "",
) -> PointRow:
    """Return one point."""
    return PointRow(
        location=account.location,
        account=account.id,
        video=video,
        metric=metric.value,
        period=period,
        time=time,
        fetch_time=now,
        value=float(value),
    )
