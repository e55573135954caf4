"""The progress of a publication (reference §3.7): statuses, fail reasons, post ids, one post each.

Owns: what happens after the last byte. Knows nothing of chunks.
"""

import hashlib
import json

import pytest

from tests.providers.simulators.tiktok.world import PUBLISH, World, code_of, file_source, world

STATUS = f"{PUBLISH}/status/fetch/"
PRIVATE = {"privacy_level": "SELF_ONLY"}


async def test_an_upload_in_progress_has_its_bytes(tiktok: World) -> None:
    """PROCESSING_UPLOAD has the number of bytes in complete chunks, from zero on."""
    begun = (await tiktok.direct(file_source(20_000_005, 10_000_000, 2))).json()["data"]
    before = await tiktok.status(begun["publish_id"])
    await tiktok.put(begun["upload_url"], bytes(10_000_000), 0, 20_000_005)
    after = await tiktok.status(begun["publish_id"])

    assert {"status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [], "uploaded_bytes": 0} == before
    assert {"status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [], "uploaded_bytes": 10_000_000} == after


async def test_a_direct_post_is_processed_then_posted_then_public(tiktok: World) -> None:
    """The status is PROCESSING_UPLOAD until processing ends, then PUBLISH_COMPLETE, first without an id."""
    publish_id = await tiktok.upload(b"video")
    seen = []
    for seconds in (0, 0.4, 0.1, 0.4, 0.1):
        tiktok.clock.advance(seconds)
        data = await tiktok.status(publish_id)
        seen.append((data["status"], len(data["publicaly_available_post_id"])))

    assert [
        ("PROCESSING_UPLOAD", 0),
        ("PROCESSING_UPLOAD", 0),
        ("PUBLISH_COMPLETE", 0),
        ("PUBLISH_COMPLETE", 0),
        ("PUBLISH_COMPLETE", 1),
    ] == seen


async def test_post_ids_are_json_numbers_that_no_double_holds(tiktok: World) -> None:
    """The id is a JSON number of 19 digits that float64 changes."""
    publish_id = await tiktok.upload(b"video")
    tiktok.clock.advance(60)
    answer = await tiktok.call(STATUS, {"publish_id": publish_id})
    [post_id] = json.loads(answer.text)["data"]["publicaly_available_post_id"]

    assert f'"publicaly_available_post_id":[{post_id}]' in answer.text
    assert 19 == len(str(post_id))
    assert post_id < 2**63
    assert post_id != int(float(post_id))


@pytest.mark.parametrize("level", ["SELF_ONLY", "MUTUAL_FOLLOW_FRIENDS"])
async def test_posts_that_are_not_public_never_get_an_id(tiktok: World, level: str) -> None:
    """Posts that are not public are PUBLISH_COMPLETE with an empty list of ids."""
    publish_id = await tiktok.upload(b"video", {"privacy_level": level})
    tiktok.clock.advance(86_400 - 1)

    assert {
        "status": "PUBLISH_COMPLETE",
        "publicaly_available_post_id": [],
        "uploaded_bytes": 5,
    } == await tiktok.status(publish_id)


async def test_a_public_post_is_in_the_video_list(tiktok: World) -> None:
    """After moderation the post is the newest video of the list."""
    publish_id = await tiktok.upload(b"video", {"privacy_level": "PUBLIC_TO_EVERYONE", "title": "A caption"})
    tiktok.clock.advance(60)
    [post_id] = (await tiktok.status(publish_id))["publicaly_available_post_id"]

    listed = (await tiktok.call("/v2/video/list/?fields=id,title", {})).json()["data"]["videos"]

    assert [{"id": str(post_id), "title": "A caption"}] == listed


async def test_a_draft_ends_in_the_inbox(tiktok: World) -> None:
    """A draft stays SEND_TO_USER_INBOX; nothing is posted."""
    publish_id = await tiktok.upload(b"video", draft=True)
    tiktok.clock.advance(60)

    assert "SEND_TO_USER_INBOX" == (await tiktok.status(publish_id))["status"]
    assert [] == tiktok.vendor.posts


async def test_a_draft_may_be_posted_by_its_user_more_than_once(tiktok: World) -> None:
    """Posting the draft makes it PUBLISH_COMPLETE, and each post has its own id."""
    publish_id = await tiktok.upload(b"video", draft=True)
    tiktok.clock.advance(1)
    first = tiktok.vendor.post_draft(publish_id)
    second = tiktok.vendor.post_draft(publish_id)
    tiktok.clock.advance(1)

    data = await tiktok.status(publish_id)

    assert ("PUBLISH_COMPLETE", [first.post_id, second.post_id]) == (
        data["status"],
        data["publicaly_available_post_id"],
    )


@pytest.mark.parametrize(
    "reason",
    [
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "internal",
        "video_pull_failed",
        "photo_pull_failed",
        "publish_cancelled",
        "auth_removed",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "spam_risk_text",
        "spam_risk",
        "a_reason_of_next_year",
    ],
)
async def test_every_fail_reason_can_be_injected(tiktok: World, reason: str) -> None:
    """A failed post is an "ok" response with FAILED and the reason, posts nothing, and does not affect the next one."""
    tiktok.vendor.fail_next_publish(reason)
    failed, fine = await tiktok.upload(b"one"), await tiktok.upload(b"two")
    tiktok.clock.advance(0.5)

    assert {
        "status": "FAILED",
        "fail_reason": reason,
        "publicaly_available_post_id": [],
        "uploaded_bytes": 3,
    } == await tiktok.status(failed)
    assert "PUBLISH_COMPLETE" == (await tiktok.status(fine))["status"]
    assert [fine] == [post.publish_id for post in tiktok.vendor.posts]


async def test_status_needs_a_known_publish_id_of_the_same_user(tiktok: World) -> None:
    """Unknown, foreign and missing ids have their own codes, with status 400."""
    publish_id = await tiktok.upload(b"video")
    other = tiktok.grant(open_id=list(tiktok.vendor.users)[1])
    body = {"publish_id": publish_id}

    assert (400, "invalid_publish_id") == code_of(await tiktok.call(STATUS, {"publish_id": "v_pub_file~v2-1.7"}))
    assert (400, "invalid_publish_id") == code_of(await tiktok.call(STATUS, {}))
    assert (400, "token_not_authorized_for_specified_publish_id") == code_of(
        await tiktok.call(STATUS, body, token=other)
    )
    assert (401, "access_token_invalid") == code_of(await tiktok.call(STATUS, body, token="act.x"))
    assert (401, "scope_not_authorized") == code_of(await tiktok.call(STATUS, body, token=tiktok.grant("video.list")))


@pytest.mark.parametrize("scope", ["video.publish", "video.upload"])
async def test_either_publishing_scope_suffices(tiktok: World, scope: str) -> None:
    """One of the two publishing scopes is enough for status/fetch."""
    publish_id = await tiktok.upload(b"video")

    assert (200, "ok") == code_of(await tiktok.call(STATUS, {"publish_id": publish_id}, token=tiktok.grant(scope)))


async def test_revoking_fails_unfinished_publications(tiktok: World) -> None:
    """A publication fails with auth_removed, and existing posts stay."""
    posted = await tiktok.upload(b"one", PRIVATE)
    tiktok.clock.advance(0.5)
    under_way = await tiktok.upload(b"two", PRIVATE)
    tiktok.vendor.revoke(tiktok.open_id)
    tiktok.clock.advance(60)
    token = tiktok.grant()

    assert "PUBLISH_COMPLETE" == (await tiktok.status(posted, token=token))["status"]
    failed = await tiktok.status(under_way, token=token)
    assert ("FAILED", "auth_removed") == (failed["status"], failed["fail_reason"])


async def test_an_unfinished_upload_stays_in_progress(tiktok: World) -> None:
    """An upload that is not finished neither posts nor fails."""
    publish_id = (await tiktok.direct(file_source(1_000))).json()["data"]["publish_id"]
    tiktok.clock.advance(7_200)

    assert "PROCESSING_UPLOAD" == (await tiktok.status(publish_id))["status"]
    assert [] == tiktok.vendor.posts


async def test_the_ledger_has_each_post_once(tiktok: World) -> None:
    """Repeated and late polls leave one row per publish_id, with the hash of the received bytes."""
    publish_id = await tiktok.upload(b"video", {**PRIVATE, "title": "A caption"})
    for _ in range(5):
        tiktok.clock.advance(1)
        await tiktok.status(publish_id)

    [post] = tiktok.vendor.posts

    assert (publish_id, tiktok.open_id, "DIRECT_POST", "A caption", 5) == (
        post.publish_id,
        post.open_id,
        post.mode,
        post.title,
        post.size,
    )
    assert hashlib.sha256(b"video").hexdigest() == post.sha256
    assert {"privacy_level": "SELF_ONLY", "title": "A caption"} == post.post_info


async def test_processing_can_be_ended_by_hand() -> None:
    """advance_processing ends processing, then moderation, and refuses while bytes are missing."""
    async with world(processing_seconds=3_600, moderation_seconds=3_600) as tiktok:
        publish_id = await tiktok.upload(b"video")
        incomplete = (await tiktok.direct(file_source(1_000))).json()["data"]["publish_id"]
        tiktok.vendor.advance_processing(publish_id)
        posted = await tiktok.status(publish_id)
        tiktok.vendor.advance_processing(publish_id)
        public = await tiktok.status(publish_id)

        assert ("PUBLISH_COMPLETE", []) == (posted["status"], posted["publicaly_available_post_id"])
        assert 1 == len(public["publicaly_available_post_id"])
        with pytest.raises(ValueError, match="bytes are not all in"):
            tiktok.vendor.advance_processing(incomplete)
