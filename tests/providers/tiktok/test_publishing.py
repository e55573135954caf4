"""The two inits and the status over HTTP: literal requests, literal answers.

Owns the examples of "Direct Post", "Upload Video" and "Get Post Status". Chunks are in test_upload.py.
"""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    Misconfigured,
    NotFound,
    OptionUnsupported,
    ProviderError,
    Unavailable,
)
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import ChunkPlan, FailureKind, PostMode, PostOptions, PublishPhase
from providers.models.secret import Secret
from tests.providers.tiktok.support import (
    NOW,
    PUBLISH_ID,
    UPLOAD_URL,
    FakeAccess,
    begun,
    ok,
    publish_request,
    refused,
    tiktok,
)


async def test_a_direct_post_is_submitted() -> None:
    """Every boolean is sent, nothing is allowed that was not chosen, and the chunk plan is the documented one."""
    provider, vendor = tiktok(begun())

    answer = await provider.publishing.begin(FakeAccess(), publish_request(caption="Hello #world 🎬"))

    assert "https://open.tiktokapis.com/v2/post/publish/video/init/" == str(vendor.last.url)
    assert "application/json; charset=UTF-8" == vendor.last.headers["content-type"]
    assert {
        "post_info": {
            "privacy_level": "SELF_ONLY",
            "title": "Hello #world 🎬",
            "disable_comment": True,
            "disable_duet": True,
            "disable_stitch": True,
            "brand_content_toggle": False,
            "brand_organic_toggle": False,
            "is_aigc": False,
        },
        "source_info": {
            "source": "FILE_UPLOAD",
            "video_size": 50000123,
            "chunk_size": 50000123,
            "total_chunk_count": 1,
        },
    } == vendor.sent()
    assert PUBLISH_ID == answer.publish_id
    assert Secret(UPLOAD_URL) == answer.upload_url
    assert NOW + timedelta(hours=1) == answer.upload_expire_time
    assert ChunkPlan(50000123, 50000123, 1) == answer.plan


async def test_what_the_user_chose_is_said() -> None:
    """Options, disclosure, AI label and cover are sent under TikTok's names."""
    options = PostOptions(
        privacy_level=PrivacyLevel.PUBLIC,
        allow_comments=True,
        allow_duet=True,
        allow_stitch=False,
        branded_content=True,
        own_brand=True,
        ai_generated=True,
    )
    provider, vendor = tiktok(begun())

    await provider.publishing.begin(FakeAccess(), publish_request(options=options, cover_offset=timedelta(seconds=1.5)))

    assert {
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "disable_comment": False,
        "disable_duet": False,
        "disable_stitch": True,
        "brand_content_toggle": True,
        "brand_organic_toggle": True,
        "is_aigc": True,
        "video_cover_timestamp_ms": 1500,
    } == vendor.sent()["post_info"]


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (PrivacyLevel.PUBLIC, "PUBLIC_TO_EVERYONE"),
        (PrivacyLevel.FOLLOWERS, "FOLLOWER_OF_CREATOR"),
        (PrivacyLevel.FRIENDS, "MUTUAL_FOLLOW_FRIENDS"),
        (PrivacyLevel.ONLY_ME, "SELF_ONLY"),
    ],
)
async def test_every_privacy_level_has_its_name(level: PrivacyLevel, name: str) -> None:
    """Our four privacy levels are TikTok's four."""
    provider, vendor = tiktok(begun())

    await provider.publishing.begin(FakeAccess(), publish_request(options=PostOptions(privacy_level=level)))

    assert name == vendor.sent()["post_info"]["privacy_level"]


