"""BatchCreatePosts and BatchGetPosts: all or none, and which of them an error is about.

Owns the proofs of `gateway/rpc/posts_batch.py` and `gateway/domain/posts/batch_create.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from providers.simulators.tiktok import Fault
from socialgateway.v1 import post_pb2, post_service_pb2
from storage import posts as rows
from tests.fixtures import media
from tests.fixtures.domain import LOCATION
from tests.rpc import answers, test_posts
from tests.rpc.answers import assert_reason
from tests.rpc.serving import as_
from tests.rpc.test_posts import PARENT, Served

served = test_posts.served
REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"


def one(served: Served, caption: str, **values: Any) -> post_service_pb2.CreatePostRequest:
    """Return the request of one post."""
    return post_service_pb2.CreatePostRequest(parent=PARENT, post=served.post(caption=caption), **values)


async def create(
    served: Served, *requests: post_service_pb2.CreatePostRequest, key: str = "owner", **values: Any
) -> list[post_pb2.Post]:
    """Create a batch."""
    batch = post_service_pb2.BatchCreatePostsRequest(parent=PARENT, requests=requests, **values)
    return list((await served.stub.BatchCreatePosts(batch, metadata=as_(key))).posts)


async def refused(served: Served, attempt: Any, reason: str, **metadata: str) -> list[str]:
    """Assert that a batch is refused and nothing made; return the paths of the violations."""
    before = await served.count()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await attempt
    assert_reason(caught.value, reason, **metadata)
    assert before == await served.count()
    assert [] == served.stage.vendor.inits
    found = answers.detail(answers.status_of(caught.value), error_details_pb2.BadRequest)
    return [each.field for each in found.field_violations] if found else []


async def get(served: Served, *names: str, key: str = "owner") -> post_service_pb2.BatchGetPostsResponse:
    """Get posts."""
    request = post_service_pb2.BatchGetPostsRequest(parent=PARENT, names=names)
    found: post_service_pb2.BatchGetPostsResponse = await served.stub.BatchGetPosts(request, metadata=as_(key))
    return found


async def test_a_batch_is_made_in_order(served: Served) -> None:
    """The answer has the posts in the order of the requests; each is published on its own."""
    made = await create(served, one(served, "a", post_id="z1"), one(served, "b"), one(served, "c", post_id="a1"))

    assert ["a", "b", "c"] == [post.caption for post in made]
    assert [f"{PARENT}/posts/z1", f"{PARENT}/posts/a1"] == [made[0].name, made[2].name]
    assert made == list((await get(served, *(post.name for post in made))).posts)
    for post in made:
        async with served.stage.domain.db.read() as tx:
            row = await rows.get(tx, LOCATION, post.name.rpartition("/")[2])
        await served.stage.finish(row)
    assert {"a", "b", "c"} == {post.title for post in served.stage.vendor.posts}


async def test_posts_fail_one_by_one_after_they_were_made(served: Served) -> None:
    """What the vendor refuses later is the state of that post alone."""
    made = await create(served, one(served, "a"), one(served, "b"))
    served.stage.vendor.fail_next_publish("spam_risk_text")
    for post in made:
        async with served.stage.domain.db.read() as tx:
            row = await rows.get(tx, LOCATION, post.name.rpartition("/")[2])
        await served.stage.finish(row)

    states = [post.state for post in (await get(served, *(post.name for post in made))).posts]
    assert [post_pb2.Post.FAILED, post_pb2.Post.PUBLISHED] == states


async def test_one_wrong_post_refuses_all(served: Served) -> None:
    """The error is the first wrong post's, with its index, and names the violations of every one."""
    long, private = one(served, "x" * 2300), one(served, "fine")
    private.post.options.branded_content = True
    paths = await refused(served, create(served, one(served, "ok"), long, private), "FIELD_INVALID", requestIndex="1")

    assert "requests[1].post.caption" in paths
    assert any(path.startswith("requests[2].post.options") for path in paths)
    assert not any(path.startswith("requests[0]") for path in paths)


async def test_what_cannot_be_read_is_named_in_each_post(served: Served) -> None:
    """Malformed posts are FIELD_INVALID, before the vendor is asked for anything."""
    nowhere, modeless = one(served, "a"), one(served, "b")
    nowhere.post.account = "locations/l1/accounts"
    modeless.post.mode = post_pb2.Post().mode
    paths = await refused(served, create(served, one(served, "ok"), nowhere), "FIELD_INVALID", requestIndex="1")
    assert ["requests[1].post.account"] == paths
    assert ["requests[0].post.mode"] == await refused(served, create(served, modeless), "FIELD_INVALID")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda request: setattr(request, "parent", "locations/l2"), "parent"),
        (lambda request: setattr(request, "request_id", REQUEST_ID), "request_id"),
        (lambda request: setattr(request, "validate_only", True), "validate_only"),
        (lambda request: setattr(request, "post_id", "twice"), "post_id"),
        (lambda request: setattr(request, "post_id", "Not An Id"), "post_id"),
        (lambda request: setattr(request.post, "account", "locations/l2/accounts/a1"), "post.account"),
    ],
)
async def test_a_request_that_does_not_fit_into_the_batch_is_refused(
    served: Served, change: Callable[[post_service_pb2.CreatePostRequest], None], path: str
) -> None:
    """Another tenant's account, an id that stands twice, and what only the batch may say are each named."""
    second = one(served, "b")
    change(second)
    attempt = create(served, one(served, "a", post_id="twice"), second)
    assert [f"requests[1].{path}"] == await refused(served, attempt, "FIELD_INVALID", requestIndex="1")


