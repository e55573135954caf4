"""Posts made in HighLevel's planner, found there again and called back: what is sent, and what each answer means.

Owns create, the list as it is searched, get and delete. The options of networks are in test_platform_options.py.
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
    Photos,
    PostMode,
    PostOptions,
    PublishRequest,
    Sighting,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from tests.providers.faking import Answering, FakeVendor
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, NOW, PLACE, USER, FakeAccess, highlevel, ok, refused

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
    """Return an order of words for a network; TikTok's is a public video."""
    if platform.startswith("tiktok"):
        more = {"options": PUBLIC, **more}
        content = content or VideoLink(Secret("https://media.example/a.mp4"), "video/mp4")
    values: dict[str, Any] = {"mode": PostMode.DIRECT, "caption": "Bread", "account": ACCOUNT, **more}
    return PublishRequest(content=content, platform=platform, **values)


async def begin(request: PublishRequest, *answers: Answering, **settings: Any) -> tuple[Begun, FakeVendor]:
    """Make a post at a vendor that gives these answers."""
    provider, vendor = highlevel(*(answers or (MADE,)), **settings)
    return await provider.publishing.begin(FakeAccess(), request), vendor


async def body(request: PublishRequest, **settings: Any) -> dict[str, Any]:
    """Return the body with which a post is made."""
    _, vendor = await begin(request, **settings)
    sent: dict[str, Any] = vendor.sent()
    return sent


# What is sent


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_a_post_of_words_is_made_by_one_call(version: str) -> None:
    """One account, our user twice, an empty list of media, a status always, and nothing that nobody set."""
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
async def test_a_video_for_tiktok_says_every_boolean(platform: str, version: str, name: str) -> None:
    """What nobody chose is off; the type is a MIME type, by the name that the generation knows."""
    sent = await body(post(platform, MOV, schedule_time=LATER), api_version=version)

    assert [{"url": "https://media.example/a.mov", "type": name}] == sent["media"]
    assert TIKTOK == sent["tiktokPostDetails"]
    assert ("scheduled", "2026-11-20T14:00:00Z") == (sent["status"], sent["scheduleDate"])


async def test_every_choice_for_tiktok_is_passed_on() -> None:
    """Comments, duets and stitches in the positive, and who is promoted."""
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
    """A known type is said as it is, an unknown one by the address, and JPEG where that says nothing."""
    uris = tuple(Secret(f"https://media.example/{name}") for name in ("a", "b.PNG?x=.gif", "c", "d.gif#e"))
    sent = await body(post("instagram", Photos(uris, ("image/png",))))

    assert [
        ("https://media.example/a", "image/png"),
        ("https://media.example/b.PNG?x=.gif", "image/png"),
        ("https://media.example/c", "image/jpeg"),
        ("https://media.example/d.gif#e", "image/gif"),
    ] == [(each["url"], each["type"]) for each in sent["media"]]


@pytest.mark.parametrize("uri", ["https://[::1", "https://a.example/[", "//", "x"])
async def test_an_address_that_cannot_be_parsed_has_the_usual_type(uri: str) -> None:
    """Guessing never fails."""
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
async def test_a_mode_is_a_status(mode: PostMode, more: dict[str, Any], status: str, date: str | None) -> None:
    """It is said in every mode: without it HighLevel publishes at once, whatever the date says."""
    sent = await body(post(mode=mode, **more))

    assert (status, date) == (sent["status"], sent.get("scheduleDate"))


async def test_a_review_names_its_approver() -> None:
    """With a note, and as pending."""
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
async def test_a_post_never_goes_out_before_its_time(ahead: timedelta, date: str | None) -> None:
    """HighLevel wants a margin of a minute: what is nearer goes out some seconds late, what is past at once."""
    sent = await body(post(schedule_time=NOW + ahead))

    assert ("scheduled" if date else "published", date) == (sent["status"], sent.get("scheduleDate"))


