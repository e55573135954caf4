"""Converts metrics, comments and syncs to the contract's messages.

Owns the conversions of EngagementService, which events use too. Makes no decisions.
"""

from collections.abc import Sequence

from gateway import status
from gateway.aip import names
from gateway.domain.engagement import store
from gateway.domain.engagement.read import FetchedComment
from gateway.domain.engagement.sync import Sync
from gateway.rpc.convert import write_times
from providers.models.engagement import AudienceShare, Series
from socialgateway.v1 import engagement_pb2
from storage.engagement import StoredComment
from storage.engagement_syncs import RunRow, SyncRow
from storage.metric_points import PointRow
from storage.states import SyncPhase, SyncState

STATES = {SyncPhase.DONE: SyncState.SUCCEEDED, SyncPhase.FAILED: SyncState.FAILED}


def series(found: Series) -> engagement_pb2.MetricSeries:
    """Return the values of one metric; unknown ones stay unset."""
    # One number a day: with a hole they could be mistaken for those of other days.
    days = [each for each in found.days if each is not None]
    whole = days if len(days) == len(found.days) else []
    message = engagement_pb2.MetricSeries(metric=f"METRIC_{found.metric.name}", daily_values=whole)
    if found.total is not None:
        message.total = found.total
    if found.change is not None:
        message.change_percent = found.change
    return message


def audience(found: AudienceShare) -> engagement_pb2.AudienceShare:
    """Return the share of an audience."""
    return engagement_pb2.AudienceShare(dimension=found.dimension.name, value=found.value, share=found.share)


def point(row: PointRow) -> engagement_pb2.MetricPoint:
    """Return one point of a metric."""
    names_of = names.VIDEO.format(row.location, row.account, row.video) if row.video else ""
    message = engagement_pb2.MetricPoint(
        subject=names_of or names.ACCOUNT.format(row.location, row.account),
        metric=f"METRIC_{row.metric.upper()}",
        period=f"METRIC_PERIOD_{row.period}",
        value=row.value,
    )
    write_times(message, time=row.time, fetch_time=row.fetch_time)
    return message


def comment(location: str, account: str, seen: FetchedComment) -> engagement_pb2.Comment:
    """Return a comment of an account as it was last fetched."""
    found = seen.comment
    reply_to = seen.reply_to or found.reply_to
    message = engagement_pb2.Comment(
        name=names.COMMENT.format(location, account, found.id),
        text=found.text,
        post=names.POST.format(location, seen.post) if seen.post else "",
        reply_to=names.COMMENT.format(location, account, reply_to) if reply_to else "",
        provider_post_id=found.post_id,
        author_display_name=found.author_name,
        author_avatar_uri=found.author_avatar_uri,
        own=found.own,
        depth=found.depth,
        public_uri=found.uri,
        attachment_uris=found.attachment_uris,
        edited=found.edited,
        like_count=found.like_count,
        reply_count=found.reply_count,
        hidden=found.hidden,
        liked=found.liked,
        pinned=found.pinned,
        provider_author_id=found.author_id,
    )
    write_times(message, publish_time=found.publish_time)
    return message


def stored_comment(row: StoredComment, post: str = "") -> engagement_pb2.Comment:
    """Return a comment from the store."""
    message = comment(row.location, row.account, FetchedComment(store.to_comment(row), post))
    message.video = names.VIDEO.format(row.location, row.account, row.video)
    return message


def sync(found: Sync) -> engagement_pb2.EngagementSync:
    """Return a sync with its accounts."""
    return sync_of(found.row, found.runs)


def sync_of(row: SyncRow, runs: Sequence[RunRow]) -> engagement_pb2.EngagementSync:
    """Return a sync with its accounts, from their rows."""
    message = engagement_pb2.EngagementSync(
        name=names.ENGAGEMENT_SYNC.format(row.location, row.id),
        account=names.ACCOUNT.format(row.location, row.account) if row.account else "",
        state=row.state.value,
    )
    write_times(message, create_time=row.create_time, end_time=row.end_time)
    for run in runs:
        each = message.accounts.add(
            account=names.ACCOUNT.format(run.location, run.account),
            state=STATES.get(run.phase, SyncState.RUNNING).value,
            video_count=run.videos,
            comment_count=run.comments,
            new_comment_count=run.new_comments,
        )
        if run.error is not None:
            each.error.CopyFrom(status.from_stored(run.error))
    return message
