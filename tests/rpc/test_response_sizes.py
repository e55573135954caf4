"""Every list can be received by a client with gRPC's defaults: pages are cut by bytes as well as by count.

Owns the proofs of `gateway/aip/sizes.py` and of how pages use it.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from gateway.aip.sizes import MAX_RESOURCE_BYTES, MAX_RESPONSE_BYTES, bounded, fitting
from gateway.interceptors import messages
from gateway.rpc.request import RequestGuard
from socialgateway.v1 import account_pb2, engagement_pb2, engagement_service_pb2, post_pb2, post_service_pb2
from socialgateway.v1 import post_service_pb2_grpc as post_stubs
from tests.fixtures.domain import LOCATION
from tests.fixtures.rows import post_row
from tests.rpc.serving import AUTH, as_, posts, serving
from tests.rpc.test_errors import Watching
from tests.rpc.test_posts import PARENT, Served, served

__all__ = ["served"]
LIMIT = 4 * 1024**2
"""What gRPC's clients receive by default."""


async def insert(served: Served, count: int, **columns: Any) -> None:
    """Insert posts, each one second younger than the one before."""
    now = served.stage.clock()
    async with served.stage.domain.db.transaction() as tx:
        for number in range(count):
            time = now + timedelta(seconds=number)
            tx.add(post_row(time, location=LOCATION, id=f"p{number:04}", account=served.account, **columns))


async def pages(served: Served, **values: Any) -> list[post_service_pb2.ListPostsResponse]:
    """Return every page of the location's posts, with the client's default limits."""
    found: list[post_service_pb2.ListPostsResponse] = []
    while not found or found[-1].next_page_token:
        token = found[-1].next_page_token if found else ""
        request = post_service_pb2.ListPostsRequest(parent=PARENT, page_size=1000, page_token=token, **values)
        found.append(await served.stub.ListPosts(request, metadata=as_("owner")))
    return found


@pytest.mark.parametrize("order", ["POST_ORDER_CREATE_TIME_DESC", "POST_ORDER_SCHEDULE_TIME_ASC"])
async def test_a_page_of_large_posts_can_be_received_and_continued(served: Served, order: str) -> None:
    """231 legal posts of 23 kB come in pages of at most 3 MiB, every post once."""
    uris = [{"uri": f"https://media.example/{number:0>4000}.jpg", "vendor_pull": True} for number in range(5)]
    schedule = served.stage.clock() + timedelta(days=1)
    await insert(served, 231, content={"kind": "photos", "sources": uris}, caption="c" * 2200, schedule_time=schedule)
    found = await pages(served, order=order)
    names = [post.name for page in found for post in page.posts]
    assert 231 == len(names) == len(set(names))
    assert 2 == len(found)
    assert MAX_RESPONSE_BYTES - 100_000 < found[0].ByteSize() <= MAX_RESPONSE_BYTES


async def test_a_post_of_an_older_version_is_bounded(served: Served) -> None:
    """A stored caption of five megabytes is shortened in lists, in the post itself and in its stream."""
    await insert(served, 3, caption="ä" * 2_500_000, state="FAILED")
    [page] = await pages(served)
    assert 3 == len(page.posts)
    assert [True] * 3 == [each.ByteSize() <= MAX_RESOURCE_BYTES for each in page.posts]
    name = page.posts[0].name
    read = await served.stub.GetPost(post_service_pb2.GetPostRequest(name=name), metadata=as_("owner"))
    watch = served.stub.WatchPost(post_service_pb2.WatchPostRequest(name=name), metadata=as_("owner"))
    for post in (read, (await watch.read()).post):
        assert post.caption.endswith("…")
        assert post.ByteSize() <= MAX_RESPONSE_BYTES
    watch.cancel()


