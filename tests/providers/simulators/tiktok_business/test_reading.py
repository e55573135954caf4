"""Profiles, insights and videos as an account holder's token reads them."""

from tests.providers.simulators.tiktok_business.conftest import World


async def test_a_profile_has_what_was_asked_for(world: World) -> None:
    """Without fields there are a name and a picture; with fields just these."""
    usual = (await world.get("/business/get/"))["data"]
    assert {"display_name", "profile_image"} == usual.keys()
    asked = (await world.get("/business/get/", fields=["username", "followers_count"]))["data"]
    assert ("sim.patisserie", 1234) == (asked["username"], asked["followers_count"])


async def test_daily_values_end_two_days_ago(world: World) -> None:
    """The last days are not counted yet: they are absent, not nought."""
    world.vendor.account.daily["2026-11-17"] = {"video_views": 4711}
    span = {"start_date": "2026-11-16", "end_date": "2026-11-19"}
    data = (await world.get("/business/get/", fields=["video_views"], **span))["data"]
    assert ["2026-11-16", "2026-11-17", "2026-11-18"] == [each["date"] for each in data["metrics"]]
    assert 4711 == data["metrics"][1]["video_views"]


async def test_demographics_need_a_hundred_followers(world: World) -> None:
    """Below a hundred followers they are absent."""
    fields = ["audience_genders", "followers_count"]
    assert "audience_genders" in (await world.get("/business/get/", fields=fields))["data"]
    world.vendor.account.followers_count = 99
    assert "audience_genders" not in (await world.get("/business/get/", fields=fields))["data"]


async def test_a_page_may_be_short_and_not_the_last(world: World) -> None:
    """A filtered post takes a place: only has_more says that there is more."""
    videos = [world.vendor.add_post(created_ms=1_700_000_000_000 + number) for number in range(5)]
    videos[3].filtered = True
    first = (await world.get("/business/video/list/", max_count=2))["data"]
    assert ([videos[4].id], True) == ([each["item_id"] for each in first["videos"]], first["has_more"])
    rest = (await world.get("/business/video/list/", max_count=20, cursor=first["cursor"]))["data"]
    assert [videos[2].id, videos[1].id, videos[0].id] == [each["item_id"] for each in rest["videos"]]
    assert not rest["has_more"]


async def test_videos_are_found_by_their_ids(world: World) -> None:
    """A filter finds own videos only, and lets a count that is not known be absent."""
    video = world.vendor.add_post(counts={"likes": 7, "reach": None})
    fields = ["item_id", "likes", "reach"]
    found = (await world.get("/business/video/list/", fields=fields, filters={"video_ids": [video.id, "12"]}))["data"]
    assert [{"item_id": video.id, "likes": 7}] == found["videos"]
