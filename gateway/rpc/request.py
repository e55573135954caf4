"""What every method does first: check the caller's access to the location, read the request id and the page token.

Owns the order: the location is checked before anything is looked up in it. Knows no noun.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from gateway.aip import names, paging, request_ids
from gateway.caller import Caller, current_caller
from gateway.domain import locations
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners
from gateway.errors import ResourceNotFound
from storage import errors as storage_errors

T = TypeVar("T")
Kinds = Mapping[str, names.Pattern]
"""By storage's name of a kind of row, the pattern of its resource name: `locations/{location}/…/{id}`."""

NO_KINDS: Kinds = {}


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Which locations a list may read: these, or all of the agency's if None."""

    locations: Sequence[str] | None
    agency: str


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """Shared by all servicers: the owners of locations, and the secret that signs page tokens."""

    owners: Owners
    page_secret: bytes = field(repr=False)

    async def authorize(self, location: str) -> Caller:
        """Return the caller if it may use the location; raises LocationForbidden."""
        caller = current_caller.get()
        await locations.authorize(self.owners, caller, location)
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

    def request_key(self, caller: Caller, location: str, request: Message) -> RequestKey | None:
        """Return the request's idempotency key, None if the caller sent no `request_id`; raises FieldInvalid."""
        request_id = request_ids.check(request.request_id)  # type: ignore[attr-defined]
        if request_id is None:
            return None
        method = type(request).__name__.removesuffix("Request")
        return RequestKey(caller.agency, location, method, request_id, request_ids.body_hash(request))

    def read_page(
        self, request: Message, *, default: int = paging.DEFAULT_SIZE, maximum: int = paging.MAX_SIZE
    ) -> paging.Page:
        """Read the page that a list request asks for; raises FieldInvalid, PageTokenInvalid."""
        return paging.read(request, secret=self.page_secret, default=default, maximum=maximum)

    def split_page(
        self, request: Message, page: paging.Page, found: Sequence[T], sort_key: Callable[[T], Sequence[paging.Part]]
    ) -> tuple[Sequence[T], str]:
        """Return the page's items and the next page's token; `found` has one item more if another page follows."""
        return paging.split(request, page, found, sort_key, secret=self.page_secret)

    def read_vendor_page(
        self, request: Message, *, default: int = paging.DEFAULT_SIZE, maximum: int = paging.MAX_SIZE
    ) -> tuple[int, str]:
        """Read the page of a list that the vendor pages: the size, and the vendor's cursor, "" on the first page."""
        page = self.read_page(request, default=default, maximum=maximum)
        return page.size, str(page.after[0]) if page.after else ""

    def vendor_token(self, request: Message, cursor: str) -> str:
        """Return the token of the page at the vendor's cursor, "" after the last page."""
        return paging.next_token(request, (cursor,), secret=self.page_secret) if cursor else ""


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