async def test_an_inbox_draft_carries_the_video_alone() -> None:
    """The inbox endpoint has no post_info."""
    provider, vendor = tiktok(begun())

    answer = await provider.publishing.begin(FakeAccess(), publish_request(PostMode.CREATOR_INBOX, size=66_259_900))

    assert "/v2/post/publish/inbox/video/init/" == vendor.last.url.path
    assert {
        "source_info": {"source": "FILE_UPLOAD", "video_size": 66259900, "chunk_size": 10000000, "total_chunk_count": 6}
    } == vendor.sent()
    assert ChunkPlan(66259900, 10000000, 6) == answer.plan


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"caption": "hello"}, "caption"),
        ({"cover_offset": timedelta(0)}, "cover_offset"),
        ({"options": PostOptions(privacy_level=PrivacyLevel.ONLY_ME)}, "privacy_level"),
        ({"options": PostOptions(allow_comments=True)}, "allow_comments"),
        ({"options": PostOptions(allow_duet=True)}, "allow_duet"),
        ({"options": PostOptions(allow_stitch=True)}, "allow_stitch"),
        ({"options": PostOptions(branded_content=True)}, "branded_content"),
        ({"options": PostOptions(own_brand=True)}, "own_brand"),
        ({"options": PostOptions(ai_generated=True)}, "ai_generated"),
    ],
)
async def test_an_option_that_the_inbox_would_drop_is_refused(changes: dict[str, Any], field: str) -> None:
    """Options that TikTok would silently ignore are refused by name, before any call."""
    provider, vendor = tiktok(begun())

    with pytest.raises(OptionUnsupported) as raised:
        await provider.publishing.begin(FakeAccess(), publish_request(PostMode.CREATOR_INBOX, **changes))
    assert (field, {"field": field}, []) == (raised.value.field, raised.value.metadata, vendor.requests)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"options": PostOptions()}, ContentRefused),
        ({"size": 0}, ContentRefused),
        ({"size": -1}, ContentRefused),
        ({"extra": {"is_aigc": True}}, OptionUnsupported),
        ({"mode": PostMode.PLANNER_DRAFT}, OptionUnsupported),
    ],
)
async def test_what_cannot_be_posted_is_refused_before_any_call(
    changes: dict[str, Any], error: type[ProviderError]
) -> None:
    """A missing privacy level, an empty file, unknown extras and unsupported modes are refused."""
    provider, vendor = tiktok(begun())

    with pytest.raises(error):
        provider.publishing.check(publish_request(**changes))
    with pytest.raises(error):
        await provider.publishing.begin(FakeAccess(), publish_request(**changes))
    assert [] == vendor.requests


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(500),
        httpx.Response(502, html="<html>"),
        refused(500, "internal_error"),
        refused(503, "something_new"),
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"data": {"publish_id": "p", "upload_url": UPLOAD_URL}}),
        ok({}),
        ok({"publish_id": "p"}),
        ok({"upload_url": UPLOAD_URL}),
        ok({"publish_id": ["p"], "upload_url": UPLOAD_URL}),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
    ],
    ids=repr,
)
async def test_an_init_whose_answer_is_lost_is_ambiguous(answer: httpx.Response | Exception) -> None:
    """A lost or broken answer to an init is Ambiguous; one call is made."""
    provider, vendor = tiktok(answer)

    with pytest.raises(Ambiguous):
        await provider.publishing.begin(FakeAccess(), publish_request())
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize("status", [400, 403, 404, 413])
async def test_an_init_refused_by_the_edge_did_not_happen(status: int) -> None:
    """After a 4xx page nothing happened."""
    provider, vendor = tiktok(httpx.Response(status, html="<html>"))

    with pytest.raises(ContractBroken) as raised:
        await provider.publishing.begin(FakeAccess(), publish_request())
    assert (status, 1) == (raised.value.http_status, len(vendor.requests))


async def test_an_init_that_never_left_is_temporary() -> None:
    """A refused connection is Unavailable, and nothing is repeated."""
    provider, vendor = tiktok(httpx.ConnectError("refused"))

    with pytest.raises(Unavailable):
        await provider.publishing.begin(FakeAccess(), publish_request())
    assert 1 == len(vendor.requests)


async def test_an_init_with_a_dead_token_is_made_once_more() -> None:
    """After a refused token the init is sent again with a newer one."""
    provider, vendor = tiktok(refused(401, "access_token_invalid"), begun())

    await provider.publishing.begin(FakeAccess(), publish_request())

    assert 2 == len(vendor.requests)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/video/?upload_token=canary",
        "http://open-upload.tiktokapis.com/video/",
        "https://open-upload.tiktokapis.com:8443/video/",
        "http://127.0.0.1:8099/video/",
        "https://x@open-upload.tiktokapis.com/",
    ],
)
async def test_an_upload_address_outside_the_allow_list_is_not_kept(url: str) -> None:
    """Bytes are sent to TikTok's hosts only; the refusal does not contain the URL."""
    provider, _ = tiktok(ok({"publish_id": PUBLISH_ID, "upload_url": url}))

    with pytest.raises(Misconfigured) as raised:
        await provider.publishing.begin(FakeAccess(), publish_request())
    assert "canary" not in str(raised.value)


