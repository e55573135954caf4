"""PostService: from the wire to the rules of posts and back.

Owns the cache of answers to GetPost, which every replica drops when any of them commits a change. Decides nothing.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import masks, names, paging
from gateway.domain.context import Domain
from gateway.domain.posts import cancel, create, delete, read, retry, update, watch
from gateway.domain.quotas import standing
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc import post_from_proto, post_to_proto
from gateway.rpc.convert import keyset
from gateway.rpc.quotas import cost_to_proto
from gateway.rpc.request import RequestGuard, known
from providers.capabilities import Capability
from socialgateway.v1 import post_pb2, post_service_pb2, post_service_pb2_grpc
from storage import errors as storage_errors
from storage import posts as rows
from storage.cache import CoherentCache
from storage.posts import PostRow

CACHED_POSTS = 50_000


class PostService(post_service_pb2_grpc.PostServiceServicer):
    """Serves posts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard
        able = (name for name, each in domain.providers.items() if each.table.can(Capability.VIDEO_QUERY))
        self._with_videos = frozenset(able)
        self._answers: CoherentCache[str, post_pb2.Post] = CoherentCache(domain.listener, rows.TOPIC, size=CACHED_POSTS)

    async def CreatePost(self, request: post_service_pb2.CreatePostRequest, context: Any) -> post_pb2.Post:
        """Check and queue a post."""
        location = names.location(request.parent)
        # Nothing is claimed: a location that nobody owns has no account to post to.
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        id = names.check_own_id(request.post_id, path="post_id") if request.post_id else self._domain.new_id()
        new, faults = post_from_proto.from_proto(request.post, location, id, now=self._domain.clock())
        row = await create.create(self._domain, new, key, faults=faults, validate_only=request.validate_only)
        message = self._written(row)
        if request.validate_only:
            # There is no such post: whoever looked for it by this name would not find it.
            message.ClearField("name")
            message.ClearField("etag")
            for cost in await standing.costs(self._domain, row):
                name = names.QUOTA.format(location, row.account, cost.rule.metric)
                message.quota_costs.append(cost_to_proto(name, cost))
        return message

    async def GetPost(self, request: post_service_pb2.GetPostRequest, context: Any) -> post_pb2.Post:
        """Return a post, from the cache while that is coherent."""
        location, post = names.POST.parse(request.name)
        await self._guard.enter(location)
        key = rows.cache_key(location, post)
        return self._answers.get(key) or await self._answers.load(key, lambda: self._read(location, post))

    async def _read(self, location: str, post: str) -> post_pb2.Post:
        reading = read.get(self._domain, location, post)
        return self._written(await known(names.POST.format(location, post), reading))

    async def ListPosts(
        self, request: post_service_pb2.ListPostsRequest, context: Any
    ) -> post_service_pb2.ListPostsResponse:
        """List posts, page by page."""
        location = names.location(request.parent, wildcard=True)
        scope = await self._guard.reading(location)
        page = paging.read(request, secret=self._guard.page_secret)
        soonest = request.order == post_service_pb2.POST_ORDER_SCHEDULE_TIME_ASC
        found = await read.page(
            self._domain,
            locations=scope.locations,
            agency=scope.agency,
            account=_account(request, location),
            states=[post_pb2.Post.State.Name(state) for state in sorted(set(request.states))],
            create_after=_time(request, "create_after"),
            create_before=_time(request, "create_before"),
            by_schedule=soonest,
            after=keyset(page.after),
            limit=page.size + 1,
        )
        shown, token = found[: page.size], ""
        if len(found) > page.size:
            token = paging.next_token(request, _cursor(shown[-1], soonest), secret=self._guard.page_secret)
        messages = [self._written(row) for row in shown]
        return post_service_pb2.ListPostsResponse(posts=messages, next_page_token=token)

    async def CancelPost(self, request: post_service_pb2.CancelPostRequest, context: Any) -> post_pb2.Post:
        """Call a post back."""
        location, post = names.POST.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        row = await self._known(location, post, cancel.cancel(self._domain, location, post, key))
        return self._changed(row)

    async def UpdatePost(self, request: post_service_pb2.UpdatePostRequest, context: Any) -> post_pb2.Post:
        """Change a post that is not published yet."""
        location, post = names.POST.parse(request.post.name, path="post.name")
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        paths = masks.update_paths(request.update_mask, request.post, allowed=post_from_proto.CHANGEABLE)
        values, faults = post_from_proto.changes(request.post, paths, now=self._domain.clock())
        etag = request.post.etag
        changing = update.update(self._domain, location, post, values, key, etag=etag, faults=faults)
        return self._changed(await self._known(location, post, changing))

    async def DeletePost(self, request: post_service_pb2.DeletePostRequest, context: Any) -> empty_pb2.Empty:
        """Remove a post that has ended."""
        location, post = names.POST.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        removing_it = delete.delete(self._domain, location, post, key, etag=request.etag, force=request.force)
        await known(request.name, removing_it)
        self._answers.invalidate(rows.cache_key(location, post))
        return empty_pb2.Empty()

    async def RetryPost(self, request: post_service_pb2.RetryPostRequest, context: Any) -> post_pb2.Post:
        """Queue a post again."""
        location, post = names.POST.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        row = await self._known(location, post, retry.retry(self._domain, location, post, key))
        return self._changed(row)

    async def RefreshPost(self, request: post_service_pb2.RefreshPostRequest, context: Any) -> post_pb2.Post:
        """Ask the vendor how a post stands."""
        location, post = names.POST.parse(request.name)
        await self._guard.enter(location)
        return self._changed(await self._known(location, post, read.refresh(self._domain, location, post)))

    async def WatchPost(
        self, request: post_service_pb2.WatchPostRequest, context: Any
    ) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Stream a post: as it is, then every change, until a final state."""
        location, post = names.POST.parse(request.name)
        await self._guard.enter(location)
        try:
            async for row in watch.watch(self._domain, location, post):
                if row is None:
                    yield post_service_pb2.WatchPostResponse(checkpoint=True)
                else:
                    yield post_service_pb2.WatchPostResponse(post=self._written(row))
        except storage_errors.NotFound:
            raise ResourceNotFound(names.POST.format(location, post)) from None

    def _written(self, row: PostRow) -> post_pb2.Post:
        return post_to_proto.to_proto(row, self._with_videos)

    async def _known(self, location: str, post: str, call: Any) -> PostRow:
        try:
            row: PostRow = await call
        except storage_errors.NotFound as error:
            kind = names.UPLOAD if error.kind == "upload" else names.POST
            raise ResourceNotFound(kind.format(location, error.id)) from None
        return row

    def _changed(self, row: PostRow) -> post_pb2.Post:
        """Forget the cached answer at once, so that this replica's caller reads what it just changed."""
        self._answers.invalidate(rows.cache_key(row.location, row.id))
        return self._written(row)


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


def _cursor(row: PostRow, soonest: bool) -> tuple[str, str, str]:
    moment = row.schedule_time if soonest and row.schedule_time is not None else row.create_time
    return moment.isoformat(), row.location, row.id
