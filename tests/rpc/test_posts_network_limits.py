"""CreatePost for the networks inside HighLevel: what a network would cut or refuse is refused here, to the unit.

Owns the proofs of `providers/highlevel/network_limits.py` and `post_types.py`, through a real server: each limit by a
post just within it and one just beyond, with the same verdict whether the post is only validated or created. That
media are judged the same once they are fetched is proved in `tests/flows/test_publishing_library_pictures.py`.
"""

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from providers.highlevel.account_oauth import our_name
from providers.highlevel.network_limits import NETWORKS
from providers.simulators.highlevel.tenants import BAKERY
from providers.text_units import TextUnit
from socialgateway.v1 import post_pb2, post_service_pb2, provider_pb2, provider_service_pb2
from tests.fixtures import media
from tests.fixtures.highlevel import HighWorld
from tests.rpc.answers import detail, status_of
from tests.rpc.test_posts_planner import PARENT, Desk

Post = post_pb2.Post
Found = tuple[str, list[tuple[str, str]]]
FAMILY = "👨‍👩‍👧‍👦"
"""One grapheme of 7 code points, 11 UTF-16 units, 25 bytes."""


@pytest.fixture
async def desk(high: HighWorld) -> Desk:
    """Return a desk with an account of every network that HighLevel has."""
    for number, network in enumerate(("instagram", "google", "linkedin", "pinterest", "youtube", "threads", "bluesky")):
        high.vendor.accounts.add(location_id=BAKERY, platform=network, origin_id=f"2000{number}", name=network)
    desk = await Desk(high).open()
    assert set(NETWORKS) == set(desk.accounts)
    return desk


def words(desk: Desk, network: str, caption: str, **values: Any) -> Post:
    """Return a post that is fine for its network but for its words: with a video where the network needs media."""
    post = desk.post(our_name(network), caption=caption, **values)
    if network in ("instagram", "pinterest", "youtube", "tiktok", "tiktok-business"):
        post.video.source.uri, post.video.source.vendor_pull = "https://media.example/a.mp4", True
    return post


def pictures(desk: Desk, network: str, count: int, suffix: str = "jpg", **values: Any) -> Post:
    """Return a post of photos that have addresses."""
    post = desk.post(our_name(network), **values)
    for number in range(count):
        post.photos.sources.add(uri=f"https://media.example/{number}.{suffix}")
    return post


async def validate(desk: Desk, post: Post) -> Post:
    """Call CreatePost with validate_only."""
    request = post_service_pb2.CreatePostRequest(parent=PARENT, post=post, validate_only=True)
    answer: Post = await desk.posts.CreatePost(request)
    return answer


async def refused(desk: Desk, post: Post) -> Found:
    """Return why a post is refused, with validate_only and without: the reason, and each violation."""
    found = []
    for validate_only in (True, False):
        request = post_service_pb2.CreatePostRequest(parent=PARENT, post=post, validate_only=validate_only)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await desk.posts.CreatePost(request)
        status = status_of(caught.value)
        info = detail(status, error_details_pb2.ErrorInfo)
        bad = detail(status, error_details_pb2.BadRequest) or error_details_pb2.BadRequest()
        assert info is not None, caught.value
        found.append((info.reason, [(each.field, each.description) for each in bad.field_violations]))
    assert found[0] == found[1]
    assert [] == desk.out
    return found[0]


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "fits", "beyond", "said"),
    [
        ("threads", "é" * 2 + "x" * 496, "é" * 6 + "x" * 492, "has 504 UTF-8 bytes, 500 are allowed"),
        ("instagram", "x" * 2_200, "x" * 2_201, "has 2201 UTF-16 units, 2200 are allowed"),
        ("instagram", "🎬" * 1_100, "🎬" * 1_100 + "x", "has 2201 UTF-16 units, 2200 are allowed"),
        ("linkedin", "x" * 3_000, "x" * 3_001, "has 3001 UTF-16 units, 3000 are allowed"),
        ("google", "x" * 1_500, "x" * 1_501, "has 1501 UTF-16 units, 1500 are allowed"),
        ("pinterest", "x" * 500, "x" * 501, "has 501 UTF-16 units, 500 are allowed"),
        ("youtube", "é" * 2_500, "é" * 2_500 + "x", "has 5001 UTF-8 bytes, 5000 are allowed"),
        ("bluesky", "é" * 300, "é" * 301, "has 301 graphemes, 300 are allowed"),
        ("bluesky", FAMILY * 120, FAMILY * 121, "has 3025 UTF-8 bytes, 3000 are allowed"),
        ("facebook", "x" * 62_000, "x" * 62_001, "has 62001 UTF-16 units, 62000 are allowed"),
        ("tiktok", "x" * 150, "x" * 151, "has 151 UTF-16 units, 150 are allowed"),
        ("tiktok-business", "x" * 2_200, "x" * 2_201, "has 2201 UTF-16 units, 2200 are allowed"),
    ],
)
async def test_a_text_may_be_as_long_as_its_network_counts(
    desk: Desk, network: str, fits: str, beyond: str, said: str
) -> None:
    """The longest text that fits is accepted; one more of the network's own unit is refused, with both numbers."""
    assert fits == (await validate(desk, words(desk, network, fits))).caption

    assert ("FIELD_INVALID", [("post.caption", said)]) == await refused(desk, words(desk, network, beyond))


