"""The Display API (reference §2): fields by scope, pages of videos, queries by id.

Owns: which fields and videos are shown. Knows nothing of how videos were published.
"""

import pytest

from tests.providers.simulators.tiktok.world import World, code_of

BASIC = "open_id,union_id,avatar_url,avatar_url_100,avatar_large_url,display_name"
PROFILE = "bio_description,profile_deep_link,is_verified,username"
STATS = "follower_count,following_count,likes_count,video_count"
VIDEO = (
    "id,create_time,cover_image_url,share_url,video_description,duration,height,width,title,embed_html,embed_link,"
    "like_count,comment_count,share_count,view_count"
)
LIST = "/v2/video/list/?fields=id"
QUERY = "/v2/video/query/?fields=id"


@pytest.mark.parametrize(
    ("fields", "scope", "kinds"),
    [
        pytest.param(BASIC, "user.info.basic", {str}, id="basic"),
        pytest.param(PROFILE, "user.info.profile", {str, bool}, id="profile"),
        pytest.param(STATS, "user.info.stats", {int}, id="stats"),
    ],
)
async def test_fields_are_shown_by_scope(tiktok: World, fields: str, scope: str, kinds: set[type]) -> None:
    """A scope shows exactly its fields, with the documented types."""
    answer = await tiktok.get(f"/v2/user/info/?fields={fields}", token=tiktok.grant(scope))
    user = answer.json()["data"]["user"]

    assert (200, "ok") == code_of(answer)
    assert set(fields.split(",")) == user.keys()
    assert kinds == {type(value) for value in user.values()}


@pytest.mark.parametrize("field", [*PROFILE.split(","), *STATS.split(",")])
async def test_a_field_beyond_the_scopes_is_refused(tiktok: World, field: str) -> None:
    """A single field of another scope makes the whole call fail."""
    token = tiktok.grant("user.info.basic")

    answer = await tiktok.get(f"/v2/user/info/?fields=open_id,{field}", token=token)

    assert (400, "scope_permission_missed") == code_of(answer)


@pytest.mark.parametrize(
    "path",
    ["/v2/user/info/", "/v2/user/info/?fields=", "/v2/user/info/?fields=open_id,shoe_size"],
    ids=["missing", "empty", "unknown"],
)
async def test_fields_are_required_and_known(tiktok: World, path: str) -> None:
    """user/info without fields or with an unknown field is invalid."""
    assert (400, "invalid_params") == code_of(await tiktok.get(path))


async def test_without_any_of_its_scopes_user_info_is_not_authorized(tiktok: World) -> None:
    """A grant for publishing only cannot read the profile."""
    token = tiktok.grant("video.publish")

    assert (401, "scope_not_authorized") == code_of(await tiktok.get("/v2/user/info/?fields=open_id", token=token))


@pytest.mark.parametrize("path", [LIST, QUERY], ids=["list", "query"])
async def test_videos_need_their_scope(tiktok: World, path: str) -> None:
    """video.list is the scope of both video endpoints."""
    token = tiktok.grant("user.info.basic")

    assert (401, "scope_not_authorized") == code_of(await tiktok.call(path, {}, token=token))


@pytest.mark.parametrize("token", ["", "act.unknown", "rft.unknown"], ids=["none", "unknown", "refresh-token"])
async def test_a_call_needs_a_valid_access_token(tiktok: World, token: str) -> None:
    """Anything but a valid access token is access_token_invalid."""
    assert (401, "access_token_invalid") == code_of(await tiktok.get("/v2/user/info/?fields=open_id", token=token))


async def test_a_video_has_its_fifteen_fields(tiktok: World) -> None:
    """The id is a string of 19 digits, create_time is in seconds, counters are numbers."""
    tiktok.vendor.add_video(tiktok.open_id, id=7602997517160123666 + 1, created_ms=1770210873456, title="A title")

    answer = await tiktok.call(f"/v2/video/list/?fields={VIDEO}", {})
    [video] = answer.json()["data"]["videos"]

    assert set(VIDEO.split(",")) == video.keys()
    assert "7602997517160123667" == video["id"]
    assert 1770210873 == video["create_time"]
    assert "A title" == video["title"]
    assert 0 == video["view_count"]