@pytest.mark.parametrize(("length", "fits"), [(65_536, True), (65_537, False)])
async def test_a_new_post_is_bounded(served: Served, length: int, fits: bool) -> None:
    """A caption beyond what any network accepts is refused by its field, whatever the account."""
    post = served.post(caption="c" * length)
    error = await served.refused("FIELD_INVALID", post)
    assert fits == ("65536 are accepted" not in str(error.details()))


class Endless(Watching):
    """A PostService whose stream has a message that nobody can receive."""

    async def WatchPost(self, request: Any, context: Any) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Send one message of five megabytes."""
        yield post_service_pb2.WatchPostResponse(post=post_pb2.Post(caption="x" * 5_000_000))


async def test_messages_of_a_stream_are_bounded() -> None:
    """No message of a stream is larger than a page."""
    async with serving(posts(Endless())) as server:
        stub = post_stubs.PostServiceStub(server.channel)
        call = stub.WatchPost(post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1"), metadata=AUTH)
        message = await call.read()
        with contextlib.suppress(Exception):
            await call.read()
    assert isinstance(message, post_service_pb2.WatchPostResponse)
    assert message.ByteSize() <= MAX_RESPONSE_BYTES


@dataclass
class Vendor:
    """A vendor's list of comments, and the pages that were asked for."""

    comments: list[engagement_pb2.Comment]
    asked: list[tuple[int, int]] = field(default_factory=list)

    def page(self, cursor: str, limit: int) -> tuple[list[engagement_pb2.Comment], str]:
        """Return a page, and the cursor of the next one."""
        first = int(cursor or 0)
        self.asked.append((first, limit))
        end = first + limit
        return self.comments[first:end], str(end) if end < len(self.comments) else ""


@pytest.mark.parametrize("sizes", [(100,), (100, 7), (3, 100)])
def test_a_vendors_page_that_does_not_fit_is_continued(sizes: tuple[int, ...]) -> None:
    """What is left of a vendor's page comes with the next token, whatever page size is asked for then."""
    vendor = Vendor([engagement_pb2.Comment(name=f"c{number}", text="x" * 60_000) for number in range(250)])
    guard = RequestGuard(None, b"s" * 32)  # type: ignore[arg-type]
    names: list[str] = []
    token, turn = "", 0
    while turn == 0 or token:
        size = sizes[turn % len(sizes)]
        request = engagement_service_pb2.ListCommentsRequest(parent="p", page_size=size, page_token=token)
        page = guard.read_vendor_page(request, maximum=100)
        items, token = guard.split_vendor_page(request, page, *vendor.page(page.cursor, page.limit))
        assert len(items) <= size
        assert sum(each.ByteSize() for each in items) <= MAX_RESPONSE_BYTES
        names += [each.name for each in items]
        turn += 1
    assert [f"c{number}" for number in range(250)] == names


def test_what_a_vendor_says_is_bounded() -> None:
    """Texts are shortened, addresses that are too long are left out, lists and maps are cut, and the rest stays."""
    large = account_pb2.Account(
        name="locations/l/accounts/a",
        bio="b" * 3_000_000,
        avatar_uri="https://a.example/" + "a" * 3_000_000,
        avatar_uris={f"size{number}": "https://a.example/" + "a" * 3_000 for number in range(5_000)},
        follower_count=7,
    )
    assert bounded(large) is large
    assert large.ByteSize() <= MAX_RESOURCE_BYTES
    assert ("locations/l/accounts/a", "", 7) == (large.name, large.avatar_uri, large.follower_count)
    assert large.bio.endswith("…")


def test_what_fits_stays_as_it_is() -> None:
    """A message within its bound is not changed, and a page has at least one item."""
    post = post_pb2.Post(caption="c" * 100_000)
    before = post.SerializeToString()
    assert before == bounded(post).SerializeToString()
    assert [1, 1, 0] == [fitting([post] * 3, 50), fitting([post, post], 150_000), fitting([], 50)]
    assert len(messages.serialize(post_pb2.Post(caption="c" * 9_000_000))) <= MAX_RESPONSE_BYTES < LIMIT
