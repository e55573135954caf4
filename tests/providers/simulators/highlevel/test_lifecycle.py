"""The progress of a post: scheduled, in progress, published or failed; fetching media.

Owns: everything after create. Knows nothing of what create refuses.
"""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.providers.simulators.highlevel.world import (
    OWNER,
    POSTING,
    POSTS,
    TIKTOK_DETAILS,
    VIDEO,
    World,
    status_and_message,
    world,
)


async def test_a_scheduled_post_is_published_at_its_time(highlevel: World) -> None:
    """A post is scheduled, in_progress, then published with link, id and time."""
    post_id = await highlevel.created()
    seen = []
    for seconds in (0, 3_599, 1, 0.9, 0.1):
        highlevel.clock.advance(seconds)
        seen.append((await highlevel.post(post_id))["status"])
    post = await highlevel.post(post_id)

    assert ["scheduled", "scheduled", "in_progress", "in_progress", "published"] == seen
    assert "2026-11-20T13:00:01+00:00" == post["publishedAt"]
    assert f"https://www.tiktok.com/@sim_bakery/video/{post['postId']}" == post["previewLink"]
    assert 19 == len(post["postId"])


async def test_time_may_jump(highlevel: World) -> None:
    """When time jumps, a post is still published at its scheduled time, once."""
    post_id = await highlevel.created()
    highlevel.vendor.advance_clock(86_000)

    assert ["2026-11-20T13:00:01+00:00"] == [row.time.isoformat() for row in highlevel.vendor.posts]
    assert "published" == (await highlevel.post(post_id))["status"]


async def test_the_ledger_has_a_row_for_each_account(highlevel: World) -> None:
    """A record with two accounts is two posts on two networks."""
    accounts = [highlevel.tiktok.id, highlevel.account("facebook").id]
    post_id = await highlevel.created(accountIds=accounts)
    highlevel.clock.advance(3_601)

    assert [(post_id, accounts[0], "tiktok"), (post_id, accounts[1], "facebook")] == [
        (row.post_id, row.account_id, row.platform) for row in highlevel.vendor.posts
    ]


async def test_the_same_create_twice_is_two_posts(highlevel: World) -> None:
    """Creating is not idempotent, which only the ledger shows."""
    for _ in range(2):
        await highlevel.create(status="published", scheduleDate=None)
    highlevel.clock.advance(1)

    assert ["caption", "caption"] == [row.summary for row in highlevel.vendor.posts]


async def test_drafts_are_never_due(highlevel: World) -> None:
    """A draft is not published, even with a date."""
    await highlevel.created(status="draft")
    highlevel.clock.advance(86_000)

    assert [] == highlevel.vendor.posts


@pytest.mark.parametrize(("approve", "status", "posts"), [(True, "scheduled", 1), (False, "draft", 0)])
async def test_a_review_waits_for_the_approver(highlevel: World, approve: bool, status: str, posts: int) -> None:
    """An approved post is scheduled, a rejected one becomes a draft."""
    post_id = await highlevel.created(status="in_review", postApprovalDetails={"approver": OWNER})
    waiting = (await highlevel.post(post_id))["status"]
    highlevel.vendor.review(post_id, approve=approve)
    post = await highlevel.post(post_id)
    highlevel.clock.advance(3_601)

    assert ["in_review", status] == [waiting, post["status"]]
    assert ("approved" if approve else "rejected") == post["postApprovalDetails"]["approvalStatus"]
    assert posts == len(highlevel.vendor.posts)


async def test_a_post_in_review_is_not_published(highlevel: World) -> None:
    """A post in review is not published at its time, and a review is decided once."""
    post_id = await highlevel.created(status="in_review", postApprovalDetails={"approver": OWNER})
    highlevel.clock.advance(86_000)
    assert "in_review" == (await highlevel.post(post_id))["status"]
    highlevel.vendor.review(post_id, approve=False)

    with pytest.raises(ValueError, match="not in review"):
        highlevel.vendor.review(post_id, approve=True)


async def test_a_failure_has_its_error(highlevel: World) -> None:
    """A failed post has the injected error, and nothing is published."""
    highlevel.vendor.fail_next_publish("Video is too short")
    post_id = await highlevel.created()
    highlevel.clock.advance(3_601)
    post = await highlevel.post(post_id)

    assert ("failed", "Video is too short") == (post["status"], post["error"])
    assert [post_id] == await highlevel.ids(type="failed")
    assert [] == highlevel.vendor.posts


