"""The inits of video posts and drafts, and creator_info (reference §3.1 to §3.3).

Owns: what is accepted, and the status and code of each error. Knows nothing of chunks.
"""

import re
from typing import Any

import pytest

from tests.providers.simulators.tiktok.world import PUBLISH, World, code_of, file_source, world

CREATOR = f"{PUBLISH}/creator_info/query/"
FILE = file_source(1_000_000)


async def test_a_public_creators_options(tiktok: World) -> None:
    """A public account may post to everyone, to friends or to itself; the other fields are as documented."""
    data = (await tiktok.call(CREATOR)).json()["data"]

    assert ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"] == data["privacy_level_options"]
    assert 600 == data["max_video_post_duration_sec"]
    assert [False, False, False] == [data["comment_disabled"], data["duet_disabled"], data["stitch_disabled"]]
    assert {"creator_avatar_url", "creator_username", "creator_nickname"} < data.keys()


async def test_a_private_creators_options(tiktok: World) -> None:
    """A private account may post to its followers instead of to everyone."""
    tiktok.vendor.set_creator(tiktok.open_id, private=True)

    data = (await tiktok.call(CREATOR)).json()["data"]

    assert ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"] == data["privacy_level_options"]


@pytest.mark.parametrize(
    ("code", "changes", "config"),
    [
        pytest.param("spam_risk_too_many_posts", {"too_many_posts": True}, {}, id="too-many-posts"),
        pytest.param("spam_risk_user_banned_from_posting", {"banned": True}, {}, id="banned"),
        pytest.param("reached_active_user_cap", {}, {"active_creators": 0}, id="active-user-cap"),
    ],
)
async def test_three_errors_are_200_from_creator_info_and_403_from_init(
    code: str, changes: dict[str, Any], config: dict[str, Any]
) -> None:
    """creator_info returns with HTTP 200 the errors that init returns with 403."""
    async with world(**config) as tiktok:
        tiktok.vendor.set_creator(tiktok.open_id, **changes)

        assert (200, code) == code_of(await tiktok.call(CREATOR))
        assert (403, code) == code_of(await tiktok.direct(FILE))


async def test_an_accepted_init_has_publish_id_and_upload_url(tiktok: World) -> None:
    """The publish_id has at most 64 characters and its prefix, the upload URL at most 256."""
    answer = await tiktok.direct(FILE)
    data = answer.json()["data"]

    assert (200, "ok") == code_of(answer)
    assert re.fullmatch(r"v_pub_file~v2-1\.\d{19}", data["publish_id"])
    assert re.fullmatch(r"https://open\.tiktokapis\.com/video/\?upload_id=\d+&upload_token=[\w-]+", data["upload_url"])
    assert 64 >= len(data["publish_id"])
    assert 256 >= len(data["upload_url"])


async def test_upload_urls_can_have_another_base() -> None:
    """With a base_url the upload server has another address."""
    async with world(base_url="http://127.0.0.1:9000/") as tiktok:
        answer = await tiktok.direct(FILE)

    assert answer.json()["data"]["upload_url"].startswith("http://127.0.0.1:9000/video/?upload_id=")


@pytest.mark.parametrize(
    ("draft", "source", "prefix"),
    [
        pytest.param(False, FILE, "v_pub_file~", id="direct-file"),
        pytest.param(True, FILE, "v_inbox_file~", id="draft-file"),
        pytest.param(
            False, {"source": "PULL_FROM_URL", "video_url": "https://a.example/v.mp4"}, "v_pub_url~", id="direct-url"
        ),
        pytest.param(
            True, {"source": "PULL_FROM_URL", "video_url": "https://a.example/v.mp4"}, "v_inbox_url~", id="draft-url"
        ),
    ],
)
async def test_publish_ids_have_the_prefix_of_their_kind(
    tiktok: World, draft: bool, source: dict[str, Any], prefix: str
) -> None:
    """Prefixes are those of the documentation's examples; only files get an upload URL."""
    answer = await (tiktok.draft(source) if draft else tiktok.direct(source))
    data = answer.json()["data"]

    assert data["publish_id"].startswith(prefix)
    assert ("file" in prefix) == ("upload_url" in data)


