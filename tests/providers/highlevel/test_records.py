"""The records of HighLevel's planner: statuses of many, update without loss, delete.

Owns PUT, and the list as a source of statuses. Valid contents of a post are covered by test_publishing.py.
"""

from datetime import datetime, timedelta
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


def stored(status: str = "scheduled", **more: Any) -> httpx.Response:
    """Return an answer with one post, scheduled in two hours."""
    record = {"_id": ID, "status": status, "summary": "Changed", "displayDate": "2026-11-20T14:00:00.000Z"}
    return ok({"post": {**record, "media": [MP4], **more}})


def changed(platform: str = "facebook", content: Content = VIDEO, **more: Any) -> PublishRequest:
    """Return a post with another caption, for the same time."""
    return post(platform, content, **{"caption": "Changed", "schedule_time": LATER, **more})


async def edit(request: PublishRequest, *answers: Answering, **settings: Any) -> FakeVendor:
    """Update a post at a vendor that returns these answers."""
    provider, vendor = highlevel(*(answers or (stored(), DONE, stored())), **settings)
    await provider.records.edit(FakeAccess(), ID, request)
    return vendor


async def put(request: PublishRequest, *answers: Answering, **settings: Any) -> dict[str, Any]:
    """Return the body of the update."""
    vendor = await edit(request, *answers, **settings)
    [update] = [each for each in vendor.requests if each.method == "PUT"]
    assert f"{POSTS}/{ID}" == str(update.url)
    found: dict[str, Any] = httpx.Response(200, content=update.content).json()
    return found


# Statuses


async def test_states_are_read_from_the_list() -> None:
    """One call returns all statuses; posts that are not in the list, or have no state, are left out."""
    provider, vendor = highlevel(page(row(), row(OTHER, status="published", postId="7"), row("x", status=None)))

    found = await provider.records.statuses(
        FakeAccess(), [ID, OTHER, "x", "unknown"], since=NOW, until=NOW + timedelta(days=1)
    )

    assert {ID: PublishPhase.SCHEDULED, OTHER: PublishPhase.PUBLISHED} == {id: each.phase for id, each in found.items()}
    assert ([("all", "0")], None) == (sent(vendor), vendor.sent().get("accounts"))


@pytest.mark.parametrize("answer", [ok({}), page("x"), httpx.Response(200, html="<html>")])
async def test_an_answer_without_a_list_breaks_the_contract(answer: httpx.Response) -> None:
    """It is not read as an empty list."""
    provider, _ = highlevel(answer)

    with pytest.raises(ContractBroken):
        await provider.records.statuses(FakeAccess(), [ID], since=NOW, until=NOW)


# Updates


async def test_an_update_sends_the_whole_post() -> None:
    """It reads the post, sends all of it, and reads it again to verify the result."""
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


async def test_an_update_for_tiktok_sends_details_and_no_thumbnail() -> None:
    """HighLevel would not publish the video without the details, or with a thumbnail."""
    medium = {**MP4, "thumbnail": "https://cdn.example/t.jpg", "id": "m1"}
    body = await put(changed("tiktok"), stored(media=[medium]), DONE, stored())

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
async def test_an_update_sends_media_with_their_mime_types(medium: dict[str, Any], version: str, again: str) -> None:
    """The type has the name of the API version, and is guessed by the URL if it is missing."""
    body = await put(changed(), stored(media=[medium]), DONE, stored(), api_version=version)

    assert [{"url": medium["url"], "type": again}] == body["media"]


async def test_an_update_keeps_user_provided_fields_of_media() -> None:
    """Caption, alternative text and thumbnail are sent again, but not HighLevel's own fields."""
    medium = {**MP4, "caption": "c", "thumbnail": "https://cdn.example/t.jpg", "altText": "alt", "id": "m1"}
    answers = stored(media=[{**medium, "originalUrl": "https://a/2", "isModified": True, "width": 7}]), DONE, stored()

    assert [{name: medium[name] for name in medium if name != "altText"}] == (await put(changed(), *answers))["media"]
    answers = stored(media=[medium]), DONE, stored()
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
    """A medium without URL or type would be removed by the update."""
    provider, vendor = highlevel(stored(media=media))

    with pytest.raises(ContentRefused) as raised:
        await provider.records.edit(FakeAccess(), ID, changed())
    assert ("media_would_be_lost", ["GET"]) == (raised.value.code, [each.method for each in vendor.requests])


async def test_an_update_with_missing_photos_is_not_sent() -> None:
    """A record with one of three photos would lose the other two."""
    provider, vendor = highlevel(stored(media=[{"url": "https://a/1.jpg", "type": "image/jpeg"}]))

    with pytest.raises(ContentRefused):
        await provider.records.edit(FakeAccess(), ID, changed(content=Photos((Secret("https://a/b"),) * 3)))
    assert 1 == len(vendor.requests)


async def test_a_text_post_is_updated_without_media() -> None:
    """An empty list of media is sent."""
    assert [] == (await put(changed(content=None), stored(media=[]), DONE, stored(media=[])))["media"]


