"""Posts in HighLevel's planner: create, find, cancel; the requests that are sent and the meaning of each answer.

Owns create, search, get and delete. The options of networks are covered by test_platform_options.py.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    CreatorBlocked,
    Misconfigured,
    NotFound,
    OptionUnsupported,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    Temporary,
    TokenRefused,
    Unavailable,
)
from providers.models.accounts import PrivacyLevel
from providers.models.grants import AccessToken
from providers.models.publishing import (
    Begun,
    Content,
    FoundPost,
    Photos,
    PostMode,
    PostOptions,
    PublishRequest,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from providers.models.videos import VideoMetrics
from tests.providers.faking import Answering, FakeVendor
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import (
    API,
    CONNECTION_SETTINGS,
    LOCATION,
    NOW,
    USER,
    FakeAccess,
    highlevel,
    ok,
    refused,
)

ID, OTHER = "65f0c0de00000000000000aa", "65f0c0de00000000000000ab"
ACCOUNT = "65f0c0de0000000000000001_LocationOfTests00001_originoftiktok_profile"
POSTS = f"{API}/social-media-posting/{LOCATION}/posts"
LATER = NOW + timedelta(hours=2)
PUBLIC = PostOptions(privacy_level=PrivacyLevel.PUBLIC)
MOV = VideoLink(Secret("https://media.example/a.mov"), "video/quicktime")
MADE = ok({"post": {"_id": ID, "status": "scheduled"}}, 201)
TIKTOK = {
    "privacyLevel": "PUBLIC_TO_EVERYONE",
    "enableComment": False,
    "enableDuet": False,
    "enableStitch": False,
    "videoDisclosure": False,
    "promoteYourBrand": False,
    "promoteOtherBrand": False,
}


def post(platform: str = "facebook", content: Content = None, **more: Any) -> PublishRequest:
    """Return a text post for a network, for TikTok a public video."""
    if platform.startswith("tiktok"):
        more = {"options": PUBLIC, **more}
        content = content or VideoLink(Secret("https://media.example/a.mp4"), "video/mp4")
    values: dict[str, Any] = {"mode": PostMode.DIRECT, "caption": "Bread", "account": ACCOUNT, **more}
    return PublishRequest(content=content, platform=platform, **values)


async def begin(request: PublishRequest, *answers: Answering, **settings: Any) -> tuple[Begun, FakeVendor]:
    """Create a post at a vendor that returns these answers."""
    provider, vendor = highlevel(*(answers or (MADE,)), **settings)
    return await provider.publishing.begin(FakeAccess(), request), vendor


async def body(request: PublishRequest, **settings: Any) -> dict[str, Any]:
    """Return the body that creates a post."""
    _, vendor = await begin(request, **settings)
    sent: dict[str, Any] = vendor.sent()
    return sent


# What is sent


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_a_text_post_is_created_by_one_call(version: str) -> None:
    """The body has one account, the acting user twice, an empty list of media, a status, and no unset field."""
    begun, vendor = await begin(post(), api_version=version)

    assert Begun(ID) == begun
    assert [("POST", POSTS)] == [(each.method, str(each.url)) for each in vendor.requests]
    assert version == vendor.last.headers["version"]
    assert {
        "accountIds": [ACCOUNT],
        "type": "post",
        "userId": USER,
        "createdBy": USER,
        "media": [],
        "summary": "Bread",
        "status": "published",
        "tags": [],
    } == vendor.sent()


@pytest.mark.parametrize("platform", ["tiktok", "tiktok_business"])
@pytest.mark.parametrize(("version", "name"), [("2021-07-28", "video/quicktime"), ("v3", "video/mov")])
async def test_a_video_for_tiktok_sets_every_boolean(platform: str, version: str, name: str) -> None:
    """Options that were not chosen are false; the media type has the name of the API version."""
    sent = await body(post(platform, MOV, schedule_time=LATER), api_version=version)

    assert [{"url": "https://media.example/a.mov", "type": name}] == sent["media"]
    assert TIKTOK == sent["tiktokPostDetails"]
    assert ("scheduled", "2026-11-20T14:00:00Z") == (sent["status"], sent["scheduleDate"])


async def test_every_option_of_tiktok_is_sent() -> None:
    """Comments, duets, stitches and both kinds of promotion have their fields."""
    options = PostOptions(
        privacy_level=PrivacyLevel.FRIENDS,
        allow_comments=True,
        allow_duet=True,
        allow_stitch=True,
        branded_content=True,
        own_brand=False,
    )

    assert {
        "privacyLevel": "MUTUAL_FOLLOW_FRIENDS",
        "enableComment": True,
        "enableDuet": True,
        "enableStitch": True,
        "videoDisclosure": True,
        "promoteYourBrand": False,
        "promoteOtherBrand": True,
    } == (await body(post("tiktok", options=options)))["tiktokPostDetails"]
    own = PostOptions(privacy_level=PrivacyLevel.PUBLIC, own_brand=True)
    assert {**TIKTOK, "videoDisclosure": True, "promoteYourBrand": True} == (await body(post("tiktok", options=own)))[
        "tiktokPostDetails"
    ]


async def test_photos_keep_their_order_and_types() -> None:
    """An unknown type is guessed by the URL, and JPEG if that has no suffix."""
    uris = tuple(Secret(f"https://media.example/{name}") for name in ("a", "b.PNG?x=.gif", "c", "d.gif#e"))
    sent = await body(post("instagram", Photos(uris, ("image/png",))))

    assert [
        ("https://media.example/a", "image/png"),
        ("https://media.example/b.PNG?x=.gif", "image/png"),
        ("https://media.example/c", "image/jpeg"),
        ("https://media.example/d.gif#e", "image/gif"),
    ] == [(each["url"], each["type"]) for each in sent["media"]]


@pytest.mark.parametrize("uri", ["https://[::1", "https://a.example/[", "//", "x"])
async def test_an_unparsable_url_has_the_default_type(uri: str) -> None:
    """Guessing a media type never fails."""
    assert [{"url": uri, "type": "video/mp4"}] == (await body(post("facebook", VideoLink(Secret(uri)))))["media"]


@pytest.mark.parametrize(
    ("mode", "more", "status", "date"),
    [
        (PostMode.DIRECT, {}, "published", None),
        (PostMode.DIRECT, {"schedule_time": LATER}, "scheduled", "2026-11-20T14:00:00Z"),
        (PostMode.PLANNER_DRAFT, {}, "draft", None),
        (
            PostMode.PLANNER_REVIEW,
            {"schedule_time": LATER, "extra": {"approver": USER}},
            "in_review",
            "2026-11-20T14:00:00Z",
        ),
    ],
)
async def test_each_mode_has_a_status(mode: PostMode, more: dict[str, Any], status: str, date: str | None) -> None:
    """The status is always sent: without it HighLevel publishes at once, whatever the date."""
    sent = await body(post(mode=mode, **more))

    assert (status, date) == (sent["status"], sent.get("scheduleDate"))


async def test_a_review_has_an_approver() -> None:
    """The approver, a note and the status `pending` are sent."""
    extra = {"approver": "ApproverOfTests", "requester_note": "Please"}
    sent = await body(post(mode=PostMode.PLANNER_REVIEW, schedule_time=LATER, extra=extra))

    assert {"approver": "ApproverOfTests", "requesterNote": "Please", "approvalStatus": "pending"} == sent[
        "postApprovalDetails"
    ]


@pytest.mark.parametrize(
    ("ahead", "date"),
    [
        (timedelta(days=-1), None),
        (timedelta(0), None),
        (timedelta(microseconds=1), "2026-11-20T12:01:10Z"),
        (timedelta(seconds=60), "2026-11-20T12:01:10Z"),
        (timedelta(seconds=71), "2026-11-20T12:01:11Z"),
        (timedelta(days=400), "2027-12-25T12:00:00Z"),
    ],
)
async def test_a_post_is_never_scheduled_before_its_time(ahead: timedelta, date: str | None) -> None:
    """A time within HighLevel's margin of a minute is moved some seconds back; a past one means "now"."""
    sent = await body(post(schedule_time=NOW + ahead))

    assert ("scheduled" if date else "published", date) == (sent["status"], sent.get("scheduleDate"))


