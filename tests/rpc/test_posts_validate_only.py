"""CreatePost with validate_only: every rule of the pre-flight by its own case, and all violations at once.

Owns the proofs of `gateway/domain/preflight/check.py`, `media_rules.py`, `creator_rules.py` and
`provider_rules.py`, through a real server and with real media. How files are probed is proved in
`tests/flows/test_media_probe.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.domain.publishing import step
from gateway.media.facts import MediaFacts
from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2, upload_pb2, upload_service_pb2
from storage import connections
from storage import posts as post_rows
from storage import uploads as upload_rows
from storage.posts import PostRow
from storage.uploads import UploadRow
from tests.fixtures import media
from tests.fixtures.gateway import World
from tests.rpc.answers import detail, status_of
from tests.rpc.test_accounts import account_of

PARENT = "locations/l1"
PIECE = 1024 * 1024
VIDEO = "post.video.source"
PHOTO = "post.photos.sources[0]"
Post = post_pb2.Post
PUBLIC, FOLLOWERS = account_pb2.PRIVACY_LEVEL_PUBLIC, account_pb2.PRIVACY_LEVEL_FOLLOWERS
Make = Callable[[], bytes]
Found = list[tuple[str, str]]


@dataclass
class Desk:
    """A gateway with one connected account, and what a caller does before posting."""

    world: World
    account: str
    subject: str

    async def upload(self, data: bytes, mime_type: str = "video/mp4") -> str:
        """Upload a file as a caller does, and return its name."""
        request = upload_service_pb2.CreateUploadRequest(parent=PARENT, upload=upload_pb2.Upload(mime_type=mime_type))
        made = await self.world.api.uploads.CreateUpload(request)
        sent = [
            upload_service_pb2.WriteUploadRequest(write_offset=first, data=data[first : first + PIECE])
            for first in range(0, len(data), PIECE)
        ] or [upload_service_pb2.WriteUploadRequest()]
        sent[0].name, sent[-1].finish = made.name, True
        done = await self.world.api.uploads.WriteUpload(iter(sent))
        assert upload_pb2.Upload.COMPLETE == done.state
        return str(made.name)

    async def change(self, upload: str, **values: Any) -> None:
        """Change an upload's row."""
        async with self.world.domain.db.transaction() as tx:
            row: UploadRow = await upload_rows.get(tx, "l1", upload.rsplit("/", 1)[1])
            for name, value in values.items():
                setattr(row, name, value)
            tx.add(row)

    def video(self, upload: str, **values: Any) -> Post:
        """Return a valid post of a video."""
        post = Post(account=self.account, mode=post_pb2.POST_MODE_DIRECT, caption="hi")
        post.video.source.upload = upload
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        post.MergeFrom(Post(**values))
        return post

    def photos(self, *uploads: str, **values: Any) -> Post:
        """Return a valid post of photos."""
        post = Post(account=self.account, mode=post_pb2.POST_MODE_DIRECT)
        for upload in uploads:
            post.photos.sources.add(upload=upload)
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        post.MergeFrom(Post(**values))
        return post

    async def validate(self, post: Post) -> Post:
        """Call CreatePost with validate_only."""
        request = post_service_pb2.CreatePostRequest(parent=PARENT, post=post, validate_only=True)
        answer: Post = await self.world.api.posts.CreatePost(request)
        return answer

    async def refused(self, post: Post) -> tuple[str, Found]:
        """Return the reason of the refusal, and each violation's path and reason."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.validate(post)
        status = status_of(caught.value)
        info = detail(status, error_details_pb2.ErrorInfo)
        bad = detail(status, error_details_pb2.BadRequest) or error_details_pb2.BadRequest()
        assert info is not None, caught.value
        assert 0 == await self.count()
        return info.reason, [(item.field, item.reason) for item in bad.field_violations]

    async def stored(self, post: Post) -> PostRow:
        """Return the post in the database: a response may come from a cache that is not invalidated yet."""
        async with self.world.domain.db.read() as tx:
            return await post_rows.get(tx, "l1", post.name.rsplit("/", 1)[1])

    async def count(self) -> int:
        """Count the posts."""
        async with self.world.domain.db.read() as tx:
            return len(await post_rows.page(tx, locations=["l1"], agency="default", after=None, limit=10))


@pytest.fixture
async def desk(gateway: World) -> Desk:
    """Return a desk with a connected account."""
    made = await gateway.connect()
    return Desk(gateway, (await account_of(gateway)).name, made.provider_subject)


# --- videos -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "mime_type"),
    [
        (media.clip, "video/mp4"),
        (media.clip, "video/quicktime"),
        (partial(media.clip, container="mov"), "video/quicktime"),
        (partial(media.clip, container="mov"), "video/mp4"),
        (partial(media.clip, codec="libx265"), "video/mp4"),
        (partial(media.clip, codec="libvpx", container="webm"), "video/webm"),
        (partial(media.clip, codec="libvpx-vp9", container="webm"), "video/webm"),
        (partial(media.clip, fps=24000 / 1001), "video/mp4"),
        (partial(media.clip, fps=23), "video/mp4"),
        (partial(media.clip, fps=60), "video/mp4"),
        (partial(media.clip, fps=60000 / 1001), "video/mp4"),
        (partial(media.clip, seconds=0.2, width=4096, height=360), "video/mp4"),
        (partial(media.clip, seconds=600, fps=23), "video/mp4"),
        (media.clip, "video/webm"),
        (partial(media.clip, codec="libvpx", container="webm"), "video/mp4"),
        (media.clip, "application/octet-stream"),
        (media.clip, "Video/MP4; codecs=avc1"),
        (partial(media.clip, seconds=600.033, fps=30000 / 1001), "video/mp4"),
    ],
    ids=[
        "mp4", "brand", "mov", "other brand", "hevc", "vp8", "vp9", "23.976", "23", "60", "59.94", "sides", "600 s",
        "mp4 as webm", "webm as mp4", "no label", "label with parameters", "600 s and a frame",
    ],
)  # fmt: skip
async def test_a_video_within_the_limits_is_taken(desk: Desk, make: Make, mime_type: str) -> None:
    """Every container, codec, rate, size and length that TikTok takes passes, up to the last of each."""
    answer = await desk.validate(desk.video(await desk.upload(make(), mime_type)))
    assert Post.QUEUED == answer.state
    assert 0 == await desk.count()


@pytest.mark.parametrize(
    ("make", "mime_type", "count"),
    [
        (partial(media.clip, codec="mpeg4"), "video/mp4", 1),
        (partial(media.clip, codec="libsvtav1"), "video/mp4", 1),
        (partial(media.clip, container="matroska"), "video/webm", 1),
        (media.jpeg, "video/mp4", 2),
        (media.png, "video/mp4", 2),
        (partial(media.clip, fps=22), "video/mp4", 1),
        (partial(media.clip, fps=61), "video/mp4", 1),
        (partial(media.clip, width=358), "video/mp4", 1),
        (partial(media.clip, seconds=0.2, width=4098), "video/mp4", 1),
        (partial(media.clip, seconds=601, fps=23), "video/mp4", 1),
        (media.jpeg, "image/jpeg", 2),
        (partial(media.clip, width=358, fps=10, container="mov"), "video/webm", 2),
        (partial(bytes, b"content\nBread\n"), "text/csv", 2),
        *((partial(bytes, data), "video/mp4", 1) for data in media.HOSTILE.values() if data),
    ],
    ids=[
        "codec", "av1", "mkv", "jpeg as mp4", "png as mp4", "22 fps", "61 fps", "narrow",
        "wide", "long", "a photo", "rate and sides", "csv",
        *(name for name, data in media.HOSTILE.items() if data),
    ],
)  # fmt: skip
async def test_a_video_beyond_a_limit_is_refused(desk: Desk, make: Make, mime_type: str, count: int) -> None:
    """Each rule that a file breaks is a violation at its source's path; nothing is queued."""
    assert ("MEDIA_INVALID", [(VIDEO, "MEDIA_INVALID")] * count) == await desk.refused(
        desk.video(await desk.upload(make(), mime_type))
    )


