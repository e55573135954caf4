"""PlannerService: reads a planner's categories and tags, and imports CSV files of posts.

Owns converting them to and from the contract's messages. Makes no decisions.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.planner import create, delete, finalize, imports, labels, read
from gateway.domain.planner.create import NewImport
from gateway.errors import FieldInvalid
from gateway.rpc.convert import keyset_in_location, write_times
from gateway.rpc.request import RequestGuard, VendorPage, or_not_found
from gateway.status import from_stored
from providers.models import planner as models
from socialgateway.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc
from storage.imports import ImportRow

KINDS = {"account": names.ACCOUNT, "upload": names.UPLOAD, "connection": names.CONNECTION, "import": names.POST_IMPORT}
MAX_VENDOR_PAGE = 100
MAX_SEARCH = 100


class PlannerService(planner_service_pb2_grpc.PlannerServiceServicer):
    """Serves a planner's categories, tags and imports."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def ListCategories(
        self, request: planner_service_pb2.ListCategoriesRequest, context: Any
    ) -> planner_service_pb2.ListCategoriesResponse:
        """List categories, page by page."""
        location, connection, page, found = await self._list(request, labels.categories)
        categories = [_category(location, connection, each) for each in found.labels]
        items, token = self._guard.split_vendor_page(request, page, categories, found.next_cursor)
        return planner_service_pb2.ListCategoriesResponse(categories=items, next_page_token=token)

    async def ListTags(
        self, request: planner_service_pb2.ListTagsRequest, context: Any
    ) -> planner_service_pb2.ListTagsResponse:
        """List tags, page by page."""
        location, connection, page, found = await self._list(request, labels.tags)
        tags = [_tag(location, connection, each) for each in found.labels]
        items, token = self._guard.split_vendor_page(request, page, tags, found.next_cursor)
        return planner_service_pb2.ListTagsResponse(tags=items, next_page_token=token)

    async def _list(
        self,
        request: planner_service_pb2.ListCategoriesRequest | planner_service_pb2.ListTagsRequest,
        fetch: Callable[..., Awaitable[models.LabelPage]],
    ) -> tuple[str, str, VendorPage, models.LabelPage]:
        """Fetch one page of labels of the connection that the request names: one vendor call."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_vendor_page(request, maximum=MAX_VENDOR_PAGE)
        search = _search(request)
        listing = fetch(self._domain, location, connection, search=search, cursor=page.cursor, limit=page.limit)
        return location, connection, page, await or_not_found(request.parent, listing, KINDS)

    async def CreatePostImport(
        self, request: planner_service_pb2.CreatePostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Import a CSV file of posts into the planner."""
        location = names.location(request.parent)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        upload = names.UPLOAD.parse_in(location, request.post_import.upload, path="post_import.upload")
        new = NewImport(location, upload, _accounts(request.post_import, location))
        creating = create.create(self._domain, new, key, agency=caller.agency)
        return to_proto(await or_not_found(request.parent, creating, KINDS))

    async def GetPostImport(
        self, request: planner_service_pb2.GetPostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Return an import with its current state at the vendor."""
        location, id = names.POST_IMPORT.parse(request.name)
        await self._guard.authorize(location)
        return to_proto(await or_not_found(request.name, read.get(self._domain, location, id), KINDS))

    async def ListPostImports(
        self, request: planner_service_pb2.ListPostImportsRequest, context: Any
    ) -> planner_service_pb2.ListPostImportsResponse:
        """List imports as they are stored here."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[ImportRow]:
            return await read.page(self._domain, location, after=keyset_in_location(cursor), limit=limit)

        items, token = await self._guard.list_page(
            request, page, rows_after, to_proto, lambda row: (row.create_time.isoformat(), row.id)
        )
        return planner_service_pb2.ListPostImportsResponse(post_imports=items, next_page_token=token)

    async def ListPostImportRows(
        self, request: planner_service_pb2.ListPostImportRowsRequest, context: Any
    ) -> planner_service_pb2.ListPostImportRowsResponse:
        """List the rows of an import, page by page."""
        location, id = names.POST_IMPORT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_vendor_page(request, maximum=MAX_VENDOR_PAGE)
        listing = read.rows(self._domain, location, id, cursor=page.cursor, limit=page.limit)
        found = await or_not_found(request.parent, listing, KINDS)
        rows = [row_to_proto(row) for row in found.rows]
        items, token = self._guard.split_vendor_page(request, page, rows, found.next_cursor)
        return planner_service_pb2.ListPostImportRowsResponse(rows=items, next_page_token=token)

    async def FinalizePostImport(
        self, request: planner_service_pb2.FinalizePostImportRequest, context: Any
    ) -> planner_pb2.PostImport:
        """Turn an import into posts."""
        location, id = names.POST_IMPORT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        return to_proto(await or_not_found(request.name, finalize.finalize(self._domain, location, id, key), KINDS))

    async def DeletePostImport(
        self, request: planner_service_pb2.DeletePostImportRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete an import."""
        location, id = names.POST_IMPORT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        await or_not_found(request.name, delete.delete(self._domain, location, id, key), KINDS)
        return empty_pb2.Empty()


def _search(request: Any) -> str:
    text: str = request.search
    if len(text) > MAX_SEARCH:
        raise FieldInvalid("search", f"has more than {MAX_SEARCH} characters")
    return text


def _accounts(message: planner_pb2.PostImport, location: str) -> list[str]:
    return [
        names.ACCOUNT.parse_in(location, name, path=f"post_import.accounts[{index}]")
        for index, name in enumerate(message.accounts)
    ]


def _category(location: str, connection: str, label: models.Label) -> planner_pb2.Category:
    name = names.CATEGORY.format(location, connection, label.id)
    return planner_pb2.Category(name=name, display_name=label.name, color=label.color)


def _tag(location: str, connection: str, label: models.Label) -> planner_pb2.Tag:
    return planner_pb2.Tag(name=names.TAG.format(location, connection, label.id), display_name=label.name)


def to_proto(row: ImportRow) -> planner_pb2.PostImport:
    """Return an import's stored state."""
    message = planner_pb2.PostImport(
        name=imports.name_of(row),
        upload=names.UPLOAD.format(row.location, row.upload),
        accounts=[names.ACCOUNT.format(row.location, account) for account in row.accounts],
        state=imports.public_state(row),
        row_count=row.row_count,
        provider_state=row.told,
        provider_import_id=row.provider_import_id,
    )
    if row.error is not None:
        message.error.CopyFrom(from_stored(row.error))
    write_times(message, create_time=row.create_time, update_time=row.update_time, finalize_time=row.finalize_time)
    return message


def row_to_proto(row: models.ImportRow) -> planner_pb2.PostImportRow:
    """Return one row as the vendor parsed it."""
    errors = [
        planner_pb2.PostImportRowError(provider_code=each.code, place=each.place, platform=each.network)
        for each in row.errors
    ]
    message = planner_pb2.PostImportRow(text=row.text, media_uris=row.media_uris, errors=errors)
    write_times(message, schedule_time=row.schedule_time)
    return message
