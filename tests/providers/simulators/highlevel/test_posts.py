"""List, get, replace and delete posts.

Owns: the operations on an existing post. Knows nothing of publishing.
"""

from typing import Any

import pytest

from providers.simulators.highlevel.tenants import BAKER, GARAGE
from tests.providers.simulators.highlevel.world import (
    OWNER,
    POSTS,
    TIKTOK_DETAILS,
    V3,
    VIDEO,
    World,
    status_and_message,
    world,
)

NOBODY = "0" * 24
NOT_AN_ID = "Argument passed in must be a single String of 12 bytes or a string of 24 hex characters"


@pytest.mark.parametrize("name", ["skip", "limit"])
@pytest.mark.parametrize("version", ["2021-07-28", V3])
async def test_skip_and_limit_are_strings(highlevel: World, name: str, version: str) -> None:
    """skip and limit as numbers are 422."""
    highlevel.version = version

    assert (422, [f"{name} must be a number string"]) == status_and_message(await highlevel.search(**{name: 5}))


async def test_numeric_paging_may_be_the_misleading_400() -> None:
    """Numbers can get the other observed response, a 400 about an invalid id."""
    async with world(numeric_paging_status=400) as highlevel:
        assert (400, NOT_AN_ID) == status_and_message(await highlevel.search(limit=50))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skip": None}, "skip should not be empty"),
        ({"limit": None}, "limit should not be empty"),
        ({"fromDate": None}, "fromDate should not be empty"),
        ({"toDate": "x"}, "toDate must be a valid ISO 8601 date string"),
        ({"includeUsers": True}, "includeUsers must be a boolean string"),
        ({"type": "every"}, "type must be one of the following values"),
        ({"postType": "tweet"}, "postType must be one of the following values: post, story, reel"),
        ({"page": "1"}, "property page should not exist"),
    ],
)
async def test_searches_are_checked(highlevel: World, change: dict[str, Any], message: str) -> None:
    """Each invalid value of a search has its message."""
    answer = await highlevel.search(**change)

    assert 422 == answer.status_code
    assert any(each.startswith(message) for each in answer.json()["message"])


async def test_the_list_has_pages_and_a_count(highlevel: World) -> None:
    """The list is a page, the latest post first, with the count of all."""
    posts = [await highlevel.created(scheduleDate=highlevel.clock.later(hour * 3_600)) for hour in (1, 2, 3)]
    answer = await highlevel.search(skip="1", limit="1")

    assert (201, 3) == (answer.status_code, answer.json()["results"]["count"])
    assert [posts[1]] == [post["_id"] for post in answer.json()["results"]["posts"]]


async def test_the_list_is_filtered(highlevel: World) -> None:
    """The list is filtered by status, account, type and displayDate; deleted posts only on request."""
    tiktok = await highlevel.created()
    page = highlevel.account("facebook").id
    reel = await highlevel.created(accountIds=[page], type="reel")
    draft = await highlevel.created(status="draft", scheduleDate=None)
    gone = await highlevel.created()
    await highlevel.call("DELETE", f"{POSTS}/{gone}")

    assert {tiktok, reel, draft} == set(await highlevel.ids())
    assert {tiktok, reel, draft} == set(await highlevel.ids(type="recent"))
    assert {tiktok, reel} == set(await highlevel.ids(type="scheduled"))
    assert [draft] == await highlevel.ids(type="draft")
    assert [gone] == await highlevel.ids(type="deleted")
    assert [reel] == await highlevel.ids(accounts=f"{page},other")
    assert [reel] == await highlevel.ids(postType="reel")
    assert [draft] == await highlevel.ids(toDate=highlevel.clock.later(60))


async def test_the_list_includes_users_on_request(highlevel: World) -> None:
    """With includeUsers each post has its author."""
    await highlevel.created(userId=BAKER)
    found = [(await highlevel.search(includeUsers=each)).json()["results"]["posts"][0] for each in ("true", "false")]

    assert BAKER == found[0]["user"]["id"]
    assert "user" not in found[1]