@pytest.mark.parametrize(
    ("info", "code"),
    [
        pytest.param({"privacy_level": "SELF_ONLY"}, (200, "ok"), id="least"),
        pytest.param({"privacy_level": "SELF_ONLY", "title": "x" * 2200}, (200, "ok"), id="2200-units"),
        pytest.param({"privacy_level": "SELF_ONLY", "title": "x" * 2201}, (400, "invalid_params"), id="2201-units"),
        pytest.param({"privacy_level": "SELF_ONLY", "title": "😀" * 1100}, (200, "ok"), id="1100-emoji"),
        pytest.param({"privacy_level": "SELF_ONLY", "title": "😀" * 1101}, (400, "invalid_params"), id="1101-emoji"),
        pytest.param({"privacy_level": "SELF_ONLY", "title": 7}, (400, "invalid_params"), id="title-is-a-number"),
        pytest.param({}, (403, "privacy_level_option_mismatch"), id="no-privacy-level"),
        pytest.param(
            {"privacy_level": "FOLLOWER_OF_CREATOR"}, (403, "privacy_level_option_mismatch"), id="not-an-option"
        ),
        pytest.param(
            {"privacy_level": "SELF_ONLY", "brand_content_toggle": True}, (400, "invalid_params"), id="branded-private"
        ),
        pytest.param(
            {"privacy_level": "PUBLIC_TO_EVERYONE", "brand_content_toggle": True}, (200, "ok"), id="branded-public"
        ),
        pytest.param({"privacy_level": "SELF_ONLY", "brand_organic_toggle": True}, (200, "ok"), id="own-brand-private"),
        pytest.param({"privacy_level": "SELF_ONLY", "disable_duet": "no"}, (400, "invalid_params"), id="duet-is-text"),
        pytest.param({"privacy_level": "SELF_ONLY", "is_aigc": 1}, (400, "invalid_params"), id="aigc-is-a-number"),
        pytest.param(
            {"privacy_level": "SELF_ONLY", "video_cover_timestamp_ms": -5}, (200, "ok"), id="invalid-cover-is-ignored"
        ),
    ],
)
async def test_post_info_is_checked(tiktok: World, info: dict[str, Any], code: tuple[int, str]) -> None:
    """Each rule of post_info has its error code."""
    assert code == code_of(await tiktok.direct(FILE, info))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"source_info": FILE}, id="no-post-info"),
        pytest.param({"post_info": {"privacy_level": "SELF_ONLY"}}, id="no-source-info"),
        pytest.param({"post_info": {"privacy_level": "SELF_ONLY"}, "source_info": {}}, id="no-source"),
        pytest.param(
            {"post_info": {"privacy_level": "SELF_ONLY"}, "source_info": {**FILE, "source": "MAGIC"}}, id="magic"
        ),
        pytest.param(
            {"post_info": {"privacy_level": "SELF_ONLY"}, "source_info": {**FILE, "video_size": "1000000"}},
            id="size-is-text",
        ),
        pytest.param([], id="a-list"),
    ],
)
async def test_a_malformed_init_is_invalid(tiktok: World, body: object) -> None:
    """Missing values and wrong types are invalid_params, as in live traffic."""
    assert (400, "invalid_params") == code_of(await tiktok.call(f"{PUBLISH}/video/init/", body))


async def test_a_body_that_is_not_json_is_invalid(tiktok: World) -> None:
    """Invalid JSON and other content types are invalid_params."""
    headers = {"Authorization": f"Bearer {tiktok.token}"}
    path = f"{PUBLISH}/video/init/"
    broken = await tiktok.http.post(path, content=b"{", headers={**headers, "Content-Type": "application/json"})
    form = await tiktok.http.post(path, data={"a": "b"}, headers=headers)

    assert (400, "invalid_params") == code_of(broken)
    assert (400, "invalid_params") == code_of(form)