async def test_a_time_in_another_zone_is_sent_as_utc() -> None:
    """It is sent to the second, with a Z."""
    there = datetime(2026, 11, 20, 20, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert "2026-11-20T15:00:15Z" == (await body(post(schedule_time=there)))["scheduleDate"]


def _labels(kind: str, name: str, *names: str) -> httpx.Response:
    rows = [{"_id": f"65f0c0de00000000000001{at:02}", name: each} for at, each in enumerate(names)]
    return ok({kind: rows, "count": len(rows)})


async def test_labels_are_looked_up_before_the_post_is_created() -> None:
    """There are two reads, and then one write with the ids."""
    answers = _labels("categories", "name", "Recipes"), _labels("tags", "tag", "cake", "bread"), MADE
    _, vendor = await begin(post(extra={"category": "recipes", "tags": ["bread", "cake"]}), *answers)

    assert ["GET", "GET", "POST"] == [each.method for each in vendor.requests]
    assert ("65f0c0de0000000000000100", ["65f0c0de0000000000000101", "65f0c0de0000000000000100"]) == (
        vendor.sent()["categoryId"],
        vendor.sent()["tags"],
    )


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_labels("tags", "tag", "cake"), OptionUnsupported),
        (ok({}), Unavailable),
        (httpx.Response(200, html="<html>"), Unavailable),
        (httpx.Response(502), Unavailable),
        (httpx.ReadTimeout("late"), Unavailable),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
    ],
    ids=repr,
)
async def test_a_failed_lookup_of_labels_is_not_ambiguous(answer: Answering, kind: type[ProviderError]) -> None:
    """Nothing was written yet, so the error is neither Ambiguous nor ContractBroken."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.begin(FakeAccess(), post(extra={"tags": ["bread"]}))
    assert kind is type(raised.value)
    assert {"GET"} == {each.method for each in vendor.requests}


# Counts of a post


@pytest.mark.parametrize(
    ("insights", "expected"),
    [
        ({"like": 12, "share": 3, "comment": 5}, VideoMetrics(like_count=12, share_count=3, comment_count=5)),
        ({"like": 0}, VideoMetrics(like_count=0)),
        ({"like": "7", "share": -1, "comment": None}, VideoMetrics(like_count=7)),
        ({}, None),
        (None, None),
        ([1], None),
    ],
)
async def test_counts_of_a_post_are_in_its_record(insights: Any, expected: VideoMetrics | None) -> None:
    """One read; counts that are missing or no counts are left out, and a post without any has none."""
    record = {"_id": ID, "status": "published", "postId": "1_2", "insights": insights}
    provider, vendor = highlevel(ok({"post": record}), api_version="v3")

    found = await provider.publishing.metrics(FakeAccess(), ID, ["1_2"])

    assert ({} if expected is None else {"1_2": expected}) == found
    assert [("GET", f"{POSTS}/{ID}")] == [(each.method, str(each.url)) for each in vendor.requests]


@pytest.mark.parametrize(("known", "expected"), [(["1_2"], ["1_2"]), ([], [])])
async def test_counts_without_the_network_s_id_are_those_of_the_known_post(
    known: list[str], expected: list[str]
) -> None:
    """A record without `postId` speaks of the post that was asked for; of none known there are no counts."""
    record = {"_id": ID, "status": "published", "insights": {"like": 12}}
    provider, _ = highlevel(ok({"post": record}), api_version="v3")

    assert expected == list(await provider.publishing.metrics(FakeAccess(), ID, known))


# Refused requests


@pytest.mark.parametrize(
    ("unsupported", "field"),
    [
        (post(mode=PostMode.CREATOR_INBOX), "mode"),
        (post("tiktok", cover_offset=timedelta(seconds=1)), "cover_offset"),
        (post("facebook", Photos((Secret("https://a.example/a.jpg"),), title="a")), "title"),
        (post("facebook", Photos((Secret("https://a.example/a.jpg"),) * 2, cover_index=1)), "cover_index"),
        (post("facebook", Photos((Secret("https://a.example/a.jpg"),), auto_add_music=True)), "auto_add_music"),
        (post(mode=PostMode.PLANNER_DRAFT, schedule_time=LATER), "schedule_time"),
        (post("tiktok", options=PostOptions(PrivacyLevel.PUBLIC, ai_generated=True)), "ai_generated"),
        (post("tiktok", options=PostOptions(PrivacyLevel.FOLLOWERS)), "privacy_level"),
        (post("facebook", options=PostOptions(PrivacyLevel.PUBLIC)), "privacy_level"),
        (post("youtube", options=PostOptions(PrivacyLevel.FRIENDS)), "privacy_level"),
        (post("facebook", options=PostOptions(allow_comments=False)), "allow_comments"),
        (post("google_business", options=PostOptions(own_brand=True)), "own_brand"),
    ],
)
async def test_unsupported_options_are_refused_before_any_call(unsupported: PublishRequest, field: str) -> None:
    """The error names the option, in `check` as in `begin`."""
    provider, vendor = highlevel()

    with pytest.raises(OptionUnsupported) as checked:
        provider.publishing.check(unsupported)
    with pytest.raises(OptionUnsupported) as begun:
        await provider.publishing.begin(FakeAccess(), unsupported)
    assert (field, field, []) == (checked.value.field, begun.value.field, vendor.requests)


@pytest.mark.parametrize(
    ("invalid", "code"),
    [
        (post(caption=""), "caption_missing"),
        (post("facebook", Photos(())), "photo_count"),
        (post("tiktok", options=PostOptions()), "privacy_level_missing"),
        (post("tiktok", options=PostOptions(PrivacyLevel.ONLY_ME, branded_content=True)), "disclosure_private"),
        (post("tiktok", options=PostOptions(PrivacyLevel.ONLY_ME, own_brand=True)), "disclosure_private"),
        (post(mode=PostMode.PLANNER_REVIEW, schedule_time=LATER), "approver_missing"),
        (post(mode=PostMode.PLANNER_REVIEW, extra={"approver": "a"}), "schedule_time_missing"),
        (
            post(mode=PostMode.PLANNER_REVIEW, extra={"approver": "a"}, schedule_time=NOW + timedelta(seconds=60)),
            "schedule_time_missing",
        ),
    ],
)
async def test_invalid_content_is_refused_before_any_call(invalid: PublishRequest, code: str) -> None:
    """Each reason has a code."""
    provider, vendor = highlevel()

    with pytest.raises(ContentRefused) as raised:
        await provider.publishing.begin(FakeAccess(), invalid)
    assert (code, []) == (raised.value.code, vendor.requests)


async def test_a_file_must_be_in_the_library() -> None:
    """Neither `begin` nor `send_chunk` accepts a file."""
    provider, vendor = highlevel()

    with pytest.raises(OptionUnsupported):
        await provider.publishing.begin(FakeAccess(), post("facebook", VideoFile(5, "video/mp4")))
    with pytest.raises(OptionUnsupported):
        await provider.publishing.send_chunk(Secret("x"), VideoFile(5, "video/mp4"), first=0, end=5, body=_bytes)
    assert [] == vendor.requests


class AccessWithout(FakeAccess):
    """An Access to a grant without one of its settings."""

    def __init__(self, missing: str) -> None:
        super().__init__()
        self.missing = missing

    async def token(self) -> AccessToken:
        """Return a token without the missing setting."""
        settings = {name: value for name, value in CONNECTION_SETTINGS.items() if name != self.missing}
        return AccessToken(Secret("canary-token-1"), 1, self.scopes, NOW + timedelta(hours=1), settings=settings)


@pytest.mark.parametrize(("missing", "code"), [("user_id", "user_missing"), ("location_id", "wrong_token_class")])
async def test_a_post_needs_a_user_and_a_location(missing: str, code: str) -> None:
    """If either is missing, no call is made."""
    provider, vendor = highlevel(MADE)

    with pytest.raises(Rejected) as raised:
        await provider.publishing.begin(AccessWithout(missing), post())
    assert (code, []) == (raised.value.code, vendor.requests)


# Answers to create


@pytest.mark.parametrize(
    ("answer", "id"),
    [
        (MADE, ID),
        (httpx.Response(201, json={"success": True, "post": {"_id": ID}}), ID),
        (httpx.Response(201, json={"_id": ID, "status": "scheduled"}), ID),
        (httpx.Response(200, json={"success": True, "results": {"post": {"id": ID}}}), ID),
        (ok(status=201), ""),
        (ok({}, 201), ""),
        (ok({"post": None}, 201), ""),
        (ok({"post": []}, 201), ""),
        (ok({"post": {"_id": 7}}, 201), ""),
        (ok({"post": {"_id": "x" * 300}}, 201), ""),
        (ok({"post": {"_id": "  "}}, 201), ""),
    ],
    ids=repr,
)
async def test_the_id_is_read_from_each_known_place(answer: httpx.Response, id: str) -> None:
    """It is in `results.post`, in `post` or at the top level; a success without one yields an empty id."""
    begun, vendor = await begin(post(), answer)

    assert (Begun(id), 1) == (begun, len(vendor.requests))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # The post may have been created.
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.ReadError("reset"), Ambiguous),
        (httpx.WriteTimeout("late"), Ambiguous),
        (httpx.RemoteProtocolError("cut"), Ambiguous),
        (httpx.Response(500), Ambiguous),
        (httpx.Response(502, html="<html>Bad gateway"), Ambiguous),
        (httpx.Response(504), Ambiguous),
        (httpx.Response(524), Ambiguous),
        (httpx.Response(408), Ambiguous),
        (refused(500, "Internal Server Error"), Ambiguous),
        (refused(503, "The token is not authorized for this scope."), Ambiguous),
        (httpx.Response(201, html="<html>"), Ambiguous),
        (httpx.Response(201), Ambiguous),
        (httpx.Response(201, text='{"success": true, "results": {"pos'), Ambiguous),
        (httpx.Response(200, json=[]), Ambiguous),
        (httpx.Response(302, headers={"location": "https://a.example/"}), Ambiguous),
        (httpx.Response(201, json={"success": False, "message": "No"}), Ambiguous),
        # It was not created.
        (httpx.ConnectError("refused"), Unavailable),
        (httpx.ConnectTimeout("late"), Unavailable),
        (httpx.PoolTimeout("full"), Unavailable),
        (refused(429, "Too Many Requests"), RateLimited),
        (refused(422, ["scheduleDate must be after current date"]), Temporary),
        (refused(422, ["property x should not exist"]), ContentRefused),
        (refused(400, "Bad"), Rejected),
        (refused(400, "Location is not active"), CreatorBlocked),
        (refused(401, "Invalid JWT"), TokenRefused),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
        (refused(403, "The token does not have access to this location."), Rejected),
        (refused(404, "Not found"), NotFound),
        (httpx.Response(403, html="error code: 1010"), Misconfigured),
        (httpx.Response(403, html="<html>Just a moment"), ContractBroken),
    ],
    ids=repr,
)
async def test_answers_to_create_are_classified(answer: Answering, kind: type[ProviderError]) -> None:
    """A lost answer is Ambiguous, a refusal is not; the call is only repeated for a refused token."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.begin(FakeAccess(), post("tiktok"))
    assert kind is type(raised.value)
    assert (2 if kind is TokenRefused else 1) == len(vendor.requests)


