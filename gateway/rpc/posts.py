"""PostService: creates, reads, changes, cancels and watches posts.

Owns the cache of GetPost responses, which every replica invalidates when any of them commits a change. Makes no
decisions.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import masks, names
from gateway.domain.context import Domain
from gateway.domain.posts import cancel, create, delete, read, retry, update, watch
from gateway.domain.quotas import standing
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc import post_from_proto, post_to_proto
from gateway.rpc.convert import keyset
from gateway.rpc.posts_batch import BatchMethods
from gateway.rpc.quotas import cost_to_proto
from gateway.rpc.request import RequestGuard, or_not_found
from providers.capabilities import Capability
from providers.registry import providers_with
from socialgateway.v1 import post_pb2, post_service_pb2, post_service_pb2_grpc
from storage import errors as storage_errors
from storage import posts as rows
from storage.cache import CoherentCache
from storage.posts import PostRow

KINDS = {"upload": names.UPLOAD}
CACHED_POSTS = 50_000


class PostService(BatchMethods, post_service_pb2_grpc.PostServiceServicer):
    """Serves posts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard
        self._with_videos = providers_with(domain.providers, Capability.VIDEO_QUERY)
        self._cached: CoherentCache[str, post_pb2.Post] = CoherentCache(domain.listener, rows.TOPIC, size=CACHED_POSTS)

    async def CreatePost(self, request: post_service_pb2.CreatePostRequest, context: Any) -> post_pb2.Post:
        """Check and queue a post."""
        location = names.location(request.parent)
        # The location is not claimed: one without an owner has no account to post to.
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        id = names.check_own_id(request.post_id, path="post_id") if request.post_id else self._domain.new_id()
        new, faults = post_from_proto.from_proto(request.post, location, id, now=self._domain.clock())
        row = await create.create(
            self._domain, new, key, agency=caller.agency, faults=faults, validate_only=request.validate_only
        )
        message = self._to_proto(row)
        if request.validate_only:
            # The post does not exist, so it has no name.
            message.ClearField("name")
            message.ClearField("etag")
            for cost in await standing.costs(self._domain, row):
                name = names.QUOTA.format(location, row.account, cost.rule.metric)
                message.quota_costs.append(cost_to_proto(name, cost))
        return message

    async def GetPost(self, request: post_service_pb2.GetPostRequest, context: Any) -> post_pb2.Post:
        """Return a post, from the cache while that is coherent."""
        location, post = names.POST.parse(request.name)
        await self._guard.authorize(location)
        key = rows.cache_key(location, post)
        return self._cached.get(key) or await self._cached.load(key, lambda: self._read(location, post))

    async def _read(self, location: str, post: str) -> post_pb2.Post:
        reading = read.get(self._domain, location, post)
        return self._to_proto(await or_not_found(names.POST.format(location, post), reading))

    async def ListPosts(
        self, request: post_service_pb2.ListPostsRequest, context: Any
    ) -> post_service_pb2.ListPostsResponse:
        """List posts, page by page."""
        location = names.location(request.parent, wildcard=True)
        scope = await self._guard.read_scope(location)
        page = self._guard.read_page(request)
        by_schedule = request.order == post_service_pb2.POST_ORDER_SCHEDULE_TIME_ASC
        filters: dict[str, Any] = {
            "locations": scope.locations,
            "agency": scope.agency,
            "account": _account(request, location),
            "states": [post_pb2.Post.State.Name(state) for state in sorted(set(request.states))],
            "create_after": _time(request, "create_after"),
            "create_before": _time(request, "create_before"),
            "by_schedule": by_schedule,
        }

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[PostRow]:
            return await read.page(self._domain, after=keyset(cursor), limit=limit, **filters)

        items, token = await self._guard.list_page(
            request, page, rows_after, self._to_proto, lambda row: _sort_key(row, by_schedule)
        )
        return post_service_pb2.ListPostsResponse(posts=items, next_page_token=token)

    async def CancelPost(self, request: post_service_pb2.CancelPostRequest, context: Any) -> post_pb2.Post:
        """Cancel a post."""
        location, post = names.POST.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        cancelling = cancel.cancel(self._domain, location, post, key)
        return self._changed(await or_not_found(request.name, cancelling, KINDS))

    async def UpdatePost(self, request: post_service_pb2.UpdatePostRequest, context: Any) -> post_pb2.Post:
        """Update a post that is not published yet."""
        location, post = names.POST.parse(request.post.name, path="post.name")
        key = await self._guard.authorize_write(location, request)
        paths = masks.update_paths(request.update_mask, request.post, allowed=post_from_proto.CHANGEABLE)
        values, faults = post_from_proto.changes(request.post, paths, now=self._domain.clock())
        etag = request.post.etag
        updating = update.update(self._domain, location, post, values, key, etag=etag, faults=faults)
        return self._changed(await or_not_found(request.post.name, updating, KINDS))

    async def DeletePost(self, request: post_service_pb2.DeletePostRequest, context: Any) -> empty_pb2.Empty:
        """Delete a post that is in a final state."""
        location, post = names.POST.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        deleting = delete.delete(self._domain, location, post, key, etag=request.etag, force=request.force)
        await or_not_found(request.name, deleting)
        self._cached.invalidate(rows.cache_key(location, post))
        return empty_pb2.Empty()

    async def RetryPost(self, request: post_service_pb2.RetryPostRequest, context: Any) -> post_pb2.Post:
        """Queue a post again."""
        location, post = names.POST.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        retrying = retry.retry(self._domain, location, post, key)
        return self._changed(await or_not_found(request.name, retrying, KINDS))

    async def RefreshPost(self, request: post_service_pb2.RefreshPostRequest, context: Any) -> post_pb2.Post:
        """Fetch a post's state from the vendor."""
        location, post = names.POST.parse(request.name)
        await self._guard.authorize(location)
        refreshing = read.refresh(self._domain, location, post)
        return self._changed(await or_not_found(request.name, refreshing, KINDS))

    async def WatchPost(
        self, request: post_service_pb2.WatchPostRequest, context: Any
    ) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Stream a post: its current state, then every change, until a final state."""
        location, post = names.POST.parse(request.name)
        await self._guard.authorize(location)
        try:
            async for row in watch.watch(self._domain, location, post):
                if row is None:
                    yield post_service_pb2.WatchPostResponse(checkpoint=True)
                else:
                    yield post_service_pb2.WatchPostResponse(post=self._to_proto(row))
        except storage_errors.NotFound:
            raise ResourceNotFound(request.name) from None

    def _to_proto(self, row: PostRow) -> post_pb2.Post:
        return post_to_proto.to_proto(row, self._with_videos)

    def _changed(self, row: PostRow) -> post_pb2.Post:
        """Invalidate the cached response at once, so that this replica's caller reads its own change."""
        self._cached.invalidate(rows.cache_key(row.location, row.id))
        return self._to_proto(row)


def _account(request: post_service_pb2.ListPostsRequest, location: str) -> str:
    if not request.account:
        return ""
    found, account = names.ACCOUNT.parse(request.account, path="account", wildcard=location == names.WILDCARD)
    if location not in (found, names.WILDCARD):
        raise FieldInvalid("account", f"must be an account of locations/{location}")
    return account


def _time(request: post_service_pb2.ListPostsRequest, field: str) -> datetime | None:
    value: datetime | None = getattr(request, field).ToDatetime(UTC) if request.HasField(field) else None
    return value


def _sort_key(row: PostRow, by_schedule: bool) -> tuple[str, str, str]:
    time = row.schedule_time if by_schedule and row.schedule_time is not None else row.create_time
    return time.isoformat(), row.location, row.id