async def test_pages_are_newest_first_and_their_cursor_is_milliseconds(tiktok: World) -> None:
    """The cursor is the last video's create_time in milliseconds, and leads to older videos."""
    for second in (1, 2, 3):
        tiktok.vendor.add_video(tiktok.open_id, id=second, created_ms=1770000000000 + second * 1000)

    first = (await tiktok.call(LIST, {"max_count": 2})).json()["data"]
    second_page = (await tiktok.call(LIST, {"max_count": 2, "cursor": first["cursor"]})).json()["data"]

    assert {"videos": [{"id": "3"}, {"id": "2"}], "cursor": 1770000002000, "has_more": True} == first
    assert {"videos": [{"id": "1"}], "cursor": 1770000001000, "has_more": False} == second_page


async def test_any_time_is_a_valid_cursor(tiktok: World) -> None:
    """A cursor that was never returned selects the videos older than it."""
    tiktok.vendor.add_video(tiktok.open_id, id=1, created_ms=1770000001000)
    tiktok.vendor.add_video(tiktok.open_id, id=2, created_ms=1770000002000)

    page = (await tiktok.call(LIST, {"cursor": 1770000001500})).json()["data"]

    assert [{"id": "1"}] == page["videos"]


async def test_a_page_has_ten_videos_by_default(tiktok: World) -> None:
    """max_count is 10 by default."""
    for second in range(11):
        tiktok.vendor.add_video(tiktok.open_id, created_ms=second * 1000)

    assert 10 == len((await tiktok.call(LIST)).json()["data"]["videos"])


async def test_videos_of_the_same_millisecond_are_all_listed(tiktok: World) -> None:
    """Two videos of the same millisecond are neither skipped nor repeated."""
    tiktok.vendor.add_video(tiktok.open_id, id=1, created_ms=1770000001000)
    tiktok.vendor.add_video(tiktok.open_id, id=2, created_ms=1770000001000)

    first = (await tiktok.call(LIST, {"max_count": 1})).json()["data"]
    second = (await tiktok.call(LIST, {"max_count": 1, "cursor": first["cursor"]})).json()["data"]

    assert [{"id": "2"}, {"id": "1"}] == first["videos"] + second["videos"]


@pytest.mark.parametrize(
    "body",
    [{"max_count": 21}, {"max_count": 0}, {"max_count": "10"}, {"cursor": -1}, {"cursor": "0"}, []],
    ids=["21", "0", "text", "negative-cursor", "text-cursor", "list"],
)
async def test_list_parameters_are_checked(tiktok: World, body: object) -> None:
    """max_count must be 1 to 20 and the cursor a number."""
    assert (400, "invalid_params") == code_of(await tiktok.call(LIST, body))


async def test_a_query_omits_foreign_ids(tiktok: World) -> None:
    """Ids of other users and unknown ids are omitted."""
    [mine, other] = tiktok.vendor.users
    tiktok.vendor.add_video(mine, id=11)
    tiktok.vendor.add_video(mine, id=44)
    tiktok.vendor.add_video(other, id=22)

    answer = await tiktok.call(QUERY, {"filters": {"video_ids": ["22", "11", "33"]}})

    assert [{"id": "11"}] == answer.json()["data"]["videos"]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        pytest.param([str(each) for each in range(20)], (200, "ok"), id="20"),
        pytest.param([str(each) for each in range(21)], (400, "invalid_params"), id="21"),
        pytest.param([], (400, "invalid_params"), id="none"),
        pytest.param([7], (400, "invalid_params"), id="numbers"),
        pytest.param(None, (400, "invalid_params"), id="missing"),
    ],
)
async def test_a_query_accepts_up_to_20_ids(tiktok: World, ids: object, code: tuple[int, str]) -> None:
    """filters.video_ids must be 1 to 20 strings."""
    assert code == code_of(await tiktok.call(QUERY, {"filters": {"video_ids": ids}}))
