"""What publishing promises: posts that are never made twice.

Owns the contract of `providers/interface/publishing.py`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, NotFound, Rejected
from providers.interface import Access
from providers.models.publishing import Begun, PublishPhase
from tests.providers.conformance.harness import Contract, Power

FILE_SIZE = 66_259_900
"""More than one chunk at every vendor that cuts."""


class PublishingContract(Contract):
    """Posts."""

    async def _sent(self, access: Access, begun: Begun, order: Any) -> None:
        offset = 0
        assert begun.plan is not None
        assert begun.upload_url is not None
        while True:
            first, end, _ = begun.plan.chunk_at(offset)
            answer = await self._chunk(begun, order, first, end)
            if answer.complete:
                return
            assert answer.received is not None
            offset = answer.received

    async def _chunk(self, begun: Begun, order: Any, first: int, end: int) -> Any:
        assert begun.upload_url is not None
        return await self.harness.provider.publishing.send_chunk(
            begun.upload_url, order.content, first=first, end=end, body=lambda: self.harness.content(first, end)
        )

    async def test_a_file_is_posted_when_its_last_byte_is_there(self) -> None:
        """The announcement posts nothing, nor does any chunk but the last; then the vendor works on it."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS)
        access, order = await self.harness.access(), self.harness.video_order()
        begun = await self.harness.provider.publishing.begin(access, order)
        before = self.harness.posted()
        assert begun.publish_id

        await self._sent(access, begun, order)

        assert 0 == before
        status = await self.harness.provider.publishing.status(access, begun.publish_id)
        assert status.phase in (PublishPhase.PUBLISHED, PublishPhase.RUNNING, PublishPhase.RECEIVING)
        assert self.harness.posted() <= 1

    async def test_a_chunk_twice_is_no_post_twice(self) -> None:
        """Sending a chunk again on its own address is safe: the vendor says how much it has, and posts once."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        self.can(Power.POSTS, Power.FAULTS)
        access, order = await self.harness.access(), self.harness.video_order()
        begun = await self.harness.provider.publishing.begin(access, order)
        assert begun.plan is not None
        first, end, last = begun.plan.chunk_at(0)
        assert not last
        await self._chunk(begun, order, first, end)

        again = await self._chunk(begun, order, first, end)

        assert end == again.received
        await self._sent_from(begun, order, end)
        assert 1 == self.harness.posted()

    async def _sent_from(self, begun: Begun, order: Any, offset: int) -> None:
        assert begun.plan is not None
        while offset < order.content.size:
            first, end, _ = begun.plan.chunk_at(offset)
            answer = await self._chunk(begun, order, first, end)
            offset = order.content.size if answer.complete else answer.received

    @pytest.mark.parametrize("how", ["after", "status", "html"])
    @pytest.mark.parametrize("kind", ["begin_video", "begin_pull", "begin_photos"])
    async def test_a_lost_answer_to_an_announcement_is_ambiguous(self, kind: str, how: str) -> None:
        """Nobody knows whether it was heard: Ambiguous, never repeated by the provider itself."""
        capabilities = {
            "begin_video": Capability.POST_VIDEO_UPLOAD,
            "begin_pull": Capability.POST_VIDEO_PULL,
            "begin_photos": Capability.POST_PHOTO,
        }
        self.needs(capabilities[kind])
        self.can(Power.FAULTS, Power.POSTS)
        access = await self.harness.access()
        self.harness.fail(kind, how)

        with pytest.raises(Ambiguous) as caught:
            await self._begin(kind)(access)

        assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.metadata}"

    def _begin(self, kind: str) -> Callable[[Access], Awaitable[Begun]]:
        publishing, harness = self.harness.provider.publishing, self.harness
        return {
            "begin_video": lambda access: publishing.begin(access, harness.video_order()),
            "begin_pull": lambda access: publishing.begin(access, harness.pull_order()),
            "begin_photos": lambda access: publishing.begin(access, harness.photo_order()),
        }[kind]

    @pytest.mark.parametrize("kind", ["begin_pull", "begin_photos"])
    async def test_what_the_vendor_fetches_has_an_id_and_no_address(self, kind: str) -> None:
        """There is nothing to send: the id is all there is, and its status can be asked for."""
        self.needs(Capability.POST_VIDEO_PULL if kind == "begin_pull" else Capability.POST_PHOTO)
        self.can(Power.POSTS)
        access = await self.harness.access()

        begun = await self._begin(kind)(access)

        assert (True, None) == (bool(begun.publish_id), begun.upload_url)
        assert await self.harness.provider.publishing.status(access, begun.publish_id)

    async def test_an_unknown_publish_is_not_found(self) -> None:
        """An id that the vendor never gave is told apart from one whose status it cannot tell."""
        self.needs(Capability.POST_VIDEO_UPLOAD)
        access = await self.harness.access()
        with pytest.raises(NotFound):
            await self.harness.provider.publishing.status(access, "v_pub_file~v2-1.1")

    async def test_what_cannot_be_stopped_is_refused(self) -> None:
        """A file cannot be called back at the vendor: Rejected, and nothing is changed."""
        self.needs(Capability.POST_CANCEL)
        self.can(Power.POSTS)
        access, order = await self.harness.access(), self.harness.video_order()
        begun = await self.harness.provider.publishing.begin(access, order)
        with pytest.raises(Rejected):
            await self.harness.provider.publishing.cancel(access, begun.publish_id)
