"""The planner beside posts: categories, tags, and imports of CSV files with posts.

Owns the calls to …/csv and …/set-accounts; categories and tags are listed by labels.py. Does not know the columns of a
file: HighLevel documents none, and reads the file itself.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from providers.errors import Rejected
from providers.highlevel import labels, wire
from providers.highlevel.account_oauth import our_name
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import LocationIds, location_ids_of
from providers.highlevel.paging import next_of, skip_of
from providers.http import strict_json
from providers.http.multipart import FileForm
from providers.interface.access import Access
from providers.models.planner import ImportPhase, ImportRow, ImportStatus, LabelPage, RowError, Sheet

READ_SCOPE, WRITE_SCOPE = "socialplanner/csv.readonly", "socialplanner/csv.write"
MIME_TYPE = "text/csv"
MAX_PAGE = 100
_MAX_PAGES = 10
# The states are documented by name only (specifications, read 2026-11-20). `pending` and `in_review` are assumed to
# mean "checked, and waiting to be finalized"; the gateway reads the state again right before it finalizes.
_PHASES = {
    "pending": ImportPhase.READY,
    "in_review": ImportPhase.READY,
    "in_progress": ImportPhase.CHECKING,
    "importing": ImportPhase.CHECKING,
    "completed": ImportPhase.FINALIZED,
    "failed": ImportPhase.FAILED,
    "deleted": ImportPhase.GONE,
}
_ASSIGN_FIELDS = ("accountIds", "filePath", "rowsCount", "fileName", "userId")
# `tiktokBusinessError` and the like: one key per network.
_ERROR_KEY = re.compile(r"([a-z]+(?:[A-Z][a-z]+)*)Error")
_MAX_ERRORS = 50
# More rows than the largest accepted file can have.
_MAX_ROWS = 10_000_000


class HighLevelPlanner:
    """The planner at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def list_categories(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = labels.MAX_PAGE
    ) -> LabelPage:
        """List categories that are not deleted."""
        return await labels.page(self._client, access, labels.CATEGORIES, search=search, cursor=cursor, limit=limit)

    async def list_tags(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = labels.MAX_PAGE
    ) -> LabelPage:
        """List tags that are not deleted."""
        return await labels.page(self._client, access, labels.TAGS, search=search, cursor=cursor, limit=limit)

    async def send_sheet(
        self, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
    ) -> Sheet:
        """Upload a CSV file; see the interface."""
        where = _path(await location_ids_of(access), "csv")
        form = FileForm(name, MIME_TYPE, size, body)
        response = await self._client.upload(access, where, form, scope=WRITE_SCOPE)
        file_path, rows = wire.identifier(response.results, "filePath"), wire.integer(response.results.get("rowsCount"))
        if not file_path or rows is None or not 1 <= rows <= _MAX_ROWS:
            raise contract("HighLevel's answer to a file of posts does not say where it is.", log_id=response.log_id)
        file_name = wire.identifier(response.results, "fileName") or name
        return Sheet(file_path, file_name, rows, wire.text(response.results, "csvFileType"))

    async def assign_sheet(self, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
        """Assign a file to accounts; see the interface. Only v3 answers with the import's id."""
        ids, v3 = await location_ids_of(access), self._client.config.v3
        values = {
            "accountIds": list(accounts),
            "filePath": sheet.path,
            "rowsCount": sheet.rows,
            "fileName": sheet.name,
            "userId": self._user_id(ids),
            "csvFileType": sheet.kind or None,
        }
        body = wire.allowed((*_ASSIGN_FIELDS, "csvFileType") if v3 else _ASSIGN_FIELDS, values)
        where = _path(ids, "set-accounts")
        response = await self._client.write(access, "POST", where, scope=WRITE_SCOPE, body=body)
        return wire.identifier(response.results, "csvId")

    async def find_import(self, access: Access, sheet: Sheet) -> str:
        """Find the import of a file by HighLevel's path of the file, or by its name, which is unique."""
        ids, cursor = await location_ids_of(access), ""
        for _ in range(_MAX_PAGES):
            query = wire.strings({"skip": cursor or "0", "limit": MAX_PAGE, "userId": self._user_id(ids)})
            response = await self._client.read(access, _path(ids, "csv"), scope=READ_SCOPE, query=query)
            if "csvs" not in response.results:
                raise contract("HighLevel's answer has no list of imports.", log_id=response.log_id)
            rows = wire.rows(response.results, "csvs")
            for row in rows:
                if sheet.path == row.get("file") or sheet.name == row.get("fileName"):
                    return wire.identifier(row, "_id", "id")
            cursor = next_of(skip_of(cursor), len(rows), MAX_PAGE, wire.integer(response.results.get("count")))
            if not cursor:
                break
        return ""

    async def get_import(self, access: Access, id: str, *, cursor: str = "", limit: int = MAX_PAGE) -> ImportStatus:
        """Return the status of an import, with a page of its rows; see the interface."""
        skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
        where, query = _path(await location_ids_of(access), "csv", id), wire.strings({"skip": skip, "limit": size})
        response = await self._client.read(access, where, scope=READ_SCOPE, query=query)
        row = strict_json.mapping(response.results, "csv")
        state = wire.text(row, "status").lower()
        if not state:
            raise contract("HighLevel's answer does not say how the import stands.", log_id=response.log_id)
        rows = wire.rows(response.results, "posts")
        total = wire.integer(response.results.get("count"))
        count = total if total is not None else wire.integer(row.get("count")) or 0
        return ImportStatus(
            id=wire.identifier(row, "_id", "id") or id,
            phase=_PHASES.get(state, ImportPhase.CHECKING),
            vendor_phase=state,
            row_count=max(0, min(count, _MAX_ROWS)),
            rows=tuple(read_row(each) for each in rows),
            next_cursor=next_of(skip, len(rows), size, total),
        )

    async def finalize_import(self, access: Access, id: str) -> None:
        """Create the posts of an import, in the name of the connection's user; see the interface."""
        ids = await location_ids_of(access)
        body = wire.allowed(("userId",), {"userId": self._user_id(ids)})
        await self._client.write(access, "PATCH", _path(ids, "csv", id), scope=WRITE_SCOPE, body=body, creates=True)

    async def delete_import(self, access: Access, id: str) -> None:
        """Delete an import; v3 documents that its posts are deleted with it (specification, read 2026-11-20)."""
        where = _path(await location_ids_of(access), "csv", id)
        await self._client.write(access, "DELETE", where, scope=WRITE_SCOPE)

    def _user_id(self, ids: LocationIds) -> str | None:
        """Return the acting user, None if unknown; raises Rejected in v3, which requires one."""
        if self._client.config.v3 and not ids.user_id:
            text = "HighLevel's API v3 imports posts in the name of a user, and the connection names none (user_id)."
            raise Rejected(text, provider=PROVIDER, code="user_missing")
        return ids.user_id or None


def read_row(row: Mapping[str, Any]) -> ImportRow:
    """Read one row of an import with its errors."""
    media = wire.rows(row, "medias")
    return ImportRow(
        text=wire.text(row, "summary"),
        schedule_time=wire.instant(row, "scheduleDate"),
        media_uris=tuple(filter(None, (wire.text(each, "url") for each in media))),
        errors=tuple(_errors(row, media))[:_MAX_ERRORS],
    )


def _errors(row: Mapping[str, Any], media: Sequence[Mapping[str, Any]]) -> Iterator[RowError]:
    if message := wire.text(row, "errorMessage"):
        yield RowError(message)
    if message := wire.text(strict_json.mapping(row, "link"), "error"):
        yield RowError(message, "link")
    for index, medium in enumerate(media):
        if message := wire.text(medium, "error"):
            yield RowError(message, f"media[{index}]")
        for key in medium:
            if (network := _ERROR_KEY.fullmatch(key)) and (message := wire.text(medium, key)):
                yield RowError(message, f"media[{index}]", _network(network[1]))


def _network(key: str) -> str:
    """Return our name of the network in an error key: tiktok_business for `tiktokBusiness`, none for `invalid`."""
    return "" if key == "invalid" else our_name(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", key).lower())


def _path(ids: LocationIds, *parts: str) -> str:
    return path("social-media-posting", ids.location_id, *parts)