async def test_a_text_of_498_characters_can_be_too_long_for_threads(desk: Desk) -> None:
    """Two emojis make them 504 bytes."""
    caption = "x" * 496 + "🥐" * 2
    assert (498, 504) == (len(caption), len(caption.encode()))

    assert "FIELD_INVALID" == (await refused(desk, words(desk, "threads", caption)))[0]


# --- media ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "needs"), [
    ("instagram", "a video or photos"), ("pinterest", "a video or photos"),
    ("youtube", "a video"), ("tiktok", "a video"), ("tiktok-business", "a video"),
])  # fmt: skip
async def test_words_alone_are_refused_where_a_medium_is_needed(desk: Desk, network: str, needs: str) -> None:
    """The violation says what the network needs."""
    said = f"a post for {our_name(network)} needs {needs}"

    assert ("FIELD_INVALID", [("post.video", said)]) == await refused(desk, desk.post(our_name(network), caption="Hi"))


@pytest.mark.parametrize("network", ["facebook", "google", "linkedin", "threads", "bluesky"])
async def test_words_alone_are_a_post_elsewhere(desk: Desk, network: str) -> None:
    """The other networks have posts of words alone."""
    assert "Hi" == (await validate(desk, words(desk, network, "Hi"))).caption


@pytest.mark.parametrize("network", ["youtube", "tiktok", "tiktok-business"])
async def test_photos_are_refused_where_only_videos_are_taken(desk: Desk, network: str) -> None:
    """One photo is refused as the wrong kind of medium; what is wrong besides is named too."""
    post = pictures(desk, network, 1, extra={"category": "", "nonsense": "1"})
    said = f"a post for {our_name(network)} needs a video"

    reason, found = await refused(desk, post)

    assert ("FIELD_INVALID", ("post.photos", said)) == (reason, found[0])
    assert {"post.photos", "post.provider_extra.nonsense", "post.provider_extra.category"} == {
        each[0] for each in found
    }


@pytest.mark.parametrize(
    ("network", "most"),
    [("instagram", 10), ("linkedin", 9), ("google", 1), ("pinterest", 1), ("threads", 20), ("bluesky", 4)],
)
async def test_a_post_has_as_many_photos_as_its_network_takes(desk: Desk, network: str, most: int) -> None:
    """The most photos are accepted, one more is refused."""
    assert most == len((await validate(desk, pictures(desk, network, most))).photos.sources)

    said = f"has {most + 1} photos, 1 to {most} are allowed"
    expected = ("FIELD_INVALID", [("post.photos.sources", said)])
    assert expected == await refused(desk, pictures(desk, network, most + 1))


async def test_facebook_names_no_limit_of_photos(desk: Desk) -> None:
    """Ten are recommended; more are left to it."""
    assert 11 == len((await validate(desk, pictures(desk, "facebook", 11))).photos.sources)