async def test_no_error_contains_a_media_url() -> None:
    """A link of the gateway grants access to the media, and a vendor may repeat it in its message."""
    uri = "https://gateway.example/media/canary-link"
    answer = refused(422, [f"media.0.url {uri} is not reachable"])

    with pytest.raises(ContentRefused) as raised:
        await begin(post("facebook", VideoLink(Secret(uri))), answer)
    assert "is not reachable" in raised.value.message
    assert "canary" not in repr((raised.value.args, vars(raised.value)))


async def test_a_refused_token_is_replaced_once() -> None:
    """The call is repeated once with a new token; if that answer is lost, there is no third call."""
    begun, vendor = await begin(post(), refused(401, "Invalid JWT"), MADE)
    assert (ID, ["Bearer canary-token-1", "Bearer canary-token-2"]) == (
        begun.publish_id,
        [each.headers["authorization"] for each in vendor.requests],
    )

    provider, vendor = highlevel(refused(401, "Invalid JWT"), httpx.ReadTimeout("late"))
    with pytest.raises(Ambiguous):
        await provider.publishing.begin(FakeAccess(), post())
    assert 2 == len(vendor.requests)


# The library


async def _bytes() -> AsyncIterator[bytes]:
    yield b"video"


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_a_stored_file_is_published_by_its_url(version: str) -> None:
    """Over the simulator, in both API versions, the published video is the uploaded file."""
    async with in_process(version=version, pull_media=True, publish_now_results=True) as sandbox:
        access, publishing = await sandbox.connect(), sandbox.provider.publishing
        address = await publishing.store(access, VideoFile(5, "video/quicktime"), _bytes, name="p1-1-0")
        begun = await publishing.begin(
            access, post("tiktok", VideoLink(address, "video/quicktime"), account=sandbox.account().id)
        )
        await sandbox.vendor.idle()
        sandbox.vendor.advance_clock(5)
        status = await publishing.status(access, begun.publish_id)
        [published] = sandbox.vendor.posts

    assert ((published.platform_post_id,), published.preview_link) == (status.post_ids, status.public_uri)
    assert (5, address.reveal()) == (published.sizes[0], published.media[0])


