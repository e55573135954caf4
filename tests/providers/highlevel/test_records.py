"""The records of HighLevel's planner: asked for together, changed without losing anything, taken away.

Owns PUT, and the list as it is read for states. What an order may say is in test_publishing.py.
"""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    NotFound,
    OptionUnsupported,
    ProviderError,
    Rejected,
    Unavailable,
)
from providers.models.publishing import Content, Photos, PostMode, PublishPhase, PublishRequest, VideoLink
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from tests.providers.faking import Answering, FakeVendor
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import NOW, USER, FakeAccess, highlevel, ok, refused
from tests.providers.highlevel.test_publishing import (
    ACCOUNT,
    ID,
    LATER,
    OTHER,
    POSTS,
    TIKTOK,
    page,
    post,
    row,
    sent,
)

MP4 = {"url": "https://cdn.example/a", "type": "video/mp4"}
VIDEO = VideoLink(Secret("https://media.example/link"))
DONE = httpx.Response(200, json={"success": True, "statusCode": 200, "message": "Updated Post"})


def shown(status: str = "scheduled", **more: Any) -> httpx.Response:
    """Answer with one post, due in two hours."""
    record = {"_id": ID, "status": status, "summary": "Changed", "displayDate": "2026-11-20T14:00:00.000Z"}
    return ok({"post": {**record, "media": [MP4], **more}})


def changed(platform: str = "facebook", content: Content = VIDEO, **more: Any) -> PublishRequest:
    """Return an order with other words, for the same time."""
    return post(platform, content, **{"caption": "Changed", "schedule_time": LATER, **more})


async def edit(request: PublishRequest, *answers: Answering, **settings: Any) -> FakeVendor:
    """Change a post at a vendor that gives these answers."""
    provider, vendor = highlevel(*(answers or (shown(), DONE, shown())), **settings)
    await provider.records.edit(FakeAccess(), ID, request)
    return vendor


async def put(request: PublishRequest, *answers: Answering, **settings: Any) -> dict[str, Any]:
    """Return the body of the update."""
    vendor = await edit(request, *answers, **settings)
    [update] = [each for each in vendor.requests if each.method == "PUT"]
    assert f"{POSTS}/{ID}" == str(update.url)
    found: dict[str, Any] = httpx.Response(200, content=update.content).json()
    return found


# Asked for together


async def test_states_are_read_from_the_list() -> None:
    """One call for all that were asked for; one that is missing there is missing."""
    provider, vendor = highlevel(page(row(), row(OTHER, status="published", postId="7"), row("x", status=None)))

    found = await provider.records.statuses(
        FakeAccess(), [ID, OTHER, "x", "unknown"], since=NOW, until=NOW + timedelta(days=1)
    )

    assert {ID: PublishPhase.SCHEDULED, OTHER: PublishPhase.PUBLISHED} == {id: each.phase for id, each in found.items()}
    assert ([("all", "0")], None) == (sent(vendor), vendor.sent().get("accounts"))


@pytest.mark.parametrize("answer", [ok({}), page("x"), httpx.Response(200, html="<html>")])
async def test_a_list_that_is_none_tells_no_state(answer: httpx.Response) -> None:
    """It is no list without posts."""
    provider, _ = highlevel(answer)

    with pytest.raises(ContractBroken):
        await provider.records.statuses(FakeAccess(), [ID], since=NOW, until=NOW)


# Changed


async def test_an_update_says_everything_again() -> None:
    """A look, the whole of the post, and a look whether it was taken."""
    request = changed(extra={"first_comment": "First!"})
    vendor = await edit(request)

    assert ["GET", "PUT", "GET"] == [each.method for each in vendor.requests]
    assert {
        "accountIds": [ACCOUNT],
        "type": "post",
        "userId": USER,
        "createdBy": USER,
        "media": [MP4],
        "summary": "Changed",
        "status": "scheduled",
        "scheduleDate": "2026-11-20T14:00:00Z",
        "tags": [],
        "followUpComment": "First!",
    } == await put(request)


async def test_an_update_for_tiktok_keeps_its_details_and_says_no_thumbnail() -> None:
    """Without the first, and with the second, HighLevel would not publish it."""
    medium = {**MP4, "thumbnail": "https://cdn.example/t.jpg", "id": "m1"}
    body = await put(changed("tiktok"), shown(media=[medium]), DONE, shown())

    assert (TIKTOK, [{**MP4, "id": "m1"}]) == (body["tiktokPostDetails"], body["media"])


