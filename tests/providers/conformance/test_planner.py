"""The contract of a planner: labels in pages, and imports whose rows become posts once.

Owns the contract of `providers/interface/planner.py`.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, NotFound, Rejected, Temporary, Unavailable
from providers.interface import Access
from providers.models.planner import ImportPhase, Sheet
from tests.providers.conformance.harness import Power, assert_silent, needs, read_pages


@needs(Capability.PLANNER_LABELS, Power.POSTS)
@pytest.mark.parametrize("kind", ["categories", "tags"])
async def test_pages_of_labels_end_and_repeat_nothing(harness: Any, kind: str) -> None:
    """Every label comes once, by its name."""
    access, expected = await harness.access(), harness.label_names(kind)
    list_labels = getattr(harness.provider.planner, f"list_{kind}")

    pages = await read_pages(lambda cursor: list_labels(access, cursor=cursor, limit=1))

    found = [each for page in pages for each in page.labels]
    assert sorted(expected) == sorted(each.name for each in found)
    assert len(found) == len({each.id for each in found})


@needs(Capability.PLANNER_LABELS, Power.FAULTS)
@pytest.mark.parametrize("how", ["status", "after"])
async def test_a_list_of_labels_is_never_in_doubt(harness: Any, how: str) -> None:
    """A lost read of labels is temporary, and no token is in the error."""
    access = await harness.access()
    harness.fail("tags", how, times=None)

    with pytest.raises(Unavailable) as caught:
        await harness.provider.planner.list_tags(access)

    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.POST_IMPORT, Power.POSTS, Power.TIME)
async def test_a_file_becomes_posts_once(harness: Any) -> None:
    """No row is a post before the import is finalized; rows are listed with their errors."""
    access, planner = await harness.access(), harness.provider.planner
    id = await _import(harness, access)
    checking = await planner.get_import(access, id)
    harness.wait()
    ready = await planner.get_import(access, id)
    before = harness.planned()

    await planner.finalize_import(access, id)

    assert (ImportPhase.CHECKING, ImportPhase.READY) == (checking.phase, ready.phase)
    assert ([False, True], 0) == ([bool(row.errors) for row in ready.rows], before)
    assert ImportPhase.FINALIZED is (await planner.get_import(access, id)).phase
    with pytest.raises(Rejected):
        await planner.finalize_import(access, id)
    assert 1 == harness.planned()


@needs(Capability.POST_IMPORT, Power.POSTS, Power.TIME, Power.FAULTS)
async def test_a_lost_answer_to_a_finalization_is_ambiguous(harness: Any) -> None:
    """A lost finalize is Ambiguous: one call, never repeated; the import's state shows what happened."""
    access, planner = await harness.access(), harness.provider.planner
    id = await _import(harness, access)
    harness.wait()
    harness.fail("finalize", "after")

    with pytest.raises(Ambiguous) as caught:
        await planner.finalize_import(access, id)

    assert (1, 1) == (harness.calls("finalize"), harness.planned())
    assert ImportPhase.FINALIZED is (await planner.get_import(access, id)).phase
    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.POST_IMPORT, Power.POSTS, Power.FAULTS)
async def test_a_file_sent_again_is_a_second_file_and_no_more(harness: Any) -> None:
    """A file whose upload was lost can be uploaded again under another name: no post is created."""
    access = await harness.access()
    harness.fail("sheet", "after")

    with pytest.raises(Ambiguous):
        await _sheet(harness, access, "first.csv")
    await _sheet(harness, access, "second.csv")

    assert 0 == harness.planned()


@needs(Capability.POST_IMPORT, Power.FAULTS)
async def test_a_file_that_was_never_sent_is_temporary(harness: Any) -> None:
    """Without a connection nothing happened."""
    access = await harness.access()
    harness.cut_off()

    with pytest.raises(Temporary):
        await _sheet(harness, access, "first.csv")


@needs(Capability.POST_IMPORT, Power.POSTS)
async def test_an_import_that_is_taken_away_is_not_found(harness: Any) -> None:
    """A deleted import is not found, nor is one that never existed."""
    access, planner = await harness.access(), harness.provider.planner
    id = await _import(harness, access)

    await planner.delete_import(access, id)

    for gone in (id, harness.unknown_publish):
        with pytest.raises(NotFound):
            await planner.get_import(access, gone)


async def _sheet(harness: Any, access: Access, name: str) -> Sheet:
    content: bytes = harness.sheet()

    async def body() -> AsyncIterator[bytes]:
        yield content

    sheet: Any = await harness.provider.planner.send_sheet(access, name=name, size=len(content), body=body)
    assert isinstance(sheet, Sheet)
    return sheet


async def _import(harness: Any, access: Access) -> str:
    """Start an import with a valid and an invalid row; return its id, which is reported or found by the file."""
    planner, sheet = harness.provider.planner, await _sheet(harness, access, "first.csv")
    assert "" == await planner.find_import(access, sheet)
    reported = await planner.assign_sheet(access, sheet, [harness.commented().id])
    found: str = await planner.find_import(access, sheet)
    assert reported in ("", found)
    assert found
    return found
