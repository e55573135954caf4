"""The contract of publishing: posts that are never made twice, and a status of each.

Owns the contract of `providers/interface/publishing.py`, for vendors that receive a file in chunks after the init and
for those that store it in a media library before.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, NotFound, OptionUnsupported, Rejected, Temporary
from providers.interface import Access
from providers.models.publishing import (
    Begun,
    FailureKind,
    Photos,
    PublishPhase,
    PublishRequest,
    PublishStatus,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from tests.providers.conformance.harness import Power, assert_silent, needs

LOST = ("after", "status", "html")
FAR = 100_000
"""More characters than any network accepts in a caption."""


def _addresses(request: PublishRequest) -> tuple[Secret, ...]:
    """Return the URLs that the vendor fetches a post's media from."""
    if isinstance(request.content, Photos):
        return request.content.uris
    return (request.content.uri,) if isinstance(request.content, VideoLink) else ()


# Files


@needs(Capability.POST_VIDEO_UPLOAD, Power.POSTS)
async def test_a_file_is_posted_when_its_last_byte_is_there(harness: Any) -> None:
    """Nothing is posted before the file is complete; then it is posted once."""
    access, request = await harness.access(), harness.video_request()

    begun = await _begin(harness, access, request)
    before = harness.posted()
    await _send(harness, begun, request)

    assert 0 == before or begun.plan is None
    status = await _status(harness, access, begun, request)
    assert status.phase in (PublishPhase.PUBLISHED, PublishPhase.RUNNING, PublishPhase.RECEIVING)
    assert harness.posted() <= 1


@needs(Capability.POST_VIDEO_UPLOAD, Power.POSTS, Power.FAULTS)
async def test_bytes_twice_are_no_post_twice(harness: Any) -> None:
    """Sending a chunk again, or storing a file in a library again, is safe: there is one post."""
    access, request = await harness.access(), harness.video_request()
    if harness.provider.table.library:
        await _stored(harness, access, request)
    begun = await _begin(harness, access, request)
    if begun.plan is not None:
        first, end, last = begun.plan.chunk_at(0)
        assert not last
        await _chunk(harness, begun, request, first, end)

        again = await _chunk(harness, begun, request, first, end)

        assert end == again.received
        await _send(harness, begun, request, end)
    assert 1 == harness.posted()


@needs(Capability.POST_VIDEO_UPLOAD, Power.POSTS, Power.FAULTS)
@pytest.mark.parametrize("how", ["after", "status"])
async def test_bytes_whose_answer_was_lost_are_in_doubt(harness: Any, how: str) -> None:
    """Lost bytes are Ambiguous, nothing is repeated, and sending them again works."""
    access, request = await harness.access(), harness.video_request()
    send = await _first_bytes(harness, access, request)
    before = harness.calls("chunk")
    harness.fail("chunk", how)

    with pytest.raises(Ambiguous) as caught:
        await send()

    assert 1 == harness.calls("chunk") - before
    assert_silent(caught.value, access.grant.access_token)
    await send()


@needs(Capability.POST_VIDEO_UPLOAD, Power.POSTS, Power.FAULTS)
async def test_bytes_that_were_never_sent_are_temporary(harness: Any) -> None:
    """No connection to the vendor: nothing happened."""
    access, request = await harness.access(), harness.video_request()
    send = await _first_bytes(harness, access, request)
    harness.cut_off()

    with pytest.raises(Temporary):
        await send()


# Submitting


@needs(Capability.POST_VIDEO_UPLOAD, Power.FAULTS, Power.POSTS)
@pytest.mark.parametrize("how", LOST)
async def test_a_lost_answer_to_a_video_is_ambiguous(harness: Any, how: str) -> None:
    """A lost submit of a file is Ambiguous and never repeated by the provider."""
    await _lost(harness, "begin_video", harness.video_request(), how)


@needs(Capability.POST_VIDEO_PULL, Power.FAULTS, Power.POSTS)
@pytest.mark.parametrize("how", LOST)
async def test_a_lost_answer_to_a_pull_is_ambiguous(harness: Any, how: str) -> None:
    """A lost call that may have published is Ambiguous, never repeated, and no URL is in the error."""
    await _lost(harness, "begin_pull", harness.pull_request(), how)


