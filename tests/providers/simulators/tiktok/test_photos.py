"""Photo posts and drafts, pulls and their cancellation (reference §3.4 and §3.6).

Owns: content/init, ownership of URLs, cancel. Knows nothing of file uploads.
"""

import hashlib
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from providers.simulators.tiktok import SimulatorConfig, create_app
from tests.fixtures.clock import Clock
from tests.providers.simulators.tiktok.world import API, PUBLISH, World, code_of, file_source, world

INIT = f"{PUBLISH}/content/init/"
CANCEL = f"{PUBLISH}/cancel/"
VIDEO_URL = {"source": "PULL_FROM_URL", "video_url": "https://a.example/v.mp4"}


def photos(mode: str = "DIRECT_POST", info: dict[str, Any] | None = None, **source: Any) -> dict[str, Any]:
    """Return a body of content/init: one photo, public by default."""
    return {
        "media_type": "PHOTO",
        "post_mode": mode,
        "post_info": {"privacy_level": "PUBLIC_TO_EVERYONE"} if info is None else info,
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_images": ["https://a.example/1.webp"],
            "photo_cover_index": 0,
            **source,
        },
    }


@pytest.mark.parametrize("mode", ["DIRECT_POST", "MEDIA_UPLOAD"])
async def test_photos_get_a_publish_id_and_nothing_else(tiktok: World, mode: str) -> None:
    """Both modes return only a publish_id, with the same prefix."""
    answer = await tiktok.call(INIT, photos(mode))

    assert (200, "ok") == code_of(answer)
    assert {"publish_id"} == answer.json()["data"].keys()
    assert answer.json()["data"]["publish_id"].startswith("p_pub_url~")


LEVEL = {"privacy_level": "SELF_ONLY"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({**photos(), "media_type": "VIDEO"}, (400, "invalid_params"), id="not-photos"),
        pytest.param({**photos(), "post_mode": "DIRECT POST"}, (400, "invalid_params"), id="mode-with-a-space"),
        pytest.param(photos(source="FILE_UPLOAD"), (400, "invalid_params"), id="from-a-file"),
        pytest.param(photos(photo_images=["https://a.example/1.webp"] * 35), (200, "ok"), id="35-photos"),
        pytest.param(photos(photo_images=["https://a.example/1.webp"] * 36), (400, "invalid_params"), id="36-photos"),
        pytest.param(photos(photo_images=[]), (400, "invalid_params"), id="no-photos"),
        pytest.param(photos(photo_cover_index=None), (400, "invalid_params"), id="no-cover"),
        pytest.param(photos(photo_cover_index=1), (400, "invalid_params"), id="cover-beyond-the-last"),
        pytest.param(photos(info={**LEVEL, "title": "😀" * 45}), (200, "ok"), id="title-of-90-units"),
        pytest.param(photos(info={**LEVEL, "title": "😀" * 46}), (400, "invalid_params"), id="title-of-92-units"),
        pytest.param(photos(info={**LEVEL, "description": "x" * 4000}), (200, "ok"), id="description-of-4000"),
        pytest.param(photos(info={**LEVEL, "description": "x" * 4001}), (400, "invalid_params"), id="of-4001"),
        pytest.param(photos(info={**LEVEL, "auto_add_music": "yes"}), (400, "invalid_params"), id="music-is-text"),
        pytest.param(photos(info={}), (403, "privacy_level_option_mismatch"), id="direct-without-privacy"),
        pytest.param(photos("MEDIA_UPLOAD", info={}), (200, "ok"), id="draft-without-privacy"),
        pytest.param(photos(photo_images=["http://a.example/1.webp"]), (403, "url_ownership_unverified"), id="http"),
        pytest.param(photos(photo_images=["nonsense"]), (400, "invalid_params"), id="no-url"),
    ],
)
async def test_content_init_is_checked(tiktok: World, body: dict[str, Any], code: tuple[int, str]) -> None:
    """Each rule of photo posts has its error code."""
    assert code == code_of(await tiktok.call(INIT, body))


@pytest.mark.parametrize(
    ("scope", "mode", "code"),
    [
        ("video.publish", "DIRECT_POST", (200, "ok")),
        ("video.upload", "DIRECT_POST", (401, "scope_not_authorized")),
        ("video.upload", "MEDIA_UPLOAD", (200, "ok")),
        ("video.publish", "MEDIA_UPLOAD", (401, "scope_not_authorized")),
        ("video.list", "DIRECT_POST", (401, "scope_not_authorized")),
    ],
)
async def test_each_mode_has_its_scope(tiktok: World, scope: str, mode: str, code: tuple[int, str]) -> None:
    """Direct photo posts require video.publish, photo drafts video.upload."""
    assert code == code_of(await tiktok.call(INIT, photos(mode), token=tiktok.grant(scope)))


