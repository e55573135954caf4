"""EngagementService: from the wire to the rules of figures and comments, and back.

Owns how they look on the wire. Decides nothing.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import empty_pb2

from gateway.aip import names, paging
from gateway.domain.context import Domain
from gateway.domain.engagement import read, write
from gateway.domain.engagement.read import SeenComment
from gateway.domain.engagement.write import NewComment
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard
from providers.models.engagement import Series
from socialgateway.v1 import engagement_pb2, engagement_service_pb2, engagement_service_pb2_grpc
from storage import errors as storage_errors

T = TypeVar("T")
DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_TEXT = 20_000
"""More than any network takes; how much one takes is its provider's business."""


class EngagementService(engagement_service_pb2_grpc.EngagementServiceServicer):
    """Serves figures and comments."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard

    async def QueryMetrics(
        self, request: engagement_service_pb2.QueryMetricsRequest, context: Any
    ) -> engagement_service_pb2.QueryMetricsResponse:
        """Return an account's figures."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        reading = read.figures(
            self._domain, location, account, _time(request, "start_time"), _time(request, "end_time")
        )
        found = await _known(location, account, reading)
        answer = engagement_service_pb2.QueryMetricsResponse(series=[series_to_proto(each) for each in found.series])
        if found.span is not None:
            write_times(answer, start_time=found.span.start, end_time=found.span.end)
        answer.fetch_time.FromDatetime(self._domain.clock())
        return answer

    async def ListComments(
        self, request: engagement_service_pb2.ListCommentsRequest, context: Any
    ) -> engagement_service_pb2.ListCommentsResponse:
        """List comments, page by page."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        post, reply_to = _below(request, location, account)
        listing = read.page(
            self._domain,
            location,
            account,
            post=post,
            reply_to=reply_to,
            top=request.order == engagement_service_pb2.COMMENT_ORDER_TOP,
            cursor=str(page.after[0]) if page.after else "",
            limit=page.size,
        )
        found = await _known(location, account, listing)
        token = ""
        if found.next_cursor:
            token = paging.next_token(request, (found.next_cursor,), secret=self._guard.page_secret)
        shown = [to_proto(location, account, each) for each in found.comments]
        return engagement_service_pb2.ListCommentsResponse(comments=shown, next_page_token=token)

    async def CreateComment(
        self, request: engagement_service_pb2.CreateCommentRequest, context: Any
    ) -> engagement_pb2.Comment:
        """Write a comment."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        wanted = request.comment
        if len(wanted.text) > MAX_TEXT:
            raise FieldInvalid("comment.text", f"has more than {MAX_TEXT} characters")
        post, reply_to = _below(wanted, location, account, "comment.")
        if not post and not reply_to:
            raise FieldInvalid("comment.post", "is required, unless reply_to is set")
        new = NewComment(location, account, wanted.text, post, reply_to)
        made = await _known(location, account, write.create(self._domain, new, key))
        return to_proto(location, account, made)

    async def LikeComment(self, request: engagement_service_pb2.LikeCommentRequest, context: Any) -> empty_pb2.Empty:
        """Like a comment."""
        return await self._like(request.name, liked=True)

    async def UnlikeComment(
        self, request: engagement_service_pb2.UnlikeCommentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Take a like back."""
        return await self._like(request.name, liked=False)

    async def _like(self, name: str, *, liked: bool) -> empty_pb2.Empty:
        location, account, comment = names.COMMENT.parse(name)
        await self._guard.enter(location)
        liking = write.set_liked(self._domain, location, account, comment, liked=liked)
        await _known(location, account, liking)
        return empty_pb2.Empty()


def _below(message: Any, location: str, account: str, prefix: str = "") -> tuple[str, str]:
    """Read of which post or comment it is said: their ids, at most one of them set; both are of the account's own."""
    post = reply_to = ""
    if message.post:
        found, post = names.POST.parse(message.post, path=f"{prefix}post")
        if found != location:
            raise FieldInvalid(f"{prefix}post", f"must be a post of locations/{location}")
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
    """Write the figures of one metric; what is not known stays absent."""
    message = engagement_pb2.MetricSeries(metric=f"METRIC_{series.metric.name}", daily_values=series.days)
    if series.total is not None:
        message.total = series.total
    if series.change is not None:
        message.change_percent = series.change
    return message


def to_proto(location: str, account: str, seen: SeenComment) -> engagement_pb2.Comment:
    """Write a comment of an account as it was seen."""
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


async def _known(location: str, account: str, call: Awaitable[T]) -> T:
    try:
        return await call
    except storage_errors.NotFound as error:
        kind = (
            names.POST.format(location, error.id) if error.kind == "post" else names.ACCOUNT.format(location, account)
        )
        raise ResourceNotFound(kind) from None