@pytest.mark.parametrize(
    ("medium", "version", "again"),
    [
        ({"url": "https://a/1", "type": "video/quicktime"}, "2021-07-28", "video/quicktime"),
        ({"url": "https://a/1", "type": "video/quicktime"}, "v3", "video/mov"),
        ({"url": "https://a/1", "type": "video/mov"}, "2021-07-28", "video/quicktime"),
        ({"url": "https://a/1", "type": "video/mov"}, "v3", "video/mov"),
        ({"url": "https://a/1.mp4?x", "type": "video"}, "2021-07-28", "video/mp4"),
        ({"url": "https://a/1.PNG"}, "v3", "image/png"),
    ],
)
async def test_a_medium_is_said_as_a_mime_type_again(medium: dict[str, Any], version: str, again: str) -> None:
    """By the name that the generation knows; without a type, the address tells."""
    body = await put(changed(), shown(media=[medium]), DONE, shown(), api_version=version)

    assert [{"url": medium["url"], "type": again}] == body["media"]


async def test_what_a_person_gave_a_medium_stays() -> None:
    """Words and thumbnail; what HighLevel itself put there is not sent."""
    medium = {**MP4, "caption": "c", "thumbnail": "https://cdn.example/t.jpg", "altText": "alt", "id": "m1"}
    answers = shown(media=[{**medium, "originalUrl": "https://a/2", "isModified": True, "width": 7}]), DONE, shown()

    assert [{name: medium[name] for name in medium if name != "altText"}] == (await put(changed(), *answers))["media"]
    answers = shown(media=[medium]), DONE, shown()
    assert [medium] == (await put(changed(), *answers, api_version="v3"))["media"]


@pytest.mark.parametrize(
    "media",
    [
        [],
        None,
        ["https://a.example/a.mp4"],
        [MP4, None],
        [{"type": "video/mp4"}],
        [{"url": "https://a.example/a"}],
        [{"url": "https://a.example/a", "type": "video"}],
        [{"url": "https://[::1", "type": "video"}],
        [{"url": 7, "type": "video/mp4"}],
        "https://a.example/a.mp4",
    ],
    ids=repr,
)
async def test_an_update_that_would_lose_media_is_not_sent(media: Any) -> None:
    """What cannot be said again would be gone."""
    provider, vendor = highlevel(shown(media=media))

    with pytest.raises(ContentRefused) as raised:
        await provider.records.edit(FakeAccess(), ID, changed())
    assert ("media_would_be_lost", ["GET"]) == (raised.value.code, [each.method for each in vendor.requests])


async def test_photos_that_are_fewer_than_they_were_are_not_sent() -> None:
    """A record that shows one of three has lost two already."""
    provider, vendor = highlevel(shown(media=[{"url": "https://a/1.jpg", "type": "image/jpeg"}]))

    with pytest.raises(ContentRefused):
        await provider.records.edit(FakeAccess(), ID, changed(content=Photos((Secret("https://a/b"),) * 3)))
    assert 1 == len(vendor.requests)


async def test_words_alone_stay_words_alone() -> None:
    """A post that never had media loses none."""
    assert [] == (await put(changed(content=None), shown(media=[]), DONE, shown(media=[])))["media"]


@pytest.mark.parametrize(
    "state", ["published", "in_progress", "pending", "deleted", "failed", "notification_sent", "going_live"]
)
async def test_what_time_or_a_person_has_moved_on_is_not_changed(state: str) -> None:
    """An update with a time would publish it, perhaps a second time."""
    provider, vendor = highlevel(shown(state))

    with pytest.raises(Rejected) as raised:
        await provider.records.edit(FakeAccess(), ID, changed())
    assert (state, ["GET"]) == (raised.value.code, [each.method for each in vendor.requests])


@pytest.mark.parametrize(
    ("mode", "more", "state"),
    [
        (PostMode.DIRECT, {"displayDate": "2026-11-20T12:00:20Z"}, "scheduled"),
        (PostMode.DIRECT, {"deleted": True}, "scheduled"),
        (PostMode.PLANNER_DRAFT, {}, "scheduled"),
        (PostMode.PLANNER_DRAFT, {}, "in_review"),
    ],
)
async def test_what_is_about_to_go_out_or_was_released_is_not_changed(
    mode: PostMode, more: dict[str, Any], state: str
) -> None:
    """An update would come too late, or make a draft again of what somebody planned."""
    provider, vendor = highlevel(shown(state, **more))
    request = changed(mode=mode, schedule_time=LATER if mode is PostMode.DIRECT else None)

    with pytest.raises(Rejected):
        await provider.records.edit(FakeAccess(), ID, request)
    assert 1 == len(vendor.requests)


async def test_a_draft_stays_a_draft_and_a_review_is_asked_for_again() -> None:
    """Also when its approver had said yes to other words."""
    draft = changed(mode=PostMode.PLANNER_DRAFT, schedule_time=None)
    review = changed(mode=PostMode.PLANNER_REVIEW, extra={"approver": USER})

    assert "draft" == (await put(draft, shown("draft"), DONE, shown("draft")))["status"]
    body = await put(review, shown("scheduled"), DONE, shown("in_review"))
    assert ("in_review", "pending") == (body["status"], body["postApprovalDetails"]["approvalStatus"])