async def test_an_empty_or_too_large_video_is_refused(desk: Desk) -> None:
    """An empty file is refused, and so is one of more than 4 GiB."""
    empty, endless = await desk.upload(media.clip()), await desk.upload(media.clip())
    await desk.change(empty, size_bytes=0)
    found = MediaFacts("mp4", "h264", 1000, 30, 360, 640)
    await desk.change(endless, size_bytes=4 * 1024**3 + 1, media=found.to_json())
    assert ("MEDIA_INVALID", [(VIDEO, "MEDIA_INVALID")]) == await desk.refused(desk.video(empty))
    assert ("MEDIA_INVALID", [(VIDEO, "MEDIA_INVALID")]) == await desk.refused(desk.video(endless))


async def test_a_cover_beyond_the_end_is_accepted(desk: Desk) -> None:
    """TikTok then uses the first frame, so nothing is refused."""
    post = desk.video(await desk.upload(media.clip()))
    post.video.cover_offset.FromSeconds(100)
    assert Post.QUEUED == (await desk.validate(post)).state


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": "OPEN"}, "STATE_FORBIDS"),
        ({"state": "EXPIRED"}, "UPLOAD_EXPIRED"),
        ({"id": "other"}, "RESOURCE_NOT_FOUND"),
    ],
    ids=["open", "expired", "missing"],
)
async def test_an_upload_must_exist_and_be_complete(desk: Desk, values: dict[str, Any], reason: str) -> None:
    """An upload that is not finished, has expired or does not exist is named by the path of its field."""
    upload = await desk.upload(media.clip())
    if "state" in values:
        await desk.change(upload, **values)
    else:
        upload = f"{PARENT}/uploads/nowhere"
    assert (reason, [(f"{VIDEO}.upload", reason)]) == await desk.refused(desk.video(upload))


