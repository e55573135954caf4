"""Media that TikTok fetches itself: photos, videos by URL, and cancelling a fetch.

Owns the examples of "Photo Post", of `PULL_FROM_URL` in "Direct Post" and of "Cancel". Files are in test_publishing.py.
"""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    CreatorBlocked,
    DailyCapReached,
    Misconfigured,
    NotFound,
    OptionUnsupported,
    ProviderError,
    RateLimited,
    Rejected,
)
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import Photos, PostMode, PostOptions, PublishRequest, VideoLink
from providers.models.secret import Secret
from tests.providers.tiktok.support import FakeAccess, ok, refused, tiktok

URI = "https://media.example/canary-link.mp4"
PHOTOS = tuple(Secret(f"https://media.example/canary-{number}.jpg") for number in range(3))
PUBLISH_ID = "p_pub_url~v2-1.123456789"


def accepted() -> httpx.Response:
    """Return the answer to the init of a pull, which has no upload URL."""
    return ok({"publish_id": PUBLISH_ID})


def pull(mode: PostMode = PostMode.DIRECT, **changes: Any) -> PublishRequest:
    """Return a pull that TikTok accepts."""
    privacy = PrivacyLevel.ONLY_ME if mode is PostMode.DIRECT else None
    return PublishRequest(mode, VideoLink(Secret(URI)), **{"options": PostOptions(privacy_level=privacy), **changes})


def photos(mode: PostMode = PostMode.DIRECT, **changes: Any) -> PublishRequest:
    """Return photos that TikTok accepts."""
    privacy = PrivacyLevel.PUBLIC if mode is PostMode.DIRECT else None
    of_photos = {name: changes.pop(name) for name in list(changes) if name in Photos.__slots__}
    shown = Photos(**{"uris": PHOTOS, **of_photos})
    return PublishRequest(mode, shown, **{"options": PostOptions(privacy_level=privacy), **changes})


async def test_a_pull_names_the_address_and_no_sizes() -> None:
    """The URL is sent verbatim, with the same options as for a file."""
    provider, vendor = tiktok(accepted())

    begun = await provider.publishing.begin(FakeAccess(), pull(caption="hi", cover_offset=timedelta(seconds=2)))

    assert "https://open.tiktokapis.com/v2/post/publish/video/init/" == str(vendor.last.url)
    assert {"source": "PULL_FROM_URL", "video_url": URI} == vendor.sent()["source_info"]
    assert {
        "privacy_level": "SELF_ONLY",
        "title": "hi",
        "disable_comment": True,
        "disable_duet": True,
        "disable_stitch": True,
        "brand_content_toggle": False,
        "brand_organic_toggle": False,
        "is_aigc": False,
        "video_cover_timestamp_ms": 2000,
    } == vendor.sent()["post_info"]
    assert (PUBLISH_ID, None, None) == (begun.publish_id, begun.upload_url, begun.plan)


async def test_a_pull_to_the_inbox_carries_the_address_alone() -> None:
    """The inbox endpoint has no post_info for pulls either."""
    provider, vendor = tiktok(accepted())

    await provider.publishing.begin(FakeAccess(), pull(PostMode.CREATOR_INBOX))

    assert "https://open.tiktokapis.com/v2/post/publish/inbox/video/init/" == str(vendor.last.url)
    assert {"source_info": {"source": "PULL_FROM_URL", "video_url": URI}} == vendor.sent()


async def test_photos_are_submitted_in_order() -> None:
    """Title, description, cover, music and every boolean are sent; nothing that photos do not have."""
    options = PostOptions(privacy_level=PrivacyLevel.PUBLIC, allow_comments=True, own_brand=True)
    request = photos(title="T", caption="D #tag", cover_index=2, auto_add_music=True, options=options)
    provider, vendor = tiktok(accepted())

    begun = await provider.publishing.begin(FakeAccess(), request)

    assert "https://open.tiktokapis.com/v2/post/publish/content/init/" == str(vendor.last.url)
    assert {
        "media_type": "PHOTO",
        "post_mode": "DIRECT_POST",
        "post_info": {
            "title": "T",
            "description": "D #tag",
            "privacy_level": "PUBLIC_TO_EVERYONE",
            "disable_comment": False,
            "auto_add_music": True,
            "brand_content_toggle": False,
            "brand_organic_toggle": True,
        },
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_images": [uri.reveal() for uri in PHOTOS],
            "photo_cover_index": 2,
        },
    } == vendor.sent()
    assert PUBLISH_ID == begun.publish_id


async def test_photos_to_the_inbox_carry_title_and_description_alone() -> None:
    """MEDIA_UPLOAD has the texts for the editor, and nothing else."""
    provider, vendor = tiktok(accepted())

    await provider.publishing.begin(FakeAccess(), photos(PostMode.CREATOR_INBOX, title="T", caption="D"))

    assert "MEDIA_UPLOAD" == vendor.sent()["post_mode"]
    assert {"title": "T", "description": "D"} == vendor.sent()["post_info"]


