"""PlannerService: labels, and files of posts that become posts once.

Owns the proofs of `gateway/rpc/planner.py` and of `gateway/domain/planner/`.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import text

from gateway.domain.planner import create as create_import
from gateway.domain.planner import imports
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import planner_pb2
from socialgateway.v1.planner_service_pb2 import (
    CreatePostImportRequest,
    DeletePostImportRequest,
    FinalizePostImportRequest,
    GetPostImportRequest,
    ListCategoriesRequest,
    ListPostImportRowsRequest,
    ListPostImportsRequest,
    ListTagsRequest,
)
from socialgateway.v1.upload_service_pb2 import DeleteUploadRequest
from storage import imports as rows
from tests.fixtures.waiting import until
from tests.providers.simulators.highlevel.test_csv_imports import BAD, GOOD, HEADERS
from tests.rpc.answers import assert_error, assert_status
from tests.rpc.planning import CONNECTION, PARENT, V2, V3, Fails, Planned, planned

Code = grpc.StatusCode
State = planner_pb2.PostImport.State
FILE = f"{HEADERS}\n{GOOD}\n{BAD}\n".encode()
FACEBOOK = f"{PARENT}/accounts/facebook"


@pytest.fixture(params=[V2, V3])
async def stage(request: Any, database_url: str, tmp_path: Path) -> AsyncIterator[Planned]:
    """Yield a gateway that speaks one of the generations."""
    async with planned(database_url, tmp_path, version=request.param) as opened:
        yield opened


@pytest.fixture
async def new(database_url: str, tmp_path: Path) -> AsyncIterator[Planned]:
    """Yield a gateway that speaks v3."""
    async with planned(database_url, tmp_path, version=V3) as opened:
        yield opened


@pytest.fixture
async def old(database_url: str, tmp_path: Path) -> AsyncIterator[Planned]:
    """Yield a gateway that speaks 2021-07-28, which does not return an import's id."""
    async with planned(database_url, tmp_path, version=V2) as opened:
        yield opened


async def create(stage: Planned, upload: str = "", request_id: str = "", *accounts: str) -> planner_pb2.PostImport:
    """Send the file to the planner."""
    wanted = planner_pb2.PostImport(upload=upload or await stage.upload(FILE), accounts=accounts or [stage.account()])
    request = CreatePostImportRequest(parent=PARENT, post_import=wanted, request_id=request_id)
    made: planner_pb2.PostImport = await stage.api.planner.CreatePostImport(request)
    return made


async def get(stage: Planned, name: str) -> planner_pb2.PostImport:
    """Get an import."""
    found: planner_pb2.PostImport = await stage.api.planner.GetPostImport(GetPostImportRequest(name=name))
    return found


async def finalize(stage: Planned, name: str, request_id: str = "") -> planner_pb2.PostImport:
    """Finalize an import: its rows become posts."""
    request = FinalizePostImportRequest(name=name, request_id=request_id)
    found: planner_pb2.PostImport = await stage.api.planner.FinalizePostImport(request)
    return found


async def delete(stage: Planned, name: str, request_id: str = "") -> None:
    """Delete an import."""
    await stage.api.planner.DeletePostImport(DeletePostImportRequest(name=name, request_id=request_id))


async def ready(stage: Planned) -> planner_pb2.PostImport:
    """Return an import that the vendor has validated."""
    made = await create(stage)
    stage.advance(seconds=2)
    return made


async def error_of(call: Any) -> Fails:
    """Return the error of a call that must fail."""
    with pytest.raises(Fails) as caught:
        await call
    return caught.value


def summaries(stage: Planned) -> list[str]:
    """Return the captions of the posts that were created."""
    return [row.summary for row in stage.vendor.created]


async def count(stage: Planned) -> int:
    """Count the imports that are stored here."""
    async with stage.world.domain.db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM imports"))).scalar_one())


# Categories and tags


