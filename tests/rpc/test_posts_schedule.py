"""Schedules through a real server: what is answered, listed, moved and refused.

Owns the wire side; when a post goes out is proved in `tests/flows/test_publishing_schedule.py`.
"""

from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest

from socialgateway.v1 import post_pb2, post_service_pb2
from tests.rpc.answers import assert_reason
from tests.rpc.serving import as_
from tests.rpc.test_posts import PARENT, Served, detail, served

__all__ = ["served"]
DAY = timedelta(days=1)
Post = post_pb2.Post


def later(served: Served, days: float, **values: Any) -> Post:
    """Return a post for so many days later."""
    post = served.post(**values)
    post.schedule_time.FromDatetime(served.stage.clock() + days * DAY)
    return post


async def update(served: Served, post: Post, *, mask: str = "", etag: str = "", when: datetime | None = None) -> Post:
    """Call UpdatePost with another time."""
    changed = Post(name=post.name, etag=etag)
    if when is not None:
        changed.schedule_time.FromDatetime(when)
    request = post_service_pb2.UpdatePostRequest(post=changed, update_mask={"paths": [mask]} if mask else None)
    updated: Post = await served.stub.UpdatePost(request, metadata=as_("owner"))
    return updated


async def test_a_scheduled_post_is_answered_and_listed_by_its_time(served: Served) -> None:
    """It is SCHEDULED with its time; posts are listed by schedule, soonest first, and by that state."""
    times = [3, 1, 2]
    made = [await served.create(later(served, days, caption=f"in {days}")) for days in times]
    await served.create()
    by_schedule = post_service_pb2.POST_ORDER_SCHEDULE_TIME_ASC
    request = post_service_pb2.ListPostsRequest(parent=PARENT, order=by_schedule, states=[Post.SCHEDULED])
    listed = await served.stub.ListPosts(request, metadata=as_("reader"))

    assert [Post.SCHEDULED] * 3 == [each.state for each in made]
    assert ["in 1", "in 2", "in 3"] == [each.caption for each in listed.posts]
    assert not made[0].HasField("progress")


async def test_validate_only_covers_the_schedule(served: Served) -> None:
    """It answers SCHEDULED, or refuses the time, and makes nothing."""
    answer = await served.create(later(served, 1), validate_only=True)
    await served.refused("FIELD_INVALID", later(served, -1), validate_only=True)

    assert (Post.SCHEDULED, "", 0) == (answer.state, answer.name, await served.count())


async def test_the_times_of_a_batch_are_checked_before_any_post_is_made(served: Served) -> None:
    """One row's time beyond a year refuses all, and the error names that row."""
    posts = [later(served, 1), later(served, 366), later(served, 2)]
    requests = [post_service_pb2.CreatePostRequest(parent=PARENT, post=post) for post in posts]
    batch = post_service_pb2.BatchCreatePostsRequest(parent=PARENT, requests=requests)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.BatchCreatePosts(batch, metadata=as_("owner"))
    assert_reason(caught.value, "FIELD_INVALID")
    fields = [each.field for each in detail(caught.value, "BadRequest").field_violations]
    refused = fields, await served.count()
    del batch.requests[1]
    made = await served.stub.BatchCreatePosts(batch, metadata=as_("owner"))

    assert (["requests[1].post.schedule_time"], 0) == refused
    assert [Post.SCHEDULED] * 2 == [each.state for each in made.posts]


async def test_a_schedule_is_moved_with_its_etag(served: Served) -> None:
    """The etag that was read counts once; removing the time queues the post; a bad time changes nothing."""
    made = await served.create(later(served, 1))
    moved = await update(served, made, etag=made.etag, when=served.stage.clock() + 2 * DAY)
    with pytest.raises(grpc.aio.AioRpcError) as stale:
        await update(served, made, etag=made.etag, when=served.stage.clock() + 3 * DAY)
    with pytest.raises(grpc.aio.AioRpcError) as past:
        await update(served, made, when=served.stage.clock() - DAY)
    request = post_service_pb2.GetPostRequest(name=made.name)
    kept = await served.stub.GetPost(request, metadata=as_("owner"))
    now = await update(served, made, mask="schedule_time")

    assert_reason(stale.value, "ETAG_MISMATCH")
    assert_reason(past.value, "FIELD_INVALID")
    assert (moved, Post.SCHEDULED) == (kept, moved.state)
    assert (Post.QUEUED, False) == (now.state, now.HasField("schedule_time"))


async def test_a_kept_post_is_called_back_and_then_removed(served: Served) -> None:
    """DeletePost is refused while it waits; cancelled it can be removed, and its upload too."""
    made = await served.create(later(served, 1))
    delete = post_service_pb2.DeletePostRequest(name=made.name)
    with pytest.raises(grpc.aio.AioRpcError) as early:
        await served.stub.DeletePost(delete, metadata=as_("owner"))
    request = post_service_pb2.CancelPostRequest(name=made.name)
    cancelled = await served.stub.CancelPost(request, metadata=as_("owner"))
    await served.stub.DeletePost(delete, metadata=as_("owner"))

    assert_reason(early.value, "STATE_FORBIDS")
    assert (Post.CANCELLED, 0) == (cancelled.state, await served.count())
