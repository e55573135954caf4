"""HighLevel's capability table: complete, with the documented quotas, and promising only what is implemented.

Owns the checks of the table. How a table is enforced is tested with the first provider.
"""

import ast
from pathlib import Path

import pytest

import providers.highlevel
from providers.capabilities import Capability, Support
from providers.highlevel.capabilities import SCOPES, TABLE
from providers.simulators.highlevel import SCOPES as ENABLED
from tests.providers.highlevel.support import highlevel

IMPLEMENTED = {
    Capability.OAUTH,
    Capability.STATIC_TOKEN,
    Capability.AGENCY_GRANTS,
    Capability.METRICS,
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
    """The table has a cell for each capability, and a note for each that is not fully supported."""
    assert set(Capability) == set(TABLE.cells)
    assert [] == [name for name, cell in TABLE.cells.items() if cell.support is not Support.FULL and not cell.note]


def test_only_implemented_capabilities_may_be_used() -> None:
    """All others are refused before any call."""
    assert IMPLEMENTED == {capability for capability in Capability if TABLE.can(capability)}


@pytest.mark.parametrize("capability", [Capability.REVOKE, Capability.CREATOR_INFO, Capability.POST_DELETE])
def test_what_highlevel_has_no_call_for_is_impossible(capability: Capability) -> None:
    """They are marked as impossible, not as missing."""
    assert Support.IMPOSSIBLE is TABLE.cell(capability).support


def test_the_quotas_are_the_documented_ones() -> None:
    """100 calls in ten seconds and 200,000 a day per location or company; each has a reserve for callers."""
    found = {rule.metric: (rule.limit, rule.window.total_seconds(), rule.per) for rule in TABLE.quotas}

    assert {"requests": (100, 10, "subject"), "requests_per_day": (200_000, 86_400, "subject")} == found
    assert [True, True] == [0 < rule.reserve + rule.low < rule.limit for rule in TABLE.quotas]


def test_each_scope_is_requested_once() -> None:
    """They keep the order of the consent page, and HighLevel knows each of them."""
    provider, _ = highlevel()

    assert SCOPES == provider.authorization.scopes
    assert len(set(SCOPES)) == len(SCOPES)
    assert set() == set(SCOPES) - set(ENABLED)


def test_a_grant_allows_what_is_implemented() -> None:
    """All scopes allow reading profiles and publishing, which needs the scopes of posts and media."""
    granted = TABLE.granted(SCOPES)

    assert not TABLE.granted({"socialplanner/post.write", "medias.write"})["can_publish"]
    assert ["can_read_profile", "can_publish"] == [name for name, allowed in granted.items() if allowed]
    assert {"basic"} == TABLE.profile_parts(SCOPES)


def test_the_provider_shows_its_table() -> None:
    """Its name is the name in its table."""
    provider, _ = highlevel()

    assert ("highlevel", "highlevel", "HighLevel") == (provider.name, provider.table.provider, TABLE.display_name)


def test_the_provider_stands_alone() -> None:
    """It imports no other provider, no simulator, and nothing from the layers above."""
    files = sorted(Path(providers.highlevel.__file__).parent.glob("*.py"))
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    foreign = ("providers.tiktok", "providers.simulators", "gateway", "storage")

    assert files
    assert [] == [name for name in names if name.startswith(foreign)]