# The list


def row(id: str = ID, **more: Any) -> dict[str, Any]:
    """Return a row of the list."""
    shown = {"_id": id, "status": "scheduled", "createdAt": "2026-11-20T12:00:01.000Z", "summary": "Bread"}
    media = [{"url": f"https://media.example/{id}.mp4", "type": "video/mp4"}]
    return {**shown, "media": media, "accountIds": [ACCOUNT], **more}


def page(*rows: Any, **more: Any) -> httpx.Response:
    """Return an answer with a page of the list."""
    return ok({"posts": list(rows), "count": len(rows), **more}, 201)


EMPTY = page()


async def find(*answers: Answering) -> tuple[tuple[FoundPost, ...], FakeVendor]:
    """Search for posts of the last half minute, at a vendor that returns these answers."""
    provider, vendor = highlevel(*answers)
    since, until = NOW - timedelta(seconds=30), NOW + timedelta(days=1)
    return await provider.publishing.find(FakeAccess(), ACCOUNT, since=since, until=until), vendor


def sent(vendor: FakeVendor) -> list[tuple[Any, Any]]:
    """Return `type` and `skip` of every request."""
    bodies = [json.loads(each.content) for each in vendor.requests]
    return [(each["type"], each["skip"]) for each in bodies]


async def test_the_search_lists_existing_and_deleted_posts() -> None:
    """It reads both lists of the account, with all parameters as strings."""
    found, vendor = await find(page(row()), page(row(OTHER, status="deleted")))

    assert [ID, OTHER] == [each.publish_id for each in found]
    assert [f"{POSTS}/list"] * 2 == [str(each.url) for each in vendor.requests]
    assert {
        "type": "deleted",
        "accounts": ACCOUNT,
        "skip": "0",
        "limit": "50",
        "fromDate": "2026-11-20T11:59:30Z",
        "toDate": "2026-11-21T12:00:00Z",
        "includeUsers": "false",
    } == vendor.sent()
    assert [("all", "0"), ("deleted", "0")] == sent(vendor)