@needs(Capability.POST_PHOTO, Power.FAULTS, Power.POSTS)
@pytest.mark.parametrize("how", LOST)
async def test_a_lost_answer_to_photos_is_ambiguous(harness: Any, how: str) -> None:
    """A lost call that may have published is Ambiguous, never repeated, and no URL is in the error."""
    await _lost(harness, "begin_photos", harness.photo_request(), how)


@needs(Capability.POST_VIDEO_PULL, Power.FAULTS, Power.POSTS)
async def test_a_submit_that_was_never_sent_is_temporary(harness: Any) -> None:
    """Without a connection nothing happened, and the post can be submitted again."""
    access, request = await harness.access(), harness.pull_request()
    harness.cut_off()

    with pytest.raises(Temporary) as caught:
        await harness.provider.publishing.begin(access, request)

    assert_silent(caught.value, request.content.uri, access.grant.access_token)


@needs(Capability.POST_VIDEO_PULL, Power.FAULTS, Power.POSTS)
async def test_a_rate_limited_submit_may_be_repeated(harness: Any) -> None:
    """A rate-limited submit is Temporary, because nothing happened, and never repeated by the provider."""
    access, request = await harness.access(), harness.pull_request()
    harness.fail("begin_pull", "rate")

    with pytest.raises(Temporary):
        await harness.provider.publishing.begin(access, request)

    assert (0, 1) == (harness.posted(), harness.calls("begin_pull"))
    await harness.provider.publishing.begin(access, request)
    assert 1 == harness.posted()


@needs(Capability.POST_VIDEO_PULL, Power.POSTS)
async def test_a_pulled_video_has_an_id_and_no_address(harness: Any) -> None:
    """The vendor fetches the media: there is nothing to upload, and the status can be read by the id."""
    await _acts(harness, harness.pull_request())


@needs(Capability.POST_PHOTO, Power.POSTS)
async def test_photos_have_an_id_and_no_address(harness: Any) -> None:
    """The vendor fetches the media: there is nothing to upload, and the status can be read by the id."""
    await _acts(harness, harness.photo_request())


@needs(Capability.METRICS, Capability.POST_VIDEO_PULL, Power.POSTS)
async def test_counts_are_by_the_ids_of_a_publish(harness: Any) -> None:
    """Counts are numbers or not there, each under an id that the status names."""
    access, request = await harness.access(), harness.public_request("canary words")
    begun = await _begin(harness, access, request)
    publish_id = await _publish_id(harness, access, begun, request)
    ids = (await _status(harness, access, begun, request)).post_ids

    found = await harness.provider.publishing.metrics(access, publish_id, ids)

    assert set(found) <= {*ids, ""}
    for each in found.values():
        assert all(count is None or count >= 0 for count in (each.view_count, each.like_count, each.comment_count))


@needs(Capability.POST_TEXT, Power.POSTS)
async def test_words_alone_have_an_id_and_no_address(harness: Any) -> None:
    """A text post has nothing to upload, and its status can be read."""
    await _acts(harness, harness.text_request())


@needs(Capability.POST_INBOX, Power.POSTS, Power.FAULTS)
async def test_a_draft_in_an_inbox_waits_for_its_creator(harness: Any) -> None:
    """A draft in the creator's inbox is not posted; it awaits the creator."""
    await _waits(harness, harness.draft_request(), PublishPhase.AWAITING_CREATOR)


@needs(Capability.POST_PLANNER_DRAFT, Power.POSTS, Power.FAULTS)
async def test_a_draft_in_a_planner_waits_there(harness: Any) -> None:
    """A draft in the planner is not posted; it awaits a person."""
    await _waits(harness, harness.planner_request("draft"), PublishPhase.AWAITING_CREATOR)


@needs(Capability.POST_PLANNER_REVIEW, Power.POSTS, Power.FAULTS)
async def test_a_post_in_review_waits_for_its_approver(harness: Any) -> None:
    """A post in review is not posted before it is approved."""
    await _waits(harness, harness.planner_request("review"), PublishPhase.AWAITING_CREATOR)


