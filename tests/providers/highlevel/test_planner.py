"""Imports of CSV files: upload, assign accounts, find by name, read the status, finalize, delete.

Owns …/csv and …/set-accounts. The order of the steps and lost answers are the gateway's concern.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from providers.errors import Ambiguous, ContractBroken, NotFound, Rejected, Unavailable
from providers.highlevel.planner import read_row
from providers.models.grants import AccessToken
from providers.models.planner import ImportPhase, ImportRow, RowError, Sheet
from providers.models.secret import Secret
from tests.providers.highlevel.sandbox import Sandbox, in_process
from tests.providers.highlevel.specification import multipart
from tests.providers.highlevel.support import API, LOCATION, NOW, USER, FakeAccess, highlevel, ok, refused
from tests.providers.simulators.highlevel.test_csv_imports import BAD, GOOD, HEADERS

ROOT = f"{API}/social-media-posting/{LOCATION}"
FILE = f"{HEADERS}\n{GOOD}\n{BAD}\n".encode()
SHEET = Sheet("social-import/1.csv", "i1-1.csv", 2, "basic")
SENT = {"filePath": "social-import/1.csv", "rowsCount": 2, "fileName": "i1-1.csv"}


def bytes_of(content: bytes) -> Any:
    """Return a function that opens a stream of the content."""

    async def body() -> AsyncIterator[bytes]:
        yield content

    return body


async def send(provider: Any, access: Any, name: str = "i1-1.csv", content: bytes = FILE) -> Sheet:
    """Upload a file."""
    sheet: Sheet = await provider.planner.send_sheet(access, name=name, size=len(content), body=bytes_of(content))
    return sheet


async def test_a_file_is_uploaded_as_a_form() -> None:
    """Its part has a type and a name, and the answer is returned as a Sheet for the next call."""
    provider, vendor = highlevel(ok({**SENT, "csvFileType": "basic", "fileSize": 1}, 201), api_version="v3")

    sheet = await send(provider, FakeAccess())

    assert SHEET == sheet
    assert ("POST", f"{ROOT}/csv") == (vendor.last.method, str(vendor.last.url))
    assert {"file": FILE.decode("latin-1")} == multipart(vendor.last)
    assert b'filename="i1-1.csv"\r\nContent-Type: text/csv\r\n' in vendor.last.content


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(None, 201), ContractBroken),
        (ok({**SENT, "filePath": ""}, 201), ContractBroken),
        (ok({**SENT, "rowsCount": 0}, 201), ContractBroken),
        (ok({**SENT, "rowsCount": "many"}, 201), ContractBroken),
        (ok({**SENT, "rowsCount": 2**31}, 201), ContractBroken),
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.ConnectError("refused"), Unavailable),
        (refused(400, "File is required"), Rejected),
    ],
    ids=repr,
)
async def test_answers_to_an_upload_are_classified(answer: Any, kind: type[Exception]) -> None:
    """An upload has no effect yet, so an invalid answer is ContractBroken; there is no retry."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await send(provider, FakeAccess())
    assert (kind, 1) == (type(raised.value), len(vendor.requests))


async def test_a_refused_file_keeps_highlevels_code() -> None:
    """The code and message of v3 are in the error."""
    provider, _ = highlevel(refused(400, "Missing headers: content", code="CSV_MISSING_HEADERS"), api_version="v3")

    with pytest.raises(Rejected) as raised:
        await send(provider, FakeAccess())
    assert ("CSV_MISSING_HEADERS", "Missing headers: content") == (
        raised.value.code,
        raised.value.metadata["provider_message"],
    )


async def test_accounts_are_assigned_in_each_version() -> None:
    """v3 accepts the file's kind and returns the import's id; 2021-07-28 has neither."""
    new, new_vendor = highlevel(ok({"csvId": "65f0"}, 201), api_version="v3")
    old, old_vendor = highlevel(ok(None, 201))

    ids = [await each.planner.assign_sheet(FakeAccess(), SHEET, ["a", "b"]) for each in (new, old)]

    body = {"accountIds": ["a", "b"], **SENT, "userId": USER}
    assert ["65f0", ""] == ids
    assert [{**body, "csvFileType": "basic"}, body] == [new_vendor.sent(), old_vendor.sent()]