async def test_a_sighting_has_every_url_of_the_media() -> None:
    """It has also the URLs that HighLevel derived from ours."""
    medium = {"url": "https://cdn.example/1", "originalUrl": "https://a.example/2", "watermarkedUrl": "https://b/3"}
    found, _ = await find(page(row(media=[{**medium, "optimizedUrl": "https://c/4"}, "x", {"url": 7}])), EMPTY)

    addresses = ("https://cdn.example/1", "https://a.example/2", "https://b/3", "https://c/4")
    shown = FoundPost(
        ID,
        texts=("Bread",),
        uris=tuple(map(Secret, addresses)),
        create_time=datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC),
    )
    assert (shown,) == found


async def test_pages_are_read_until_the_count_is_reached() -> None:
    """A short page is not the last: HighLevel may return fewer rows than requested."""
    pages = page(row(), count=3), page(row(OTHER), count=3), page(row("65f0c0de00000000000000ac"), count=3)
    found, vendor = await find(*pages, EMPTY)

    assert 3 == len(found)
    assert [("all", "0"), ("all", "1"), ("all", "2"), ("deleted", "0")] == sent(vendor)


async def test_without_a_count_an_empty_page_is_the_last() -> None:
    """Only an empty page proves that there are no more rows."""
    bare = ok({"posts": [row()]}, 201)
    found, vendor = await find(bare, ok({"posts": []}, 201), ok({"posts": []}, 201))

    assert [ID] == [each.publish_id for each in found]
    assert [("all", "0"), ("all", "1"), ("deleted", "0")] == sent(vendor)


