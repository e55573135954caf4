"""CancelPost through a real server, posts of photos and of addresses, and the cost that a dry run returns.

Owns the wire side; what follows from a cancel at the vendor is proved in `tests/flows/test_publishing_pulls.py`.
"""

from datetime import timedelta

import grpc
import pytest

from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from storage import posts as rows
from tests.fixtures import media
from tests.fixtures.domain import LOCATION
from tests.rpc.answers import assert_reason
from tests.rpc.serving import as_
from tests.rpc.test_posts import PARENT, REQUEST_ID, Served, detail, served

__all__ = ["served"]
URI = "https://media.example/video.mp4"
# Two chunks: there is a place between the first byte and the last.
LARGE = bytes(range(256)) * 260_000


async def cancel(served: Served, name: str, *, key: str = "owner", **values: object) -> post_pb2.Post:
    """Call CancelPost."""
    request = post_service_pb2.CancelPostRequest(name=name, **values)  # type: ignore[arg-type]
    post: post_pb2.Post = await served.stub.CancelPost(request, metadata=as_(key))
    return post


def pulled(served: Served) -> post_pb2.Post:
    """Return a post whose video the vendor fetches from the caller's address."""
    post = served.post()
    post.video.source.uri = URI
    post.video.source.vendor_pull = True
    return post


async def photos_of(served: Served, count: int = 2) -> post_pb2.Post:
    """Return a post of photos."""
    post = served.post(caption="below")
    post.photos.title = "above"
    post.photos.cover_index = 1
    for _ in range(count):
        upload = await served.stage.upload(media.jpeg(), "image/jpeg", None)
        post.photos.sources.add().upload = f"{PARENT}/uploads/{upload}"
    return post


async def test_a_queued_post_is_cancelled_for_good(served: Served) -> None:
    """A queued post is CANCELLED at once and once; its worker does nothing, and its upload can be deleted."""
    made = await served.create()

    cancelled = await cancel(served, made.name)

    assert (post_pb2.Post.CANCELLED, False) == (cancelled.state, cancelled.HasField("error"))
    assert cancelled == await cancel(served, made.name)
    row = await served.stage.step(await _row(served, made.name))
    assert ("CANCELLED", None, []) == (row.state, row.due_at, served.stage.vendor.inits)


async def _row(served: Served, name: str) -> rows.PostRow:
    async with served.stage.domain.db.read() as tx:
        return await rows.get(tx, LOCATION, name.rpartition("/")[2])


async def test_a_file_can_be_cancelled_before_its_last_chunk(served: Served) -> None:
    """Between two chunks nothing is published: the post is CANCELLED, and the vendor never gets the rest."""
    served.upload = await served.stage.upload(LARGE)
    made = await served.create()
    served.stage.vendor.faults.add(Fault(match="upload", kind="status", status=503))
    row = await served.stage.step(await _row(served, made.name))
    assert "TRANSFERRING" == row.state

    cancelled = await cancel(served, made.name)

    assert post_pb2.Post.CANCELLED == cancelled.state
    served.stage.clock.time = row.due_at or served.stage.clock.time
    assert "CANCELLED" == (await served.stage.step(row)).state
    assert [] == served.stage.vendor.posts


async def test_what_the_vendor_has_cannot_be_cancelled(served: Served) -> None:
    """A file that the vendor has completely, and a final post, are STATE_FORBIDS with the state."""
    made = await served.create()
    await served.stage.step(await _row(served, made.name))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cancel(served, made.name)
    assert_reason(caught.value, "STATE_FORBIDS", state="PROCESSING")
    await served.stage.finish(await _row(served, made.name))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cancel(served, made.name)
    assert_reason(caught.value, "STATE_FORBIDS", state="PUBLISHED")
    assert 1 == len(served.stage.vendor.posts)


async def test_a_pull_is_cancelled_by_the_vendor(served: Served) -> None:
    """CANCELLING until the vendor reports it, with one call; a repeated request_id makes none."""
    made = await served.create(pulled(served))
    await served.stage.step(await _row(served, made.name))

    first = await cancel(served, made.name, request_id=REQUEST_ID)
    again = await cancel(served, made.name, request_id=REQUEST_ID)

    assert (post_pb2.Post.CANCELLING, post_pb2.Post.CANCELLING) == (first.state, again.state)
    assert 1 == sum(call.operation == "cancel" for call in served.stage.vendor.requests)
    row = await served.stage.finish(await _row(served, made.name))
    assert ("CANCELLED", []) == (row.state, served.stage.vendor.posts)


async def test_a_pull_cannot_be_cancelled_without_a_grant(served: Served) -> None:
    """With a revoked grant the call is REAUTHORIZATION_REQUIRED, and the post is PROCESSING as before."""
    made = await served.create(pulled(served))
    await served.stage.step(await _row(served, made.name))
    served.stage.vendor.grants.remove(next(iter(served.stage.vendor.users)))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cancel(served, made.name)

    assert_reason(caught.value, "REAUTHORIZATION_REQUIRED", provider="tiktok")
    assert "PROCESSING" == (await _row(served, made.name)).state