async def test_the_operator_names_the_upload_hosts() -> None:
    """Another host suffix can be configured."""
    url = "https://upload.tiktok-eu.example/video/"
    provider, _ = tiktok(ok({"publish_id": PUBLISH_ID, "upload_url": url}), upload_hosts=("tiktok-eu.example",))

    assert Secret(url) == (await provider.publishing.begin(FakeAccess(), publish_request())).upload_url


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("PROCESSING_UPLOAD", PublishPhase.RECEIVING),
        ("PROCESSING_DOWNLOAD", PublishPhase.RECEIVING),
        ("SEND_TO_USER_INBOX", PublishPhase.AWAITING_CREATOR),
        ("PUBLISH_COMPLETE", PublishPhase.PUBLISHED),
        ("FAILED", PublishPhase.FAILED),
        ("SENDING_TO_USER_INBOX", PublishPhase.RUNNING),
        ("PROCESSING", PublishPhase.RUNNING),
        ("PUBLISH_SUCCESS", PublishPhase.RUNNING),
    ],
)
async def test_every_status_has_its_phase(status: str, phase: PublishPhase) -> None:
    """Documented states are translated, any other is RUNNING; the vendor's own name is kept."""
    provider, vendor = tiktok(ok({"status": status, "uploaded_bytes": 10000}))

    found = await provider.publishing.status(FakeAccess(), PUBLISH_ID)

    assert "/v2/post/publish/status/fetch/" == vendor.last.url.path
    assert {"publish_id": PUBLISH_ID} == vendor.sent()
    assert (phase, status, 10000, "2026log") == (found.phase, found.vendor_status, found.received, found.log_id)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("file_format_check_failed", FailureKind.MEDIA),
        ("duration_check_failed", FailureKind.MEDIA),
        ("frame_rate_check_failed", FailureKind.MEDIA),
        ("picture_size_check_failed", FailureKind.MEDIA),
        ("internal", FailureKind.RETRYABLE),
        ("video_pull_failed", FailureKind.NOT_FETCHED),
        ("photo_pull_failed", FailureKind.NOT_FETCHED),
        ("publish_cancelled", FailureKind.CANCELLED),
        ("auth_removed", FailureKind.GRANT),
        ("spam_risk_too_many_posts", FailureKind.CAP),
        ("spam_risk_user_banned_from_posting", FailureKind.CREATOR),
        ("spam_risk_text", FailureKind.CONTENT),
        ("spam_risk", FailureKind.CREATOR),
        ("never_heard_of", FailureKind.UNKNOWN),
        ("", FailureKind.UNKNOWN),
    ],
)
async def test_every_fail_reason_has_its_kind(reason: str, kind: FailureKind) -> None:
    """A failed post is a result; its reason is kept verbatim."""
    provider, _ = tiktok(ok({"status": "FAILED", "fail_reason": reason}))

    found = await provider.publishing.status(FakeAccess(), PUBLISH_ID)

    assert (PublishPhase.FAILED, kind, reason) == (found.phase, found.fail_kind, found.fail_code)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b'"publicaly_available_post_id":[7602997517160123666]', ("7602997517160123666",)),
        (b'"publicaly_available_post_id":["7602997517160123666","8"]', ("7602997517160123666", "8")),
        (b'"publicly_available_post_id":[7602997517160123666]', ("7602997517160123666",)),
        (b'"publicaly_available_post_id":[1,1,2]', ("1", "2")),
        (b'"publicaly_available_post_id":7602997517160123666', ("7602997517160123666",)),
        (b'"publicaly_available_post_id":[]', ()),
        (b'"publicaly_available_post_id":null', ()),
        (b'"publicaly_available_post_id":[7.602997517160123666e18,true,null,"",0,{}]', ()),
        (b'"publicaly_available_post_id":[1],"publicly_available_post_id":[2,1]', ("1", "2")),
        (b'"x":1', ()),
    ],
)
async def test_post_ids_are_exact_strings(field: bytes, expected: tuple[str, ...]) -> None:
    """Ids of nineteen digits stay exact; an id that has lost digits is left out."""
    body = b'{"data":{"status":"PUBLISH_COMPLETE",' + field + b'},"error":{"code":"ok"}}'
    provider, _ = tiktok(httpx.Response(200, content=body))

    assert expected == (await provider.publishing.status(FakeAccess(), PUBLISH_ID)).post_ids


async def test_a_status_is_asked_once() -> None:
    """A failed status call is not retried here: the poller decides, within TikTok's thirty a minute."""
    provider, vendor = tiktok(httpx.Response(503))

    with pytest.raises(Unavailable):
        await provider.publishing.status(FakeAccess(), PUBLISH_ID)
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize("code", ["invalid_publish_id", "token_not_authorized_for_specified_publish_id"])
async def test_an_unknown_publish_is_not_found(code: str) -> None:
    """An unknown id and another user's id are both NotFound."""
    provider, _ = tiktok(refused(400, code))

    with pytest.raises(NotFound):
        await provider.publishing.status(FakeAccess(), "nope")


@pytest.mark.parametrize("data", [{}, {"status": ""}, {"status": 5}])
async def test_a_status_without_status_is_a_broken_contract(data: dict[str, Any]) -> None:
    """A status answer without a status is ContractBroken."""
    provider, _ = tiktok(ok(data))

    with pytest.raises(ContractBroken):
        await provider.publishing.status(FakeAccess(), PUBLISH_ID)


def test_the_page_of_a_post() -> None:
    """The publishing facet returns the public URL too."""
    provider, _ = tiktok()

    assert "https://www.tiktok.com/@someone/video/7" == provider.publishing.public_uri("someone", "7")
