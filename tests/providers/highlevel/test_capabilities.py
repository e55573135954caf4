"""HighLevel's table: a word for everything, quotas that are asked for, and no promise of what is not built.

Owns the checks of the table. What the wrapper makes of any table is shown with the first provider.
"""

import ast
from pathlib import Path

import pytest

import providers.highlevel
from providers.capabilities import Capability, Support
from providers.highlevel.capabilities import SCOPES, TABLE
from providers.simulators.highlevel import SCOPES as ENABLED
from tests.providers.highlevel.support import highlevel

BUILT = {
    Capability.OAUTH,
    Capability.STATIC_TOKEN,
    Capability.AGENCY_GRANTS,
    Capability.ACCOUNT_METRICS,
    Capability.COMMENT_LIST,
    Capability.COMMENT_REPLY,
    Capability.COMMENT_MODERATE,
    Capability.PLANNER_LABELS,
    Capability.POST_IMPORT,
    Capability.POST_VIDEO_UPLOAD,
    Capability.POST_VIDEO_PULL,
    Capability.POST_PHOTO,
    Capability.POST_TEXT,
    Capability.POST_PLANNER_DRAFT,
    Capability.POST_PLANNER_REVIEW,
    Capability.POST_SCHEDULE,
    Capability.POST_EDIT,
    Capability.POST_CANCEL,
    Capability.ACCOUNT_LIST,
    Capability.ACCOUNT_ATTACH,
    Capability.ACCOUNT_DETACH,
    Capability.WEBHOOKS,
}


def test_every_capability_has_a_cell_and_every_gap_a_note() -> None:
    """The table answers for each capability, and says why where it says no."""
    assert set(Capability) == set(TABLE.cells)
    assert [] == [name for name, cell in TABLE.cells.items() if cell.support is not Support.FULL and not cell.note]


def test_only_what_is_built_may_be_used() -> None:
    """Everything else is refused before the network."""
    assert BUILT == {capability for capability in Capability if TABLE.can(capability)}


@pytest.mark.parametrize("capability", [Capability.REVOKE, Capability.CREATOR_INFO, Capability.POST_DELETE])
def test_what_highlevel_has_no_call_for_is_impossible(capability: Capability) -> None:
    """Nobody can build these."""
    assert Support.IMPOSSIBLE is TABLE.cell(capability).support


def test_the_quotas_are_the_documented_ones() -> None:
    """100 in ten seconds and 200,000 a day, for each location or company; background work leaves some of both."""
    found = {rule.metric: (rule.limit, rule.window.total_seconds(), rule.per) for rule in TABLE.quotas}

    assert {"requests": (100, 10, "subject"), "requests_per_day": (200_000, 86_400, "subject")} == found
    assert [True, True] == [0 < rule.reserve + rule.low < rule.limit for rule in TABLE.quotas]


def test_the_scopes_are_asked_once_each() -> None:
    """In the order of the consent page, and each of them one that HighLevel knows."""
    provider, _ = highlevel()

    assert SCOPES == provider.authorization.scopes
    assert len(set(SCOPES)) == len(SCOPES)
    assert set() == set(SCOPES) - set(ENABLED)


def test_a_grant_allows_what_is_built() -> None:
    """Reading the accounts and publishing, for which posts and media are needed."""
    granted = TABLE.granted(SCOPES)

    assert not TABLE.granted({"socialplanner/post.write", "medias.write"})["can_publish"]
    assert ["can_read_profile", "can_publish"] == [name for name, allowed in granted.items() if allowed]
    assert {"basic"} == TABLE.profile_parts(SCOPES)


def test_the_provider_shows_its_table() -> None:
    """Name and table belong together."""
    provider, _ = highlevel()

    assert ("highlevel", "highlevel", "HighLevel") == (provider.name, provider.table.provider, TABLE.display_name)


def test_the_provider_stands_alone() -> None:
    """It knows no other provider, no simulator, and nothing above the providers."""
    files = sorted(Path(providers.highlevel.__file__).parent.glob("*.py"))
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    foreign = ("providers.tiktok", "providers.simulators", "gateway", "storage")

    assert files
    assert [] == [name for name in names if name.startswith(foreign)]
