"""EngagementService: reads an account's metrics and comments, and writes comments and likes.

Owns converting them to and from the contract's messages. Makes no decisions.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.engagement import inbox, post_metrics, read, sync, write
from gateway.domain.engagement.read import ConnectedAccount
from gateway.domain.engagement.sync import Sync
from gateway.domain.engagement.write import NewComment
from gateway.errors import FieldInvalid, PageTokenInvalid
from gateway.rpc import engagement_to_proto as to_proto
from gateway.rpc.convert import duration, keyset_in_location, max_staleness, write_times
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.v1 import engagement_pb2, engagement_service_pb2, engagement_service_pb2_grpc

KINDS = {"post": names.POST}
SYNC = "engagement_sync"
DEFAULT_POINTS, MAX_POINTS = 500, 1000
DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_TEXT = 20_000
"""More than any network accepts; each provider checks its own limit."""


class EngagementService(engagement_service_pb2_grpc.EngagementServiceServicer):
    """Serves metrics and comments."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def QueryMetrics(
        self, request: engagement_service_pb2.QueryMetricsRequest, context: Any
    ) -> engagement_service_pb2.QueryMetricsResponse:
        """Return an account's metrics, or the points that were kept of it."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        if request.HasField("max_staleness"):
            return await self._points(request, location, account)
        if request.videos:
            raise FieldInvalid("videos", "needs max_staleness")
        reading = read.figures(
            self._domain, location, account, _time(request, "start_time"), _time(request, "end_time")
        )
        found = await or_not_found(request.parent, reading, KINDS)
        response = engagement_service_pb2.QueryMetricsResponse(
            series=map(to_proto.series, found.series), audience=map(to_proto.audience, found.audience)
        )
        if found.span is not None:
            write_times(response, start_time=found.span.start, end_time=found.span.end)
        response.fetch_time.FromDatetime(self._domain.clock())
        return response

    async def _points(
        self, request: engagement_service_pb2.QueryMetricsRequest, location: str, account: str
    ) -> engagement_service_pb2.QueryMetricsResponse:
        page = self._guard.read_page(request, default=DEFAULT_POINTS, maximum=MAX_POINTS)
        videos = [_child(names.VIDEO, location, account, each, f"videos[{n}]") for n, each in enumerate(request.videos)]
        if len(page.after or ()) not in (0, 4):
            raise PageTokenInvalid()
        reading = inbox.points(
            self._domain,
            location,
            account,
            videos=videos,
            start=_time(request, "start_time"),
            end=_time(request, "end_time"),
            max_age=max_staleness(request, timedelta(0)),
            after=_point_key(page.after),
            limit=page.size + 1,
        )
        found = await or_not_found(request.parent, reading, KINDS)
        items, token = self._guard.split_page(
            request,
            page,
            found,
            to_proto.point,
            lambda row: (row.video, row.metric, row.period.value, row.time.isoformat()),
        )
        return engagement_service_pb2.QueryMetricsResponse(points=items, next_page_token=token)

    async def QueryPostMetrics(
        self, request: engagement_service_pb2.QueryPostMetricsRequest, context: Any
    ) -> engagement_service_pb2.QueryPostMetricsResponse:
        """Return the metrics of a post, by the vendor's ids of it."""
        location, post = names.POST.parse(request.name)
        await self._guard.authorize(location)
        found = await or_not_found(request.name, post_metrics.query(self._domain, location, post), KINDS)
        response = engagement_service_pb2.QueryPostMetricsResponse()
        for id, counts in found.items():
            response.metrics.add(post=request.name, provider_post_id=id, **asdict(counts))
        response.fetch_time.FromDatetime(self._domain.clock())
        return response

    async def ListComments(
        self, request: engagement_service_pb2.ListCommentsRequest, context: Any
    ) -> engagement_service_pb2.ListCommentsResponse:
        """List comments, page by page."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_vendor_page(request, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        post, reply_to, video = _target(request, location, account)
        target = await or_not_found(request.parent, read.connected(self._domain, location, account), KINDS)
        if read.has_store(self._domain, target.row):
            below = video or (await or_not_found(request.parent, self._video(target, post), KINDS) if post else "")
            return await self._stored(request, target, below, reply_to)
        if video:
            raise FieldInvalid("video", "is for accounts whose comments are kept: name the post")
        listing = read.page(
            self._domain,
            location,
            account,
            post=post,
            reply_to=reply_to,
            top=request.order == engagement_service_pb2.COMMENT_ORDER_TOP,
            cursor=page.cursor,
            limit=page.limit,
        )
        found = await or_not_found(request.parent, listing, KINDS)
        comments = [to_proto.comment(location, account, each) for each in found.comments]
        items, token = self._guard.split_vendor_page(request, page, comments, found.next_cursor)
        return engagement_service_pb2.ListCommentsResponse(comments=items, next_page_token=token)

    async def _video(self, target: ConnectedAccount, post: str) -> str:
        return await read.vendor_post(self._domain, target, post)

    async def _stored(
        self, request: engagement_service_pb2.ListCommentsRequest, target: ConnectedAccount, video: str, reply_to: str
    ) -> engagement_service_pb2.ListCommentsResponse:
        """Return a page of stored comments."""
        page = self._guard.read_page(request, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        listing = inbox.page(
            self._domain,
            target,
            video=video,
            reply_to=reply_to,
            max_age=max_staleness(request, inbox.DEFAULT_AGE),
            after=keyset_in_location(tuple(page.after)) if page.after else None,
            limit=page.size + 1,
        )
        found = await or_not_found(request.reply_to or request.parent, listing, KINDS)
        items, token = self._guard.split_page(
            request,
            page,
            found.comments,
            lambda row: to_proto.stored_comment(row, found.posts.get(row.video, "")),
            lambda row: (row.publish_time.isoformat(), row.comment),
        )
        response = engagement_service_pb2.ListCommentsResponse(comments=items, next_page_token=token)
        write_times(response, fetch_time=found.fetch_time)
        return response

    async def CreateComment(
        self, request: engagement_service_pb2.CreateCommentRequest, context: Any
    ) -> engagement_pb2.Comment:
        """Create a comment, or a reply to one."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        text = request.comment.text
        if len(text) > MAX_TEXT:
            raise FieldInvalid("comment.text", f"has more than {MAX_TEXT} characters")
        post, reply_to, video = _target(request.comment, location, account, "comment.")
        if not (post or reply_to or video):
            raise FieldInvalid("comment.post", "is required, unless reply_to or video is set")
        new = NewComment(location, account, text, post, reply_to, video)
        creating = write.create(self._domain, new, key, agency=caller.agency)
        return to_proto.comment(location, account, await or_not_found(request.parent, creating, KINDS))

    async def LikeComment(self, request: engagement_service_pb2.LikeCommentRequest, context: Any) -> empty_pb2.Empty:
        """Like a comment."""
        return await self._like(request.name, liked=True)

    async def UnlikeComment(
        self, request: engagement_service_pb2.UnlikeCommentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Remove a like from a comment."""
        return await self._like(request.name, liked=False)

    async def HideComment(self, request: engagement_service_pb2.HideCommentRequest, context: Any) -> empty_pb2.Empty:
        """Hide a comment."""
        return await self._hide(request.name, hidden=True)

    async def UnhideComment(
        self, request: engagement_service_pb2.UnhideCommentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Show a hidden comment again."""
        return await self._hide(request.name, hidden=False)

    async def _hide(self, name: str, *, hidden: bool) -> empty_pb2.Empty:
        location, account, comment = names.COMMENT.parse(name)
        await self._guard.authorize(location)
        await or_not_found(name, write.set_hidden(self._domain, location, account, comment, hidden=hidden))
        return empty_pb2.Empty()

    async def DeleteComment(
        self, request: engagement_service_pb2.DeleteCommentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a comment of the account's own."""
        location, account, comment = names.COMMENT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        await or_not_found(request.name, write.delete(self._domain, location, account, comment, key))
        return empty_pb2.Empty()

    async def CreateEngagementSync(
        self, request: engagement_service_pb2.CreateEngagementSyncRequest, context: Any
    ) -> engagement_pb2.EngagementSync:
        """Make a sync."""
        location = names.location(request.parent)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        wanted = request.engagement_sync
        account = names.ACCOUNT.parse_in(location, wanted.account, path=f"{SYNC}.account") if wanted.account else ""
        interval = duration(wanted.sync_interval) if wanted.HasField("sync_interval") else None
        creating = sync.create(self._domain, location, account, key, agency=caller.agency, interval=interval)
        return to_proto.sync(await or_not_found(wanted.account or request.parent, creating))

    async def GetEngagementSync(
        self, request: engagement_service_pb2.GetEngagementSyncRequest, context: Any
    ) -> engagement_pb2.EngagementSync:
        """Return a sync."""
        location, id = names.ENGAGEMENT_SYNC.parse(request.name)
        await self._guard.authorize(location)
        return to_proto.sync(await or_not_found(request.name, sync.get(self._domain, location, id)))

    async def ListEngagementSyncs(
        self, request: engagement_service_pb2.ListEngagementSyncsRequest, context: Any
    ) -> engagement_service_pb2.ListEngagementSyncsResponse:
        """List a location's syncs."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)
        account = names.ACCOUNT.parse_in(location, request.account, path="account") if request.account else ""

        async def after(cursor: tuple[str | int, ...], limit: int) -> Sequence[Sync]:
            keys = keyset_in_location(cursor)
            return await sync.page(self._domain, location, account=account, after=keys, limit=limit)

        items, token = await self._guard.list_page(
            request, page, after, to_proto.sync, lambda each: (each.row.create_time.isoformat(), each.row.id)
        )
        return engagement_service_pb2.ListEngagementSyncsResponse(engagement_syncs=items, next_page_token=token)

    async def _like(self, name: str, *, liked: bool) -> empty_pb2.Empty:
        location, account, comment = names.COMMENT.parse(name)
        await self._guard.authorize(location)
        liking = write.set_liked(self._domain, location, account, comment, liked=liked)
        await or_not_found(names.ACCOUNT.format(location, account), liking, KINDS)
        return empty_pb2.Empty()


def _target(message: Any, location: str, account: str, prefix: str = "") -> tuple[str, str, str]:
    """Return (post id, comment id, video id) of what is commented on; at most one is set, and the last two are the
    account's.
    """
    post = reply_to = video = ""
    if message.post:
        post = names.POST.parse_in(location, message.post, path=f"{prefix}post")
    if message.reply_to:
        reply_to = _child(names.COMMENT, location, account, message.reply_to, f"{prefix}reply_to")
    if message.video:
        video = _child(names.VIDEO, location, account, message.video, f"{prefix}video")
    if post and reply_to:
        raise FieldInvalid(f"{prefix}reply_to", "must not be set together with post")
    if video and (post or reply_to):
        raise FieldInvalid(f"{prefix}video", "must not be set together with post or reply_to")
    return post, reply_to, video


def _child(pattern: names.Pattern, location: str, account: str, name: str, path: str) -> str:
    """Return the id in the name of something below the account; raises FieldInvalid for that of another one."""
    *found_account, id = pattern.parse(name, path=path)
    if found_account != [location, account]:
        raise FieldInvalid(path, f"must be a {path.rpartition('.')[2].split('[')[0].rstrip('s')} of the account itself")
    return id


def _point_key(after: Sequence[str | int] | None) -> tuple[str, str, str, datetime] | None:
    if not after:
        return None
    video, metric, period, time = (str(each) for each in after)
    return video, metric, period, datetime.fromisoformat(time)


def _time(request: engagement_service_pb2.QueryMetricsRequest, name: str) -> datetime | None:
    value: datetime | None = getattr(request, name).ToDatetime(UTC) if request.HasField(name) else None
    return value
