"""The codes of the API for Business: each that a call of ours can meet, always with HTTP 200.

Owns: one row for each code. What a success contains is tested beside this file.
"""

from typing import Any

import pytest

from tests.providers.simulators.tiktok_business.conftest import BASE, World, simulated

URL = "https://media.example/1"
PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}


@pytest.mark.parametrize(
    ("code", "path", "changes"),
    [
        (40104, "/business/get/", {"token": ""}),
        (40105, "/business/get/", {"token": "act.unknown"}),
        (40131, "/business/get/", {"business_id": "somebody-else"}),
        (40002, "/business/get/", {"business_id": ""}),
        (40002, "/business/get/", {"fields": ["no_such_field"]}),
        (40002, "/business/get/", {"fields": "display_name,username"}),
        (40002, "/business/get/", {"start_date": "2026-01-01", "end_date": "2026-01-02"}),
        (40002, "/business/get/", {"start_date": "20.11.2026"}),
        (40002, "/business/video/list/", {"max_count": 21}),
        (40002, "/business/video/list/", {"filters": {"video_ids": []}}),
        (40002, "/business/comment/list/", {}),
        (40002, "/business/comment/list/", {"video_id": "V", "max_count": 31}),
        (40002, "/business/comment/list/", {"video_id": "V", "sort_order": "backwards"}),
        (40011, "/business/comment/list/", {"video_id": "V", "comment_ids": ["1"] * 31}),
        (40007, "/business/comment/list/", {"video_id": "12"}),
        (40007, "/business/comment/reply/list/", {"video_id": "V", "comment_id": "12"}),
        (40007, "/business/publish/status/", {"publish_id": "v_biz_url~v2-1.1"}),
    ],
)
async def test_a_read_is_refused(world: World, code: int, path: str, changes: dict[str, Any]) -> None:
    """Each wrong read has its code."""
    video = world.vendor.add_post()
    changes = {name: video.id if value == "V" else value for name, value in changes.items()}
    assert code == (await world.get(path, **changes))["code"]


@pytest.mark.parametrize(
    ("code", "path", "body"),
    [
        (40002, "/business/comment/create/", {"video_id": "V"}),
        (40002, "/business/comment/create/", {"video_id": 7, "text": "Hi"}),
        (40002, "/business/comment/create/", {"video_id": "V", "text": "x" * 1201}),
        (40002, "/business/comment/reply/create/", {"video_id": "V", "text": "Hi"}),
        (40002, "/business/comment/like/", {"comment_id": "C", "action": "LIKE"}),
        (40002, "/business/comment/hide/", {"video_id": "V", "comment_id": "C", "action": "SHOW"}),
        (40001, "/business/comment/delete/", {"comment_id": "C"}),
        (40007, "/business/comment/delete/", {"comment_id": "12"}),
        (40002, "/business/video/publish/", {"video_url": URL}),
        (40002, "/business/video/publish/", {"video_url": URL, "post_info": {"caption": "x" * 2201}}),
        (40002, "/business/video/publish/", {"video_url": URL, "post_info": {"caption": "@a " * 31}}),
        (40002, "/business/photo/publish/", {"photo_images": [URL], "post_info": {}}),
        (40002, "/business/photo/publish/", {"photo_images": [URL] * 36, "post_info": PUBLIC}),
        (40002, "/business/photo/publish/", {"photo_images": [URL], "photo_cover_index": 1, "post_info": PUBLIC}),
        (40002, "/business/photo/publish/", {"photo_images": [URL], "post_info": {**PUBLIC, "title": "x" * 91}}),
        (40002, "/business/photo/publish/", {"photo_images": [URL], "post_info": {**PUBLIC, "caption": "x" * 4001}}),
    ],
)
async def test_a_write_is_refused(world: World, code: int, path: str, body: dict[str, Any]) -> None:
    """Each wrong write has its code, and nothing is written."""
    video = world.vendor.add_post()
    comment = world.vendor.add_comment(video.id, "Hello")
    known = {"V": video.id, "C": comment.comment_id}
    sent = {name: known.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    assert code == (await world.post(path, **sent))["code"]
    assert ([], 1, []) == (world.vendor.written, len(video.comments), world.vendor.posts)


async def test_the_error_names_the_field(world: World) -> None:
    """The message is the only place that names the wrong field."""
    refused = await world.post("/business/comment/like/", comment_id="1", action="LIKE")
    assert "video_id: Missing data for required field." == refused["message"]


async def test_a_scope_that_was_not_granted_fails_the_whole_call(world: World) -> None:
    """One field without its scope is 40130, whatever the others are; so is a call without its scope."""
    narrow = world.narrow("user.info.basic", "video.list")
    assert 0 == (await world.get("/business/get/", token=narrow, fields=["display_name"]))["code"]
    assert 40130 == (await world.get("/business/get/", token=narrow, fields=["display_name", "username"]))["code"]
    assert 40130 == (await world.get("/business/video/list/", token=narrow, fields=["item_id", "reach"]))["code"]
    video = world.vendor.add_post()
    assert 40130 == (await world.get("/business/comment/list/", token=narrow, video_id=video.id))["code"]


async def test_a_profile_needs_the_scope_of_its_counts_where_that_was_observed() -> None:
    """With the quirk on, even the name alone is 40130 without the scope of the counts."""
    async with simulated(profile_needs_stats=True) as world:
        narrow = world.narrow("user.info.basic")
        assert 40130 == (await world.get("/business/get/", token=narrow, fields=["display_name"]))["code"]
        assert 0 == (await world.get("/business/get/", fields=["display_name"]))["code"]


async def test_a_token_expires(world: World) -> None:
    """After a day an access token is 40102: not invalid, expired."""
    world.vendor.advance_clock(86_400)
    assert 40102 == (await world.get("/business/get/"))["code"]


@pytest.mark.parametrize(
    ("limit", "name"), [("per_second", "QPS"), ("per_minute", "QPM"), ("per_day", "QPD")], ids=["QPS", "QPM", "QPD"]
)
async def test_only_the_message_tells_which_limit_is_reached(limit: str, name: str) -> None:
    """The code is 40100 for the second, the minute and the day, and no header says anything."""
    async with simulated(rate_limits=True, **{limit: 2}) as world:
        answers = [await world.get("/business/get/") for _ in range(3)]
        assert [0, 0, 40100] == [each["code"] for each in answers]
        assert f"App 7000000000000000001 reaches the {name} limit 2, current {name} is 3" == answers[2]["message"]
        video = world.vendor.add_post()
        assert 0 == (await world.get("/business/comment/list/", video_id=video.id))["code"]


async def test_a_path_without_its_slash_is_not_found(world: World) -> None:
    """Without the slash at its end a path is 404, in plain text."""
    answer = await world.http.get(f"{BASE}/business/get", headers={"Access-Token": world.token})
    assert (404, "404 page not found") == (answer.status_code, answer.text)
