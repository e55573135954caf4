"""The contract of a planner's records: an edit that loses nothing else, and many statuses in one call.

Owns the contract of `providers/interface/records.py`.
"""

from dataclasses import replace

import pytest

from providers.capabilities import Capability
from providers.errors import NotFound, Rejected
from providers.interface import Access
from providers.models.publishing import FailureKind, FoundPost, PublishPhase
from tests.providers.conformance.harness import Contract, Power


class RecordsContract(Contract):
    """A planner's own copies of posts."""

    async def test_a_post_that_is_not_out_can_be_changed(self) -> None:
        """An edit replaces the caption; the media stay, and the post is still scheduled."""
        self.needs(Capability.POST_EDIT, Capability.POST_SCHEDULE)
        self.can(Power.POSTS, Power.FAULTS)
        access, request = await self.harness.access(), self.harness.scheduled_request()
        publish_id = (await self.harness.provider.publishing.begin(access, request)).publish_id
        [before] = await self._seen(access, request.account)

        await self.harness.provider.records.edit(access, publish_id, replace(request, caption="other words"))

        [after] = await self._seen(access, request.account)
        assert (("other words",), before.uris) == (after.texts, after.uris)
        status = await self.harness.provider.publishing.status(access, publish_id)
        assert (PublishPhase.SCHEDULED, 0) == (status.phase, self.harness.posted())

    async def test_a_post_that_is_out_is_not_changed(self) -> None:
        """Editing a published post is Rejected, and no write is sent."""
        self.needs(Capability.POST_EDIT)
        self.can(Power.POSTS)
        access = await self.harness.access()
        publish_id = await self.harness.unstoppable(access)
        before = self.harness.calls("edit")

        with pytest.raises(Rejected):
            await self.harness.provider.records.edit(access, publish_id, self.harness.pull_request())

        assert before == self.harness.calls("edit")

    async def test_a_post_that_is_not_there_is_not_found(self) -> None:
        """Editing an unknown id is NotFound."""
        self.needs(Capability.POST_EDIT)
        access = await self.harness.access()
        with pytest.raises(NotFound):
            await self.harness.provider.records.edit(access, self.harness.unknown_publish, self.harness.pull_request())

    async def test_many_posts_are_told_at_once(self) -> None:
        """Statuses come by id and equal those looked up singly; an unknown id is left out."""
        self.needs(Capability.POST_EDIT, Capability.POST_SCHEDULE)
        self.can(Power.POSTS)
        access, request = await self.harness.access(), self.harness.scheduled_request()
        publishing = self.harness.provider.publishing
        ids = [(await publishing.begin(access, replace(request, caption=f"post {at}"))).publish_id for at in range(3)]
        since, until = self.harness.around()

        statuses = await self.harness.provider.records.statuses(
            access, [*ids, self.harness.unknown_publish], since=since, until=until
        )

        assert {id: await publishing.status(access, id) for id in ids} == statuses

    async def test_a_record_that_is_taken_away_is_gone(self) -> None:
        """A deleted record is never published; deleting it again is not an error."""
        self.needs(Capability.POST_EDIT, Capability.POST_SCHEDULE)
        self.can(Power.POSTS)
        access, request = await self.harness.access(), self.harness.scheduled_request()
        publish_id = (await self.harness.provider.publishing.begin(access, request)).publish_id

        await self.harness.provider.records.delete(access, publish_id)
        await self.harness.provider.records.delete(access, publish_id)

        status = await self.harness.provider.publishing.status(access, publish_id)
        assert (PublishPhase.FAILED, FailureKind.CANCELLED, 0) == (
            status.phase,
            status.fail_kind,
            self.harness.posted(),
        )

    async def _seen(self, access: Access, account: str) -> list[FoundPost]:
        since, until = self.harness.around()
        return list(await self.harness.provider.publishing.find(access, account, since=since, until=until))
