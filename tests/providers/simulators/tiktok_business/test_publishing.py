"""Publishing by URL, and what a repeated call does."""

from typing import Any

from tests.providers.simulators.tiktok_business.conftest import World, simulated

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


async def test_a_draft_waits_in_the_inbox(world: World) -> None:
    """A draft needs a scope of its own, ignores every other field, and is not posted."""
    narrow = world.narrow("video.publish")
    drafts: dict[str, dict[str, Any]] = {
        "/business/video/publish/": {**VIDEO, "post_info": {"upload_to_draft": True, "caption": "Hi"}},
        "/business/photo/publish/": {"photo_images": ["https://media.example/1.jpg"], "post_info": {"is_draft": True}},
    }
    for path, sent in drafts.items():
        assert 40130 == (await world.post(path, token=narrow, **sent))["code"]
        share = (await world.post(path, **sent))["data"]["share_id"]
        status = (await world.get("/business/publish/status/", publish_id=share))["data"]
        assert {"status": "SEND_TO_USER_INBOX"} == status
    assert [] == world.vendor.posts


async def test_publishing_needs_its_scope(world: World) -> None:
    """Without the scope a publish is refused, and nothing is made."""
    assert 40130 == (await world.post("/business/video/publish/", token=world.narrow("video.list"), **VIDEO))["code"]
    assert [] == world.vendor.posts


async def test_an_address_that_was_not_proved_is_refused() -> None:
    """Only addresses under what the operator proved are fetched."""
    async with simulated(verified_urls=("https://media.example/",)) as world:
        other = {**VIDEO, "video_url": "https://other.example/1.mp4"}
        assert 40002 == (await world.post("/business/video/publish/", **other))["code"]
        assert 0 == (await world.post("/business/video/publish/", **VIDEO))["code"]


async def test_a_private_account_has_other_levels(world: World) -> None:
    """A private account offers its followers in place of everybody, and switches off what would show it to others."""
    world.vendor.account.private = True
    found = (await world.get("/business/video/settings/"))["data"]
    assert "FOLLOWER_OF_CREATOR" == found["privacy_level_options"][0]
    assert (True, True) == (found["duet_disabled"], found["stitch_disabled"])


async def test_what_the_account_has_switched_off_stays_off(world: World) -> None:
    """Comments cannot be allowed for an account that has switched them off."""
    world.vendor.account.comment_disabled = True
    sent = {**VIDEO, "post_info": {"disable_comment": False}}
    assert 40002 == (await world.post("/business/video/publish/", **sent))["code"]