async def test_labels_are_listed_by_page(stage: Planned) -> None:
    """Names, colors, pages; the search is the vendor's."""
    categories = await stage.api.planner.ListCategories(ListCategoriesRequest(parent=CONNECTION))
    first = await stage.api.planner.ListTags(ListTagsRequest(parent=CONNECTION, page_size=1))
    token = first.next_page_token
    second = await stage.api.planner.ListTags(ListTagsRequest(parent=CONNECTION, page_size=1, page_token=token))
    found = await stage.api.planner.ListCategories(ListCategoriesRequest(parent=CONNECTION, search="hours"))

    assert [("Recipes", "#000000"), ("Opening hours", "#000000")] == [
        (each.display_name, each.color) for each in categories.categories
    ]
    assert f"{CONNECTION}/categories/{stage.vendor.categories[0]['_id']}" == categories.categories[0].name
    assert ["bread", "cake"] == [each.display_name for each in (*first.tags, *second.tags)]
    assert f"{CONNECTION}/tags/{stage.vendor.tags[0]['_id']}" == first.tags[0].name
    assert ["Opening hours"] == [each.display_name for each in found.categories]
    assert ("", "") == (categories.next_page_token, second.next_page_token)


async def test_labels_of_a_connection_that_does_not_exist(old: Planned) -> None:
    """It is not found, by its name; a search has a last page, and a page token belongs to its list."""
    listing = old.api.planner.ListTags
    token = (await listing(ListTagsRequest(parent=CONNECTION, page_size=1))).next_page_token
    unknown = await error_of(listing(ListTagsRequest(parent=f"{PARENT}/connections/c9")))
    endless = await error_of(listing(ListTagsRequest(parent=CONNECTION, search="a" * 101)))
    request = ListCategoriesRequest(parent=CONNECTION, page_token=token)
    foreign = await error_of(old.api.planner.ListCategories(request))

    assert_error(unknown, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=f"{PARENT}/connections/c9")
    assert_error(endless, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="search")
    assert_error(foreign, Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


# Giving a file


async def test_a_file_becomes_posts(stage: Planned) -> None:
    """It is validated, its bad row is reported, and the good one becomes a post of the planner."""
    made = await create(stage)
    early = await error_of(finalize(stage, made.name))
    stage.advance(seconds=2)
    looked = await get(stage, made.name)
    listing = ListPostImportRowsRequest(parent=made.name, page_size=1)
    first = await stage.api.planner.ListPostImportRows(listing)
    listing.page_token = first.next_page_token
    second = await stage.api.planner.ListPostImportRows(listing)
    done = await finalize(stage, made.name)
    after = await get(stage, made.name)

    assert (State.CHECKING, 2, "") == (made.state, made.row_count, made.provider_state)
    assert_error(early, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="CHECKING")
    assert (State.READY, "pending", 2) == (looked.state, looked.provider_state, looked.row_count)
    [bread], [cake] = first.rows, second.rows
    assert ("Bread", ["https://media.example/a.mp4"], 0) == (bread.text, list(bread.media_uris), len(bread.errors))
    assert "2026-11-21T10:00:00Z" == bread.schedule_time.ToJsonString()
    [error] = [each for each in cake.errors if each.platform]
    assert ("scheduleDate must be after current date", "media[0]", "tiktok") == (
        error.provider_code,
        error.place,
        error.platform,
    )
    assert "" == second.next_page_token
    assert (State.FINALIZED, State.FINALIZED) == (done.state, after.state)
    assert after.HasField("finalize_time")
    assert ["Bread"] == summaries(stage)


async def test_the_file_has_a_unique_name(old: Planned) -> None:
    """The name reveals nothing of its owner, and no other import's file has it: by it the import is found."""
    upload = await old.upload(FILE)
    made = [await create(old, upload) for _ in range(2)]

    names = [each.file_name for each in old.vendor.imports.values()]
    assert [f"{each.name.rpartition('/')[2]}-1.csv" for each in made] == names
    assert list(old.vendor.imports) == [each.provider_import_id for each in made]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"content\nBread\n", "CSV_MISSING_HEADERS"),
        (f"{HEADERS}\n".encode(), "CSV_NO_VALID_POST"),
        (b"\xff\xfe\x00", "CSV_INVALID_FORMAT"),
    ],
)
async def test_a_file_that_the_vendor_refuses(database_url: str, tmp_path: Path, data: bytes, code: str) -> None:
    """The import is FAILED with the vendor's code; it has no rows, cannot be finalized, and can be deleted."""
    async with planned(database_url, tmp_path) as stage:
        made = await create(stage, await stage.upload(data))
        listed = await stage.api.planner.ListPostImportRows(ListPostImportRowsRequest(parent=made.name))
        refused = await error_of(finalize(stage, made.name))
        await delete(stage, made.name)
        gone = await error_of(get(stage, made.name))

        assert State.FAILED == made.state
        assert_status(made.error, "CONTENT_REJECTED", provider="highlevel", providerCode=code)
        assert [] == list(listed.rows)
        assert_error(refused, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="FAILED")
        assert_error(gone, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=made.name)
        assert 0 == stage.calls("csv.delete")


