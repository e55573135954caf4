"""EngagementService: reads an account's metrics and comments, and writes comments and likes.

Owns converting them to and from the contract's messages. Makes no decisions.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.engagement import post_metrics, read, write
from gateway.domain.engagement.read import FetchedComment
from gateway.domain.engagement.write import NewComment
from gateway.errors import FieldInvalid
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.engagement import Series
from socialgateway.v1 import engagement_pb2, engagement_service_pb2, engagement_service_pb2_grpc

KINDS = {"post": names.POST}
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
        """Return an account's metrics."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        reading = read.figures(
            self._domain, location, account, _time(request, "start_time"), _time(request, "end_time")
        )
        found = await or_not_found(request.parent, reading, KINDS)
        response = engagement_service_pb2.QueryMetricsResponse(series=[series_to_proto(each) for each in found.series])
        if found.span is not None:
            write_times(response, start_time=found.span.start, end_time=found.span.end)
        response.fetch_time.FromDatetime(self._domain.clock())
        return response

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
        post, reply_to = _target(request, location, account)
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
        comments = [to_proto(location, account, each) for each in found.comments]
        items, token = self._guard.split_vendor_page(request, page, comments, found.next_cursor)
        return engagement_service_pb2.ListCommentsResponse(comments=items, next_page_token=token)

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
        post, reply_to = _target(request.comment, location, account, "comment.")
        if not post and not reply_to:
            raise FieldInvalid("comment.post", "is required, unless reply_to is set")
        new = NewComment(location, account, text, post, reply_to)
        creating = write.create(self._domain, new, key, agency=caller.agency)
        return to_proto(location, account, await or_not_found(request.parent, creating, KINDS))

    async def LikeComment(self, request: engagement_service_pb2.LikeCommentRequest, context: Any) -> empty_pb2.Empty:
        """Like a comment."""
        return await self._like(request.name, liked=True)

    async def UnlikeComment(
        self, request: engagement_service_pb2.UnlikeCommentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Remove a like from a comment."""
        return await self._like(request.name, liked=False)

    async def _like(self, name: str, *, liked: bool) -> empty_pb2.Empty:
        location, account, comment = names.COMMENT.parse(name)
        await self._guard.authorize(location)
        liking = write.set_liked(self._domain, location, account, comment, liked=liked)
        await or_not_found(names.ACCOUNT.format(location, account), liking, KINDS)
        return empty_pb2.Empty()


def _target(message: Any, location: str, account: str, prefix: str = "") -> tuple[str, str]:
    """Return (post id, comment id) of what is commented on; at most one is set, and the comment is the account's."""
    post = reply_to = ""
    if message.post:
        post = names.POST.parse_in(location, message.post, path=f"{prefix}post")
    if message.reply_to:
        *found_account, reply_to = names.COMMENT.parse(message.reply_to, path=f"{prefix}reply_to")
        if found_account != [location, account]:
            raise FieldInvalid(f"{prefix}reply_to", "must be a comment of the account itself")
    if post and reply_to:
        raise FieldInvalid(f"{prefix}reply_to", "must not be set together with post")
    return post, reply_to


def _time(request: engagement_service_pb2.QueryMetricsRequest, name: str) -> datetime | None:
    value: datetime | None = getattr(request, name).ToDatetime(UTC) if request.HasField(name) else None
    return value


def series_to_proto(series: Series) -> engagement_pb2.MetricSeries:
    """Return the values of one metric; unknown ones stay unset."""
    message = engagement_pb2.MetricSeries(metric=f"METRIC_{series.metric.name}", daily_values=series.days)
    if series.total is not None:
        message.total = series.total
    if series.change is not None:
        message.change_percent = series.change
    return message


def to_proto(location: str, account: str, seen: FetchedComment) -> engagement_pb2.Comment:
    """Return a comment of an account as it was last fetched."""
    comment = seen.comment
    message = engagement_pb2.Comment(
        name=names.COMMENT.format(location, account, comment.id),
        text=comment.text,
        post=names.POST.format(location, seen.post) if seen.post else "",
        reply_to=names.COMMENT.format(location, account, seen.reply_to) if seen.reply_to else "",
        provider_post_id=comment.post_id,
        author_display_name=comment.author_name,
        author_avatar_uri=comment.author_avatar_uri,
        own=comment.own,
        depth=comment.depth,
        public_uri=comment.uri,
        attachment_uris=comment.attachment_uris,
        edited=comment.edited,
        like_count=comment.like_count,
        reply_count=comment.reply_count,
    )
    write_times(message, publish_time=comment.publish_time)
    return message