async def test_an_address_is_checked_before_it_is_fetched(desk: Desk) -> None:
    """The file behind an address is checked later; the address itself, and everything else, is checked now."""
    post = desk.video("", caption="a" * 2201)
    post.video.source.uri = "https://media.example/v.mp4"
    assert ("FIELD_INVALID", [("post.caption", "FIELD_INVALID")]) == await desk.refused(post)
    post.caption = ""
    assert Post.QUEUED == (await desk.validate(post)).state
    post.video.source.uri = "http://10.0.0.1/v.mp4"
    assert ("FIELD_INVALID", [(f"{VIDEO}.uri", "FIELD_INVALID")]) == await desk.refused(post)


# --- photos -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "mime_type"),
    [
        (media.jpeg, "image/jpeg"),
        (partial(media.jpeg, 1080, 1920), "image/jpeg"),
        (partial(media.jpeg, 4000, 1080), "image/jpeg"),
        (partial(media.jpeg, size=20_000_000), "image/jpeg"),
        (media.webp, "image/webp"),
        (partial(media.webp, lossless=True), "image/webp"),
        (partial(media.webp, alpha=True), "image/webp"),
        (media.jpeg, "image/webp"),
        (media.webp, "image/jpg"),
        (media.jpeg, "image/heic"),
    ],
    ids=[
        "jpeg", "upright", "wide", "20 MB", "webp", "lossless", "transparent", "jpeg as webp", "webp as jpeg",
        "jpeg as heic",
    ],
)  # fmt: skip
async def test_a_photo_within_the_limits_is_taken(desk: Desk, make: Make, mime_type: str) -> None:
    """JPEG and WebP of up to 20 MB pass when their shorter side has at most 1080 pixels."""
    assert Post.QUEUED == (await desk.validate(desk.photos(await desk.upload(make(), mime_type)))).state