async def test_after_a_full_page_the_next_one_is_read() -> None:
    """The count may be that of the page, so it does not end the list."""
    full = [row(f"65f0c0de0000000000001{at:03}") for at in range(50)]
    found, vendor = await find(page(*full), EMPTY, EMPTY)
    assert (50, [("all", "0"), ("all", "50"), ("deleted", "0")]) == (len(found), sent(vendor))


@pytest.mark.parametrize(
    "answers",
    [
        [ok({}, 201)],
        [ok({"posts": None}, 201)],
        [ok({"posts": {"_id": ID}}, 201)],
        [page("x")],
        [page(None, row())],
        [page({"status": "scheduled", "summary": "Bread"})],
        [page(row(), count=2), page(count=2)],
        [EMPTY, page(count=1)],
        [page(*[row(f"65f0c0de0000000000001{at:03}") for at in range(50)], count=9999)],
        [httpx.Response(403, html="<html>")],
        [httpx.Response(201, html="<html>")],
    ],
    ids=repr,
)
async def test_an_incomplete_list_breaks_the_contract(answers: list[Answering]) -> None:
    """Callers draw conclusions from a post's absence, and an unreadable row may be that post."""
    with pytest.raises(ContractBroken):
        await find(*answers)


async def test_each_post_is_found_once() -> None:
    """Rows that appear twice, on two pages or in both lists, are merged."""
    found, _ = await find(page(row(), row(OTHER), row()), page(row()))

    assert [ID, OTHER] == [each.publish_id for each in found]