async def test_a_scheduled_post_shows_its_time_as_displaydate(highlevel: World) -> None:
    """A scheduled post has displayDate and no scheduleDate."""
    post = await highlevel.post(await highlevel.created())

    assert "2026-11-20T13:00:00+00:00" == post["displayDate"]
    assert "scheduleDate" not in post


async def test_scheduledate_can_be_included() -> None:
    """scheduleDate can be included, as in some payloads."""
    async with world(echo_schedule_date=True) as highlevel:
        post = await highlevel.post(await highlevel.created())

    assert post["displayDate"] == post["scheduleDate"]


async def test_a_post_of_several_accounts_reads_google(highlevel: World) -> None:
    """A post of several accounts has platform google and no accountId."""
    accounts = [highlevel.tiktok.id, highlevel.account("facebook").id]
    post = await highlevel.post(await highlevel.created(accountIds=accounts))

    assert ("google", accounts) == (post["platform"], post["accountIds"])
    assert "accountId" not in post


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_unknown_posts(highlevel: World, method: str) -> None:
    """A malformed id is 400 with the database's message; an unknown id is 404."""
    body = highlevel.body() if method == "PUT" else None

    assert (400, NOT_AN_ID) == status_and_message(await highlevel.call(method, f"{POSTS}/short", body))
    assert 404 == (await highlevel.call(method, f"{POSTS}/{NOBODY}", body)).status_code


async def test_posts_of_other_locations_are_not_found(highlevel: World) -> None:
    """A post of another location is not found by its id."""
    post_id = await highlevel.created()
    path = f"/social-media-posting/{GARAGE}/posts/{post_id}"

    assert 404 == (await highlevel.call("GET", path, token=highlevel.grant(GARAGE))).status_code


async def test_put_replaces_everything(highlevel: World) -> None:
    """PUT removes everything that the body omits; the response has no results."""
    post_id = await highlevel.created(tags=["t"], followUpComment="first")
    body = {"type": "post", "media": [], "status": "draft"}
    answer = await highlevel.call("PUT", f"{POSTS}/{post_id}", body)
    post = await highlevel.post(post_id)

    assert 200 == answer.status_code
    assert "results" not in answer.json()
    assert ([], [], [], "", "draft") == tuple(
        post[name] for name in ("media", "accountIds", "tags", "summary", "status")
    )
    assert not {"tiktokPostDetails", "followUpComment"} & post.keys()


async def test_put_without_a_status_publishes_now(highlevel: World) -> None:
    """Like create, PUT without a status publishes the post."""
    post_id = await highlevel.created()
    await highlevel.call("PUT", f"{POSTS}/{post_id}", highlevel.body(status=None))
    highlevel.clock.advance(1)

    assert [post_id] == [row.post_id for row in highlevel.vendor.posts]


async def test_put_needs_media(highlevel: World) -> None:
    """PUT requires media, as in production, although the specification requires only `type`."""
    answer = await highlevel.call("PUT", f"{POSTS}/{await highlevel.created()}", {"type": "post", "status": "draft"})

    assert 422 == answer.status_code
    assert "media must be an array with media objects" in answer.json()["message"]


async def test_put_of_v3_needs_accounts_and_user(highlevel: World) -> None:
    """PUT of v3 requires the whole body of create."""
    highlevel.version = V3
    body = {"type": "post", "media": [], "status": "draft"}
    answer = await highlevel.call("PUT", f"{POSTS}/{await highlevel.created()}", body)

    assert {"accountIds should not be empty", "userId should not be empty"} <= set(answer.json()["message"])