@pytest.mark.parametrize(
    ("network", "make", "mime_type", "said"),
    [
        ("instagram", media.png, "image/png", ""),
        ("instagram", lambda: media.jpeg(size=8_000_000), "image/jpeg", ""),
        ("instagram", lambda: media.jpeg(size=8_000_001), "image/jpeg", "8000001 bytes are more than 8000000"),
        ("google", lambda: media.jpeg(size=5_000_000), "image/jpeg", ""),
        ("google", lambda: media.jpeg(size=5_000_001), "image/jpeg", "5000001 bytes are more than 5000000"),
        ("linkedin", lambda: media.jpeg(size=8_000_001), "image/jpeg", "8000001 bytes are more than 8000000"),
        ("pinterest", lambda: media.jpeg(size=8_000_001), "image/jpeg", ""),
        ("threads", media.webp, "image/webp", "it is WebP, allowed: image/jpeg, image/png"),
    ],
)
async def test_a_photo_is_judged_by_the_limits_of_its_network(
    desk: Desk, network: str, make: Any, mime_type: str, said: str
) -> None:
    """Size and format of an upload are those that the network takes."""
    post = desk.post(our_name(network))
    post.photos.sources.add(upload=await desk.high.api.upload(make(), mime_type, parent=PARENT))

    if not said:
        await validate(desk, post)
        return
    reason, found = await refused(desk, post)
    assert ("MEDIA_INVALID", ("post.photos.sources[0]", said)) == (reason, found[0])


# --- stories and reels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "type_", "field"),
    [
        ("linkedin", "story", "post.provider_extra.post_type"),
        ("threads", "reel", "post.provider_extra.post_type"),
        ("facebook", "story", "post.caption"),
        ("instagram", "story", "post.caption"),
    ],
)
async def test_what_a_story_or_a_reel_cannot_have_is_refused(desk: Desk, network: str, type_: str, field: str) -> None:
    """HighLevel would drop the caption of a story, and other networks have neither."""
    post = words(desk, network, "Hi", extra={"post_type": type_})
    post.video.source.uri, post.video.source.vendor_pull = "https://media.example/a.mp4", True

    reason, found = await refused(desk, post)

    assert ("OPTION_UNSUPPORTED", [field]) == (reason, [each[0] for each in found])


async def test_a_reel_needs_a_video_and_a_story_of_facebook_has_one_photo(desk: Desk) -> None:
    """Photos are no reel, and two are too many for a story of Facebook; one is a story."""
    fields = ["post.provider_extra.post_type"]
    reel = pictures(desk, "instagram", 1, extra={"post_type": "reel"})
    story = pictures(desk, "facebook", 2, extra={"post_type": "story"})

    assert fields == [each[0] for each in (await refused(desk, reel))[1]]
    assert fields == [each[0] for each in (await refused(desk, story))[1]]
    await validate(desk, pictures(desk, "facebook", 1, extra={"post_type": "story"}))


# --- the table --------------------------------------------------------------------------------------------------------


async def test_the_limits_are_shown_with_their_units(desk: Desk) -> None:
    """GetProvider shows for each network what its texts are counted in, which media it needs, and which it takes."""
    request = provider_service_pb2.GetProviderRequest(name="providers/highlevel")
    shown = (await desk.high.world.api.providers.GetProvider(request)).platform_limits

    assert set(NETWORKS) == set(shown)
    assert {
        "bluesky": provider_pb2.TEXT_UNIT_GRAPHEME,
        "threads": provider_pb2.TEXT_UNIT_UTF8_BYTE,
        "youtube": provider_pb2.TEXT_UNIT_UTF8_BYTE,
    } == {name: each.text_unit for name, each in shown.items() if each.text_unit != provider_pb2.TEXT_UNIT_UTF16_UNIT}
    assert (300, 3_000) == (shown["bluesky"].max_caption_length, shown["bluesky"].max_caption_bytes)
    assert (provider_pb2.REQUIRED_MEDIA_ANY, 10, 8_000_000, ["image/jpeg", "image/png"]) == (
        shown["instagram"].required_media,
        shown["instagram"].max_photos,
        shown["instagram"].max_photo_bytes,
        list(shown["instagram"].photo_mime_types),
    )
    assert (provider_pb2.REQUIRED_MEDIA_VIDEO, []) == (
        shown["youtube"].required_media,
        list(shown["youtube"].photo_mime_types),
    )
    assert provider_pb2.REQUIRED_MEDIA_UNSPECIFIED == shown["facebook"].required_media


def test_every_network_names_its_source_and_its_date() -> None:
    """A limit without a source could not be checked again."""
    assert [] == [name for name, limits in NETWORKS.items() if "read 2026-" not in limits.source]
    assert [] == [name for name, limits in NETWORKS.items() if limits.text_unit not in TextUnit]
