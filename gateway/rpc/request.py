"""What every method does first: check the caller's access to the location, read the request id and the page token.

Owns the order: the location is checked before anything is looked up in it. Knows no noun.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from gateway.aip import names, paging, request_ids
from gateway.aip.sizes import MAX_RESPONSE_BYTES, bounded, fitting
from gateway.audit.acts import current_act
from gateway.caller import Caller, current_caller
from gateway.domain import locations
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners
from gateway.errors import LocationForbidden, ResourceNotFound
from gateway.interceptors.calls import current_call
from storage import errors as storage_errors
from storage.fair import Tenant
from storage.places import work_in

T = TypeVar("T")
M = TypeVar("M", bound=Message)
Kinds = Mapping[str, names.Pattern]
"""By storage's name of a kind of row, the pattern of its resource name: `locations/{location}/…/{id}`."""

NO_KINDS: Kinds = {}


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Which locations a list may read: these, or all of the agency's if None."""

    locations: Sequence[str] | None
    agency: str


PORTION = 100
"""How many rows of a list are read at a time, so that no rows are held in memory that do not fit into the page."""

ReadRows = Callable[[tuple[paging.Part, ...], int], Awaitable[Sequence[T]]]
"""Reads at most so many rows after a cursor."""


@dataclass(frozen=True, slots=True)
class VendorPage:
    """A page of a list that the vendor pages: `limit` items at the vendor's `cursor` ("" for the first), of which the
    first `skip` were in earlier responses and at most `size` are asked for now.
    """

    limit: int
    cursor: str
    skip: int
    size: int


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """Shared by all servicers: the owners of locations, and the secret that signs page tokens and hashes requests."""

    owners: Owners
    page_secret: bytes = field(repr=False)

    async def authorize(self, location: str) -> Caller:
        """Return the caller if it may use the location; raises LocationForbidden. A call that lasts is asked again."""
        caller = current_caller.get()
        await locations.authorize(self.owners, caller, location)
        current_act.get().about(names.LOCATION.format(location))
        # Only now: who is refused takes none of the location's share of the database.
        work_in(Tenant(caller.agency, location))
        if call := current_call.get(None):
            call.authorize = lambda again: locations.authorize(self.owners, again, location)
        return caller

    async def authorize_claim(self, location: str) -> Caller:
        """Return the caller if it may use the location, or claim it with what it creates; raises LocationForbidden."""
        caller = current_caller.get()
        await locations.authorize_claim(self.owners, caller, location)
        work_in(Tenant(caller.agency, location))
        return caller

    async def authorize_write(self, location: str, request: Message) -> RequestKey | None:
        """Return the idempotency key of a change if the caller may use the location; raises LocationForbidden."""
        return self.request_key(await self.authorize(location), location, request)

    async def read_scope(self, location: str) -> ReadScope:
        """Return what a list of a location, or of the wildcard `-`, may read; raises LocationForbidden."""
        if location != names.WILDCARD:
            return ReadScope([location], (await self.authorize(location)).agency)
        caller = current_caller.get()
        listed = None if caller.locations is None else sorted(caller.locations)
        return ReadScope(listed, caller.agency)

    async def stream_scope(self) -> ReadScope:
        """Return what a stream over all locations may read; it ends when the caller's key may read less of it."""
        scope = await self.read_scope(names.WILDCARD)
        if call := current_call.get(None):
            call.authorize = lambda again: _check_not_narrower(scope, again)
        return scope

    def request_key(self, caller: Caller, location: str, request: Message, *, agency: str = "") -> RequestKey | None:
        """Return the request's idempotency key, None if the caller sent no `request_id`; raises FieldInvalid.

        It belongs to the caller's agency unless another one is given.
        """
        request_id = request_ids.check(request.request_id)  # type: ignore[attr-defined]
        if request_id is None:
            return None
        method = type(request).__name__.removesuffix("Request")
        plain = request_ids.body_hash(request)
        keyed = hmac.digest(self.page_secret, b"request body|" + plain, "sha256")
        return RequestKey(agency or caller.agency, location, method, request_id, keyed, earlier_hash=plain)

    def read_page(
        self, request: Message, *, default: int = paging.DEFAULT_SIZE, maximum: int = paging.MAX_SIZE
    ) -> paging.Page:
        """Read the page that a list request asks for; raises FieldInvalid, PageTokenInvalid."""
        return paging.read(request, secret=self.page_secret, default=default, maximum=maximum)

    async def list_page(
        self,
        request: Message,
        page: paging.Page,
        read: ReadRows[T],
        to_message: Callable[[T], M],
        sort_key: Callable[[T], Sequence[paging.Part]],
    ) -> tuple[Sequence[M], str]:
        """Read rows until the page is full, by count or by bytes; return its items and the next page's token."""
        keys: list[Sequence[paging.Part]] = []
        items: list[M] = []
        after, size = page.after, 0
        while size <= MAX_RESPONSE_BYTES and len(items) <= page.size:
            limit = min(PORTION, page.size + 1 - len(items))
            rows = await read(after, limit)
            portion = [bounded(to_message(row)) for row in rows]
            keys += [sort_key(row) for row in rows]
            items += portion
            size += sum(each.ByteSize() for each in portion)
            if len(rows) < limit:
                break
            after = tuple(keys[-1])
        return paging.split(request, page, items, lambda index: keys[index], secret=self.page_secret)

    def split_page(
        self,
        request: Message,
        page: paging.Page,
        found: Sequence[T],
        to_message: Callable[[T], M],
        sort_key: Callable[[T], Sequence[paging.Part]],
    ) -> tuple[Sequence[M], str]:
        """Return the items of a page and the next page's token, where `found` is everything after the page's cursor."""
        items = [bounded(to_message(each)) for each in found[: page.size + 1]]
        return paging.split(request, page, items, lambda index: sort_key(found[index]), secret=self.page_secret)

    def read_vendor_page(
        self, request: Message, *, default: int = paging.DEFAULT_SIZE, maximum: int = paging.MAX_SIZE
    ) -> VendorPage:
        """Read the page of a list that the vendor pages; raises FieldInvalid, PageTokenInvalid."""
        page = self.read_page(request, default=default, maximum=maximum)
        cursor, skip, limit = (*page.after, 0, page.size)[:3] if page.after else ("", 0, page.size)
        return VendorPage(int(limit), str(cursor), int(skip), page.size)

    def split_vendor_page(
        self, request: Message, page: VendorPage, found: Sequence[M], next_cursor: str
    ) -> tuple[Sequence[M], str]:
        """Return what fits into a response of a vendor's whole page, and the token of what follows.

        The rest of a page that does not fit is read from the vendor once more, so its token has the vendor's cursor,
        how many items to leave out, and how many the vendor was asked for. `next_cursor` is "" after the last page.
        """
        items = [bounded(each) for each in found[page.skip : page.skip + page.size]]
        items = items[: fitting(items)]
        done = page.skip + len(items)
        if done < len(found):
            return items, paging.next_token(request, (page.cursor, done, page.limit), secret=self.page_secret)
        return items, paging.next_token(request, (next_cursor,), secret=self.page_secret) if next_cursor else ""


async def _check_not_narrower(scope: ReadScope, caller: Caller) -> None:
    """Raise LocationForbidden if a caller may no longer read all that a stream began with."""
    allowed, began = caller.locations, scope.locations
    if caller.agency != scope.agency or (allowed is not None and (began is None or not allowed.issuperset(began))):
        raise LocationForbidden(names.WILDCARD)


async def or_not_found(name: str, call: Awaitable[T], kinds: Kinds = NO_KINDS) -> T:
    """Return the result of `call`; raises ResourceNotFound for the requested `name` if a row is missing.

    For a row of one of `kinds`, such as an upload that the request refers to, the error names that resource instead; it
    belongs to the same location.
    """
    try:
        return await call
    except storage_errors.NotFound as error:
        _, location, *_ = name.split("/")
        missing = kinds[error.kind].format(location, error.id) if error.kind in kinds else name
        raise ResourceNotFound(missing) from None