CHOICE = PrivacyLevel.PUBLIC


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (photos(options=PostOptions(privacy_level=CHOICE, allow_duet=True)), "allow_duet"),
        (photos(options=PostOptions(privacy_level=CHOICE, allow_stitch=True)), "allow_stitch"),
        (photos(options=PostOptions(privacy_level=CHOICE, ai_generated=True)), "ai_generated"),
        (photos(extra={"unheard": 1}), "unheard"),
        (photos(PostMode.PLANNER_DRAFT), "mode"),
        (photos(PostMode.CREATOR_INBOX, auto_add_music=True), "auto_add_music"),
        (photos(PostMode.CREATOR_INBOX, options=PostOptions(privacy_level=CHOICE)), "privacy_level"),
        (photos(PostMode.CREATOR_INBOX, options=PostOptions(own_brand=True)), "own_brand"),
        (pull(PostMode.CREATOR_INBOX, caption="dropped"), "caption"),
        (pull(PostMode.CREATOR_INBOX, cover_offset=timedelta(seconds=1)), "cover_offset"),
        (pull(PostMode.PLANNER_DRAFT), "mode"),
    ],
)
def test_what_would_be_dropped_is_refused_without_a_call(wanted: PublishRequest, field: str) -> None:
    """An option that TikTok does not accept here is named, and nothing is sent."""
    provider, vendor = tiktok(accepted())
    check = provider.publishing.check

    with pytest.raises(OptionUnsupported) as caught:
        check(wanted)

    assert field == caught.value.field
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (photos(uris=()), "photo_count"),
        (photos(uris=PHOTOS * 12), "photo_count"),
        (photos(cover_index=3), "cover_index"),
        (photos(cover_index=-1), "cover_index"),
        (photos(options=PostOptions()), "privacy_level_missing"),
    ],
)
async def test_photos_that_can_never_go_out_are_refused(wanted: PublishRequest, code: str) -> None:
    """Number, cover and privacy level are also checked by `begin`, before the call."""
    provider, vendor = tiktok(accepted())

    with pytest.raises(ContentRefused) as caught:
        await provider.publishing.begin(FakeAccess(), wanted)

    assert code == caught.value.code
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(500), Ambiguous),
        (httpx.Response(502, text="<html>"), Ambiguous),
        (httpx.ReadTimeout("lost"), Ambiguous),
        (httpx.RemoteProtocolError("cut"), Ambiguous),
        (ok({}), Ambiguous),
        (httpx.Response(200, text="<html>"), Ambiguous),
        (refused(500, "internal_error"), Ambiguous),
        (refused(429, "rate_limit_exceeded"), RateLimited),
        (refused(403, "url_ownership_unverified"), Misconfigured),
        (refused(403, "spam_risk_too_many_posts"), DailyCapReached),
        (refused(403, "spam_risk_too_many_pending_share"), DailyCapReached),
        (refused(400, "app_version_check_failed"), CreatorBlocked),
        (refused(400, "invalid_params"), ContentRefused),
    ],
)
async def test_a_refusal_and_a_lost_answer_are_told_apart(
    answer: httpx.Response | Exception, kind: type[ProviderError]
) -> None:
    """What may have started a fetch is Ambiguous, a refusal is not; no error contains a URL."""
    provider, vendor = tiktok(answer)

    calls: list[tuple[Any, Any]] = [
        (provider.publishing.begin, photos()),
        (provider.publishing.begin, pull()),
    ]
    for begin, request in calls:
        with pytest.raises(kind) as caught:
            await begin(FakeAccess(), request)
        assert "canary" not in repr(caught.value) + caught.value.message + str(caught.value.metadata)

    assert 2 == len(vendor.requests)


async def test_a_cancel_names_the_publish_and_expects_no_data() -> None:
    """The answer to a cancel may have no `data`."""
    provider, vendor = tiktok(httpx.Response(200, json={"error": {"code": "ok", "message": "", "log_id": "l"}}))

    await provider.publishing.cancel(FakeAccess(), PUBLISH_ID)

    assert "https://open.tiktokapis.com/v2/post/publish/cancel/" == str(vendor.last.url)
    assert {"publish_id": PUBLISH_ID} == vendor.sent()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(400, "publish_not_cancellable"), Rejected),
        (refused(400, "invalid_publish_id"), NotFound),
        (refused(400, "token_not_authorized_for_specified_publish_id"), NotFound),
        (httpx.Response(503), Ambiguous),
        (refused(500, "internal_error"), Ambiguous),
    ],
)
async def test_a_cancel_that_did_not_work_says_why(answer: httpx.Response, kind: type[ProviderError]) -> None:
    """A cancel that is too late, unknown or unanswered raises three different errors."""
    provider, _ = tiktok(answer)

    with pytest.raises(kind) as caught:
        await provider.publishing.cancel(FakeAccess(), PUBLISH_ID)

    assert kind is type(caught.value)


@pytest.mark.parametrize(
    ("photos_too", "page"),
    [
        (False, "https://www.tiktok.com/@cre.ator/video/7602997517160123666"),
        (True, "https://www.tiktok.com/@cre.ator/photo/7602997517160123666"),
    ],
)
def test_the_page_of_photos_is_not_a_videos(photos_too: bool, page: str) -> None:
    """Photos have another public path than videos."""
    provider, _ = tiktok()

    assert page == provider.publishing.public_uri("cre.ator", "7602997517160123666", photos=photos_too)