async def test_a_pull_that_can_no_longer_be_stopped_continues(served: Served) -> None:
    """The vendor reports that it is too late: STATE_FORBIDS with the restored state of the post."""
    made = await served.create(pulled(served))
    await served.stage.step(await _row(served, made.name))
    served.stage.vendor.faults.add(Fault(match="cancel", kind="error", code="publish_not_cancellable"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cancel(served, made.name)

    assert_reason(caught.value, "STATE_FORBIDS", state="PROCESSING")
    assert "PROCESSING" == (await _row(served, made.name)).state


@pytest.mark.parametrize("key", ["stranger", "listed"])
async def test_another_tenant_cannot_cancel_a_post(served: Served, key: str) -> None:
    """The post of another agency, and one that does not exist, get the same error; nothing changes."""
    made = await served.create()
    refusals = []
    for name in (made.name, f"{PARENT}/posts/absent"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await cancel(served, name, key=key)
        refusals.append((caught.value.code(), caught.value.details()))
    assert refusals[0] == refusals[1]
    assert "QUEUED" == (await _row(served, made.name)).state


async def test_photos_are_returned_as_they_were_given(served: Served) -> None:
    """Sources in order, cover, title, caption; there is no video."""
    wanted = await photos_of(served, 3)
    wanted.photos.auto_add_music = True

    made = await served.create(wanted)

    assert wanted.photos == made.photos
    assert ("below", "photos") == (made.caption, made.WhichOneof("content"))


async def test_an_address_is_returned_as_it_was_given(served: Served) -> None:
    """The caller's address and who fetches it are returned; our own media link is not."""
    made = await served.create(pulled(served))

    assert (URI, True) == (made.video.source.uri, made.video.source.vendor_pull)


@pytest.mark.parametrize(
    ("branded", "own", "label"),
    [
        (False, False, post_pb2.DISCLOSURE_LABEL_UNSPECIFIED),
        (False, True, post_pb2.DISCLOSURE_LABEL_PROMOTIONAL_CONTENT),
        (True, False, post_pb2.DISCLOSURE_LABEL_PAID_PARTNERSHIP),
        (True, True, post_pb2.DISCLOSURE_LABEL_PAID_PARTNERSHIP),
    ],
)
async def test_the_label_that_applies_is_returned(
    served: Served, branded: bool, own: bool, label: post_pb2.DisclosureLabel
) -> None:
    """A page can show the vendor's label before the person agrees."""
    post = served.post()
    post.options.branded_content, post.options.own_brand = branded, own
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC

    assert label == (await served.create(post, validate_only=True)).disclosure_label


async def test_a_dry_run_returns_the_cost_of_the_post(served: Served) -> None:
    """Each quota by name, with what is free; a real post has no costs."""
    made = await served.create(validate_only=True)

    costs = {cost.quota.rpartition("/")[2]: cost for cost in made.quota_costs}
    assert {"creator_info", "video_init", "status", "posts_per_day", "active_creators"} == set(costs)
    assert [1] * 5 == [cost.amount for cost in made.quota_costs]
    assert (6, False) == (costs["video_init"].available, costs["video_init"].HasField("available_time"))
    assert not costs["posts_per_day"].HasField("available")
    assert costs["creator_info"].available < 20
    assert [] == list((await served.create()).quota_costs)


async def test_the_cost_of_a_draft_is_a_slot_in_the_inbox(served: Served) -> None:
    """Five drafts may be pending; the sixth is refused without a vendor call, with when the next slot is free."""
    draft = served.post(mode=post_pb2.POST_MODE_CREATOR_INBOX)
    draft.ClearField("caption")
    draft.ClearField("options")
    for number in range(5):
        costs = (await served.create(draft, validate_only=True)).quota_costs
        left = {cost.quota.rpartition("/")[2]: cost.available for cost in costs}
        assert 5 - number == left["pending_drafts"]
        await served.stage.finish(await _row(served, (await served.create(draft)).name))

    error = await _refused(served, draft)

    assert_reason(error, "QUOTA_EXCEEDED", quota="pending_drafts", limit="5")
    info = detail(error, "QuotaFailure")
    assert f"{PARENT}/accounts/{served.account}" == info.violations[0].subject
    assert 23 * 3600 < detail(error, "RetryInfo").retry_delay.seconds <= 24 * 3600
    assert 5 == len(served.stage.vendor.inits)
    # One that its creator publishes gives its place back.
    publication = next(iter(served.stage.vendor.publisher.publications))
    served.stage.vendor.post_draft(publication)
    first = (await _drafts(served))[-1]
    await served.stub.RefreshPost(post_service_pb2.RefreshPostRequest(name=first), metadata=as_("owner"))
    assert post_pb2.Post.QUEUED == (await served.create(draft)).state


async def _refused(served: Served, post: post_pb2.Post) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.create(post)
    return caught.value


async def _drafts(served: Served) -> list[str]:
    listed = await served.stub.ListPosts(post_service_pb2.ListPostsRequest(parent=PARENT), metadata=as_("owner"))
    return [post.name for post in listed.posts]


async def test_a_daily_cap_reports_when_it_ends(served: Served) -> None:
    """The learned cap is RESOURCE_EXHAUSTED with the time of the next try."""
    await served.stage.finish(await _row(served, (await served.create()).name))
    served.stage.clock.advance(timedelta(hours=1))
    served.stage.vendor.faults.add(
        Fault(match="creator_info", kind="error", code="spam_risk_too_many_posts", status=200)
    )
    error = await _refused(served, served.post())
    assert_reason(error, "PROVIDER_DAILY_CAP", providerCode="spam_risk_too_many_posts")
    assert 0 < detail(error, "RetryInfo").retry_delay.seconds <= 24 * 3600