@pytest.mark.parametrize(
    "after",
    [
        shown(summary="Chang"),
        shown(media=[]),
        shown(media=[MP4, MP4]),
        shown(displayDate="2026-11-20T13:59:00Z"),
        shown(displayDate=None),
    ],
)
async def test_what_the_planner_kept_otherwise_is_told(after: httpx.Response) -> None:
    """It drops things without a word: words, media and time are read back."""
    with pytest.raises(ContentRefused) as raised:
        await edit(changed(), shown(), DONE, after)
    assert "kept_otherwise" == raised.value.code


@pytest.mark.parametrize(
    "after",
    [
        shown(summary=" Changed\n"),
        shown(displayDate="2026-11-20T14:00:59.999Z"),
        shown("in_progress", displayDate="2026-11-20T12:00:00Z"),
        shown("published", displayDate="2026-11-20T12:00:00Z"),
    ],
)
async def test_what_is_the_same_in_other_words_is_no_loss(after: httpx.Response) -> None:
    """Spaces at the ends, seconds, and a post that is on its way by then."""
    assert 3 == len((await edit(changed(), shown(), DONE, after)).requests)


@pytest.mark.parametrize(
    ("answers", "kind", "calls"),
    [
        ([refused(404, "Post not found")], NotFound, 1),
        ([shown(), httpx.ReadTimeout("late")], Ambiguous, 2),
        ([shown(), httpx.Response(502)], Ambiguous, 2),
        ([shown(), refused(400, "A post that is published can not be changed")], Rejected, 2),
        ([shown(), refused(422, ["media.0.Invalid media format type"])], ContentRefused, 2),
        ([shown(), httpx.ConnectError("refused")], Unavailable, 2),
        ([httpx.Response(502)], Unavailable, 2),
        ([shown(), DONE, httpx.Response(502)], Unavailable, 4),
    ],
    ids=repr,
)
async def test_what_an_answer_to_an_update_means(
    answers: list[Answering], kind: type[ProviderError], calls: int
) -> None:
    """The write is made once, the reads twice."""
    provider, vendor = highlevel(*answers)

    with pytest.raises(kind) as raised:
        await provider.records.edit(FakeAccess(), ID, changed())
    assert (kind, calls) == (type(raised.value), len(vendor.requests))


async def test_an_order_that_can_never_be_is_refused_before_any_call() -> None:
    """As for a new post."""
    provider, vendor = highlevel(shown())

    with pytest.raises(OptionUnsupported):
        await provider.records.edit(FakeAccess(), ID, changed(extra={"youtube": {}}))
    assert [] == vendor.requests


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulator_changes_words_and_time_and_keeps_the_media(version: str) -> None:
    """What is shown afterwards is what was asked for; doing it twice does no harm."""
    async with in_process(version=version) as sandbox:
        access, id = await sandbox.connect(), sandbox.posted()
        request = post("tiktok", VIDEO, account=sandbox.account().id, caption="Cake", schedule_time=LATER)
        for _ in range(2):
            await sandbox.provider.records.edit(access, id, request)
        [record] = sandbox.vendor.planner.records.values()

    assert ("Cake", LATER, "scheduled", OWNER) == (record.summary, record.schedule, record.status, record.user_id)
    assert [{"url": "https://media.example/a.mp4", "type": "video/mp4"}] == record.media
    assert TIKTOK == record.details["tiktokPostDetails"]


# Taken away


@pytest.mark.parametrize("answer", [ok({"postId": ID}), refused(404, "Post not found")])
async def test_a_record_that_is_gone_is_no_error(answer: httpx.Response) -> None:
    """Whoever took it away."""
    provider, vendor = highlevel(answer)

    await provider.records.delete(FakeAccess(), ID)

    assert [("DELETE", f"{POSTS}/{ID}")] == [(each.method, str(each.url)) for each in vendor.requests]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(httpx.ReadTimeout("late"), Ambiguous), (httpx.Response(500), Ambiguous), (refused(400, "No"), Rejected)],
    ids=repr,
)
async def test_a_record_of_which_nobody_knows_is_told(answer: Answering, kind: type[ProviderError]) -> None:
    """Once."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind):
        await provider.records.delete(FakeAccess(), ID)
    assert 1 == len(vendor.requests)


async def test_taking_a_published_record_away_leaves_the_post() -> None:
    """And its status goes on saying that it is out."""
    async with in_process() as sandbox:
        access, id = await sandbox.connect(), sandbox.posted("facebook")
        sandbox.vendor.advance_clock(13 * 3600)
        await sandbox.provider.records.delete(access, id)
        status = await sandbox.provider.publishing.status(access, id)

    assert (PublishPhase.PUBLISHED, 1, BAKERY) == (
        status.phase,
        len(sandbox.vendor.posts),
        sandbox.vendor.posts[0].location_id,
    )