async def test_a_time_of_another_zone_is_sent_as_utc() -> None:
    """To the second, with a Z."""
    there = datetime(2026, 11, 20, 20, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert "2026-11-20T15:00:15Z" == (await body(post(schedule_time=there)))["scheduleDate"]


def _labels(kind: str, name: str, *names: str) -> httpx.Response:
    rows = [{"_id": f"65f0c0de00000000000001{at:02}", name: each} for at, each in enumerate(names)]
    return ok({kind: rows, "count": len(rows)})


async def test_labels_are_found_by_name_before_the_post_is_made() -> None:
    """Two reads, then the one write, which holds ids."""
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
async def test_a_label_that_is_not_found_leaves_nothing_in_doubt(answer: Answering, kind: type[ProviderError]) -> None:
    """Nothing was sent yet, and the error says so: neither Ambiguous nor ContractBroken, and no write."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.begin(FakeAccess(), post(extra={"tags": ["bread"]}))
    assert kind is type(raised.value)
    assert {"GET"} == {each.method for each in vendor.requests}


# What is not sent


@pytest.mark.parametrize(
    ("unsupported", "field"),
    [
        (post(mode=PostMode.CREATOR_INBOX), "mode"),
        (post("tiktok", cover_offset=timedelta(seconds=1)), "cover_offset"),
        (post("tiktok", Photos((Secret("https://a.example/a.jpg"),))), "content"),
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
async def test_what_would_be_dropped_is_refused_before_any_call(unsupported: PublishRequest, field: str) -> None:
    """By the name of the option, alike in check and in begin."""
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
async def test_content_that_can_never_go_out_is_refused_before_any_call(invalid: PublishRequest, code: str) -> None:
    """With a code for each."""
    provider, vendor = highlevel()

    with pytest.raises(ContentRefused) as raised:
        await provider.publishing.begin(FakeAccess(), invalid)
    assert (code, []) == (raised.value.code, vendor.requests)


async def test_a_file_goes_by_the_library_only() -> None:
    """Neither an announcement nor chunks take one."""
    provider, vendor = highlevel()

    with pytest.raises(OptionUnsupported):
        await provider.publishing.begin(FakeAccess(), post("facebook", VideoFile(5, "video/mp4")))
    with pytest.raises(OptionUnsupported):
        await provider.publishing.send_chunk(Secret("x"), VideoFile(5, "video/mp4"), first=0, end=5, body=_bytes)
    assert [] == vendor.requests


class AccessWithout(FakeAccess):
    """An Access to a grant whose settings lack something."""

    def __init__(self, missing: str) -> None:
        super().__init__()
        self.missing = missing

    async def token(self) -> AccessToken:
        """Lend it."""
        settings = {name: value for name, value in PLACE.items() if name != self.missing}
        return AccessToken(Secret("canary-token-1"), 1, self.scopes, NOW + timedelta(hours=1), settings=settings)


@pytest.mark.parametrize(("missing", "code"), [("user_id", "user_missing"), ("location_id", "wrong_token_class")])
async def test_a_post_needs_a_user_and_a_location(missing: str, code: str) -> None:
    """Without one nothing is sent."""
    provider, vendor = highlevel(MADE)

    with pytest.raises(Rejected) as raised:
        await provider.publishing.begin(AccessWithout(missing), post())
    assert (code, []) == (raised.value.code, vendor.requests)


# What an answer to create means


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
async def test_the_id_is_taken_from_where_it_stands(answer: httpx.Response, id: str) -> None:
    """In results, at the top, or flat; a success that names none is a success without an id."""
    begun, vendor = await begin(post(), answer)

    assert (Begun(id), 1) == (begun, len(vendor.requests))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # Nobody can say whether it happened.
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
        # It did not.
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
async def test_what_an_answer_to_create_means(answer: Answering, kind: type[ProviderError]) -> None:
    """Lost is Ambiguous, refused is not; it is never repeated but for a token that was refused."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.begin(FakeAccess(), post("tiktok"))
    assert kind is type(raised.value)
    assert (2 if kind is TokenRefused else 1) == len(vendor.requests)


async def test_no_refusal_repeats_where_the_media_are() -> None:
    """A link of ours opens with what it holds; a vendor may repeat it in its complaint."""
    uri = "https://gateway.example/media/canary-link"
    answer = refused(422, [f"media.0.url {uri} is not reachable"])

    with pytest.raises(ContentRefused) as raised:
        await begin(post("facebook", VideoLink(Secret(uri))), answer)
    assert "is not reachable" in raised.value.message
    assert "canary" not in repr((raised.value.args, vars(raised.value)))


async def test_a_refused_token_is_replaced_once() -> None:
    """The second create is the first that HighLevel let in; its own doubt is no reason for a third."""
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
async def test_a_file_is_stored_and_then_posted_by_its_address(version: str) -> None:
    """Through the simulator, in both generations: what is published is what was sent."""
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
    """Return a post as the list shows it."""
    shown = {"_id": id, "status": "scheduled", "createdAt": "2026-11-20T12:00:01.000Z", "summary": "Bread"}
    media = [{"url": f"https://media.example/{id}.mp4", "type": "video/mp4"}]
    return {**shown, "media": media, "accountIds": [ACCOUNT], **more}


def page(*rows: Any, **more: Any) -> httpx.Response:
    """Answer with a page of the list."""
    return ok({"posts": list(rows), "count": len(rows), **more}, 201)


EMPTY = page()


async def find(*answers: Answering) -> tuple[tuple[Sighting, ...], FakeVendor]:
    """Look for what an account posted in the last half minute, at a vendor that gives these answers."""
    provider, vendor = highlevel(*answers)
    since, until = NOW - timedelta(seconds=30), NOW + timedelta(days=1)
    return await provider.publishing.find(FakeAccess(), ACCOUNT, since=since, until=until), vendor


def sent(vendor: FakeVendor) -> list[tuple[Any, Any]]:
    """Return type and skip of every request."""
    bodies = [json.loads(each.content) for each in vendor.requests]
    return [(each["type"], each["skip"]) for each in bodies]


async def test_the_list_is_asked_in_strings_for_one_account_and_for_what_was_deleted() -> None:
    """Two lists, each of one page here."""
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


async def test_a_post_is_shown_with_every_address_that_its_media_have() -> None:
    """Also with that which HighLevel put in place of ours, or kept beside it."""
    medium = {"url": "https://cdn.example/1", "originalUrl": "https://a.example/2", "watermarkedUrl": "https://b/3"}
    found, _ = await find(page(row(media=[{**medium, "optimizedUrl": "https://c/4"}, "x", {"url": 7}])), EMPTY)

    addresses = ("https://cdn.example/1", "https://a.example/2", "https://b/3", "https://c/4")
    shown = Sighting(
        ID, texts=("Bread",), uris=tuple(map(Secret, addresses)), made=datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)
    )
    assert (shown,) == found