class AccessWithoutUser(FakeAccess):
    """An Access whose settings name no user."""

    async def token(self) -> AccessToken:
        """Return a token whose settings contain only the location."""
        return AccessToken(Secret("t"), 1, self.scopes, NOW, settings={"location_id": LOCATION})


async def test_v3_needs_a_user() -> None:
    """Without one the call is refused before it is made; 2021-07-28 needs none."""
    new, new_vendor = highlevel(api_version="v3")
    old, old_vendor = highlevel(ok(None, 201))

    for call in (
        new.planner.assign_sheet(AccessWithoutUser(), SHEET, ["a"]),
        new.planner.finalize_import(AccessWithoutUser(), "i"),
    ):
        with pytest.raises(Rejected) as raised:
            await call
        assert "user_missing" == raised.value.code
    await old.planner.assign_sheet(AccessWithoutUser(), SHEET, ["a"])

    assert [] == new_vendor.requests
    assert "userId" not in old_vendor.sent()


@pytest.mark.parametrize(
    "row", [{"_id": "i", "file": SHEET.path}, {"id": "i", "fileName": SHEET.name}, {"_id": "i", "fileName": SHEET.name}]
)
async def test_an_import_is_found_by_its_files_name(row: dict[str, Any]) -> None:
    """It is found by the file's name or path, on any page."""
    others = [{"_id": "x", "fileName": "other.csv", "file": "other"}]
    provider, vendor = highlevel(ok({"csvs": others, "count": 2}), ok({"csvs": [row], "count": 2}))

    assert "i" == await provider.planner.find_import(FakeAccess(), SHEET)
    assert ["0", "1"] == [request.url.params["skip"] for request in vendor.requests]


@pytest.mark.parametrize(
    ("answers", "calls"), [([{"csvs": [], "count": 0}], 1), ([{"csvs": [{"_id": "x"}], "count": 10**6}], 10)]
)
async def test_the_search_for_an_import_is_bounded(answers: list[Any], calls: int) -> None:
    """It ends after ten pages, and returns the empty string."""
    provider, vendor = highlevel(*(ok(each) for each in answers))

    assert "" == await provider.planner.find_import(FakeAccess(), SHEET)
    assert calls == len(vendor.requests)


async def test_an_answer_without_a_list_breaks_the_contract() -> None:
    """Read as an empty list, it would make the gateway start an import twice."""
    provider, _ = highlevel(ok({}))

    with pytest.raises(ContractBroken):
        await provider.planner.find_import(FakeAccess(), SHEET)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("pending", ImportPhase.READY),
        ("in_review", ImportPhase.READY),
        ("in_progress", ImportPhase.CHECKING),
        ("importing", ImportPhase.CHECKING),
        ("completed", ImportPhase.FINALIZED),
        ("failed", ImportPhase.FAILED),
        ("deleted", ImportPhase.GONE),
        ("somewhere", ImportPhase.CHECKING),
    ],
)
async def test_states_of_an_import_are_mapped_to_phases(state: str, phase: ImportPhase) -> None:
    """HighLevel's own state is kept; an unknown one counts as still checking."""
    rows = [{"summary": "Bread", "medias": []}]
    provider, vendor = highlevel(ok({"csv": {"_id": "i", "status": state}, "count": 3, "posts": rows}))

    found = await provider.planner.get_import(FakeAccess(), "i", cursor="1", limit=1)

    assert (phase, state, 3, "2") == (found.phase, found.vendor_phase, found.row_count, found.next_cursor)
    assert (ImportRow("Bread"),) == found.rows
    assert f"{ROOT}/csv/i?skip=1&limit=1" == str(vendor.last.url)


async def test_an_import_without_a_state_breaks_the_contract() -> None:
    """Its status cannot be known."""
    provider, _ = highlevel(ok({"csv": {"_id": "i"}, "posts": []}))

    with pytest.raises(ContractBroken):
        await provider.planner.get_import(FakeAccess(), "i")


