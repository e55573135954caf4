"""PlannerService: from the wire to the rules of labels and imports, and back.

Owns how they look on the wire. Decides nothing.
"""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf import empty_pb2

from gateway.aip import names, paging
from gateway.domain.context import Domain
from gateway.domain.planner import import_upload, imports, labels
from gateway.domain.planner.imports import NewImport
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard
from gateway.status import from_stored
from providers.models import planner as models
from socialgateway.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc
from storage import errors as storage_errors
from storage.imports import ImportRow

T = TypeVar("T")
MAX_VENDOR_PAGE = 100
MAX_SEARCH = 100
_KINDS = {"account": names.ACCOUNT, "upload": names.UPLOAD, "connection": names.CONNECTION, "import": names.POST_IMPORT}


class PlannerService(planner_service_pb2_grpc.PlannerServiceServicer):
    """Serves a planner's labels and files of posts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard

    async def ListCategories(
        self, request: planner_service_pb2.ListCategoriesRequest, context: Any
    ) -> planner_service_pb2.ListCategoriesResponse:
        """List categories, page by page."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        await self._guard.enter(location)
        size, cursor = self._vendor_page(request)
        listing = labels.categories(
            self._domain, location, connection, search=_search(request.search), cursor=cursor, limit=size
        )
        found = await _known(location, listing)
        shown = [
            planner_pb2.Category(
                name=names.CATEGORY.format(location, connection, each.id), display_name=each.name, color=each.color
            )
            for each in found.labels
        ]
        token = self._token(request, found.next_cursor)
        return planner_service_pb2.ListCategoriesResponse(categories=shown, next_page_token=token)

    async def ListTags(
        self, request: planner_service_pb2.ListTagsRequest, context: Any
    ) -> planner_service_pb2.ListTagsResponse:
        """List tags, page by page."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        await self._guard.enter(location)
        size, cursor = self._vendor_page(request)
        listing = labels.tags(
            self._domain, location, connection, search=_search(request.search), cursor=cursor, limit=size
        )
        found = await _known(location, listing)
        shown = [
            planner_pb2.Tag(name=names.TAG.format(location, connection, each.id), display_name=each.name)
            for each in found.labels
        ]
        token = self._token(request, found.next_cursor)
        return planner_service_pb2.ListTagsResponse(tags=shown, next_page_token=token)

    async def CreatePostImport(
        self, request: planner_service_pb2.CreatePostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Return a file of posts to the planner."""
        location = names.location(request.parent)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        wanted = request.post_import
        new = NewImport(location, _upload(wanted, location), _accounts(wanted, location))
        return to_proto(await _known(location, imports.create(self._domain, new, key)))

    async def GetPostImport(
        self, request: planner_service_pb2.GetPostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Return an import as the vendor says it stands."""
        location, id = names.POST_IMPORT.parse(request.name)
        await self._guard.enter(location)
        return to_proto(await _known(location, imports.get(self._domain, location, id)))

    async def ListPostImports(
        self, request: planner_service_pb2.ListPostImportsRequest, context: Any
    ) -> planner_service_pb2.ListPostImportsResponse:
        """List imports as they are known here."""
        location = names.location(request.parent)
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret)
        after = (datetime.fromisoformat(str(page.after[0])), str(page.after[1])) if page.after else None
        found = await imports.page(self._domain, location, after=after, limit=page.size + 1)
        shown, token = found[: page.size], ""
        if len(found) > page.size:
            cursor = (shown[-1].create_time.isoformat(), shown[-1].id)
            token = paging.next_token(request, cursor, secret=self._guard.page_secret)
        return planner_service_pb2.ListPostImportsResponse(
            post_imports=[to_proto(row) for row in shown], next_page_token=token
        )

    async def ListPostImportRows(
        self, request: planner_service_pb2.ListPostImportRowsRequest, context: Any
    ) -> planner_service_pb2.ListPostImportRowsResponse:
        """List the rows of an import, page by page."""
        location, id = names.POST_IMPORT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        size, cursor = self._vendor_page(request)
        found = await _known(location, imports.rows(self._domain, location, id, cursor=cursor, limit=size))
        token = self._token(request, found.next_cursor)
        shown = [row_to_proto(row) for row in found.rows]
        return planner_service_pb2.ListPostImportRowsResponse(rows=shown, next_page_token=token)

    async def FinalizePostImport(
        self, request: planner_service_pb2.FinalizePostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Have posts made of an import."""
        location, id = names.POST_IMPORT.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        return to_proto(await _known(location, imports.finalize(self._domain, location, id, key)))

    async def DeletePostImport(
        self, request: planner_service_pb2.DeletePostImportRequest, context: Any
    ) -> empty_pb2.Empty:
        """Take an import away."""
        location, id = names.POST_IMPORT.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        await _known(location, imports.delete(self._domain, location, id, key))
        return empty_pb2.Empty()

    def _vendor_page(self, request: Any) -> tuple[int, str]:
        """Read a page of a list that the vendor pages: its size, and the vendor's cursor."""
        page = paging.read(request, secret=self._guard.page_secret, maximum=MAX_VENDOR_PAGE)
        return page.size, str(page.after[0]) if page.after else ""

    def _token(self, request: Any, cursor: str) -> str:
        return paging.next_token(request, (cursor,), secret=self._guard.page_secret) if cursor else ""


def _search(text: str) -> str:
    if len(text) > MAX_SEARCH:
        raise FieldInvalid("search", f"has more than {MAX_SEARCH} characters")
    return text


def _upload(wanted: planner_pb2.PostImport, location: str) -> str:
    found, upload = names.UPLOAD.parse(wanted.upload, path="post_import.upload")
    if found != location:
        raise FieldInvalid("post_import.upload", f"must be an upload of locations/{location}")
    return upload


def _accounts(wanted: planner_pb2.PostImport, location: str) -> list[str]:
    ids = []
    for index, name in enumerate(wanted.accounts):
        path = f"post_import.accounts[{index}]"
        found, account = names.ACCOUNT.parse(name, path=path)
        if found != location:
            raise FieldInvalid(path, f"must be an account of locations/{location}")
        ids.append(account)
    return ids


def to_proto(row: ImportRow) -> planner_pb2.PostImport:
    """Write an import as it is known."""
    message = planner_pb2.PostImport(
        name=names.POST_IMPORT.format(row.location, row.id),
        upload=names.UPLOAD.format(row.location, row.upload),
        accounts=[names.ACCOUNT.format(row.location, account) for account in row.accounts],
        state=import_upload.shown(row.state),
        row_count=row.row_count,
        provider_state=row.told,
        provider_import_id=row.provider_import_id,
    )
    if row.error is not None:
        message.error.CopyFrom(from_stored(row.error))
    write_times(message, create_time=row.create_time, update_time=row.update_time, finalize_time=row.finalize_time)
    return message


def row_to_proto(row: models.ImportRow) -> planner_pb2.PostImportRow:
    """Write one row as the vendor read it."""
    errors = [
        planner_pb2.PostImportRowError(provider_code=each.code, place=each.place, platform=each.network)
        for each in row.errors
    ]
    message = planner_pb2.PostImportRow(text=row.text, media_uris=row.media_uris, errors=errors)
    write_times(message, schedule_time=row.schedule_time)
    return message


async def _known(location: str, call: Awaitable[T]) -> T:
    try:
        return await call
    except storage_errors.NotFound as error:
        raise ResourceNotFound(_KINDS[error.kind].format(location, error.id)) from None
