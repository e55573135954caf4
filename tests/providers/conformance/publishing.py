"""The contract of publishing: posts that are never made twice, and a status of each.

Owns the contract of `providers/interface/publishing.py`, for vendors that receive a file in chunks after the init and
for those that store it in a media library before.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, NotFound, Rejected, Temporary
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
from tests.providers.conformance.harness import Contract, Power, assert_silent

FILE_SIZE = 66_259_900
"""More than one chunk at every vendor that has chunks."""

LOST = ("after", "status", "html")
FAR = 100_000
"""More characters than any network accepts in a caption."""


def _addresses(request: PublishRequest) -> tuple[Secret, ...]:
    """Return the URLs that the vendor fetches a post's media from."""
    if isinstance(request.content, Photos):
        return request.content.uris
    return (request.content.uri,) if isinstance(request.content, VideoLink) else ()


class PublishingContract(Contract):
    """Posts."""

    # Files

    async def test_a_file_is_posted_when_its_last_byte_is_there(self) -> None:
        """Nothing is posted before the file is complete; then it is posted once."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS)
        access, request = await self.harness.access(), self.harness.video_request()

        begun = await self._begin(access, request)
        before = self.harness.posted()
        await self._send(begun, request)

        assert 0 == before or begun.plan is None
        status = await self._status(access, begun, request)
        assert status.phase in (PublishPhase.PUBLISHED, PublishPhase.RUNNING, PublishPhase.RECEIVING)
        assert self.harness.posted() <= 1

    async def test_bytes_twice_are_no_post_twice(self) -> None:
        """Sending a chunk again, or storing a file in a library again, is safe: there is one post."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS, Power.FAULTS)
        access, request = await self.harness.access(), self.harness.video_request()
        if self.harness.provider.table.library:
            await self._stored(access, request)
        begun = await self._begin(access, request)
        if begun.plan is not None:
            first, end, last = begun.plan.chunk_at(0)
            assert not last
            await self._chunk(begun, request, first, end)

            again = await self._chunk(begun, request, first, end)

            assert end == again.received
            await self._send(begun, request, end)
        assert 1 == self.harness.posted()

    @pytest.mark.parametrize("how", ["after", "status"])
    async def test_bytes_whose_answer_was_lost_are_in_doubt(self, how: str) -> None:
        """Lost bytes are Ambiguous, nothing is repeated, and sending them again works."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS, Power.FAULTS)
        access, request = await self.harness.access(), self.harness.video_request()
        send = await self._first_bytes(access, request)
        before = self.harness.calls("chunk")
        self.harness.fail("chunk", how)

        with pytest.raises(Ambiguous) as caught:
            await send()

        assert 1 == self.harness.calls("chunk") - before
        assert_silent(caught.value, access.grant.access_token)
        await send()

    async def test_bytes_that_were_never_sent_are_temporary(self) -> None:
        """No connection to the vendor: nothing happened."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS, Power.FAULTS)
        access, request = await self.harness.access(), self.harness.video_request()
        send = await self._first_bytes(access, request)
        self.harness.cut_off()

        with pytest.raises(Temporary):
            await send()

    # Submitting

    @pytest.mark.parametrize("how", LOST)
    async def test_a_lost_answer_to_a_video_is_ambiguous(self, how: str) -> None:
        """A lost submit of a file is Ambiguous and never repeated by the provider."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.FAULTS, Power.POSTS)
        await self._lost("begin_video", self.harness.video_request(), how)

    @pytest.mark.parametrize("how", LOST)
    async def test_a_lost_answer_to_a_pull_is_ambiguous(self, how: str) -> None:
        """A lost call that may have published is Ambiguous, never repeated, and no URL is in the error."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.FAULTS, Power.POSTS)
        await self._lost("begin_pull", self.harness.pull_request(), how)

    @pytest.mark.parametrize("how", LOST)
    async def test_a_lost_answer_to_photos_is_ambiguous(self, how: str) -> None:
        """A lost call that may have published is Ambiguous, never repeated, and no URL is in the error."""
        self.needs(Capability.POST_PHOTO)
        self.can(Power.FAULTS, Power.POSTS)
        await self._lost("begin_photos", self.harness.photo_request(), how)

    async def test_a_submit_that_was_never_sent_is_temporary(self) -> None:
        """Without a connection nothing happened, and the post can be submitted again."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.FAULTS, Power.POSTS)
        access, request = await self.harness.access(), self.harness.pull_request()
        self.harness.cut_off()

        with pytest.raises(Temporary) as caught:
            await self.harness.provider.publishing.begin(access, request)

        assert_silent(caught.value, request.content.uri, access.grant.access_token)

    async def test_a_rate_limited_submit_may_be_repeated(self) -> None:
        """A rate-limited submit is Temporary, because nothing happened, and never repeated by the provider."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.FAULTS, Power.POSTS)
        access, request = await self.harness.access(), self.harness.pull_request()
        self.harness.fail("begin_pull", "rate")

        with pytest.raises(Temporary):
            await self.harness.provider.publishing.begin(access, request)

        assert (0, 1) == (self.harness.posted(), self.harness.calls("begin_pull"))
        await self.harness.provider.publishing.begin(access, request)
        assert 1 == self.harness.posted()

    async def test_a_pulled_video_has_an_id_and_no_address(self) -> None:
        """The vendor fetches the media: there is nothing to upload, and the status can be read by the id."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.POSTS)
        await self._acts(self.harness.pull_request())

    async def test_photos_have_an_id_and_no_address(self) -> None:
        """The vendor fetches the media: there is nothing to upload, and the status can be read by the id."""
        self.needs(Capability.POST_PHOTO)
        self.can(Power.POSTS)
        await self._acts(self.harness.photo_request())

    async def test_counts_are_by_the_ids_of_a_publish(self) -> None:
        """Counts are numbers or not there, each under an id that the status names."""
        self.needs(Capability.METRICS, Capability.POST_VIDEO_PULL)
        self.can(Power.POSTS)
        access, request = await self.harness.access(), self.harness.public_request("canary words")
        begun = await self._begin(access, request)
        publish_id = await self._publish_id(access, begun, request)
        ids = (await self._status(access, begun, request)).post_ids

        found = await self.harness.provider.publishing.metrics(access, publish_id, ids)

        assert set(found) <= {*ids, ""}
        for each in found.values():
            assert all(count is None or count >= 0 for count in (each.view_count, each.like_count, each.comment_count))

    async def test_words_alone_have_an_id_and_no_address(self) -> None:
        """A text post has nothing to upload, and its status can be read."""
        self.needs(Capability.POST_TEXT)
        self.can(Power.POSTS)
        await self._acts(self.harness.text_request())

    async def test_a_draft_in_an_inbox_waits_for_its_creator(self) -> None:
        """A draft in the creator's inbox is not posted; it awaits the creator."""
        self.needs(Capability.POST_INBOX)
        self.can(Power.POSTS, Power.FAULTS)
        await self._waits(self.harness.draft_request(), PublishPhase.AWAITING_CREATOR)

    async def test_a_draft_in_a_planner_waits_there(self) -> None:
        """A draft in the planner is not posted; it awaits a person."""
        self.needs(Capability.POST_PLANNER_DRAFT)
        self.can(Power.POSTS, Power.FAULTS)
        await self._waits(self.harness.planner_request("draft"), PublishPhase.AWAITING_CREATOR)

    async def test_a_post_in_review_waits_for_its_approver(self) -> None:
        """A post in review is not posted before it is approved."""
        self.needs(Capability.POST_PLANNER_REVIEW)
        self.can(Power.POSTS, Power.FAULTS)
        await self._waits(self.harness.planner_request("review"), PublishPhase.AWAITING_CREATOR)

    async def test_a_scheduled_post_waits_for_its_time(self) -> None:
        """A scheduled post is published by the vendor at its time, not before."""
        self.needs(Capability.POST_SCHEDULE)
        self.can(Power.POSTS, Power.FAULTS)
        await self._waits(self.harness.scheduled_request(), PublishPhase.SCHEDULED)

    async def test_what_can_never_be_submitted_is_refused_without_a_call(self) -> None:
        """An oversized caption is refused before anything is sent, by `check` and by `begin`."""
        self.needs(Capability.POST_VIDEO_PULL)
        access = await self.harness.access()
        request = replace(self.harness.pull_request(), caption="x" * FAR)
        before = self.harness.sent()

        with pytest.raises(ContentRefused):
            self.harness.provider.publishing.check(request)
        with pytest.raises(ContentRefused):
            await self.harness.provider.publishing.begin(access, request)

        assert before == self.harness.sent()

    # Status, lookup and cancel

    async def test_an_unknown_publish_is_not_found(self) -> None:
        """The status of an unknown id is NotFound."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        access = await self.harness.access()
        with pytest.raises(NotFound):
            await self.harness.provider.publishing.status(access, self.harness.unknown_publish)

    async def test_a_state_that_nobody_knows_is_no_end(self) -> None:
        """An undocumented state is RUNNING, and the vendor's own name of it is kept."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.POSTS, Power.FAULTS)
        access = await self.harness.access()
        request = self.harness.pull_request()
        begun = await self.harness.provider.publishing.begin(access, request)
        publish_id = await self._publish_id(access, begun, request)
        self.harness.fail("status", "strange")

        status = await self.harness.provider.publishing.status(access, publish_id)

        assert (PublishPhase.RUNNING, None) == (status.phase, status.fail_kind)
        assert "STRANGE" in status.vendor_status.upper()

    async def test_a_failure_that_nobody_knows_is_not_retried(self) -> None:
        """An undocumented failure keeps the vendor's reason and has the kind UNKNOWN."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.POSTS, Power.FAULTS)
        access = await self.harness.access()
        self.harness.fail_publish("something_strange")
        request = self.harness.pull_request()
        begun = await self.harness.provider.publishing.begin(access, request)

        status = await self._status(access, begun, request)

        assert (PublishPhase.FAILED, FailureKind.UNKNOWN) == (status.phase, status.fail_kind)
        assert ("something_strange", 0) == (status.fail_code, self.harness.posted())

    async def test_what_a_lost_answer_made_is_found(self) -> None:
        """A post whose answer was lost is found once, by its caption."""
        self.needs(Capability.POST_VIDEO_PULL)
        self.can(Power.POSTS, Power.FAULTS)
        access, request = await self.harness.access(), self.harness.public_request("canary words of a lost post")
        since, until = self.harness.around()
        before = await self.harness.provider.publishing.find(access, request.account, since=since, until=until)
        self.harness.fail("begin_pull", "after")
        with pytest.raises(Ambiguous):
            await self.harness.provider.publishing.begin(access, request)

        found = await self.harness.provider.publishing.find(access, request.account, since=since, until=until)

        assert 1 == self.harness.posted()
        assert 1 == sum(any(request.caption in text for text in each.texts) for each in found)
        assert [] == [each for each in before if any(request.caption in text for text in each.texts)]

    async def test_what_is_not_published_yet_can_be_cancelled(self) -> None:
        """A cancelled post has failed, as its status shows, and nothing is posted."""
        self.needs(Capability.POST_CANCEL)
        self.can(Power.POSTS, Power.FAULTS)
        access = await self.harness.access()
        publish_id = await self.harness.stoppable(access)

        await self.harness.provider.publishing.cancel(access, publish_id)

        assert await self.harness.is_stopped(access, publish_id)
        assert 0 == self.harness.posted()

    async def test_what_cannot_be_stopped_is_refused(self) -> None:
        """What can no longer be cancelled, or never could, is Rejected and unchanged."""
        self.needs(Capability.POST_CANCEL)
        self.can(Power.POSTS)
        access = await self.harness.access()
        publish_id = await self.harness.unstoppable(access)
        before = self.harness.posted()

        with pytest.raises(Rejected):
            await self.harness.provider.publishing.cancel(access, publish_id)

        assert before == self.harness.posted()

    # Helpers

    async def _begin(self, access: Access, request: PublishRequest) -> Begun:
        """Submit a post; a file is stored in the library first, if the vendor has one."""
        stored = await self._with_media(access, request)
        begun: Begun = await self.harness.provider.publishing.begin(access, stored)
        return begun

    async def _publish_id(self, access: Access, begun: Begun, request: PublishRequest) -> str:
        """Return the id of a post; if the vendor returned none, the id of the listed post with the same caption."""
        if begun.publish_id:
            return begun.publish_id
        since, until = self.harness.around()
        found = await self.harness.provider.publishing.find(access, request.account, since=since, until=until)
        [ours] = [each for each in found if request.caption in each.texts]
        return str(ours.publish_id)

    async def _status(self, access: Access, begun: Begun, request: PublishRequest) -> PublishStatus:
        publish_id = await self._publish_id(access, begun, request)
        status: PublishStatus = await self.harness.provider.publishing.status(access, publish_id)
        return status

    async def _with_media(self, access: Access, request: PublishRequest) -> PublishRequest:
        if isinstance(request.content, VideoFile) and self.harness.provider.table.library:
            return replace(request, content=await self._stored(access, request))
        return request

    async def _stored(self, access: Access, request: PublishRequest) -> VideoLink:
        file = request.content
        assert isinstance(file, VideoFile)
        body = partial(self.harness.content, 0, file.size)
        uri = await self.harness.provider.publishing.store(access, file, body, name="canary")
        return VideoLink(uri, file.mime_type)

    async def _send(self, begun: Begun, request: PublishRequest, offset: int = 0) -> None:
        """Send the rest of a file; nothing if the vendor has it already."""
        file = request.content
        while begun.plan is not None and isinstance(file, VideoFile) and offset < file.size:
            first, end, _ = begun.plan.chunk_at(offset)
            answer = await self._chunk(begun, request, first, end)
            offset = file.size if answer.complete else answer.received

    async def _chunk(self, begun: Begun, request: PublishRequest, first: int, end: int) -> Any:
        assert begun.upload_url is not None
        return await self.harness.provider.publishing.send_chunk(
            begun.upload_url, request.content, first=first, end=end, body=partial(self.harness.content, first, end)
        )

    async def _first_bytes(self, access: Access, request: PublishRequest) -> Callable[[], Any]:
        """Return a function that sends the first bytes of a file: its first chunk, or all of it to a library."""
        if self.harness.provider.table.library:
            return lambda: self._stored(access, request)
        begun = await self._begin(access, request)
        assert begun.plan is not None
        first, end, _ = begun.plan.chunk_at(0)
        return lambda: self._chunk(begun, request, first, end)

    async def _lost(self, operation: str, request: PublishRequest, how: str) -> None:
        """Submit a post whose answer is lost, and assert that it is Ambiguous and sent once."""
        access = await self.harness.access()
        request = await self._with_media(access, request)
        self.harness.fail(operation, how)

        with pytest.raises(Ambiguous) as caught:
            await self.harness.provider.publishing.begin(access, request)

        assert 1 == self.harness.calls(operation)
        assert_silent(caught.value, *_addresses(request), access.grant.access_token)

    async def _waits(self, request: PublishRequest, phase: PublishPhase) -> None:
        """Submit a post, and assert that it is in this phase and not posted."""
        access = await self.harness.access()
        begun = await self._begin(access, request)
        await self._send(begun, request)

        status = await self._status(access, begun, request)

        assert (phase, 0) == (status.phase, self.harness.posted())

    async def _acts(self, request: PublishRequest) -> None:
        access = await self.harness.access()

        begun = await self._begin(access, request)

        assert begun.upload_url is None
        assert PublishPhase.FAILED is not (await self._status(access, begun, request)).phase
