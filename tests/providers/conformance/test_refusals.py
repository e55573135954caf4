"""What a provider does not promise is refused before the network, with the note of its capability table.

Owns one call for each capability that the checked provider checks. Knows no vendor.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

import pytest

from providers.capabilities import Capability, CapabilityTable, Cell, Support
from providers.checked import checked
from providers.errors import CapabilityMissing, require
from providers.interface import Access, Provider
from providers.models.engagement import AccountRef
from providers.models.grants import ConsentRequest
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from tests.providers.conformance.harness import needs

TIME = datetime(2026, 11, 20, tzinfo=UTC)
ACCOUNT = AccountRef("1", "tiktok")
SECRET = Secret("canary-of-a-refusal")
REQUEST = ConsentRequest("state", SECRET, "https://gateway.example/", ())
Call = Callable[[Provider, Access], Any]

CALLS: Mapping[Capability, Call] = {
    Capability.OAUTH: lambda it, _: it.authorization.consent_uri(REQUEST),
    Capability.STATIC_TOKEN: lambda it, _: it.authorization.static(SECRET, settings={}, scopes=()),
    Capability.AGENCY_GRANTS: lambda it, access: it.authorization.derive(access, "1"),
    Capability.REVOKE: lambda it, _: it.authorization.revoke(SECRET),
    Capability.ACCOUNT_LIST: lambda it, access: it.networks.linked(access),
    Capability.ACCOUNT_ATTACH: lambda it, access: it.networks.start(access, "tiktok"),
    Capability.ACCOUNT_DETACH: lambda it, access: it.networks.detach(access, "1"),
    Capability.CREATOR_INFO: lambda it, access: it.accounts.creator_info(access),
    Capability.VIDEO_LIST: lambda it, access: it.videos.list_videos(access),
    Capability.VIDEO_QUERY: lambda it, access: it.videos.query_videos(access, ["1"]),
    Capability.METRICS: lambda it, access: it.videos.list_videos(access, metrics=True),
    Capability.POST_VIDEO_UPLOAD: lambda it, _: it.publishing.check(
        PublishRequest(PostMode.DIRECT, VideoFile(1, "video/mp4"))
    ),
    Capability.POST_VIDEO_PULL: lambda it, _: it.publishing.check(PublishRequest(PostMode.DIRECT, VideoLink(SECRET))),
    Capability.POST_PHOTO: lambda it, _: it.publishing.check(PublishRequest(PostMode.DIRECT, Photos((SECRET,)))),
    Capability.POST_TEXT: lambda it, _: it.publishing.check(PublishRequest(PostMode.DIRECT, None)),
    Capability.POST_INBOX: lambda it, _: it.publishing.check(PublishRequest(PostMode.CREATOR_INBOX, None)),
    Capability.POST_PLANNER_DRAFT: lambda it, _: it.publishing.check(PublishRequest(PostMode.PLANNER_DRAFT, None)),
    Capability.POST_PLANNER_REVIEW: lambda it, _: it.publishing.check(PublishRequest(PostMode.PLANNER_REVIEW, None)),
    Capability.POST_SCHEDULE: lambda it, _: it.publishing.check(
        PublishRequest(PostMode.DIRECT, None, schedule_time=TIME)
    ),
    Capability.POST_EDIT: lambda it, access: it.records.edit(access, "1", PublishRequest(PostMode.DIRECT, None)),
    Capability.POST_CANCEL: lambda it, access: it.publishing.cancel(access, "1"),
    Capability.POST_IMPORT: lambda it, access: it.planner.get_import(access, "1"),
    Capability.PLANNER_LABELS: lambda it, access: it.planner.list_tags(access),
    Capability.ACCOUNT_METRICS: lambda it, access: it.engagement.figures(access, ACCOUNT, None),
    Capability.COMMENT_LIST: lambda it, access: it.engagement.list_comments(access, ACCOUNT),
    Capability.COMMENT_REPLY: lambda it, _: it.engagement.check_comment(ACCOUNT, "words"),
    Capability.COMMENT_MODERATE: lambda it, access: it.engagement.set_liked(access, ACCOUNT, "1", liked=True),
    Capability.COMMENT_HIDE: lambda it, access: it.engagement.set_hidden(access, ACCOUNT, "1", hidden=True),
    Capability.COMMENT_DELETE: lambda it, access: it.engagement.delete_comment(access, ACCOUNT, "1"),
    Capability.WEBHOOKS: lambda it, _: it.webhooks.parse(b"{}"),
    Capability.ADS: lambda it, access: it.ads.ad_accounts(access),
    Capability.AUDIENCES: lambda it, access: it.audiences.page(access, "1"),
}
"""A call that needs the capability. The other capabilities have no call yet; a new facet adds its rows here."""


def missing(table: CapabilityTable) -> dict[Capability, Cell]:
    """Return the cells of the capabilities that a table does not promise."""
    return {each: table.cell(each) for each in Capability if not table.can(each)}


async def _use(capability: Capability, provider: Provider, access: Access) -> None:
    if capability not in CALLS:
        require(provider.table, capability)
        return
    answer = CALLS[capability](provider, access)
    if isawaitable(answer):
        await answer


@needs()
async def test_what_is_not_promised_is_refused_with_the_tables_note(harness: Any) -> None:
    """Each missing capability is refused with its support and note if all others are promised; no call is made."""
    access = await harness.access()
    before, cells = harness.sent(), missing(harness.provider.table)

    refused = {each: await _refusal(harness, each, cell, access) for each, cell in cells.items()}

    assert {each: (cell.support, cell.note) for each, cell in cells.items()} == refused
    assert before == harness.sent()


async def _refusal(harness: Any, capability: Capability, cell: Cell, access: Access) -> tuple[Support, str]:
    """Use one capability and return how it is refused: by its facet, or by the table if no facet has it."""
    unchecked = harness.unchecked
    cells = {**{each: Cell(Support.FULL) for each in Capability}, capability: cell}
    alone = checked(replace(unchecked, table=replace(unchecked.table, cells=cells)))
    with pytest.raises(CapabilityMissing) as caught:
        await _use(capability, alone, access)
    assert capability is caught.value.capability
    return caught.value.support, caught.value.note