async def test_a_failed_post_is_rescheduled_by_put(highlevel: World) -> None:
    """A PUT with a new date publishes a failed post."""
    highlevel.vendor.fail_next_publish("no")
    post_id = await highlevel.created()
    highlevel.clock.advance(3_601)
    await highlevel.post(post_id)
    await highlevel.call("PUT", f"{POSTS}/{post_id}", highlevel.body())
    highlevel.clock.advance(3_601)
    post = await highlevel.post(post_id)

    assert "published" == post["status"]
    assert "error" not in post


async def test_an_expired_account_is_not_published_to(highlevel: World) -> None:
    """A scheduled post waits until the account is reconnected, and then is published."""
    post_id, account = await highlevel.created(), highlevel.tiktok.id
    highlevel.vendor.set_account(account, expired=True)
    highlevel.clock.advance(7_200)
    waiting = (await highlevel.post(post_id))["status"]
    highlevel.vendor.set_account(account, expired=False)
    highlevel.clock.advance(1)

    assert ["scheduled", "published"] == [waiting, (await highlevel.post(post_id))["status"]]
    assert ["2026-11-20T14:00:01+00:00"] == [row.time.isoformat() for row in highlevel.vendor.posts]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"expired": True}, "The social account has expired. Please reconnect it"),
        ({"deleted": True}, "The social account is no longer connected"),
        ({"active": False}, "The social account is no longer connected"),
    ],
)
async def test_publishing_now_to_an_unhealthy_account_fails(
    highlevel: World, change: dict[str, bool], error: str
) -> None:
    """The create is accepted, and the post fails."""
    highlevel.vendor.set_account(highlevel.tiktok.id, **change)
    answer = await highlevel.create(status="published", scheduleDate=None)
    [post_id] = await highlevel.ids(type="failed")

    assert 201 == answer.status_code
    assert error == (await highlevel.post(post_id))["error"]


async def test_a_removed_account_fails_its_posts(highlevel: World) -> None:
    """The scheduled posts of a deleted account fail."""
    post_id = await highlevel.created()
    await highlevel.call("DELETE", f"{POSTING}/accounts/{highlevel.tiktok.id}")
    highlevel.clock.advance(3_601)

    assert "failed" == (await highlevel.post(post_id))["status"]


@pytest.mark.parametrize(
    "change",
    [
        {"tiktokPostDetails": None},
        {"tiktokPostDetails": {}},
        {"media": [{**VIDEO, "thumbnail": "https://media.example/a.jpg"}]},
    ],
    ids=["no-details", "empty-details", "thumbnail"],
)
async def test_tiktok_blames_the_thumbnail(highlevel: World, change: dict[str, Any]) -> None:
    """Without details or with a thumbnail, publishing fails with a misleading message."""
    post_id = await highlevel.created(**change)
    highlevel.clock.advance(3_601)

    assert "TikTok will not support thumbnail in the Video" == (await highlevel.post(post_id))["error"]


async def test_fifteen_posts_a_day(highlevel: World) -> None:
    """The sixteenth post in 24 hours fails; other accounts are not affected."""
    for _ in range(16):
        await highlevel.created()
    other = await highlevel.created(accountIds=[highlevel.account("tiktok-business").id])
    highlevel.clock.advance(3_601)
    failed = await highlevel.ids(type="failed", limit="50")

    assert 16 == len(highlevel.vendor.posts)
    assert 1 == len(failed)
    assert "published" == (await highlevel.post(other))["status"]


async def test_posts_in_progress_count_too(highlevel: World) -> None:
    """Of sixteen posts at the same time one fails."""
    for _ in range(16):
        await highlevel.created()
    highlevel.clock.advance(3_600)
    assert 15 == len(await highlevel.ids(type="in_progress", limit="50"))
    highlevel.clock.advance(1)

    assert 15 == len(highlevel.vendor.posts)


async def test_an_account_that_is_removed_in_progress_gets_no_post(highlevel: World) -> None:
    """A post in progress fails when its account is removed."""
    post_id = await highlevel.created()
    highlevel.clock.advance(3_600)
    await highlevel.call("DELETE", f"{POSTING}/accounts/{highlevel.tiktok.id}")
    highlevel.clock.advance(1)

    assert "The social account is no longer connected" == (await highlevel.post(post_id))["error"]
    assert [] == highlevel.vendor.posts


