"""Posts through HighLevel's planner, point by point, as a caller of the gRPC service sees them."""

import hashlib
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import field_mask_pb2, json_format
from google.rpc import error_details_pb2

from gateway.domain.publishing import step
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from socialgateway.v1 import (
    account_pb2,
    account_service_pb2,
    post_pb2,
    post_service_pb2,
    upload_pb2,
    upload_service_pb2,
)
from tests.fixtures import media
from tests.fixtures.highlevel import HighWorld
from tests.rpc.answers import assert_error, assert_status, detail, status_of

PARENT = f"locations/{BAKERY}"
Post = post_pb2.Post
FINAL = (Post.PUBLISHED, Post.FAILED, Post.CANCELLED, Post.AWAITING_CREATOR, Post.INDETERMINATE)


class Desk:
    """A caller with a connected location, and the accounts inside it by network."""

    def __init__(self, high: HighWorld) -> None:
        self.high = high
        self.accounts: dict[str, str] = {}

    async def open(self) -> "Desk":
        """Connect the location; its accounts are listed without a further call."""
        await self.high.connect()
        api = self.high.world.api.accounts
        found = await api.ListAccounts(account_service_pb2.ListAccountsRequest(parent=PARENT))
        self.accounts = {account.platform: account.name for account in found.accounts}
        return self

    @property
    def posts(self) -> Any:
        """The service."""
        return self.high.world.api.posts

    async def upload(self, data: bytes, mime_type: str = "video/mp4") -> str:
        """Upload a file."""
        api = self.high.world.api.uploads
        wanted = upload_pb2.Upload(mime_type=mime_type, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        made = await api.CreateUpload(upload_service_pb2.CreateUploadRequest(parent=PARENT, upload=wanted))
        part = upload_service_pb2.WriteUploadRequest(name=made.name, data=data, finish=True)
        return (await api.WriteUpload(iter([part]))).name

    def post(self, platform: str = "tiktok", upload: str = "", **values: Any) -> Post:
        """Return a post for an account."""
        extra = values.pop("extra", {})
        post = Post(**{"account": self.accounts[platform], "mode": post_pb2.POST_MODE_DIRECT, **values})
        if upload:
            post.video.source.upload = upload
        if platform.startswith("tiktok"):
            post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
        json_format.ParseDict(extra, post.provider_extra)
        return post

    async def create(self, post: Post) -> Post:
        """Create it."""
        made: Post = await self.posts.CreatePost(post_service_pb2.CreatePostRequest(parent=PARENT, post=post))
        return made

    async def get(self, name: str) -> Post:
        """Get it."""
        found: Post = await self.posts.GetPost(post_service_pb2.GetPostRequest(name=name))
        return found

    async def carry(self, name: str, within: timedelta = timedelta(hours=2)) -> Post:
        """Let the workers do what is due until the post is final, or the time is over."""
        world, id = self.high.world, name.rpartition("/")[2]
        end = world.clock() + within
        while world.clock() <= end:
            await step.step(world.domain, BAKERY, id)
            post = await self.get(name)
            if post.state in FINAL:
                return post
            world.clock.advance(timedelta(minutes=1))
        return post

    @property
    def out(self) -> list[Any]:
        """Return what is published on a network."""
        return self.high.vendor.posts


@pytest.fixture
async def desk(high: HighWorld) -> Desk:
    """Return a desk that is open."""
    return await Desk(high).open()


async def test_a_video_is_published_with_its_uri(desk: Desk) -> None:
    """The bytes are in HighLevel's library, every boolean is sent, and the post has its URL."""
    post = await desk.create(desk.post(upload=await desk.upload(media.clip()), caption="Hello"))
    post = await desk.carry(post.name)
    [out] = desk.out

    assert (Post.PUBLISHED, out.platform_post_id, out.preview_link, "providers/highlevel") == (
        post.state,
        post.provider_post_id,
        post.public_uri,
        post.route.provider,
    )
    details = out.details["tiktokPostDetails"]
    assert (False, False) == (details["enableComment"], details["videoDisclosure"])


async def test_a_scheduled_post_is_changed_and_cancelled(desk: Desk) -> None:
    """It is SCHEDULED, changed and CANCELLED in the planner: nothing is published."""
    wanted = desk.post(upload=await desk.upload(media.clip()), caption="Before")
    wanted.schedule_time.FromDatetime(desk.high.world.clock() + timedelta(hours=3))
    post = await desk.carry((await desk.create(wanted)).name, within=timedelta(minutes=2))
    assert Post.SCHEDULED == post.state

    change = Post(name=post.name, caption="After", etag=post.etag)
    mask = field_mask_pb2.FieldMask(paths=["caption"])
    changed = await desk.posts.UpdatePost(post_service_pb2.UpdatePostRequest(post=change, update_mask=mask))
    [record] = desk.high.vendor.planner.records.values()
    summary = record.summary
    await desk.posts.CancelPost(post_service_pb2.CancelPostRequest(name=post.name))
    post = await desk.carry(post.name, within=timedelta(hours=5))

    assert ("After", "After", Post.CANCELLED, []) == (changed.caption, summary, post.state, desk.out)
    change.ClearField("etag")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.posts.UpdatePost(post_service_pb2.UpdatePostRequest(post=change))
    assert_error(caught.value, grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS")


async def test_a_draft_takes_no_time(desk: Desk) -> None:
    """A planner's draft waits for a person, not for a time: the field is named, and no post is made."""
    draft = desk.post(upload=await desk.upload(media.clip()), mode=post_pb2.POST_MODE_PLANNER_DRAFT)
    draft.schedule_time.FromDatetime(desk.high.world.clock() + timedelta(hours=3))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.create(draft)
    assert_error(caught.value, grpc.StatusCode.FAILED_PRECONDITION, "OPTION_UNSUPPORTED")
    assert [] == list(desk.high.vendor.planner.records)


async def test_a_draft_and_a_review_wait_for_people(desk: Desk) -> None:
    """AWAITING_CREATOR; a draft that is deleted is gone from the planner."""
    upload = await desk.upload(media.clip())
    draft = await desk.create(desk.post(upload=upload, caption="Draft", mode=post_pb2.POST_MODE_PLANNER_DRAFT))
    review = desk.post(
        upload=upload, caption="Review", mode=post_pb2.POST_MODE_PLANNER_REVIEW, extra={"approver": OWNER}
    )
    review.schedule_time.FromDatetime(desk.high.world.clock() + timedelta(hours=3))
    made = [await desk.carry(each.name) for each in (draft, await desk.create(review))]
    states = {record.summary: record.status for record in desk.high.vendor.planner.records.values()}
    await desk.posts.DeletePost(post_service_pb2.DeletePostRequest(name=draft.name))

    assert [Post.AWAITING_CREATOR] * 2 == [post.state for post in made]
    assert {"Draft": "draft", "Review": "in_review"} == states
    assert {"deleted", "in_review"} == {record.status for record in desk.high.vendor.planner.records.values()}


async def test_a_published_post_stays_on_its_network(desk: Desk) -> None:
    """Cancelling and deleting it are refused with that reason; with `force` its records are deleted."""
    post = await desk.create(desk.post(upload=await desk.upload(media.clip()), caption="Out"))
    post = await desk.carry(post.name)
    for call, request in (
        (desk.posts.CancelPost, post_service_pb2.CancelPostRequest(name=post.name)),
        (desk.posts.DeletePost, post_service_pb2.DeletePostRequest(name=post.name)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request)
        assert_error(caught.value, grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS")
    await desk.posts.DeletePost(post_service_pb2.DeletePostRequest(name=post.name, force=True))

    assert "stays on its network" in (caught.value.details() or "")
    assert 1 == len(desk.out)


async def test_a_text_post_with_a_first_comment_tags_and_a_category(desk: Desk) -> None:
    """Facebook accepts text alone; labels are given by name, and an unknown one is refused before any creation."""
    vendor = desk.high.vendor
    tag, category = str(vendor.tags[0]["tag"]), str(vendor.categories[0]["name"])
    extra = {"first_comment": "First!", "tags": [tag], "category": category}
    post = await desk.carry((await desk.create(desk.post("facebook", caption="Words", extra=extra))).name)
    unknown = await desk.create(desk.post("facebook", caption="Other", extra={"tags": ["nobody knows"]}))
    failed = await desk.carry(unknown.name)

    [record] = list(vendor.planner.records.values())
    assert (Post.PUBLISHED, "First!", [vendor.tags[0]["_id"]], vendor.categories[0]["_id"]) == (
        post.state,
        record.details["followUpComment"],
        record.tags,
        record.details["categoryId"],
    )
    assert (Post.FAILED, True) == (failed.state, "nobody knows" in failed.error.message)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"caption": "x" * 151, "upload": True}, "FIELD_INVALID", "post.caption"),
        ({"caption": "words"}, "FIELD_INVALID", "post.video"),
        (
            {"caption": "a", "upload": True, "extra": {"first_comment": "no"}},
            "OPTION_UNSUPPORTED",
            "post.provider_extra",
        ),
        ({"caption": "a", "upload": True, "mode": post_pb2.POST_MODE_CREATOR_INBOX}, "CAPABILITY_MISSING", "post.mode"),
    ],
)
async def test_what_tiktok_through_highlevel_cannot_do_is_refused(
    desk: Desk, values: dict[str, Any], reason: str, field: str
) -> None:
    """Before anything is sent, with the reason and the field."""
    given = dict(values)
    if given.pop("upload", False):
        given["upload"] = await desk.upload(media.clip())
    calls = len(desk.high.vendor.requests)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.create(desk.post(**given))

    status = status_of(caught.value)
    assert_status(status, reason)
    bad = detail(status, error_details_pb2.BadRequest)
    assert calls == len(desk.high.vendor.requests)
    assert bad is not None
    assert any(each.field.startswith(field) for each in bad.field_violations), bad