async def test_photo_drafts_need_a_new_app(tiktok: World) -> None:
    """A user whose app is older than 31.8 cannot receive photo drafts."""
    tiktok.vendor.set_creator(tiktok.open_id, old_app=True)

    assert (400, "app_version_check_failed") == code_of(await tiktok.call(INIT, photos("MEDIA_UPLOAD")))
    assert (200, "ok") == code_of(await tiktok.call(INIT, photos("DIRECT_POST")))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://static.example.com/v.mp4", (200, "ok")),
        ("https://video.static.example.com/v.mp4", (200, "ok")),
        ("https://example.com/v.mp4", (403, "url_ownership_unverified")),
        ("https://xstatic.example.com/v.mp4", (403, "url_ownership_unverified")),
        ("https://cdn.example/media/v.mp4", (200, "ok")),
        ("https://cdn.example/other/v.mp4", (403, "url_ownership_unverified")),
        ("http://static.example.com/v.mp4", (403, "url_ownership_unverified")),
        ("https://203.0.113.7/v.mp4", (403, "url_ownership_unverified")),
    ],
    ids=["domain", "sub-domain", "parent", "look-alike", "prefix", "beside-the-prefix", "plain-http", "an-address"],
)
async def test_urls_are_pulled_from_verified_properties(url: str, code: tuple[int, str]) -> None:
    """A domain covers its sub-domains, a prefix the URLs that begin with it."""
    async with world(verified_urls=("static.example.com", "203.0.113.7", "https://cdn.example/media/")) as tiktok:
        answer = await tiktok.direct({"source": "PULL_FROM_URL", "video_url": url})

    assert code == code_of(answer)


async def test_a_pull_publishes_without_further_calls(tiktok: World) -> None:
    """A pull goes from PROCESSING_DOWNLOAD to PUBLISH_COMPLETE without another call."""
    publish_id = (await tiktok.direct(VIDEO_URL)).json()["data"]["publish_id"]
    before = await tiktok.status(publish_id)
    tiktok.clock.advance(0.5)

    assert {"status": "PROCESSING_DOWNLOAD", "publicaly_available_post_id": [], "downloaded_bytes": 0} == before
    assert "PUBLISH_COMPLETE" == (await tiktok.status(publish_id))["status"]
    assert 1 == len(tiktok.vendor.posts)


async def test_a_running_pull_is_cancelled(tiktok: World) -> None:
    """The response has no data; the publication fails with publish_cancelled and posts nothing."""
    publish_id = (await tiktok.direct(VIDEO_URL)).json()["data"]["publish_id"]

    answer = await tiktok.call(CANCEL, {"publish_id": publish_id})
    tiktok.clock.advance(60)
    status = await tiktok.status(publish_id)

    assert {"error"} == answer.json().keys()
    assert (200, "ok") == code_of(answer)
    assert ("FAILED", "publish_cancelled") == (status["status"], status["fail_reason"])
    assert [] == tiktok.vendor.posts


async def test_cancelling_is_refused_where_it_cannot_be(tiktok: World) -> None:
    """Cancelling an upload, a finished pull, an unknown id or another user's id has its own code."""
    upload = (await tiktok.direct(file_source(1000))).json()["data"]["publish_id"]
    pull = (await tiktok.direct(VIDEO_URL)).json()["data"]["publish_id"]
    other = tiktok.grant(open_id=list(tiktok.vendor.users)[1])

    foreign = await tiktok.call(CANCEL, {"publish_id": pull}, token=other)
    tiktok.clock.advance(1)

    assert (400, "token_not_authorized_for_specified_publish_id") == code_of(foreign)
    assert (400, "publish_not_cancellable") == code_of(await tiktok.call(CANCEL, {"publish_id": upload}))
    assert (400, "publish_not_cancellable") == code_of(await tiktok.call(CANCEL, {"publish_id": pull}))
    assert (400, "invalid_publish_id") == code_of(await tiktok.call(CANCEL, {"publish_id": "v_pub_url~v2-1.1"}))
    assert (401, "access_token_invalid") == code_of(await tiktok.call(CANCEL, {"publish_id": pull}, token="act.x"))
    assert (401, "scope_not_authorized") == code_of(
        await tiktok.call(CANCEL, {"publish_id": pull}, token=tiktok.grant("video.list"))
    )


async def _media(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "moved":
        return RedirectResponse("/good")
    return Response(b"the media", 200 if name == "good" else 404, media_type="video/mp4")


@pytest.mark.parametrize(
    ("path", "kind", "status", "reason"),
    [
        ("good", "video", "PUBLISH_COMPLETE", None),
        ("missing", "video", "FAILED", "video_pull_failed"),
        ("moved", "video", "FAILED", "video_pull_failed"),
        ("missing", "photo", "FAILED", "photo_pull_failed"),
    ],
)
async def test_media_is_fetched_with_pull_media(path: str, kind: str, status: str, reason: str | None) -> None:
    """A good URL posts its bytes; a missing file and a redirect fail with the reason of the media type."""
    source = httpx.ASGITransport(Starlette(routes=[Route("/{name}", _media)]))
    app = create_app(SimulatorConfig(pull_media=True, processing_seconds=0), clock=Clock(), transport=source)
    url = f"https://a.example/{path}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=API) as http:
        tiktok = World(app.state.vendor, http, Clock())
        tiktok.token = tiktok.grant()
        body = photos(photo_images=[url])
        begun = await (
            tiktok.call(INIT, body) if kind == "photo" else tiktok.direct({"source": "PULL_FROM_URL", "video_url": url})
        )
        await tiktok.vendor.idle()
        seen = await tiktok.status(begun.json()["data"]["publish_id"])

    assert (status, reason) == (seen["status"], seen.get("fail_reason"))
    posted = [post.sha256 for post in app.state.vendor.posts]
    assert ([hashlib.sha256(b"the media").hexdigest()] if reason is None else []) == posted
