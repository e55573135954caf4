"""What every method of the Admin API does first: check whether the caller administers the agency, before it looks.

Owns what its servicers share. Knows no noun.
"""

from dataclasses import dataclass

from google.protobuf.message import Message

from gateway.aip import names
from gateway.caller import Caller, current_caller
from gateway.domain.admin import authority
from gateway.domain.api_keys import KeyStore
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners
from gateway.rpc.request import RequestGuard


@dataclass(frozen=True, slots=True)
class AdminDomain:
    """What the Admin API is served on top of."""

    domain: Domain
    owners: Owners
    store: KeyStore


@dataclass(frozen=True, slots=True)
class AdminGuard:
    """Admits operators everywhere, and administrators to their own agency."""

    guard: RequestGuard

    def operator(self) -> Caller:
        """Return the caller if it is an operator; raises ScopeMissing."""
        caller = current_caller.get()
        authority.require_operator(caller)
        return caller

    def agency(self, name: str, *, path: str = "name") -> str:
        """Return the id in `agencies/{agency}` if the caller administers it; raises FieldInvalid, AgencyForbidden."""
        (agency,) = names.AGENCY.parse(name, path=path)
        authority.require_agency(current_caller.get(), agency)
        return agency

    def agency_or_all(self, name: str, *, path: str) -> str:
        """Return what `agency` does, or "" if an operator asks for all; raises FieldInvalid, AgencyForbidden."""
        (agency,) = names.AGENCY.parse(name, path=path, wildcard=True)
        authority.require_agency(current_caller.get(), agency)
        return "" if agency == names.WILDCARD else agency

    def request_key(self, agency: str, request: Message) -> RequestKey | None:
        """Return the idempotency key of a change in an agency, whoever makes it: it goes with the agency."""
        return self.guard.request_key(current_caller.get(), "", request, agency=agency)