async def test_children_of_a_post_are_found_as_their_parent() -> None:
    """A scheduled post may be split; status and cancellation use the id of the parent."""
    child = row(OTHER, parentPostId=ID, summary="Bread ")
    found, _ = await find(page(row(), child), EMPTY)

    assert [(ID, ("Bread", "Bread "))] == [(each.publish_id, each.texts) for each in found]
    assert 2 == len(found[0].uris)
    alone, _ = await find(page(child), EMPTY)
    assert [ID] == [each.publish_id for each in alone]


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ("2026-11-20T11:59:29Z", False),
        ("2026-11-20T11:59:30Z", True),
        ("2026-11-20T11:59:30", True),
        ("2026-11-20T06:59:31-05:00", True),
        ("soon", True),
        (None, True),
        (7, True),
        ("0001-01-01T00:00:00+14:00", True),
    ],
)
async def test_posts_created_earlier_are_left_out(made: Any, shown: bool) -> None:
    """A post without a creation time is included."""
    found, _ = await find(page(row(createdAt=made)), EMPTY)

    assert shown is bool(found)


async def test_each_read_is_retried_once() -> None:
    """A failed page is requested a second time."""
    found, vendor = await find(httpx.Response(502), page(row()), httpx.ReadTimeout("late"), EMPTY)

    assert (1, 4) == (len(found), len(vendor.requests))


# Cancelling


def stored(status: str = "scheduled", **more: Any) -> httpx.Response:
    """Return an answer with one post."""
    return ok({"post": {"_id": ID, "status": status, "displayDate": "2026-11-20T14:00:00.000Z", **more}})


async def cancel(*answers: Answering) -> FakeVendor:
    """Cancel a post at a vendor that returns these answers."""
    provider, vendor = highlevel(*answers)
    await provider.publishing.cancel(FakeAccess(), ID)
    return vendor


