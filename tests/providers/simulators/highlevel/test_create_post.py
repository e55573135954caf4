"""Create posts: the allow-list, statuses and dates, TikTok's rules, and the responses.

Owns: what is accepted and what is refused. Knows nothing of how a post progresses.
"""

from typing import Any

import pytest

from tests.providers.simulators.highlevel.world import (
    BAKERY,
    OWNER,
    POSTS,
    TIKTOK_DETAILS,
    V3,
    VIDEO,
    World,
    status_and_message,
    world,
)

SETTABLE_STATUSES = "draft, scheduled, in_review, published"
PAST = "2026-11-20T11:59:59Z"


async def test_the_known_good_body_is_accepted(highlevel: World) -> None:
    """The body that two live users send is 201 with the post."""
    answer = await highlevel.create()
    post = answer.json()["results"]["post"]

    assert (201, "scheduled", "tiktok") == (answer.status_code, post["status"], post["platform"])
    assert [highlevel.tiktok.id] == post["accountIds"]
    assert TIKTOK_DETAILS == post["tiktokPostDetails"]


@pytest.mark.parametrize("name", ["locationId", "caption", "text", "scheduledAt", "firstComment"])
async def test_unknown_properties_are_refused(highlevel: World, name: str) -> None:
    """Each unknown property that live users tried has its message."""
    assert (422, [f"property {name} should not exist"]) == status_and_message(await highlevel.create(**{name: "x"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accountIds": None}, "accountIds should not be empty"),
        ({"accountIds": []}, "accountIds should not be empty"),
        ({"accountIds": "one"}, "accountIds must be an array"),
        ({"accountIds": [1]}, "each value in accountIds must be a string"),
        ({"userId": None}, "userId should not be empty"),
        ({"userId": ""}, "userId should not be empty"),
        ({"userId": 5}, "userId must be a string"),
        ({"type": None}, "type should not be empty"),
        ({"type": "video"}, "type must be one of the following values: post, story, reel"),
        ({"media": None}, "media must be an array with media objects"),
        ({"media": {}}, "media must be an array with media objects"),
        ({"media": ["url"]}, "media must be an array with media objects"),
        ({"media": [{"type": "video/mp4"}]}, "media.0.url should not be empty"),
        ({"media": [{**VIDEO, "name": "x"}]}, "media.0.property name should not exist"),
        ({"media": [{**VIDEO, "altText": "x" * 4_087}]}, "media.0.altText must be shorter than or equal to 4086"),
        ({"summary": 5}, "summary must be a string"),
        ({"status": "sent"}, "status must be one of the following values"),
        (
            {"status": "in_progress"},
            "status must be one of the following values: draft, scheduled, in_review, published",
        ),
        ({"scheduleDate": "tomorrow"}, "scheduleDate must be a valid ISO 8601 date string"),
        ({"tags": "bread"}, "tags must be an array"),
        ({"scheduleTimeUpdated": "true"}, "scheduleTimeUpdated must be a boolean value"),
        ({"tiktokPostDetails": []}, "nested property tiktokPostDetails must be either object or array"),
        ({"gmbPostDetails": {"actionType": "fly"}}, "gmbPostDetails.actionType must be one of the following values"),
        ({"ogTagsDetails": {"type": "x"}}, "ogTagsDetails.property type should not exist"),
        ({"postApprovalDetails": {"approvalStatus": "?"}}, "postApprovalDetails.approvalStatus must be one of"),
    ],
)
async def test_values_are_checked(highlevel: World, change: dict[str, Any], message: str) -> None:
    """Each invalid value has its message in the list of the 422."""
    answer = await highlevel.call("POST", POSTS, _changed(highlevel, change))

    assert 422 == answer.status_code
    assert any(each.startswith(message) for each in answer.json()["message"]), answer.json()["message"]


def _changed(highlevel: World, change: dict[str, Any]) -> dict[str, Any]:
    body = {**highlevel.body(), **change}
    return {name: value for name, value in body.items() if value is not None}


async def test_a_422_has_every_message(highlevel: World) -> None:
    """A 422 lists all violations."""
    status, messages = status_and_message(await highlevel.create(userId=None, media=None, extra=1))

    assert 422 == status
    assert {
        "property extra should not exist",
        "userId should not be empty",
        "media must be an array with media objects",
    } <= set(messages)


@pytest.mark.parametrize("kind", ["video", "mp4", "IMAGE", "application/mp4", ""])
async def test_a_media_type_must_be_a_mime_type(highlevel: World, kind: str) -> None:
    """Any other media type gets the message that live users report."""
    answer = await highlevel.create(media=[{**VIDEO, "type": kind}])

    assert (422, ["media.0.Invalid media format type"]) == status_and_message(answer)


@pytest.mark.parametrize(("kind", "status"), [("video/mov", 201), ("video/quicktime", 422), ("video/mp4", 201)])
async def test_v3_lists_its_media_types(highlevel: World, kind: str, status: int) -> None:
    """v3 accepts video/mov, but not the registered video/quicktime."""
    highlevel.version = V3

    assert status == (await highlevel.create(media=[{**VIDEO, "type": kind}])).status_code


async def test_drafts_skip_the_media_type(highlevel: World) -> None:
    """A draft with an invalid media type is refused only when it is scheduled."""
    media = [{**VIDEO, "type": "video"}]
    post_id = await highlevel.created(status="draft", scheduleDate=None, media=media)
    promoted = await highlevel.call("PUT", f"{POSTS}/{post_id}", highlevel.body(media=media))

    assert (422, ["media.0.Invalid media format type"]) == status_and_message(promoted)


async def test_json_only(highlevel: World) -> None:
    """A form is 415, invalid JSON is 400, a list is 422."""
    headers = {"Authorization": f"Bearer {highlevel.token}", "Version": "2021-07-28"}
    form = await highlevel.http.post(POSTS, data={"type": "post"}, headers=headers)
    headers["Content-Type"] = "application/json"
    broken = await highlevel.http.post(POSTS, content=b"{", headers=headers)
    a_list = await highlevel.http.post(POSTS, content=b"[]", headers=headers)

    assert [415, 400, 422] == [answer.status_code for answer in (form, broken, a_list)]


@pytest.mark.parametrize("status", ["scheduled", "in_review"])
async def test_a_scheduled_post_needs_a_future_date(highlevel: World, status: str) -> None:
    """A missing date, a past date and the present are refused."""
    more = {"status": status, "postApprovalDetails": {"approver": OWNER}}
    answers = [await highlevel.create(scheduleDate=date, **more) for date in (None, PAST, "2026-11-20T12:00:00Z")]

    assert [
        (422, ["scheduleDate should not be empty"]),
        (422, ["scheduleDate must be after current date"]),
        (422, ["scheduleDate must be after current date"]),
    ] == [status_and_message(answer) for answer in answers]


async def test_a_review_needs_an_approver(highlevel: World) -> None:
    """in_review without postApprovalDetails is refused."""
    assert (422, ["postApprovalDetails.approver should not be empty"]) == status_and_message(
        await highlevel.create(status="in_review")
    )


async def test_a_post_without_a_status_is_published_now(highlevel: World) -> None:
    """Without a status the date is ignored, the response is 201, and the post is published."""
    answer = await highlevel.create(status=None)
    highlevel.clock.advance(1)

    assert 201 == answer.status_code
    assert ["caption"] == [post.summary for post in highlevel.vendor.posts]


@pytest.mark.parametrize("status", [None, "published"])
async def test_publishing_now_returns_no_id(highlevel: World, status: str | None) -> None:
    """The response has no results; the id must be looked up in the list."""
    answer = await highlevel.create(status=status, scheduleDate=None)

    assert {"success", "statusCode", "message", "traceId"} == answer.json().keys()
    assert 1 == len(await highlevel.ids())


async def test_publishing_now_can_return_an_id() -> None:
    """The response can be configured to have results, as other live users report."""
    async with world(publish_now_results=True) as highlevel:
        answer = await highlevel.create(status="published", scheduleDate=None)

    assert "_id" in answer.json()["results"]["post"]


@pytest.mark.parametrize("where", ["top", "flat"])
async def test_the_place_of_the_post_in_the_response_varies(where: str) -> None:
    """The post can be at results.post, at post, or be the whole body."""
    async with world(post_at=where) as highlevel:
        answer = (await highlevel.create()).json()

    assert "_id" in (answer["post"] if where == "top" else answer)
    assert "results" not in answer


@pytest.mark.parametrize(("account", "length"), [("tiktok", 150), ("tiktok-business", 2_200), ("facebook", 3_000)])
async def test_captions_are_truncated_silently(highlevel: World, account: str, length: int) -> None:
    """Captions that are too long are accepted and truncated to the network's limit."""
    post_id = await highlevel.created(accountIds=[highlevel.account(account).id], summary="x" * 3_000)

    assert "x" * length == (await highlevel.post(post_id))["summary"]


@pytest.mark.parametrize(
    "media",
    [[], [VIDEO, VIDEO], [{"url": "https://media.example/a.jpg", "type": "image/jpeg"}]],
    ids=["none", "two-videos", "a-photo"],
)
async def test_tiktok_requires_exactly_one_video(highlevel: World, media: list[dict[str, str]]) -> None:
    """No file, two files, and photos are refused, except in a draft."""
    assert (422, ["TikTok posts need exactly one video"]) == status_and_message(await highlevel.create(media=media))
    assert 201 == (await highlevel.create(media=media, status="draft")).status_code


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"privacyLevel": "SELF_ONLY"}, True),
        ({"privacyLevel": "MUTUAL_FOLLOW_FRIENDS"}, True),
        ({"privacyLevel": "FOLLOWER_OF_CREATOR"}, False),
        ({"videoDisclosure": True}, False),
        ({"videoDisclosure": True, "promoteYourBrand": True}, True),
        ({"videoDisclosure": True, "promoteOtherBrand": True}, True),
        ({"videoDisclosure": True, "promoteYourBrand": True, "privacyLevel": "SELF_ONLY"}, False),
        ({"enableDuet": "yes"}, False),
        ({"disableDuet": True}, False),
    ],
)
async def test_tiktoks_details_are_checked(highlevel: World, change: dict[str, Any], taken: bool) -> None:
    """TikTok's details are checked: privacy levels, disclosure rules, booleans, unknown names."""
    answer = await highlevel.create(tiktokPostDetails={**TIKTOK_DETAILS, **change})

    assert taken == (answer.status_code == 201), answer.text


