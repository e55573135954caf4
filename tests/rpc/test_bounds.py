"""What a request may make the gateway do, however it is filled: filters that repeat, media that are too many.

Owns the proofs that need a whole gateway; how long a field may be is proved in `tests/unit`.
"""

from typing import Any

import pytest

from gateway.domain.connections import read
from gateway.domain.media import uploads
from gateway.domain.posts import read as read_post
from socialgateway.v1 import connection_service_pb2, post_pb2, post_service_pb2
from tests.fixtures.gateway import World
from tests.rpc.test_accounts import account_of
from tests.rpc.test_posts_validate_only import PARENT, Desk

Post = post_pb2.Post


async def test_a_filter_that_repeats_is_one(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state, or status, is asked of the database once, however often a caller writes it."""
    asked: list[list[str]] = []

    def noting(page: Any, name: str) -> Any:
        async def noted(*args: Any, **values: Any) -> Any:
            asked.append(values[name])
            return await page(*args, **values)

        return noted

    await gateway.connect()
    monkeypatch.setattr(read_post, "page", noting(read_post.page, "states"))
    monkeypatch.setattr(read, "page", noting(read.page, "statuses"))
    states: Any = [Post.PUBLISHED, Post.QUEUED] * 500
    await gateway.api.posts.ListPosts(post_service_pb2.ListPostsRequest(parent=PARENT, states=states))
    statuses: Any = [1] * 1000
    request = connection_service_pb2.ListConnectionsRequest(parent=PARENT, statuses=statuses)
    await gateway.api.connections.ListConnections(request)
    assert [{"PUBLISHED", "QUEUED"}, 1] == [set(asked[0]), len(asked[1])]
    assert 2 == len(asked[0])


async def test_no_photo_of_too_many_is_looked_at(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A carousel with more photos than the provider takes is refused for that, without a look for any of them."""
    made = await gateway.connect()
    desk = Desk(gateway, (await account_of(gateway)).name, made.provider_subject)
    looked: list[str] = []

    async def stored(domain: Any, location: str, upload: str) -> Any:
        looked.append(upload)
        raise AssertionError("looked for a photo")

    monkeypatch.setattr(uploads, "get", stored)
    many = desk.photos(*[f"{PARENT}/uploads/u{number}" for number in range(36)])
    assert ("FIELD_INVALID", [("post.photos.sources", "FIELD_INVALID")]) == await desk.refused(many)
    assert [] == looked
