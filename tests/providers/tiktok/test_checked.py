"""The wrapper that refuses what a table does not promise, around the real provider and around its table.

Owns the refusals before the network. What the vendor itself refuses is in test_errors.py.
"""

from dataclasses import replace
from typing import Any

import pytest

from providers.capabilities import Capability, Support
from providers.checked import checked
from providers.errors import CapabilityMissing, ContentRefused
from providers.interface.provider import Provider
from providers.models.accounts import ProfilePart
from providers.models.publishing import PostMode, VideoFile
from providers.registry import build
from providers.text_units import utf16_units
from providers.tiktok.capabilities import TABLE
from tests.providers.tiktok.support import NOW, SETTINGS, FakeAccess, begun, publish_request, tiktok


def test_every_capability_has_a_cell_and_every_gap_a_note() -> None:
    """The table has a cell for each capability, and a note wherever support is not full."""
    assert set(Capability) == set(TABLE.cells)
    assert [] == [name for name, cell in TABLE.cells.items() if cell.support is not Support.FULL and not cell.note]


@pytest.mark.parametrize("capability", [Capability.POST_EDIT, Capability.POST_DELETE])
def test_what_tiktok_has_no_call_for_is_impossible(capability: Capability) -> None:
    """No endpoint edits or deletes a post."""
    assert Support.IMPOSSIBLE is TABLE.cell(capability).support


def test_the_registry_builds_tiktok() -> None:
    """The registry builds the provider by its name."""
    provider: Provider = build("tiktok", SETTINGS, clock=lambda: NOW)

    assert ("tiktok", TABLE) == (provider.name, provider.table)


async def test_what_is_promised_passes() -> None:
    """A wrapped provider still publishes, and has the same name, table and scopes."""
    provider, vendor = tiktok(begun())
    wrapped: Provider = checked(provider)

    await wrapped.publishing.begin(FakeAccess(), publish_request())

    assert 1 == len(vendor.requests)
    assert (provider.name, provider.table, provider.authorization.scopes) == (
        wrapped.name,
        wrapped.table,
        wrapped.authorization.scopes,
    )
    await wrapped.close()


async def test_what_is_not_promised_is_refused_before_the_network() -> None:
    """An unsupported mode raises CapabilityMissing with the capability, its support and note."""
    provider, vendor = tiktok(begun())

    with pytest.raises(CapabilityMissing) as raised:
        await checked(provider).publishing.begin(FakeAccess(), publish_request(PostMode.PLANNER_DRAFT))

    assert (Capability.POST_PLANNER_DRAFT, Support.IMPOSSIBLE, "TikTok has no planner.") == (
        raised.value.capability,
        raised.value.support,
        raised.value.note,
    )
    assert [] == vendor.requests


async def test_a_grant_that_is_one_account_has_no_networks() -> None:
    """The table refuses a facet that TikTok does not have, and its note says what to do instead."""
    provider, vendor = tiktok()
    networks = checked(provider).networks
    calls = (
        networks.linked(FakeAccess()),
        networks.start(FakeAccess(), "tiktok"),
        networks.choices(FakeAccess(), "tiktok", "a"),
        networks.attach(FakeAccess(), "tiktok", "a", "b"),
        networks.detach(FakeAccess(), "a"),
        checked(provider).accounts.profile(FakeAccess(), frozenset(ProfilePart), "a"),
    )

    for call in calls:
        with pytest.raises(CapabilityMissing, match=r"A grant of TikTok's is one account") as raised:
            await call
        assert Support.IMPOSSIBLE is raised.value.support
    with pytest.raises(CapabilityMissing):
        _ = networks.signal
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"caption": "🎬" * 1100 + "x"}, "caption_too_long"),
        ({"content": VideoFile(4 * 1024**3 + 1, "video/mp4")}, "file_too_large"),
        ({"content": VideoFile(10, "image/png")}, "mime_type_unsupported"),
    ],
)
async def test_limits_are_checked_before_the_network(changes: dict[str, Any], code: str) -> None:
    """Captions are limited in UTF-16 units, files in bytes, media types by name."""
    provider, vendor = tiktok(begun())
    base = publish_request()

    with pytest.raises(ContentRefused) as raised:
        checked(provider).publishing.check(replace(base, **changes))
    assert (code, []) == (raised.value.code, vendor.requests)


def test_a_caption_of_exactly_the_limit_passes() -> None:
    """A caption of 2200 units passes."""
    provider, _ = tiktok(begun())

    checked(provider).publishing.check(publish_request(caption="🎬" * 1100))


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("é", 1), ("🎬", 2), ("\ud800", 1)])
def test_utf16_units(text: str, units: int) -> None:
    """A character outside the basic plane counts as two; a lone surrogate counts as one."""
    assert units == utf16_units(text)