@pytest.mark.parametrize(
    ("path", "scope", "foreign"),
    [
        pytest.param("creator_info/query/", "video.publish", "video.upload", id="creator-info"),
        pytest.param("video/init/", "video.publish", "video.upload", id="direct"),
        pytest.param("inbox/video/init/", "video.upload", "video.publish", id="draft"),
    ],
)
async def test_each_endpoint_has_its_scope(tiktok: World, path: str, scope: str, foreign: str) -> None:
    """The right scope suffices, the other publishing scope does not, and a missing token has its own error."""
    body = {"post_info": {"privacy_level": "SELF_ONLY"}, "source_info": FILE}

    right = await tiktok.call(f"{PUBLISH}/{path}", body, token=tiktok.grant(scope))
    wrong = await tiktok.call(f"{PUBLISH}/{path}", body, token=tiktok.grant(foreign))
    none = await tiktok.call(f"{PUBLISH}/{path}", body, token="act.unknown")

    assert [(200, "ok"), (401, "scope_not_authorized"), (401, "access_token_invalid")] == [
        code_of(answer) for answer in (right, wrong, none)
    ]


@pytest.mark.parametrize(
    ("private", "level", "code"),
    [
        (False, "SELF_ONLY", (403, "unaudited_client_can_only_post_to_private_accounts")),
        (True, "SELF_ONLY", (200, "ok")),
        (True, "MUTUAL_FOLLOW_FRIENDS", (403, "unaudited_client_can_only_post_to_private_accounts")),
    ],
    ids=["public-account", "private-account", "private-account-but-for-friends"],
)
async def test_an_unaudited_app_posts_to_private_accounts(private: bool, level: str, code: tuple[int, str]) -> None:
    """An unaudited app needs a private account and a SELF_ONLY post."""
    async with world(audited=False, private_account=private) as tiktok:
        assert code == code_of(await tiktok.direct(FILE, {"privacy_level": level}))


async def test_an_unaudited_app_has_five_posting_users_a_day() -> None:
    """The sixth user in 24 hours is refused; the first five may go on."""
    async with world(audited=False, private_account=True, processing_seconds=0) as tiktok:
        info = {"privacy_level": "SELF_ONLY"}
        names = [f"creator-{number}" for number in range(6)]
        for name in names:
            tiktok.vendor.add_user(open_id=name, username=name, display_name=name, private=True)
        for name in names[:5]:
            tiktok.token = tiktok.grant(open_id=name)
            await tiktok.upload(b"video", info)

        known = await tiktok.direct(FILE, info)
        sixth = await tiktok.direct(FILE, info, token=tiktok.grant(open_id=names[5]))
        tiktok.clock.advance(86400)
        tomorrow = await tiktok.direct(FILE, info, token=tiktok.grant(open_id=names[5]))

    assert [(200, "ok"), (403, "reached_active_user_cap"), (200, "ok")] == [
        code_of(answer) for answer in (known, sixth, tomorrow)
    ]


async def test_drafts_do_not_need_the_audit() -> None:
    """An unaudited app may send drafts to a public account."""
    async with world(audited=False) as tiktok:
        assert (200, "ok") == code_of(await tiktok.draft(FILE))


async def test_a_draft_ignores_post_info(tiktok: World) -> None:
    """post_info in a draft's init is neither checked nor stored."""
    body = {"post_info": {"title": 7, "privacy_level": "NOBODY"}, "source_info": FILE}
    answer = await tiktok.call(f"{PUBLISH}/inbox/video/init/", body)

    assert (200, "ok") == code_of(answer)
    assert {} == tiktok.vendor.publication(answer.json()["data"]["publish_id"]).post_info


async def test_a_banned_user_gets_no_drafts(tiktok: World) -> None:
    """The init of a draft refuses a banned user with 403."""
    tiktok.vendor.set_creator(tiktok.open_id, banned=True)

    assert (403, "spam_risk_user_banned_from_posting") == code_of(await tiktok.draft(FILE))