@pytest.mark.parametrize(
    ("make", "mime_type", "count"),
    [
        (partial(media.jpeg, 1082, 1082), "image/jpeg", 1),
        (partial(media.webp, 1086, 1448), "image/webp", 1),
        (partial(media.jpeg, size=20_000_001), "image/jpeg", 1),
        (media.moving_webp, "image/webp", 1),
        (media.png, "image/jpeg", 1),
        (media.clip, "image/jpeg", 1),
        (media.clip, "video/mp4", 1),
        (media.huge_picture, "image/jpeg", 1),
        (partial(media.jpeg, 1082, 1082, size=20_000_001), "image/webp", 2),
    ],
    ids=[
        "large", "large webp", "20 MB", "animated", "png", "video as jpeg", "video",
        "bomb", "size and sides",
    ],
)  # fmt: skip
async def test_a_photo_beyond_a_limit_is_refused_by_its_position(
    desk: Desk, make: Make, mime_type: str, count: int
) -> None:
    """TikTok refuses a whole carousel without saying which photo; here the refused one is named."""
    good = await desk.upload(media.jpeg(), "image/jpeg")
    bad = await desk.upload(make(), mime_type)
    assert ("MEDIA_INVALID", [("post.photos.sources[3]", "MEDIA_INVALID")] * count) == await desk.refused(
        desk.photos(good, good, good, bad)
    )


async def test_a_carousel_has_its_limits(desk: Desk) -> None:
    """35 photos, a cover that is one of them, a title of 90 and a caption of 4,000 UTF-16 units: and not one more."""
    photo = await desk.upload(media.jpeg(), "image/jpeg")
    most = desk.photos(*[photo] * 35, caption="👋" * 2000)
    most.photos.title, most.photos.cover_index = "👋" * 45, 34
    assert Post.QUEUED == (await desk.validate(most)).state

    beyond = desk.photos(*[photo] * 36, caption="👋" * 2000 + "a")
    beyond.photos.title, beyond.photos.cover_index = "👋" * 45 + "a", 36
    assert (
        "FIELD_INVALID",
        [
            ("post.photos.title", "FIELD_INVALID"),
            ("post.caption", "FIELD_INVALID"),
            ("post.photos.sources", "FIELD_INVALID"),
            ("post.photos.cover_index", "FIELD_INVALID"),
        ],
    ) == await desk.refused(beyond)


# --- the creator ------------------------------------------------------------------------------------------------------


def _no_level(post: Post) -> None:
    post.options.ClearField("privacy_level")


def _level(level: Any) -> Callable[[Post], None]:
    def change(post: Post) -> None:
        post.options.privacy_level = level

    return change


def _branded(post: Post) -> None:
    post.options.branded_content = True


def _open(post: Post) -> None:
    post.options.allow_comments = post.options.allow_duet = post.options.allow_stitch = True


OFF = {"comment_disabled": True, "duet_disabled": True, "stitch_disabled": True}


@pytest.mark.parametrize(
    ("creator", "change", "reason", "paths"),
    [
        ({}, _no_level, "FIELD_INVALID", ["post.options.privacy_level"]),
        ({}, _level(FOLLOWERS), "CREATOR_RULE_BROKEN", ["post.options.privacy_level"]),
        ({"private": True}, _level(PUBLIC), "CREATOR_RULE_BROKEN", ["post.options.privacy_level"]),
        ({}, _branded, "CREATOR_RULE_BROKEN", ["post.options.branded_content"]),
        (
            OFF,
            _open,
            "CREATOR_RULE_BROKEN",
            ["post.options.allow_comments", "post.options.allow_duet", "post.options.allow_stitch"],
        ),
        ({"max_video_post_duration_sec": 1}, lambda post: None, "CREATOR_RULE_BROKEN", [VIDEO]),
    ],
    ids=["no level", "level", "private account", "branded", "interactions", "duration"],
)  # fmt: skip
async def test_the_creators_rules_apply(
    desk: Desk, creator: dict[str, Any], change: Callable[[Post], None], reason: str, paths: list[str]
) -> None:
    """A direct post cannot be looser than the creator's own settings at this moment."""
    desk.world.vendor.set_creator(desk.subject, **creator)
    desk.world.clock.advance(timedelta(minutes=2))
    post = desk.video(await desk.upload(media.clip(seconds=1.2)))
    change(post)
    assert (reason, [(path, reason) for path in paths]) == await desk.refused(post)