@needs(Capability.POST_SCHEDULE, Power.POSTS, Power.FAULTS)
async def test_a_scheduled_post_waits_for_its_time(harness: Any) -> None:
    """A vendor with a clock publishes at the time, not before; any other is sent no time, which is the gateway's."""
    if harness.provider.table.schedules:
        await _waits(harness, harness.scheduled_request(), PublishPhase.SCHEDULED)
        return
    before, timed = harness.sent(), replace(harness.pull_request(), schedule_time=datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(OptionUnsupported):
        harness.provider.publishing.check(timed)
    assert before == harness.sent()


@needs(Capability.POST_VIDEO_PULL)
async def test_what_can_never_be_submitted_is_refused_without_a_call(harness: Any) -> None:
    """An oversized caption is refused before anything is sent, by `check` and by `begin`."""
    access = await harness.access()
    request = replace(harness.pull_request(), caption="x" * FAR)
    before = harness.sent()

    with pytest.raises(ContentRefused):
        harness.provider.publishing.check(request)
    with pytest.raises(ContentRefused):
        await harness.provider.publishing.begin(access, request)

    assert before == harness.sent()


# Status, lookup and cancel


@needs(Capability.POST_VIDEO_UPLOAD)
async def test_an_unknown_publish_is_not_found(harness: Any) -> None:
    """The status of an unknown id is NotFound."""
    access = await harness.access()
    with pytest.raises(NotFound):
        await harness.provider.publishing.status(access, harness.unknown_publish)


@needs(Capability.POST_VIDEO_PULL, Power.POSTS, Power.FAULTS)
async def test_a_state_that_nobody_knows_is_no_end(harness: Any) -> None:
    """An undocumented state is RUNNING, and the vendor's own name of it is kept."""
    access = await harness.access()
    request = harness.pull_request()
    begun = await harness.provider.publishing.begin(access, request)
    publish_id = await _publish_id(harness, access, begun, request)
    harness.fail("status", "strange")

    status = await harness.provider.publishing.status(access, publish_id)

    assert (PublishPhase.RUNNING, None) == (status.phase, status.fail_kind)
    assert "STRANGE" in status.vendor_status.upper()


@needs(Capability.POST_VIDEO_PULL, Power.POSTS, Power.FAULTS)
async def test_a_failure_that_nobody_knows_is_not_retried(harness: Any) -> None:
    """An undocumented failure keeps the vendor's reason and has the kind UNKNOWN."""
    access = await harness.access()
    harness.fail_publish("something_strange")
    request = harness.pull_request()
    begun = await harness.provider.publishing.begin(access, request)

    status = await _status(harness, access, begun, request)

    assert (PublishPhase.FAILED, FailureKind.UNKNOWN) == (status.phase, status.fail_kind)
    assert ("something_strange", 0) == (status.fail_code, harness.posted())


@needs(Capability.POST_VIDEO_PULL, Power.POSTS, Power.FAULTS)
async def test_what_a_lost_answer_made_is_found(harness: Any) -> None:
    """A post whose answer was lost is found once, by its caption."""
    access, request = await harness.access(), harness.public_request("canary words of a lost post")
    since, until = harness.around()
    before = await harness.provider.publishing.find(access, request.account, since=since, until=until)
    harness.fail("begin_pull", "after")
    with pytest.raises(Ambiguous):
        await harness.provider.publishing.begin(access, request)

    found = await harness.provider.publishing.find(access, request.account, since=since, until=until)

    assert 1 == harness.posted()
    assert 1 == sum(any(request.caption in text for text in each.texts) for each in found)
    assert [] == [each for each in before if any(request.caption in text for text in each.texts)]


@needs(Capability.POST_CANCEL, Power.POSTS, Power.FAULTS)
async def test_what_is_not_published_yet_can_be_cancelled(harness: Any) -> None:
    """A cancelled post has failed, as its status shows, and nothing is posted."""
    access = await harness.access()
    publish_id = await harness.stoppable(access)

    await harness.provider.publishing.cancel(access, publish_id)

    assert await harness.is_stopped(access, publish_id)
    assert 0 == harness.posted()


@needs(Capability.POST_CANCEL, Power.POSTS)
async def test_what_cannot_be_stopped_is_refused(harness: Any) -> None:
    """What can no longer be cancelled, or never could, is Rejected and unchanged."""
    access = await harness.access()
    publish_id = await harness.unstoppable(access)
    before = harness.posted()

    with pytest.raises(Rejected):
        await harness.provider.publishing.cancel(access, publish_id)

    assert before == harness.posted()


# Helpers


async def _begin(harness: Any, access: Access, request: PublishRequest) -> Begun:
    """Submit a post; a file is stored in the library first, if the vendor has one."""
    stored = await _with_media(harness, access, request)
    begun: Begun = await harness.provider.publishing.begin(access, stored)
    return begun


async def _publish_id(harness: Any, access: Access, begun: Begun, request: PublishRequest) -> str:
    """Return the id of a post; if the vendor returned none, the id of the listed post with the same caption."""
    if begun.publish_id:
        return begun.publish_id
    since, until = harness.around()
    found = await harness.provider.publishing.find(access, request.account, since=since, until=until)
    [ours] = [each for each in found if request.caption in each.texts]
    return str(ours.publish_id)


async def _status(harness: Any, access: Access, begun: Begun, request: PublishRequest) -> PublishStatus:
    publish_id = await _publish_id(harness, access, begun, request)
    status: PublishStatus = await harness.provider.publishing.status(access, publish_id)
    return status


async def _with_media(harness: Any, access: Access, request: PublishRequest) -> PublishRequest:
    if isinstance(request.content, VideoFile) and harness.provider.table.library:
        return replace(request, content=await _stored(harness, access, request))
    return request


async def _stored(harness: Any, access: Access, request: PublishRequest) -> VideoLink:
    file = request.content
    assert isinstance(file, VideoFile)
    body = partial(harness.content, 0, file.size)
    uri = await harness.provider.publishing.store(access, file, body, name="canary")
    return VideoLink(uri, file.mime_type)


async def _send(harness: Any, begun: Begun, request: PublishRequest, offset: int = 0) -> None:
    """Send the rest of a file; nothing if the vendor has it already."""
    file = request.content
    while begun.plan is not None and isinstance(file, VideoFile) and offset < file.size:
        first, end, _ = begun.plan.chunk_at(offset)
        answer = await _chunk(harness, begun, request, first, end)
        offset = file.size if answer.complete else answer.received


async def _chunk(harness: Any, begun: Begun, request: PublishRequest, first: int, end: int) -> Any:
    assert begun.upload_url is not None
    return await harness.provider.publishing.send_chunk(
        begun.upload_url, request.content, first=first, end=end, body=partial(harness.content, first, end)
    )


async def _first_bytes(harness: Any, access: Access, request: PublishRequest) -> Callable[[], Any]:
    """Return a function that sends the first bytes of a file: its first chunk, or all of it to a library."""
    if harness.provider.table.library:
        return lambda: _stored(harness, access, request)
    begun = await _begin(harness, access, request)
    assert begun.plan is not None
    first, end, _ = begun.plan.chunk_at(0)
    return lambda: _chunk(harness, begun, request, first, end)


async def _lost(harness: Any, operation: str, request: PublishRequest, how: str) -> None:
    """Submit a post whose answer is lost, and assert that it is Ambiguous and sent once."""
    access = await harness.access()
    request = await _with_media(harness, access, request)
    harness.fail(operation, how)

    with pytest.raises(Ambiguous) as caught:
        await harness.provider.publishing.begin(access, request)

    assert 1 == harness.calls(operation)
    assert_silent(caught.value, *_addresses(request), access.grant.access_token)


async def _waits(harness: Any, request: PublishRequest, phase: PublishPhase) -> None:
    """Submit a post, and assert that it is in this phase and not posted."""
    access = await harness.access()
    begun = await _begin(harness, access, request)
    await _send(harness, begun, request)

    status = await _status(harness, access, begun, request)

    assert (phase, 0) == (status.phase, harness.posted())


async def _acts(harness: Any, request: PublishRequest) -> None:
    access = await harness.access()

    begun = await _begin(harness, access, request)

    assert begun.upload_url is None
    assert PublishPhase.FAILED is not (await _status(harness, access, begun, request)).phase