def test_errors_of_a_row_are_read() -> None:
    """They keep HighLevel's codes, with medium and network."""
    row = {
        "summary": "Bread",
        "scheduleDate": "2026-11-21T10:00:00.000Z",
        "errorMessage": "Invalid media format",
        "link": {"error": "InvalidLink"},
        "medias": [
            {"url": "https://a.example/1.mp4", "tiktokError": "videoCodec", "tiktokBusinessError": "videoSize"},
            {"url": "", "error": "Image is larger than 10MB", "invalidError": "imageSize", "gmbError": None},
        ],
    }

    assert ImportRow(
        "Bread",
        datetime(2026, 11, 21, 10, tzinfo=UTC),
        ("https://a.example/1.mp4",),
        (
            RowError("Invalid media format"),
            RowError("InvalidLink", "link"),
            RowError("videoCodec", "media[0]", "tiktok"),
            RowError("videoSize", "media[0]", "tiktok_business"),
            RowError("Image is larger than 10MB", "media[1]"),
            RowError("imageSize", "media[1]"),
        ),
    ) == read_row(row)


def test_errors_of_a_row_are_bounded() -> None:
    """At most fifty errors are kept."""
    row = {"medias": [{f"{letter * 3}Error": "x"} for letter in "abcdefghij"] * 100}

    assert 50 == len(read_row(row).errors)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.Response(502), Ambiguous),
        (httpx.ConnectError("refused"), Unavailable),
        (refused(400, "CSV is not ready to be imported"), Rejected),
        (refused(404, "CSV not found"), NotFound),
    ],
    ids=repr,
)
@pytest.mark.parametrize("verb", ["finalize_import", "delete_import"])
async def test_changes_are_made_once(verb: str, answer: Any, kind: type[Exception]) -> None:
    """A change that may have happened is Ambiguous, a refused one is not, and there is no retry."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await getattr(provider.planner, verb)(FakeAccess(), "i")
    assert (kind, 1) == (type(raised.value), len(vendor.requests))


async def imported(sandbox: Sandbox, access: Any) -> str:
    """Start an import at the simulator, and return its id."""
    planner, sheet = sandbox.provider.planner, await send(sandbox.provider, access, "first.csv")
    assert "" == await planner.find_import(access, sheet)
    returned = await planner.assign_sheet(access, sheet, [sandbox.account().id])
    found = await planner.find_import(access, sheet)
    assert returned in ("", found)
    return found


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_import_becomes_posts(version: str) -> None:
    """It is checked, shows its invalid row, and creates a post of the valid one, once."""
    async with in_process(version=version) as sandbox:
        access, planner = await sandbox.connect(), sandbox.provider.planner
        id = await imported(sandbox, access)
        early = await planner.get_import(access, id)
        sandbox.vendor.advance_clock(1)
        ready = await planner.get_import(access, id)
        await planner.finalize_import(access, id)
        done = await planner.get_import(access, id)
        with pytest.raises(Rejected):
            await planner.finalize_import(access, id)
        await planner.delete_import(access, id)
        with pytest.raises(NotFound):
            await planner.get_import(access, id)

    phases = [ImportPhase.CHECKING, ImportPhase.READY, ImportPhase.FINALIZED]
    assert phases == [early.phase, ready.phase, done.phase]
    assert [0, 2] == [len(row.errors) for row in ready.rows]
    assert RowError("scheduleDate must be after current date", "media[0]", "tiktok") in ready.rows[1].errors
    assert ["Bread"] == [row.summary for row in sandbox.vendor.created]


async def test_the_simulator_refuses_a_file_with_its_code() -> None:
    """A file without the required columns is rejected with the code in the error."""
    async with in_process(version="v3") as sandbox:
        with pytest.raises(Rejected) as raised:
            await send(sandbox.provider, await sandbox.connect(), content=b"a,b\n1,2\n")

    assert "CSV_MISSING_HEADERS" == raised.value.code