async def test_an_import_needs_a_file_and_accounts(old: Planned) -> None:
    """A complete CSV file within the size limit, and accounts of one connection, each once: else nothing is sent or
    stored.
    """
    upload = await old.upload(FILE)
    video, large = await old.upload(b"video", "video/mp4"), await old.upload(bytes(create_import.MAX_BYTES + 1))
    calls = {
        ("upload", "post_import.upload"): create(old, "locations/l2/uploads/u1"),
        ("accounts", "post_import.accounts[0]"): create(old, upload, "", "locations/l2/accounts/tiktok"),
        ("twice", "post_import.accounts"): create(old, upload, "", old.account(), old.account()),
        ("none", "post_import.accounts"): old.api.planner.CreatePostImport(
            CreatePostImportRequest(parent=PARENT, post_import=planner_pb2.PostImport(upload=upload))
        ),
    }
    for (_, field), call in calls.items():
        assert_error(await error_of(call), Code.INVALID_ARGUMENT, "FIELD_INVALID", field=field)
    absent = f"{PARENT}/uploads/u9"
    assert_error(await error_of(create(old, absent)), Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=absent)
    absent = f"{PARENT}/accounts/a9"
    error = await error_of(create(old, upload, "", absent))
    assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=absent)
    for name, rule in ((video, "mimeType"), (large, "sizeBytes")):
        assert_error(await error_of(create(old, name)), Code.FAILED_PRECONDITION, "MEDIA_INVALID", rule=rule)

    assert [] == old.vendor.requests
    assert 0 == await count(old)


async def test_the_same_request_id_imports_once(stage: Planned) -> None:
    """A repeated request_id returns the import as it is now; another body is refused."""
    upload, key = await stage.upload(FILE), str(uuid4())

    first = await create(stage, upload, key)
    again = await create(stage, upload, key)
    error = await error_of(create(stage, upload, key, FACEBOOK))

    assert first.name == again.name
    assert_error(error, Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert (1, 1) == (stage.calls("csv.upload"), len(stage.vendor.imports))


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_lost_response_to_the_file_sends_another(new: Planned, kind: str) -> None:
    """Nothing came of the first: the same call continues with a file of another name, and there is one import."""
    upload, key = await new.upload(FILE), str(uuid4())
    new.fault("csv.upload", kind)

    error = await error_of(create(new, upload, key))
    made = await create(new, upload, key)

    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="highlevel")
    assert State.CHECKING == made.state
    [one] = new.vendor.imports.values()
    assert f"{made.name.rpartition('/')[2]}-2.csv" == one.file_name