async def test_tiktok_has_no_stories(highlevel: World) -> None:
    """TikTok accepts post and reel, but no story."""
    assert [201, 201, 422] == [(await highlevel.create(type=kind)).status_code for kind in ("post", "reel", "story")]


async def test_v3_needs_a_privacy_level(highlevel: World) -> None:
    """v3 requires a privacy level, the old generation does not."""
    details = {name: value for name, value in TIKTOK_DETAILS.items() if name != "privacyLevel"}
    old = await highlevel.create(tiktokPostDetails=details)
    highlevel.version = V3
    new = await highlevel.create(tiktokPostDetails=details)

    assert [201, 422] == [old.status_code, new.status_code]
    assert "tiktokPostDetails.privacyLevel should not be empty" in new.json()["message"]


async def test_properties_of_v3_are_accepted_under_the_old_version(highlevel: World) -> None:
    """The old version accepts properties of v3, which live users send."""
    more = {"youtubePostDetails": {"type": "video", "title": "t", "privacyLevel": "public"}, "applyWatermark": True}

    assert 201 == (await highlevel.create(**more)).status_code


async def test_pending_is_known_to_v3_only(highlevel: World) -> None:
    """The status pending is refused as an input by both generations, and only v3 knows it."""
    old = status_and_message(await highlevel.create(status="pending"))
    highlevel.version = V3
    new = status_and_message(await highlevel.create(status="pending"))

    assert "notification_sent" in old[1][0]
    assert (422, [f"status must be one of the following values: {SETTABLE_STATUSES}"]) == new


async def test_accounts_and_users_must_be_the_locations(highlevel: World) -> None:
    """An unknown account is 400, an unknown user 422."""
    account = await highlevel.create(accountIds=["unknown"])
    user = await highlevel.create(userId="mcp-server")

    assert [400, 422] == [account.status_code, user.status_code]


async def test_any_user_can_be_accepted() -> None:
    """userId can be configured to accept any string, as a report suggests."""
    async with world(check_user=False) as highlevel:
        assert 201 == (await highlevel.create(userId="mcp-server")).status_code


async def test_creates_are_in_the_ledger(highlevel: World) -> None:
    """Only accepted creates have a row in the ledger."""
    post_id = await highlevel.created()
    await highlevel.create(caption="x")

    assert [(post_id, BAKERY, "scheduled", "caption")] == [
        (row.post_id, row.location_id, row.status, row.summary) for row in highlevel.vendor.created
    ]