@pytest.mark.parametrize(
    ("creator", "reason"),
    [({"banned": True}, "CREATOR_RULE_BROKEN"), ({"too_many_posts": True}, "PROVIDER_DAILY_CAP")],
    ids=["banned", "daily cap"],
)
async def test_a_blocked_creator_is_reported_with_everything_else(
    desk: Desk, creator: dict[str, Any], reason: str
) -> None:
    """Alone it is the error; together with a bad field both are reported, to be corrected at once."""
    desk.world.vendor.set_creator(desk.subject, **creator)
    desk.world.clock.advance(timedelta(minutes=2))
    post = desk.video(await desk.upload(media.clip()))
    assert (reason, []) == await desk.refused(post)
    post.caption = "a" * 2201
    assert ("FIELD_INVALID", [("post.caption", "FIELD_INVALID"), ("post.account", reason)]) == await desk.refused(post)


# --- options that the provider lacks ----------------------------------------------------------------------------------


async def test_every_option_that_would_be_dropped_is_named(desk: Desk) -> None:
    """Only the video goes to the creator's inbox: each option that TikTok would drop is refused by its own path."""
    post = desk.video(await desk.upload(media.clip()), mode=post_pb2.POST_MODE_CREATOR_INBOX)
    _open(post)
    post.options.branded_content = post.options.own_brand = post.options.ai_generated = True
    post.video.cover_offset.FromSeconds(0)
    post.provider_extra.update({"boost": 1, "a": 2})
    reason, found = await desk.refused(post)
    names = ("privacy_level", "allow_comments", "allow_duet", "allow_stitch", "branded_content", "own_brand")
    assert "OPTION_UNSUPPORTED" == reason
    assert {
        "post.caption",
        "post.video.cover_offset",
        "post.provider_extra.a",
        "post.provider_extra.boost",
        "post.options.ai_generated",
        *(f"post.options.{name}" for name in names),
    } == {path for path, _ in found}

    alone = Post(account=desk.account, mode=post_pb2.POST_MODE_CREATOR_INBOX)
    alone.video.source.upload = post.video.source.upload
    assert Post.QUEUED == (await desk.validate(alone)).state


async def test_photos_have_no_duet_stitch_or_label(desk: Desk) -> None:
    """What TikTok has for videos only is refused for photos, and so is music in the inbox."""
    photo = await desk.upload(media.jpeg(), "image/jpeg")
    post = desk.photos(photo)
    _open(post)
    post.options.ai_generated = True
    assert (
        "OPTION_UNSUPPORTED",
        [(f"post.options.{name}", "OPTION_UNSUPPORTED") for name in ("allow_duet", "allow_stitch", "ai_generated")],
    ) == await desk.refused(post)

    draft = Post(account=desk.account, mode=post_pb2.POST_MODE_CREATOR_INBOX)
    draft.photos.sources.add(upload=photo)
    draft.photos.auto_add_music = True
    assert ("OPTION_UNSUPPORTED", [("post.photos.auto_add_music", "OPTION_UNSUPPORTED")]) == await desk.refused(draft)


async def test_what_the_provider_cannot_do_is_named(desk: Desk) -> None:
    """Planner and cover are each named by the path that asks for them."""
    post = desk.video(await desk.upload(media.clip()), mode=post_pb2.POST_MODE_PLANNER_DRAFT)
    post.video.cover.uri = "https://media.example/cover.jpg"
    reason, found = await desk.refused(post)
    paths = ["post.mode", "post.video.cover"]
    assert ("CAPABILITY_MISSING", paths) == (reason, [path for path, _ in found])


# --- everything at once -----------------------------------------------------------------------------------------------