@pytest.mark.parametrize("state", ["scheduled", "draft", "in_review", "notification_sent", "failed"])
async def test_an_unpublished_post_is_deleted(state: str) -> None:
    """Its state is read before it is deleted."""
    vendor = await cancel(stored(state), ok({"postId": ID}))

    assert [("GET", f"{POSTS}/{ID}"), ("DELETE", f"{POSTS}/{ID}")] == [
        (each.method, str(each.url)) for each in vendor.requests
    ]


@pytest.mark.parametrize("state", ["published", "in_progress", "pending", "going_live", "PUBLISHED"])
async def test_a_published_or_running_post_is_not_deleted(state: str) -> None:
    """HighLevel would delete only its record; an undocumented state is refused too."""
    provider, vendor = highlevel(stored(state))

    with pytest.raises(Rejected) as raised:
        await provider.publishing.cancel(FakeAccess(), ID)
    assert (state, ["GET"]) == (raised.value.code, [each.method for each in vendor.requests])


@pytest.mark.parametrize(
    ("due", "stopped"),
    [
        ("2026-11-20T12:00:31Z", True),
        ("2026-11-20T12:00:29Z", False),
        ("2026-11-20T12:00:00Z", False),
        ("2026-11-20T11:55:01Z", False),
        ("2026-11-20T11:54:59Z", True),
        ("never", True),
    ],
)
async def test_a_post_about_to_be_published_is_not_deleted(due: str, stopped: bool) -> None:
    """It could be published and look cancelled; a post that is long overdue can be cancelled."""
    provider, vendor = highlevel(stored(displayDate=due), ok())

    if stopped:
        await provider.publishing.cancel(FakeAccess(), ID)
    else:
        with pytest.raises(Rejected):
            await provider.publishing.cancel(FakeAccess(), ID)
    assert stopped is ("DELETE" == vendor.last.method)


@pytest.mark.parametrize(
    "answer", [stored("deleted"), stored("scheduled", deleted=True), stored("published", deleted=True)]
)
async def test_cancelling_a_deleted_post_does_nothing(answer: httpx.Response) -> None:
    """No second deletion is sent; the status says whether the post was published."""
    assert ["GET"] == [each.method for each in (await cancel(answer)).requests]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.Response(502), Ambiguous),
        (refused(404, "Post not found"), NotFound),
        (refused(400, "A post that is in_progress can not be deleted"), Rejected),
        (httpx.ConnectError("refused"), Unavailable),
    ],
    ids=repr,
)
async def test_a_failed_deletion_is_raised(answer: Answering, kind: type[ProviderError]) -> None:
    """A change between the read and the deletion shows in its answer; there is no retry."""
    provider, vendor = highlevel(stored(), answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.cancel(FakeAccess(), ID)
    assert (kind, 2) == (type(raised.value), len(vendor.requests))


@pytest.mark.parametrize("id", ["", ".", ".."])
async def test_an_id_must_be_a_path_segment(id: str) -> None:
    """Any other id is refused before any call."""
    provider, vendor = highlevel(stored())

    for call in (provider.publishing.cancel, provider.publishing.status, provider.records.delete):
        with pytest.raises(ContentRefused):
            await call(FakeAccess(), id)
    assert [] == vendor.requests


async def test_an_id_is_escaped() -> None:
    """It stays one segment of the path."""
    provider, vendor = highlevel(stored())

    await provider.publishing.status(FakeAccess(), "../posts?a=b#c")

    assert f"{POSTS}/..%2Fposts%3Fa%3Db%23c" == str(vendor.last.url)


@pytest.mark.parametrize("answer", [ok({}), ok({"post": {"_id": ID}}), ok({"post": {"status": "published"}}), ok([])])
async def test_an_answer_without_a_post_or_state_breaks_the_contract(answer: httpx.Response) -> None:
    """The status of the post is unknown then."""
    provider, _ = highlevel(answer)

    with pytest.raises(ContractBroken):
        await provider.publishing.status(FakeAccess(), ID)


async def test_no_uri_is_derived_from_an_id() -> None:
    """The page is known only from HighLevel's status."""
    provider, _ = highlevel()

    assert "" == provider.publishing.public_uri("baker", "7")


def test_the_clock_of_these_tests_is_utc() -> None:
    """The literal dates above are relative to it."""
    assert datetime(2026, 11, 20, 12, tzinfo=UTC) == NOW