async def test_pages_are_turned_until_the_count_is_reached() -> None:
    """HighLevel may give fewer than it was asked for: a short page is no end."""
    pages = page(row(), count=3), page(row(OTHER), count=3), page(row("65f0c0de00000000000000ac"), count=3)
    found, vendor = await find(*pages, EMPTY)

    assert 3 == len(found)
    assert [("all", "0"), ("all", "1"), ("all", "2"), ("deleted", "0")] == sent(vendor)


async def test_without_a_count_an_empty_page_is_the_end() -> None:
    """Nothing less proves that there are no more."""
    bare = ok({"posts": [row()]}, 201)
    found, vendor = await find(bare, ok({"posts": []}, 201), ok({"posts": []}, 201))

    assert [ID] == [each.publish_id for each in found]
    assert [("all", "0"), ("all", "1"), ("deleted", "0")] == sent(vendor)


async def test_a_full_page_is_followed_by_another_whatever_the_count_says() -> None:
    """The count may be that of the page."""
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
async def test_a_list_that_is_not_whole_is_no_list(answers: list[Answering]) -> None:
    """Whoever looks for a post concludes from its absence: an unreadable row may be the one."""
    with pytest.raises(ContractBroken):
        await find(*answers)


async def test_a_post_is_shown_once() -> None:
    """Also when the list moved meanwhile, and when what was deleted stands in both lists."""
    found, _ = await find(page(row(), row(OTHER), row()), page(row()))

    assert [ID, OTHER] == [each.publish_id for each in found]


async def test_children_of_a_post_are_shown_as_their_parent() -> None:
    """A planned post may be split: the parent's id is the one that is asked for and called back."""
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
async def test_what_was_made_before_is_left_out(made: Any, shown: bool) -> None:
    """One that does not say when is not."""
    found, _ = await find(page(row(createdAt=made)), EMPTY)

    assert shown is bool(found)


