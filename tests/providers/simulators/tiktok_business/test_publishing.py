"""Publishing by URL, and what a repeated call does."""

from typing import Any

from tests.providers.simulators.tiktok_business.conftest import World

VIDEO: dict[str, Any] = {"video_url": "https://media.example/1.mp4", "post_info": {"caption": "Hello"}}


async def test_a_video_is_published_from_a_url(world: World) -> None:
    """The share id leads to the post's id, and the post is listed."""
    share = (await world.post("/business/video/publish/", **VIDEO))["data"]["share_id"]
    status = (await world.get("/business/publish/status/", publish_id=share))["data"]
    [post_id] = status["post_ids"]
    assert "PUBLISH_COMPLETE" == status["status"]
    assert "Hello" == world.vendor.account.videos[post_id].caption


async def test_a_repeated_call_makes_a_second_post(world: World) -> None:
    """There is no idempotency: each call is a post."""
    for _ in range(2):
        await world.post("/business/video/publish/", **VIDEO)
    assert 2 == len(world.vendor.posts)


async def test_a_failed_publish_has_a_reason(world: World) -> None:
    """A failure keeps its reason and lists nothing."""
    world.vendor.fail_next_publish("video_pull_failed")
    share = (await world.post("/business/video/publish/", **VIDEO))["data"]["share_id"]
    status = (await world.get("/business/publish/status/", publish_id=share))["data"]
    assert {"status": "FAILED", "reason": "video_pull_failed"} == status


async def test_photos_need_a_privacy_level(world: World) -> None:
    """Photos are published with one of the account's levels."""
    [level, *_] = (await world.get("/business/video/settings/"))["data"]["privacy_level_options"]
    sent: dict[str, Any] = {"photo_images": ["https://media.example/1.jpg"], "post_info": {"privacy_level": level}}
    assert 0 == (await world.post("/business/photo/publish/", **sent))["code"]
    assert 1 == len(world.vendor.posts)
