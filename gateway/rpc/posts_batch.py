"""BatchCreatePosts and BatchGetPosts, the methods of PostService that are about many posts of a location.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from typing import Any

from gateway.aip import names
from gateway.aip.sizes import MAX_RESPONSE_BYTES, bounded
from gateway.domain.context import Domain
from gateway.domain.posts import batch_create, read
from gateway.domain.posts.batch_create import MAX_POSTS, Requested
from gateway.errors import FieldInvalid
from gateway.rpc import post_from_proto
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.v1 import post_pb2, post_service_pb2
from storage.posts import PostRow

MAX_READ = 100


class BatchMethods:
    """The methods; the class that has them says what a post looks like."""

    _domain: Domain
    _guard: RequestGuard

    def _to_proto(self, row: PostRow) -> post_pb2.Post:
        raise NotImplementedError

    async def BatchCreatePosts(
        self, request: post_service_pb2.BatchCreatePostsRequest, context: Any
    ) -> post_service_pb2.BatchCreatePostsResponse:
        """Check and queue posts, all or none."""
        location = names.location(request.parent)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        rows = await or_not_found(
            request.parent,
            batch_create.batch_create(
                self._domain,
                location,
                self._requested(request, location),
                key,
                agency=caller.agency,
                validate_only=request.validate_only,
            ),
            {"post": names.POST},
        )
        found = [bounded(self._to_proto(row), MAX_RESPONSE_BYTES // MAX_POSTS) for row in rows]
        if request.validate_only:
            for message in found:
                # The posts do not exist, so they have no names.
                message.ClearField("name")
                message.ClearField("etag")
        return post_service_pb2.BatchCreatePostsResponse(posts=found)

    async def BatchGetPosts(
        self, request: post_service_pb2.BatchGetPostsRequest, context: Any
    ) -> post_service_pb2.BatchGetPostsResponse:
        """Return the posts with the given names."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        ids = _ids(request, location)
        found = await read.many(self._domain, location, ids)
        here = [self._to_proto(found[id]) for id in ids if id in found]
        return post_service_pb2.BatchGetPostsResponse(
            posts=[bounded(each, MAX_RESPONSE_BYTES // MAX_READ) for each in here],
            missing=[names.POST.format(location, id) for id in ids if id not in found],
        )

    def _requested(self, request: post_service_pb2.BatchCreatePostsRequest, location: str) -> list[Requested]:
        """Return the posts of a batch; raises FieldInvalid with what cannot be read of any of them."""
        if len(request.requests) > MAX_POSTS:
            raise FieldInvalid("requests", f"may have at most {MAX_POSTS} posts")
        problems: dict[int, FieldInvalid] = {}
        found: list[Requested] = []
        seen: set[str] = set()
        for index, each in enumerate(request.requests):
            try:
                id = self._id(each, request.parent, seen)
                found.append(post_from_proto.from_proto(each.post, location, id, now=self._domain.clock()))
            except FieldInvalid as error:
                problems[index] = error
        if problems:
            batch_create.raise_first(problems)
        return found

    def _id(self, each: post_service_pb2.CreatePostRequest, parent: str, seen: set[str]) -> str:
        """Return the id of one post of a batch, which none before it has; raises FieldInvalid."""
        if each.parent != parent:
            raise FieldInvalid("parent", "must be that of the batch")
        for field in ("request_id", "validate_only"):
            if getattr(each, field):
                raise FieldInvalid(field, "is the batch's, not a single post's")
        id = names.check_own_id(each.post_id, path="post_id") if each.post_id else self._domain.new_id()
        if id in seen:
            raise FieldInvalid("post_id", "is that of another post of the batch")
        seen.add(id)
        return id


def _ids(request: post_service_pb2.BatchGetPostsRequest, location: str) -> Sequence[str]:
    """Return the ids in the names: 1 to 100 different posts of the location; raises FieldInvalid."""
    ids = [names.POST.parse_in(location, name, path=f"names[{index}]") for index, name in enumerate(request.names)]
    if not 1 <= len(ids) <= MAX_READ:
        raise FieldInvalid("names", f"needs 1 to {MAX_READ} names")
    if len(set(ids)) < len(ids):
        raise FieldInvalid("names", "must name each post once")
    return ids
