"""Files of posts for HighLevel's planner: sent, given their accounts, found again, looked through, finalized.

Owns …/csv and …/set-accounts. Knows nobody's columns: HighLevel documents none, and reads the file itself.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from providers.errors import Rejected
from providers.highlevel import wire
from providers.highlevel.account_oauth import ours
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import Place, place_of
from providers.highlevel.paging import next_of, skip_of
from providers.http import strict_json
from providers.http.multipart import FileForm
from providers.interface.access import Access
from providers.models.planner import ImportPhase, ImportRow, ImportStatus, RowError, Sheet

READ_SCOPE, WRITE_SCOPE = "socialplanner/csv.readonly", "socialplanner/csv.write"
MIME_TYPE = "text/csv"
MAX_PAGE = 100
_MAX_PAGES = 10
# The words are documented, what they stand for is not (specifications, read 2026-11-20): `pending` and `in_review` are
# taken for "looked through, and waiting to be finalized", which finalizing asks again for.
_PHASES = {
    "pending": ImportPhase.READY,
    "in_review": ImportPhase.READY,
    "in_progress": ImportPhase.CHECKING,
    "importing": ImportPhase.CHECKING,
    "completed": ImportPhase.FINALIZED,
    "failed": ImportPhase.FAILED,
    "deleted": ImportPhase.GONE,
}
_ASSIGN = ("accountIds", "filePath", "rowsCount", "fileName", "userId")
# `tiktokBusinessError` and its like: one key for each network.
_ERROR_KEY = re.compile(r"([a-z]+(?:[A-Z][a-z]+)*)Error")
_MAX_ERRORS = 50
# More than any file of ours can hold.
_MAX_ROWS = 10_000_000


async def send(
    client: Client, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
) -> Sheet:
    """Send a file; see the interface."""
    where = _root(await place_of(access), "csv")
    said = await client.upload(access, where, FileForm(name, MIME_TYPE, size, body), scope=WRITE_SCOPE)
    kept, rows = wire.identifier(said.results, "filePath"), wire.integer(said.results.get("rowsCount"))
    if not kept or rows is None or not 1 <= rows <= _MAX_ROWS:
        raise contract("HighLevel's answer to a file of posts says not where it is.", log_id=said.log_id)
    named = wire.identifier(said.results, "fileName") or name
    return Sheet(kept, named, rows, wire.text(said.results, "csvFileType"))


async def assign(client: Client, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
    """Say for which accounts a file is; see the interface. Only v3 answers with the import's id."""
    place, v3 = await place_of(access), client.config.v3
    values = {
        "accountIds": list(accounts),
        "filePath": sheet.path,
        "rowsCount": sheet.rows,
        "fileName": sheet.name,
        "userId": _user(client, place) or None,
        "csvFileType": sheet.kind or None,
    }
    body = wire.allowed((*_ASSIGN, "csvFileType") if v3 else _ASSIGN, values)
    said = await client.write(access, "POST", _root(place, "set-accounts"), scope=WRITE_SCOPE, body=body)
    return wire.identifier(said.results, "csvId")


async def find(client: Client, access: Access, sheet: Sheet) -> str:
    """Find the import of a file by where HighLevel keeps it, or by its name, which is no other file's."""
    place, cursor = await place_of(access), ""
    for _ in range(_MAX_PAGES):
        query = wire.strings({"skip": cursor or "0", "limit": MAX_PAGE, "userId": _user(client, place) or None})
        said = await client.read(access, _root(place, "csv"), scope=READ_SCOPE, query=query)
        if "csvs" not in said.results:
            raise contract("HighLevel's answer has no list of imports.", log_id=said.log_id)
        rows = wire.rows(said.results, "csvs")
        for row in rows:
            if sheet.path == row.get("file") or sheet.name == row.get("fileName"):
                return wire.identifier(row, "_id", "id")
        cursor = next_of(skip_of(cursor), len(rows), MAX_PAGE, wire.integer(said.results.get("count")))
        if not cursor:
            break
    return ""


async def get(client: Client, access: Access, id: str, *, cursor: str, limit: int) -> ImportStatus:
    """Ask how an import stands; see the interface."""
    skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
    where = _root(await place_of(access), "csv", id)
    said = await client.read(access, where, scope=READ_SCOPE, query=wire.strings({"skip": skip, "limit": size}))
    row = strict_json.mapping(said.results, "csv")
    told = wire.text(row, "status").lower()
    if not told:
        raise contract("HighLevel's answer says not how the import stands.", log_id=said.log_id)
    rows = wire.rows(said.results, "posts")
    total = wire.integer(said.results.get("count"))
    count = total if total is not None else wire.integer(row.get("count")) or 0
    return ImportStatus(
        id=wire.identifier(row, "_id", "id") or id,
        phase=_PHASES.get(told, ImportPhase.CHECKING),
        told=told,
        row_count=max(0, min(count, _MAX_ROWS)),
        rows=tuple(read_row(each) for each in rows),
        next_cursor=next_of(skip, len(rows), size, total),
    )


async def finalize(client: Client, access: Access, id: str) -> None:
    """Make posts of an import; see the interface. They are made in the name of the connection's user."""
    place = await place_of(access)
    body = wire.allowed(("userId",), {"userId": _user(client, place) or None})
    await client.write(access, "PATCH", _root(place, "csv", id), scope=WRITE_SCOPE, body=body)


async def delete(client: Client, access: Access, id: str) -> None:
    """Take an import away; v3 documents that its posts go with it (specification, read 2026-11-20)."""
    await client.write(access, "DELETE", _root(await place_of(access), "csv", id), scope=WRITE_SCOPE)


def read_row(row: Mapping[str, Any]) -> ImportRow:
    """Read one row of an import and what is said against it."""
    medias = wire.rows(row, "medias")
    return ImportRow(
        text=wire.text(row, "summary"),
        schedule_time=wire.instant(row, "scheduleDate"),
        media_uris=tuple(filter(None, (wire.text(each, "url") for each in medias))),
        errors=tuple(_errors(row, medias))[:_MAX_ERRORS],
    )


def _errors(row: Mapping[str, Any], medias: Sequence[Mapping[str, Any]]) -> Iterator[RowError]:
    if said := wire.text(row, "errorMessage"):
        yield RowError(said)
    if said := wire.text(strict_json.mapping(row, "link"), "error"):
        yield RowError(said, "link")
    for place, medium in enumerate(medias):
        if said := wire.text(medium, "error"):
            yield RowError(said, f"media[{place}]")
        for key in medium:
            if (network := _ERROR_KEY.fullmatch(key)) and (said := wire.text(medium, key)):
                yield RowError(said, f"media[{place}]", _network(network[1]))


def _network(word: str) -> str:
    """Return our name of the network of an error's key: `tiktokBusiness` is tiktok_business; `invalid` is none."""
    return "" if word == "invalid" else ours(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", word).lower())


def _root(place: Place, *parts: str) -> str:
    return path("social-media-posting", place.location_id, *parts)


def _user(client: Client, place: Place) -> str:
    """Return the user in whose name it is done, which v3 needs; raises Rejected where nobody knows one."""
    if client.config.v3 and not place.user_id:
        text = "HighLevel's API version v3 imports posts in the name of a user: the connection names none (user_id)."
        raise Rejected(text, provider=PROVIDER, code="user_missing")
    return place.user_id