async def test_put_refuses_like_create(highlevel: World) -> None:
    """PUT refuses unknown properties, past dates and violations of TikTok's rules, and leaves the post unchanged."""
    post_id = await highlevel.created()
    before = await highlevel.post(post_id)
    bodies = [
        highlevel.body(caption="x"),
        highlevel.body(scheduleDate="2020-01-01T00:00:00Z"),
        highlevel.body(media=[VIDEO, VIDEO]),
    ]
    answers = [await highlevel.call("PUT", f"{POSTS}/{post_id}", body) for body in bodies]

    assert [422, 422, 422] == [answer.status_code for answer in answers]
    assert before == await highlevel.post(post_id)


async def test_a_draft_is_scheduled(highlevel: World) -> None:
    """PUT with status scheduled schedules a draft."""
    post_id = await highlevel.created(status="draft", scheduleDate=None)
    await highlevel.call("PUT", f"{POSTS}/{post_id}", highlevel.body())
    highlevel.clock.advance(3_601)

    assert "published" == (await highlevel.post(post_id))["status"]


async def test_published_posts_cannot_be_replaced(highlevel: World) -> None:
    """PUT of a published post is refused."""
    post_id = await highlevel.created()
    highlevel.clock.advance(3_601)

    assert 400 == (await highlevel.call("PUT", f"{POSTS}/{post_id}", highlevel.body())).status_code


async def test_delete_removes_the_record_only(highlevel: World) -> None:
    """The post on the network stays, and deleting twice is 404."""
    post_id = await highlevel.created()
    highlevel.clock.advance(3_601)
    answers = [await highlevel.call("DELETE", f"{POSTS}/{post_id}") for _ in range(2)]

    assert [200, 404] == [answer.status_code for answer in answers]
    assert {"postId": post_id} == answers[0].json()["results"]
    assert ["deleted", True] == [(await highlevel.post(post_id))[name] for name in ("status", "deleted")]
    assert 1 == len(highlevel.vendor.posts)


async def test_a_deleted_post_is_not_published(highlevel: World) -> None:
    """A scheduled post that is deleted is not published."""
    await highlevel.call("DELETE", f"{POSTS}/{await highlevel.created()}")
    highlevel.clock.advance(7_200)

    assert [] == highlevel.vendor.posts


async def test_a_post_in_progress_cannot_be_stopped(highlevel: World) -> None:
    """Deleting a post in progress removes the record, and the network still gets the post."""
    post_id = await highlevel.created()
    highlevel.clock.advance(3_600)
    assert "in_progress" == (await highlevel.post(post_id))["status"]
    await highlevel.call("DELETE", f"{POSTS}/{post_id}")
    highlevel.clock.advance(1)

    assert [post_id] == [row.post_id for row in highlevel.vendor.posts]
    assert "deleted" == (await highlevel.post(post_id))["status"]


async def test_many_are_deleted_at_once(highlevel: World) -> None:
    """Bulk delete counts known posts and ignores unknown ones; without any known post it is 404."""
    posts = [await highlevel.created() for _ in range(2)]
    answers = [await highlevel.call("POST", f"{POSTS}/bulk-delete", {"postIds": [*posts, NOBODY]}) for _ in range(2)]

    assert [201, 404] == [answer.status_code for answer in answers]
    assert 2 == answers[0].json()["results"]["deletedCount"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"postIds": [NOBODY] * 51}, 400), ({"postIds": []}, 422), ({"postIds": "all"}, 422), ({"ids": [NOBODY]}, 422)],
)
async def test_deleting_many_is_checked(highlevel: World, body: dict[str, Any], status: int) -> None:
    """More than fifty ids are 400, another body is 422."""
    assert status == (await highlevel.call("POST", f"{POSTS}/bulk-delete", body)).status_code


async def test_the_body_is_kept_as_sent(highlevel: World) -> None:
    """Media, details and user are returned as they were sent."""
    post = await highlevel.post(await highlevel.created())

    assert [VIDEO] == post["media"]
    assert (OWNER, TIKTOK_DETAILS, "composer") == (post["createdBy"], post["tiktokPostDetails"], post["source"])
