"""Import posts from a CSV file.

Owns: the steps from upload to finalizing. Knows nothing of how the posts progress.
"""

from typing import Any

import pytest

from tests.providers.simulators.highlevel.world import OWNER, POSTING, V3, World, status_and_message, world

NOBODY = "0" * 24


HEADERS = "postAtSpecificTime (YYYY-MM-DD HH:mm:ss),content,videoUrls (comma separated),tiktokPrivacy"
GOOD = "2026-11-21 10:00:00,Bread,https://media.example/a.mp4,everyone"
BAD = "2026-11-19 10:00:00,Cake,https://media.example/b.mp4,only_me"


async def _upload(highlevel: World, text: str, name: str = "posts.csv") -> Any:
    return await highlevel.call("POST", f"{POSTING}/csv", files={"file": (name, text.encode(), "text/csv")})


async def _import(highlevel: World, text: str) -> str:
    uploaded = (await _upload(highlevel, text)).json()["results"]
    body = {name: uploaded[name] for name in ("filePath", "rowsCount", "fileName")}
    body |= {"accountIds": [highlevel.tiktok.id], "userId": OWNER}
    answer = await highlevel.call("POST", f"{POSTING}/set-accounts", body)
    assert 201 == answer.status_code, answer.text
    listed = await highlevel.call("GET", f"{POSTING}/csv", params={"userId": OWNER})
    row = listed.json()["results"]["csvs"][0]
    return str(row.get("id") or row["_id"])


@pytest.mark.parametrize("version", ["2021-07-28", V3])
async def test_a_file_becomes_posts(highlevel: World, version: str) -> None:
    """After upload, accounts, review and finalizing, valid rows are scheduled and the others have their error."""
    highlevel.version = version
    csv_id = await _import(highlevel, f"{HEADERS}\n{GOOD}\n{BAD}\n")
    early = await highlevel.call("PATCH", f"{POSTING}/csv/{csv_id}", {"userId": OWNER})
    highlevel.clock.advance(1)
    detail = (await highlevel.call("GET", f"{POSTING}/csv/{csv_id}")).json()["results"]
    done = await highlevel.call("PATCH", f"{POSTING}/csv/{csv_id}", {"userId": OWNER})

    assert [400, 200] == [early.status_code, done.status_code]
    assert ("pending", 2) == (detail["csv"]["status"], detail["count"])
    assert "scheduleDate must be after current date" == detail["posts"][1]["medias"][0]["tiktokError"]
    assert ["Bread"] == [row.summary for row in highlevel.vendor.created]
    assert "csv" == (await highlevel.search()).json()["results"]["posts"][0]["source"]


async def test_only_v3_returns_the_imports_id(highlevel: World) -> None:
    """The response of the old generation has no results."""
    found = []
    for version in ("2021-07-28", V3):
        highlevel.version = version
        uploaded = (await _upload(highlevel, f"{HEADERS}\n{GOOD}\n")).json()["results"]
        body = {name: uploaded[name] for name in ("filePath", "rowsCount", "fileName")}
        body |= {"accountIds": [highlevel.tiktok.id], "userId": OWNER}
        found.append((await highlevel.call("POST", f"{POSTING}/set-accounts", body)).json().get("results"))

    assert found[0] is None
    assert {"csvId"} == found[1].keys()


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("posts.txt", f"{HEADERS}\n{GOOD}\n", "CSV_UNSUPPORTED_EXTENSION"),
        ("posts.csv", "", "CSV_EMPTY_FILE"),
        ("posts.csv", "content\nBread\n", "CSV_MISSING_HEADERS"),
        ("posts.csv", f"{HEADERS}\n", "CSV_NO_VALID_POST"),
        ("posts.csv", f'{HEADERS}\n"open', "CSV_INVALID_FORMAT"),
    ],
)
async def test_files_are_refused_with_a_code_in_v3(highlevel: World, name: str, text: str, code: str) -> None:
    """v3 refuses a file with a code, the old generation only with a message."""
    old = await _upload(highlevel, text, name)
    highlevel.version = V3
    new = await _upload(highlevel, text, name)

    assert (400, False, 400, code) == (old.status_code, "code" in old.json(), new.status_code, new.json()["code"])