async def test_a_lost_response_about_the_accounts_is_searched_for(stage: Planned) -> None:
    """The import began: it is found by its file, and not started again."""
    stage.fault("csv.set_accounts")

    made = await create(stage)

    assert State.CHECKING == made.state
    assert [made.provider_import_id] == list(stage.vendor.imports)
    assert 1 == stage.calls("csv.set_accounts")


async def test_accounts_that_never_arrived_are_sent_again(stage: Planned) -> None:
    """Only after a while in which the vendor lists no such import, and with a file of another name."""
    upload, key = await stage.upload(FILE), str(uuid4())
    stage.fault("csv.set_accounts", "drop_before")

    early = [await error_of(create(stage, upload, key)) for _ in range(2)]
    sent = stage.calls("csv.set_accounts")
    stage.advance(minutes=2)
    made = await create(stage, upload, key)

    for error in early:
        assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="highlevel")
    assert (State.CHECKING, 1) == (made.state, len(stage.vendor.imports))
    assert sent < stage.calls("csv.set_accounts")


async def test_an_import_that_is_listed_late_is_found(old: Planned) -> None:
    """The older generation does not return the id, and the list is unavailable: the same call finds it later."""
    upload, key = await old.upload(FILE), str(uuid4())
    old.fault("csv.list", "html")

    error = await error_of(create(old, upload, key))
    made = await create(old, upload, key)

    assert_error(error, Code.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN", provider="highlevel")
    assert [made.provider_import_id] == list(old.vendor.imports)
    assert (1, 1) == (old.calls("csv.upload"), old.calls("csv.set_accounts"))


@pytest.mark.parametrize("operation", ["csv.upload", "csv.set_accounts"])
async def test_a_temporary_error_is_returned_and_can_be_repeated(new: Planned, operation: str) -> None:
    """A rate limit ends the call; the same call continues where it stopped, at once."""
    upload, key = await new.upload(FILE), str(uuid4())
    new.fault(operation, "status", status=429, body='{"message": "Too Many Requests"}', headers={"Retry-After": "1"})

    error = await error_of(create(new, upload, key))
    new.advance(minutes=1)
    made = await create(new, upload, key)

    assert_error(error, Code.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED", provider="highlevel")
    assert (State.CHECKING, 1) == (made.state, len(new.vendor.imports))


async def test_two_at_once_with_one_request_id_send_one_file(new: Planned) -> None:
    """One call sends the file; the others are refused, or return its result."""
    upload, key = await new.upload(FILE), str(uuid4())

    answers = await asyncio.gather(*(create(new, upload, key) for _ in range(5)), return_exceptions=True)

    assert (1, 1) == (new.calls("csv.upload"), len(new.vendor.imports))
    for answer in answers:
        if isinstance(answer, Fails):
            assert_error(answer, Code.ABORTED, "CONFLICT")
    assert any(isinstance(answer, planner_pb2.PostImport) for answer in answers)


async def test_a_process_that_died_leaves_its_import_to_the_next(old: Planned) -> None:
    """While its lease runs no other call sends the file; then the same call does."""
    upload, key = await old.upload(FILE), str(uuid4())
    old.fault("csv.upload", "status", status=429, body='{"message": "later"}')
    await error_of(create(old, upload, key))
    async with old.world.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE imports SET busy_until = now() AT TIME ZONE 'UTC' + interval '100 years'"))
    busy = await error_of(create(old, upload, key))
    name = await _only(old)
    held = await error_of(delete(old, name))
    async with old.world.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE imports SET busy_until = '2026-11-20 11:59:00+00'"))
    old.advance(minutes=1)
    made = await create(old, upload, key)

    assert_error(busy, Code.ABORTED, "CONFLICT")
    assert_error(held, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="CREATING")
    assert State.CHECKING == made.state


async def _only(stage: Planned) -> str:
    listed = await stage.api.planner.ListPostImports(ListPostImportsRequest(parent=PARENT))
    [found] = listed.post_imports
    return str(found.name)


async def test_an_upload_that_was_deleted_meanwhile_ends_the_import(old: Planned) -> None:
    """Its bytes are gone when the file is to be sent again: the error says so, and the import can be deleted."""
    upload, key = await old.upload(FILE), str(uuid4())
    old.fault("csv.upload", "drop_before")
    await error_of(create(old, upload, key))
    await old.api.uploads.DeleteUpload(DeleteUploadRequest(name=upload))

    error = await error_of(create(old, upload, key))
    await delete(old, await _only(old))

    assert_error(error, Code.FAILED_PRECONDITION, "MEDIA_INVALID", upload=upload)
    assert 0 == await count(old)


async def test_imports_are_listed_newest_first(old: Planned) -> None:
    """Page by page, without a vendor call."""
    upload, made = await old.upload(FILE), []
    for _ in range(3):
        made.append((await create(old, upload)).name)
        old.advance(seconds=1)
    before = len(old.vendor.requests)

    first = await old.api.planner.ListPostImports(ListPostImportsRequest(parent=PARENT, page_size=2))
    request = ListPostImportsRequest(parent=PARENT, page_size=2, page_token=first.next_page_token)
    second = await old.api.planner.ListPostImports(request)

    assert made[::-1] == [each.name for each in (*first.post_imports, *second.post_imports)]
    assert ("", before) == (second.next_page_token, len(old.vendor.requests))


# Finalizing


async def test_finalizing_twice_is_impossible(stage: Planned) -> None:
    """With the same request id there is no further call, with another it is refused, at once or later."""
    made, key = await ready(stage), str(uuid4())

    first = await finalize(stage, made.name, key)
    again = await finalize(stage, made.name, key)
    other = await error_of(finalize(stage, made.name, str(uuid4())))

    assert (State.FINALIZED, State.FINALIZED) == (first.state, again.state)
    assert_error(other, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="FINALIZED")
    assert (["Bread"], 1) == (summaries(stage), stage.calls("csv.finalize"))


async def test_concurrent_finalize_calls_create_its_posts_once(new: Planned) -> None:
    """One call finalizes at the vendor; the others are refused, or return its result."""
    made = await ready(new)

    calls = [finalize(new, made.name, str(uuid4())) for _ in range(8)]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert (["Bread"], 1) == (summaries(new), new.calls("csv.finalize"))
    assert 1 == sum(isinstance(answer, planner_pb2.PostImport) for answer in answers)
    for answer in answers:
        if isinstance(answer, Fails):
            assert answer.code() in (Code.ABORTED, Code.FAILED_PRECONDITION)


async def test_a_lost_response_is_reconciled(new: Planned) -> None:
    """After a lost response the vendor's state decides: FINALIZED, with one event."""
    made = await ready(new)
    new.fault("csv.finalize")

    done = await finalize(new, made.name)

    assert (State.FINALIZED, False) == (done.state, done.HasField("error"))
    assert (["Bread"], 1) == (summaries(new), new.calls("csv.finalize"))


async def test_a_response_that_proves_nothing_is_indeterminate(new: Planned) -> None:
    """The vendor still waits: INDETERMINATE, and not finalized again until ten minutes prove that no call arrived."""
    made, key = await ready(new), str(uuid4())
    new.fault("csv.finalize", "drop_before")

    doubt = await finalize(new, made.name, key)
    same = await finalize(new, made.name, key)
    refused = await error_of(finalize(new, made.name))
    new.advance(minutes=9)
    still = await get(new, made.name)
    new.advance(minutes=1)
    proved = await get(new, made.name)
    calls = new.calls("csv.finalize")
    done = await finalize(new, made.name)

    assert [State.INDETERMINATE] * 3 == [doubt.state, same.state, still.state]
    assert_status(doubt.error, "OUTCOME_UNKNOWN", provider="highlevel")
    assert_error(refused, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="INDETERMINATE")
    assert (State.READY, False, 1) == (proved.state, proved.HasField("error"), calls)
    assert (State.FINALIZED, ["Bread"]) == (done.state, summaries(new))


async def test_a_refusal_that_the_vendor_did_not_keep_to_is_reconciled(new: Planned) -> None:
    """A 422 to the finalizing call is no proof: the vendor says that it happened, and it is not done a second time."""
    made = await ready(new)
    new.fault("csv.finalize", "status", status=422, body='{"message": "No."}', effect=True)

    done = await finalize(new, made.name)
    refused = await error_of(finalize(new, made.name))

    assert (State.FINALIZED, False) == (done.state, done.HasField("error"))
    assert_error(refused, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="FINALIZED")
    assert (["Bread"], 1) == (summaries(new), new.calls("csv.finalize"))


async def test_a_refusal_after_which_an_import_still_waits_is_believed(new: Planned) -> None:
    """The caller gets the refusal, and can finalize the import with the same request_id once the vendor accepts it."""
    made, key = await ready(new), str(uuid4())
    new.fault("csv.finalize", "status", status=422, body='{"message": "No."}')

    refused = await error_of(finalize(new, made.name, key))
    waiting = await get(new, made.name)
    done = await finalize(new, made.name, key)

    assert_error(refused, Code.FAILED_PRECONDITION, "CONTENT_REJECTED")
    assert (State.READY, False, State.FINALIZED) == (waiting.state, waiting.HasField("error"), done.state)
    assert ["Bread"] == summaries(new)


async def test_an_unavailable_vendor_leaves_the_outcome_open(new: Planned) -> None:
    """Neither the response nor the status after it arrives; later the vendor reports that it was finalized."""
    made = await ready(new)
    new.fault("csv.finalize")
    new.fault("csv.get", "html", after=1)

    doubt = await finalize(new, made.name)
    later = await get(new, made.name)

    assert State.INDETERMINATE == doubt.state
    assert (State.FINALIZED, False) == (later.state, later.HasField("error"))
    assert ["Bread"] == summaries(new)


@pytest.mark.parametrize("happened", [True, False])
async def test_a_process_that_died_during_the_call_is_reconciled(new: Planned, happened: bool) -> None:
    """Its import is FINALIZING: the call is not repeated, and the vendor's status ends it."""
    made = await ready(new)
    looked = await get(new, made.name)
    if happened:
        new.fault("csv.finalize")
    else:
        new.fault("csv.finalize", "drop_before")
    new.fault("csv.get", "html", after=1)
    await finalize(new, made.name)
    async with new.world.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE imports SET state = 'FINALIZING', error = NULL"))

    young = await get(new, made.name)
    refused = await error_of(finalize(new, made.name))
    held = await error_of(delete(new, made.name))
    new.advance(minutes=6)
    old = await get(new, made.name)

    assert (State.READY, State.FINALIZING) == (looked.state, young.state)
    for error in (refused, held):
        assert_error(error, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="FINALIZING")
    assert (State.FINALIZED if happened else State.INDETERMINATE) == old.state
    assert 1 == new.calls("csv.finalize")


async def test_a_refused_finalize_restores_the_import(new: Planned) -> None:
    """It certainly did not happen: the import is READY again, and the same request id may be used once more."""
    made, key = await ready(new), str(uuid4())
    new.fault("csv.finalize", "status", status=429, body='{"message": "Too Many Requests"}')

    error = await error_of(finalize(new, made.name, key))
    new.advance(minutes=1)
    back = await get(new, made.name)
    done = await finalize(new, made.name, key)

    assert_error(error, Code.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED", provider="highlevel")
    assert (State.READY, False) == (back.state, back.HasField("finalize_time"))
    assert (State.FINALIZED, ["Bread"]) == (done.state, summaries(new))


async def test_an_import_that_was_finalized_elsewhere_is_not_finalized_here(new: Planned) -> None:
    """Someone used the vendor's own pages: the vendor's state is read before the call."""
    made = await ready(new)
    await get(new, made.name)
    [there] = new.vendor.imports.values()
    there.final = "completed"

    error = await error_of(finalize(new, made.name))

    assert_error(error, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="FINALIZED")
    assert 0 == new.calls("csv.finalize")


@pytest.mark.parametrize(
    ("final", "state", "reason"),
    [("failed", State.FAILED, "CONTENT_REJECTED"), ("deleted", State.FAILED, "RESOURCE_NOT_FOUND")],
)
async def test_an_import_that_failed_there_is_failed_here(new: Planned, final: str, state: Any, reason: str) -> None:
    """One that failed at the vendor fails with the vendor's message, one that is gone there without."""
    made, other = await ready(new), await ready(new)
    first, second = new.vendor.imports.values()
    first.final = final
    del new.vendor.imports[second.id]

    found, gone = await get(new, made.name), await get(new, other.name)

    assert (state, final) == (found.state, found.provider_state)
    assert_status(found.error, reason, provider="highlevel", providerCode=final)
    assert_status(gone.error, "RESOURCE_NOT_FOUND", provider="highlevel")


# Deleting


async def test_an_unfinalized_import_is_deleted_there_too(new: Planned) -> None:
    """It is gone here as well; a second call is not found, with the same request id there is no vendor call."""
    made, key = await ready(new), str(uuid4())

    await delete(new, made.name, key)
    await delete(new, made.name, key)
    error = await error_of(delete(new, made.name))

    assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=made.name)
    assert ({}, 1, 0) == (new.vendor.imports, new.calls("csv.delete"), await count(new))


async def test_a_finalized_import_is_deleted_only_here(new: Planned) -> None:
    """At the vendor its posts would be deleted with it."""
    made = await ready(new)
    await finalize(new, made.name)

    await delete(new, made.name)

    assert (1, 0, 0) == (len(new.vendor.imports), new.calls("csv.delete"), await count(new))


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_deletion_whose_response_is_lost_is_repeated(new: Planned, kind: str) -> None:
    """It is DELETING meanwhile; what is gone there counts as deleted."""
    made, key = await ready(new), str(uuid4())
    new.fault("csv.delete", kind)

    error = await error_of(delete(new, made.name, key))
    between = await get(new, made.name)
    await delete(new, made.name, key)

    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="highlevel")
    assert State.DELETING == between.state
    assert ({}, 0) == (new.vendor.imports, await count(new))


async def test_a_late_worker_moves_nothing(old: Planned) -> None:
    """A worker with a stale copy of an import cannot change its state."""
    made = await ready(old)
    domain, id = old.world.domain, made.name.rpartition("/")[2]
    stale = await imports.stored(domain, "l1", id)
    await finalize(old, made.name)

    async with domain.db.transaction() as tx:
        moved = await rows.move(tx, stale, domain.clock(), state="FINALIZING")
        removed = await rows.remove(tx, stale)

    assert (None, False) == (moved, removed)
    assert BAKERY == next(iter(old.vendor.imports.values())).location_id


async def test_a_caller_who_goes_away_loses_nothing(new: Planned) -> None:
    """The vendor's response is stored although the caller is gone."""
    made, key, gate = await ready(new), str(uuid4()), asyncio.Event()

    async def wait(seconds: float) -> None:
        await gate.wait()

    new.vendor.sleep = wait
    new.fault("csv.finalize", "slow")
    call = new.api.planner.FinalizePostImport(FinalizePostImportRequest(name=made.name, request_id=key))
    await until(lambda: bool(new.vendor.faults.hits.get("csv.finalize slow")))
    call.cancel()
    gate.set()
    await new.world.domain.tokens.close()
    done = await finalize(new, made.name, key)

    assert (State.FINALIZED, ["Bread"], 1) == (done.state, summaries(new), new.calls("csv.finalize"))
