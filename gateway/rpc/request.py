"""The few lines that every method begins with: who calls, may they use this location, which request, is it there.

Owns the order: the location is checked before anything is looked for in it. Knows no noun.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from gateway.aip import names, request_ids
from gateway.caller import Caller, current_caller
from gateway.domain import locations
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners
from gateway.errors import ResourceNotFound
from storage import errors as storage_errors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Which locations a list may read: these, or with None all of the agency's."""

    locations: Sequence[str] | None
    agency: str


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """What every servicer shares: the owners of locations, and the secret that signs page tokens."""

    owners: Owners
    page_secret: bytes = field(repr=False)

    async def enter(self, location: str) -> Caller:
        """Return the caller when it may use the location; raises LocationForbidden."""
        caller = current_caller.get()
        await locations.authorize(self.owners, caller, location)
        return caller

    async def reading(self, location: str) -> ReadScope:
        """Return what a list over a location, or over `-`, may read; raises LocationForbidden."""
        if location != names.WILDCARD:
            return ReadScope([location], (await self.enter(location)).agency)
        caller = current_caller.get()
        listed = None if caller.locations is None else sorted(caller.locations)
        return ReadScope(listed, caller.agency)

    def request_key(self, caller: Caller, location: str, request: Message) -> RequestKey | None:
        """Return what makes two calls the same call, None when the caller sent no `request_id`; raises FieldInvalid."""
        request_id = request_ids.check(request.request_id)  # type: ignore[attr-defined]
        if request_id is None:
            return None
        method = type(request).__name__.removesuffix("Request")
        return RequestKey(caller.agency, location, method, request_id, request_ids.body_hash(request))


async def known(name: str, call: Awaitable[T]) -> T:
    """Return what `call` finds; raises ResourceNotFound, under the `name` that was asked for, when no row has it."""
    try:
        return await call
    except storage_errors.NotFound:
        raise ResourceNotFound(name) from None