async def test_every_violation_is_returned_at_once(desk: Desk) -> None:
    """Media, fields, options and the creator's rules are reported in one error, each with its own reason; the first
    kind decides the status.
    """
    desk.world.vendor.set_creator(desk.subject, comment_disabled=True)
    desk.world.clock.advance(timedelta(minutes=2))
    post = desk.video(await desk.upload(media.clip(width=358, fps=10)), caption="a" * 3000)
    post.options.branded_content = post.options.allow_comments = True
    post.provider_extra["boost"] = True
    assert (
        "MEDIA_INVALID",
        [
            (VIDEO, "MEDIA_INVALID"),
            (VIDEO, "MEDIA_INVALID"),
            ("post.caption", "FIELD_INVALID"),
            ("post.options.branded_content", "CREATOR_RULE_BROKEN"),
            ("post.provider_extra.boost", "OPTION_UNSUPPORTED"),
            ("post.options.allow_comments", "CREATOR_RULE_BROKEN"),
        ],
    ) == await desk.refused(post)


async def test_an_expired_connection_hides_no_violation(desk: Desk) -> None:
    """The account must be connected again, and the file is bad too: both are reported, without a vendor call."""
    async with desk.world.domain.db.transaction() as tx:
        id = (await connections.page(tx, locations=["l1"], agency="default", after=None, limit=1))[0].id
        await connections.change(tx, "l1", id, desk.world.clock(), status="EXPIRED")
    asked = desk.world.calls("creator_info")
    assert ("REAUTHORIZATION_REQUIRED", [(VIDEO, "MEDIA_INVALID")]) == await desk.refused(
        desk.video(await desk.upload(media.clip(fps=10)))
    )
    assert asked == desk.world.calls("creator_info")


async def test_forty_bad_photos_fit_into_one_answer(desk: Desk) -> None:
    """A carousel of which every photo is bad names every photo, and the answer still arrives."""
    bad = await desk.upload(media.jpeg(1082, 1082), "image/jpeg")
    _, found = await desk.refused(desk.photos(*[bad] * 35))
    assert [f"post.photos.sources[{n}]" for n in range(35)] == [path for path, _ in found]


# --- what cannot be said now ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match="creator_info", kind="status", status=503, times=None),
        Fault(match="creator_info", kind="html", times=None),
        Fault(match="creator_info", kind="error", code="rate_limit_exceeded", status=429, times=None),
    ],
    ids=["503", "html", "429"],
)
async def test_unavailable_creator_info_is_fetched_again_before_the_submit(desk: Desk, fault: Fault) -> None:
    """A post is accepted although creator info is unavailable; it is not submitted before creator info was fetched, and
    then the creator's rules apply.
    """
    world, upload = desk.world, await desk.upload(media.clip())
    world.clock.advance(timedelta(minutes=2))
    world.vendor.faults.add(fault)
    post = desk.video(upload)
    post.options.allow_comments = True
    made = await world.api.posts.CreatePost(post_service_pb2.CreatePostRequest(parent=PARENT, post=post))
    assert Post.QUEUED == made.state

    await step.step(world.domain, "l1", made.name.rsplit("/", 1)[1])
    assert ("QUEUED", []) == ((await desk.stored(made)).state, world.vendor.inits)

    world.vendor.faults.clear()
    world.vendor.set_creator(desk.subject, comment_disabled=True)
    world.clock.advance(timedelta(minutes=2))
    await step.step(world.domain, "l1", made.name.rsplit("/", 1)[1])
    failed = await desk.stored(made)
    assert ("FAILED", "CREATOR_RULE_BROKEN") == (failed.state, (failed.error or {}).get("reason"))
    assert [] == world.vendor.inits


async def test_what_changed_since_is_checked_again(desk: Desk) -> None:
    """A video that became too long for its creator meanwhile is not submitted."""
    world = desk.world
    request = post_service_pb2.CreatePostRequest(parent=PARENT, post=desk.video(await desk.upload(media.clip())))
    request.post.options.allow_duet = True
    made = await world.api.posts.CreatePost(request)
    world.vendor.set_creator(desk.subject, max_video_post_duration_sec=0, duet_disabled=True)
    world.clock.advance(timedelta(minutes=2))

    await step.step(world.domain, "l1", made.name.rsplit("/", 1)[1])

    failed = await desk.stored(made)
    assert ("FAILED", "CREATOR_RULE_BROKEN") == (failed.state, (failed.error or {}).get("reason"))
    assert [] == world.vendor.inits