# Fetching media


def _media(answers: dict[str, tuple[int, str, bytes]]) -> httpx.ASGITransport:
    async def serve(request: Request) -> Response:
        status, kind, body = answers[request.url.path]
        return Response(body, status, media_type=kind)

    return httpx.ASGITransport(Starlette(routes=[Route("/{path:path}", serve)]))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, "video/mp4", b"video"), ""),
        ((404, "video/mp4", b"video"), "Media could not be downloaded"),
        ((200, "text/html", b"<html>"), "Media has an unsupported format"),
        ((200, "video/mp4", b""), "Media could not be downloaded"),
    ],
)
async def test_media_are_fetched_with_pull_media(answer: tuple[int, str, bytes], error: str) -> None:
    """The hash of the fetched bytes is in the ledger; unusable media fail the post."""
    async with world(pull_media=True, transport=_media({"/clip.mp4": answer})) as highlevel:
        post_id = await highlevel.created()
        highlevel.clock.advance(3_601)
        await highlevel.post(post_id)
        await highlevel.vendor.idle()
        post = await highlevel.post(post_id)

    assert error == post.get("error", "")
    assert ([] if error else [(hashlib.sha256(b"video").hexdigest(),)]) == [
        row.sha256 for row in highlevel.vendor.posts
    ]


async def test_an_invalid_url_fails_the_post() -> None:
    """An invalid media URL fails the post."""
    async with world(pull_media=True, transport=_media({})) as highlevel:
        post_id = await highlevel.created(media=[{**VIDEO, "url": "nonsense"}])
        highlevel.clock.advance(3_601)
        await highlevel.post(post_id)
        await highlevel.vendor.idle()

        assert "Media could not be downloaded" == (await highlevel.post(post_id))["error"]


async def test_a_connection_that_breaks_fails_the_post() -> None:
    """An unreachable host fails the post."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody is there")

    async with world(pull_media=True, transport=httpx.MockTransport(unreachable)) as highlevel:
        post_id = await highlevel.created()
        highlevel.clock.advance(3_601)
        await highlevel.post(post_id)
        await highlevel.vendor.idle()

        assert "Media could not be downloaded" == (await highlevel.post(post_id))["error"]


async def test_uploaded_media_need_no_network() -> None:
    """A file of the media library is published with its hash."""
    async with world(pull_media=True, transport=_media({})) as highlevel:
        files = {"file": ("clip.mp4", b"video", "video/mp4")}
        uploaded = (await highlevel.call("POST", "/medias/upload-file", files=files)).json()
        await highlevel.create(media=[{"url": uploaded["url"], "type": "video/mp4"}], status="published")
        await highlevel.vendor.idle()
        highlevel.clock.advance(1)
        [row] = highlevel.vendor.posts

    assert ((hashlib.sha256(b"video").hexdigest(),), (5,)) == (row.sha256, row.sizes)


async def test_media_due_outside_an_event_loop_are_fetched_later() -> None:
    """A fetch that cannot start outside an event loop waits for the next call."""
    async with world(pull_media=True, transport=_media({"/clip.mp4": (200, "video/mp4", b"v")})) as highlevel:
        post_id = await highlevel.created()

        def pull_the_lever() -> None:
            highlevel.vendor.advance_clock(3_601)

        await asyncio.to_thread(pull_the_lever)
        assert "in_progress" == (await highlevel.post(post_id))["status"]
        await highlevel.vendor.idle()

        assert "published" == (await highlevel.post(post_id))["status"]


async def test_posts_send_no_webhooks() -> None:
    """The planner has no webhooks."""
    async with world(webhook_url="https://hook.example/") as highlevel:
        assert 201 == (await highlevel.create()).status_code
        highlevel.clock.advance(3_601)
        await highlevel.search()
        await highlevel.vendor.idle()

        assert [] == highlevel.vendor.deliveries


async def test_details_are_in_the_ledger(highlevel: World) -> None:
    """The ledger has TikTok's details of a post."""
    await highlevel.created()
    highlevel.clock.advance(3_601)
    [row] = highlevel.vendor.posts

    assert {"tiktokPostDetails": TIKTOK_DETAILS} == row.details
    assert 422 == status_and_message(await highlevel.create(media=None))[0]