async def test_a_file_is_required(highlevel: World) -> None:
    """The file is required, as multipart."""
    missing = await highlevel.call("POST", f"{POSTING}/csv", files={"name": (None, "x")})
    json = await highlevel.call("POST", f"{POSTING}/csv", {"file": "x"})

    assert (400, "File is required") == status_and_message(missing)
    assert 415 == json.status_code


@pytest.mark.parametrize("change", [{"rowsCount": "1"}, {"filePath": None}, {"extra": 1}])
async def test_setting_accounts_is_checked(highlevel: World, change: dict[str, Any]) -> None:
    """A string for a number, a missing property and an unknown one are 422."""
    body = {"accountIds": ["a"], "filePath": "p", "rowsCount": 1, "fileName": "f", **change}
    answer = await highlevel.call(
        "POST", f"{POSTING}/set-accounts", {name: value for name, value in body.items() if value is not None}
    )

    assert 422 == answer.status_code


@pytest.mark.parametrize("version", ["2021-07-28", V3])
async def test_an_import_without_an_approver(highlevel: World, version: str) -> None:
    """An approver is optional, so an empty one is none."""
    highlevel.version = version
    uploaded = (await _upload(highlevel, f"{HEADERS}\n{GOOD}\n")).json()["results"]
    body = {name: uploaded[name] for name in ("filePath", "rowsCount", "fileName")}
    body |= {"accountIds": [highlevel.tiktok.id], "userId": OWNER, "approver": ""}
    answer = await highlevel.call("POST", f"{POSTING}/set-accounts", body)

    assert 201 == answer.status_code, answer.text


async def test_v3_needs_a_user_for_csvs(highlevel: World) -> None:
    """v3 requires a user in the list, in set-accounts and in finalizing."""
    highlevel.version = V3
    csv_id = await _import(highlevel, f"{HEADERS}\n{GOOD}\n")
    body = {"accountIds": ["a"], "filePath": "p", "rowsCount": 1, "fileName": "f"}
    answers = [
        await highlevel.call("GET", f"{POSTING}/csv"),
        await highlevel.call("POST", f"{POSTING}/set-accounts", body),
        await highlevel.call("PATCH", f"{POSTING}/csv/{csv_id}", {}),
    ]

    assert [["userId should not be empty"], True, True] == [
        answers[0].json()["message"],
        *("userId should not be empty" in answer.json()["message"] for answer in answers[1:]),
    ]


async def test_imports_and_rows_are_deleted(highlevel: World) -> None:
    """A row is deleted by its index, then the whole import."""
    csv_id = await _import(highlevel, f"{HEADERS}\n{GOOD}\n{BAD}\n")
    path = f"{POSTING}/csv/{csv_id}"
    row = await highlevel.call("DELETE", f"{path}/post/{NOBODY}")
    gone = await highlevel.call("DELETE", f"{path}/post/{'f' * 24}")
    whole = await highlevel.call("DELETE", path)

    assert (200, 404, 200) == (row.status_code, gone.status_code, whole.status_code)
    assert (1, "deleted") == tuple(whole.json()["results"]["csv"][name] for name in ("count", "status"))
    assert 404 == (await highlevel.call("GET", path)).status_code


async def test_a_file_path_is_used_once() -> None:
    """A file path that is unknown or already used is 400."""
    async with world() as highlevel:
        body = {"accountIds": ["a"], "filePath": "p", "rowsCount": 1, "fileName": "f"}

        assert 400 == (await highlevel.call("POST", f"{POSTING}/set-accounts", body)).status_code
