"""The contract of a planner's records: an edit that loses nothing else, and many statuses in one call.

Owns the contract of `providers/interface/records.py`.
"""

from dataclasses import replace
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import NotFound, Rejected
from providers.interface import Access
from providers.models.publishing import FailureKind, FoundPost, PublishPhase
from tests.providers.conformance.harness import Power, needs


@needs(Capability.POST_EDIT, Capability.POST_SCHEDULE, Power.POSTS, Power.FAULTS)
async def test_a_post_that_is_not_out_can_be_changed(harness: Any) -> None:
    """An edit replaces the caption; the media stay, and the post is still scheduled."""
    access, request = await harness.access(), harness.scheduled_request()
    publish_id = (await harness.provider.publishing.begin(access, request)).publish_id
    [before] = await _seen(harness, access, request.account)

    await harness.provider.records.edit(access, publish_id, replace(request, caption="other words"))

    [after] = await _seen(harness, access, request.account)
    assert (("other words",), before.uris) == (after.texts, after.uris)
    status = await harness.provider.publishing.status(access, publish_id)
    assert (PublishPhase.SCHEDULED, 0) == (status.phase, harness.posted())


@needs(Capability.POST_EDIT, Power.POSTS)
async def test_a_post_that_is_out_is_not_changed(harness: Any) -> None:
    """Editing a published post is Rejected, and no write is sent."""
    access = await harness.access()
    publish_id = await harness.unstoppable(access)
    before = harness.calls("edit")

    with pytest.raises(Rejected):
        await harness.provider.records.edit(access, publish_id, harness.pull_request())

    assert before == harness.calls("edit")


@needs(Capability.POST_EDIT)
async def test_a_post_that_is_not_there_is_not_found(harness: Any) -> None:
    """Editing an unknown id is NotFound."""
    access = await harness.access()
    with pytest.raises(NotFound):
        await harness.provider.records.edit(access, harness.unknown_publish, harness.pull_request())


@needs(Capability.POST_EDIT, Capability.POST_SCHEDULE, Power.POSTS)
async def test_many_posts_are_told_at_once(harness: Any) -> None:
    """Statuses come by id and equal those looked up singly; an unknown id is left out."""
    access, request = await harness.access(), harness.scheduled_request()
    publishing = harness.provider.publishing
    ids = [(await publishing.begin(access, replace(request, caption=f"post {at}"))).publish_id for at in range(3)]
    since, until = harness.around()

    statuses = await harness.provider.records.statuses(
        access, [*ids, harness.unknown_publish], since=since, until=until
    )

    assert {id: await publishing.status(access, id) for id in ids} == statuses


@needs(Capability.POST_EDIT, Capability.POST_SCHEDULE, Power.POSTS)
async def test_a_record_that_is_taken_away_is_gone(harness: Any) -> None:
    """A deleted record is never published; deleting it again is not an error."""
    access, request = await harness.access(), harness.scheduled_request()
    publish_id = (await harness.provider.publishing.begin(access, request)).publish_id

    await harness.provider.records.delete(access, publish_id)
    await harness.provider.records.delete(access, publish_id)

    status = await harness.provider.publishing.status(access, publish_id)
    assert (PublishPhase.FAILED, FailureKind.CANCELLED, 0) == (
        status.phase,
        status.fail_kind,
        harness.posted(),
    )


async def _seen(harness: Any, access: Access, account: str) -> list[FoundPost]:
    since, until = harness.around()
    return list(await harness.provider.publishing.find(access, account, since=since, until=until))