async def test_a_read_is_tried_twice() -> None:
    """Looking does no harm."""
    found, vendor = await find(httpx.Response(502), page(row()), httpx.ReadTimeout("late"), EMPTY)

    assert (1, 4) == (len(found), len(vendor.requests))


# Calling back


def shown(status: str = "scheduled", **more: Any) -> httpx.Response:
    """Answer with one post."""
    return ok({"post": {"_id": ID, "status": status, "displayDate": "2026-11-20T14:00:00.000Z", **more}})


async def cancel(*answers: Answering) -> FakeVendor:
    """Call a post back at a vendor that gives these answers."""
    provider, vendor = highlevel(*answers)
    await provider.publishing.cancel(FakeAccess(), ID)
    return vendor


@pytest.mark.parametrize("state", ["scheduled", "draft", "in_review", "notification_sent", "failed"])
async def test_what_is_only_planned_is_taken_away(state: str) -> None:
    """After a look at it."""
    vendor = await cancel(shown(state), ok({"postId": ID}))

    assert [("GET", f"{POSTS}/{ID}"), ("DELETE", f"{POSTS}/{ID}")] == [
        (each.method, str(each.url)) for each in vendor.requests
    ]


@pytest.mark.parametrize("state", ["published", "in_progress", "pending", "going_live", "PUBLISHED"])
async def test_what_is_out_or_on_its_way_is_not_forgotten(state: str) -> None:
    """HighLevel would delete its record and the post would stay; a state that nobody documents is no better."""
    provider, vendor = highlevel(shown(state))

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
async def test_what_is_about_to_go_out_is_too_late_to_stop(due: str, stopped: bool) -> None:
    """Deleted in that moment it would be out and read as cancelled; long overdue, it waits for something."""
    provider, vendor = highlevel(shown(displayDate=due), ok())

    if stopped:
        await provider.publishing.cancel(FakeAccess(), ID)
    else:
        with pytest.raises(Rejected):
            await provider.publishing.cancel(FakeAccess(), ID)
    assert stopped is ("DELETE" == vendor.last.method)


@pytest.mark.parametrize(
    "answer", [shown("deleted"), shown("scheduled", deleted=True), shown("published", deleted=True)]
)
async def test_what_is_deleted_is_done(answer: httpx.Response) -> None:
    """Its status tells whether it is out."""
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
async def test_a_race_with_the_planner_is_told(answer: Answering, kind: type[ProviderError]) -> None:
    """What happened between the look and the call shows in its answer; the call is not repeated."""
    provider, vendor = highlevel(shown(), answer)

    with pytest.raises(kind) as raised:
        await provider.publishing.cancel(FakeAccess(), ID)
    assert (kind, 2) == (type(raised.value), len(vendor.requests))


@pytest.mark.parametrize("id", ["", ".", ".."])
async def test_an_id_that_leads_elsewhere_is_none(id: str) -> None:
    """Nothing is asked, and nothing deleted."""
    provider, vendor = highlevel(shown())

    for call in (provider.publishing.cancel, provider.publishing.status, provider.records.delete):
        with pytest.raises(ContentRefused):
            await call(FakeAccess(), id)
    assert [] == vendor.requests


async def test_an_id_stays_one_part_of_its_path() -> None:
    """Whatever stands in it."""
    provider, vendor = highlevel(shown())

    await provider.publishing.status(FakeAccess(), "../posts?a=b#c")

    assert f"{POSTS}/..%2Fposts%3Fa%3Db%23c" == str(vendor.last.url)


@pytest.mark.parametrize("answer", [ok({}), ok({"post": {"_id": ID}}), ok({"post": {"status": "published"}}), ok([])])
async def test_an_answer_without_a_post_or_a_state_breaks_the_contract(answer: httpx.Response) -> None:
    """It says nothing of how the post stands."""
    provider, _ = highlevel(answer)

    with pytest.raises(ContractBroken):
        await provider.publishing.status(FakeAccess(), ID)


async def test_no_page_is_told_from_an_id() -> None:
    """Only HighLevel knows the page."""
    provider, _ = highlevel()

    assert "" == provider.publishing.public_uri("baker", "7")


def test_the_clock_of_these_tests_is_utc() -> None:
    """The literal dates above count from it."""
    assert datetime(2026, 11, 20, 12, tzinfo=UTC) == NOW