@pytest.mark.parametrize(
    "state", ["published", "in_progress", "pending", "deleted", "failed", "notification_sent", "going_live"]
)
async def test_a_post_in_another_state_is_not_updated(state: str) -> None:
    """An update with a time could publish it a second time."""
    provider, vendor = highlevel(stored(state))

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
async def test_a_post_about_to_be_published_or_released_is_not_updated(
    mode: PostMode, more: dict[str, Any], state: str
) -> None:
    """An update would come too late, or turn a scheduled post back into a draft."""
    provider, vendor = highlevel(stored(state, **more))
    request = changed(mode=mode, schedule_time=LATER if mode is PostMode.DIRECT else None)

    with pytest.raises(Rejected):
        await provider.records.edit(FakeAccess(), ID, request)
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize("time", [None, NOW - timedelta(days=20), NOW], ids=["none", "long over", "now"])
async def test_an_update_never_publishes(time: datetime | None) -> None:
    """A post without a time in the future would go out at once, and twice if the update is repeated."""
    provider, vendor = highlevel(stored(displayDate="2026-11-01T12:00:00.000Z"))

    with pytest.raises(Rejected) as raised:
        await provider.records.edit(FakeAccess(), ID, changed(schedule_time=time))
    assert ("time_passed", ["GET"]) == (raised.value.code, [each.method for each in vendor.requests])


async def test_a_draft_stays_a_draft_and_a_review_restarts() -> None:
    """A post that was approved before needs a new approval."""
    draft = changed(mode=PostMode.PLANNER_DRAFT, schedule_time=None)
    review = changed(mode=PostMode.PLANNER_REVIEW, extra={"approver": USER})

    assert "draft" == (await put(draft, stored("draft"), DONE, stored("draft")))["status"]
    body = await put(review, stored("scheduled"), DONE, stored("in_review"))
    assert ("in_review", "pending") == (body["status"], body["postApprovalDetails"]["approvalStatus"])


@pytest.mark.parametrize(
    "after",
    [
        stored(summary="Chang"),
        stored(media=[]),
        stored(media=[MP4, MP4]),
        stored(displayDate="2026-11-20T13:59:00Z"),
        stored(displayDate=None),
    ],
)
async def test_a_value_that_the_planner_dropped_is_an_error(after: httpx.Response) -> None:
    """The planner drops values silently, so caption, media and time are read back and compared."""
    with pytest.raises(ContentRefused) as raised:
        await edit(changed(), stored(), DONE, after)
    assert "kept_otherwise" == raised.value.code


@pytest.mark.parametrize(
    "after",
    [
        stored(summary=" Changed\n"),
        stored(displayDate="2026-11-20T14:00:59.999Z"),
        stored("in_progress", displayDate="2026-11-20T12:00:00Z"),
        stored("published", displayDate="2026-11-20T12:00:00Z"),
    ],
)
async def test_equivalent_values_are_no_loss(after: httpx.Response) -> None:
    """Surrounding spaces, seconds, and the time of a post that is being published may differ."""
    assert 3 == len((await edit(changed(), stored(), DONE, after)).requests)


@pytest.mark.parametrize(
    ("answers", "kind", "calls"),
    [
        ([refused(404, "Post not found")], NotFound, 1),
        ([stored(), httpx.ReadTimeout("late")], Ambiguous, 2),
        ([stored(), httpx.Response(502)], Ambiguous, 2),
        ([stored(), refused(400, "A post that is published can not be changed")], Rejected, 2),
        ([stored(), refused(422, ["media.0.Invalid media format type"])], ContentRefused, 2),
        ([stored(), httpx.ConnectError("refused")], Unavailable, 2),
        ([httpx.Response(502)], Unavailable, 2),
        ([stored(), DONE, httpx.Response(502)], Unavailable, 4),
    ],
    ids=repr,
)
async def test_answers_to_an_update_are_classified(
    answers: list[Answering], kind: type[ProviderError], calls: int
) -> None:
    """The write is sent once, and failed reads are retried once."""
    provider, vendor = highlevel(*answers)

    with pytest.raises(kind) as raised:
        await provider.records.edit(FakeAccess(), ID, changed())
    assert (kind, calls) == (type(raised.value), len(vendor.requests))


async def test_an_invalid_update_is_refused_before_any_call() -> None:
    """It is validated like a new post."""
    provider, vendor = highlevel(stored())

    with pytest.raises(OptionUnsupported):
        await provider.records.edit(FakeAccess(), ID, changed(extra={"youtube": {}}))
    assert [] == vendor.requests


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulator_changes_words_and_time_and_keeps_the_media(version: str) -> None:
    """Text and time are those of the request, the media are kept, and a second update changes nothing."""
    async with in_process(version=version) as sandbox:
        access, id = await sandbox.connect(), sandbox.posted()
        request = post("tiktok", VIDEO, account=sandbox.account().id, caption="Cake", schedule_time=LATER)
        for _ in range(2):
            await sandbox.provider.records.edit(access, id, request)
        [record] = sandbox.vendor.planner.records.values()

    assert ("Cake", LATER, "scheduled", OWNER) == (record.summary, record.schedule, record.status, record.user_id)
    assert [{"url": "https://media.example/a.mp4", "type": "video/mp4"}] == record.media
    assert TIKTOK == record.details["tiktokPostDetails"]


# Deletion


@pytest.mark.parametrize("answer", [ok({"postId": ID}), refused(404, "Post not found")])
async def test_deleting_a_missing_record_is_no_error(answer: httpx.Response) -> None:
    """NotFound is ignored."""
    provider, vendor = highlevel(answer)

    await provider.records.delete(FakeAccess(), ID)

    assert [("DELETE", f"{POSTS}/{ID}")] == [(each.method, str(each.url)) for each in vendor.requests]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(httpx.ReadTimeout("late"), Ambiguous), (httpx.Response(500), Ambiguous), (refused(400, "No"), Rejected)],
    ids=repr,
)
async def test_a_failed_deletion_of_a_record_is_raised(answer: Answering, kind: type[ProviderError]) -> None:
    """There is no retry."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind):
        await provider.records.delete(FakeAccess(), ID)
    assert 1 == len(vendor.requests)


async def test_deleting_the_record_of_a_published_post_keeps_the_post() -> None:
    """Its status is still PUBLISHED."""
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