@pytest.mark.parametrize("count", [0, 51])
async def test_a_batch_has_one_to_fifty_posts(served: Served, count: int) -> None:
    """None, and one more than fifty, are FIELD_INVALID."""
    assert ["requests"] == await refused(
        served, create(served, *(one(served, str(number)) for number in range(count))), "FIELD_INVALID"
    )


async def test_an_id_that_is_taken_refuses_all(served: Served) -> None:
    """A post of the batch that exists already is named, and none of the others is made."""
    await served.create(post_id="taken")
    attempt = create(served, one(served, "a", post_id="first"), one(served, "b", post_id="taken"))
    await refused(served, attempt, "RESOURCE_EXISTS", requestIndex="1")


async def test_an_account_that_is_not_there_is_named(served: Served) -> None:
    """The post whose account does not exist is the one that the error is about."""
    second = one(served, "b")
    second.post.account = f"{PARENT}/accounts/nobody"
    await refused(served, create(served, one(served, "a"), second), "RESOURCE_NOT_FOUND", requestIndex="1")


async def test_a_batch_is_made_once(served: Served) -> None:
    """Repeated under the same request_id, also at the same time, it answers the same posts; another body is refused."""
    requests = [one(served, "a"), one(served, "b")]
    together = await asyncio.gather(*(create(served, *requests, request_id=REQUEST_ID) for _ in range(4)))
    later = await create(served, *requests, request_id=REQUEST_ID)

    assert 2 == await served.count()
    assert all([post.name for post in later] == [post.name for post in made] for made in together)
    await refused(served, create(served, requests[0], request_id=REQUEST_ID), "REQUEST_ID_REUSED")


async def test_validation_makes_nothing(served: Served) -> None:
    """With validate_only the posts are as they would be, without names."""
    made = await create(served, one(served, "a"), one(served, "b"), validate_only=True)

    assert [("", "a"), ("", "b")] == [(post.name, post.caption) for post in made]
    assert 0 == await served.count()


async def test_the_vendor_is_asked_once_for_an_account(served: Served) -> None:
    """Creator info that is fetched for one post of the batch serves the others."""
    await create(served, *(one(served, str(number)) for number in range(6)))
    assert 1 == sum(call.operation == "creator_info" for call in served.stage.vendor.requests)


async def test_a_vendor_that_does_not_say_refuses_no_batch(served: Served) -> None:
    """Creator info that cannot be had now is asked for again before the submit, as for a single post."""
    served.stage.vendor.faults.add(Fault(match="creator_info", kind="status", status=503, times=10))
    assert 2 == len(await create(served, one(served, "a"), one(served, "b")))


async def test_a_failure_in_the_middle_leaves_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is lost at the second of three rows: the first is not there either."""
    insert, count = rows.insert, iter(range(3))

    async def fail(tx: Any, row: rows.PostRow) -> rows.PostRow:
        if next(count) == 1:
            raise RuntimeError("lost")
        return await insert(tx, row)

    monkeypatch.setattr(rows, "insert", fail)
    with pytest.raises(grpc.aio.AioRpcError):
        await create(served, *(one(served, str(number)) for number in range(3)))
    assert 0 == await served.count()


async def test_posts_that_are_not_there_are_named(served: Served) -> None:
    """Those that are there come in the order asked for, the names of the others beside them."""
    made = await create(served, one(served, "a"), one(served, "b"))
    absent = f"{PARENT}/posts/absent"
    found = await get(served, made[1].name, absent, made[0].name)

    assert ([made[1], made[0]], [absent]) == (list(found.posts), list(found.missing))


@pytest.mark.parametrize(
    "names", [[], ["locations/l2/posts/p"], [f"{PARENT}/posts/p"] * 2, [f"{PARENT}/posts/p{n}" for n in range(101)]]
)
async def test_names_are_of_the_location_and_each_once(served: Served, names: list[str]) -> None:
    """Foreign names, a name twice, none and too many are FIELD_INVALID."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(served, *names)
    assert_reason(caught.value, "FIELD_INVALID")


async def test_nobody_else_may(served: Served) -> None:
    """Another agency's key makes and reads nothing here."""
    made = await create(served, one(served, "a"))
    await refused(served, create(served, one(served, "b"), key="stranger"), "LOCATION_FORBIDDEN")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(served, made[0].name, key="stranger")
    assert_reason(caught.value, "LOCATION_FORBIDDEN")


async def test_batches_that_share_uploads_do_not_wait_in_a_circle(served: Served) -> None:
    """Two batches whose posts name the same two uploads in opposite order are both made."""
    other = await served.stage.upload(media.video(seconds=4))
    first, second = (f"{PARENT}/uploads/{id}" for id in (served.upload, other))

    def pair(batch: str, uploads: tuple[str, str]) -> list[post_service_pb2.CreatePostRequest]:
        made = [one(served, batch, post_id=f"{batch}{number}") for number in range(2)]
        for request, upload in zip(made, uploads, strict=True):
            request.post.video.source.upload = upload
        return made

    for number in range(5):
        both = [pair(f"a{number}-", (first, second)), pair(f"b{number}-", (second, first))]
        await asyncio.gather(*(create(served, *requests) for requests in both))
    assert 20 == await served.count()
