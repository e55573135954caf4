"""Locations: who may use one, and which agency comes to own one at its first use.

Owns the check that every method makes before it reads anything, so that callers cannot distinguish another agency's
location from a missing resource. Does not know what is inside a location.
"""

from dataclasses import dataclass, field

from gateway.caller import Caller
from gateway.clock import Clock
from gateway.errors import LocationForbidden
from storage import locations
from storage.database import Database, Transaction

MAX_CACHED = 100_000


@dataclass(frozen=True, slots=True)
class Owners:
    """Which agency owns a location. An owner never changes, so entries are cached without an expiry."""

    database: Database
    clock: Clock
    cached: dict[str, str] = field(default_factory=dict)


async def authorize(owners: Owners, caller: Caller, location: str) -> None:
    """Raise LocationForbidden unless the caller may use the location; called before anything inside is read.

    A location without an owner may be read by any caller whose key allows it: it is empty.
    """
    if not caller.may_use(location):
        raise LocationForbidden(location)
    owner = owners.cached.get(location) or await _owner(owners, location)
    if owner is not None and owner != caller.agency:
        raise LocationForbidden(location)


async def claim_location(tx: Transaction, owners: Owners, caller: Caller, location: str) -> None:
    """Make the caller's agency the owner of the location within `tx`; raises LocationForbidden."""
    if not caller.may_use(location):
        raise LocationForbidden(location)
    if await locations.claim(tx, location, caller.agency, owners.clock()) != caller.agency:
        raise LocationForbidden(location)


async def _owner(owners: Owners, location: str) -> str | None:
    """Return the owner from the database; only a committed owner is cached."""
    async with owners.database.read() as tx:
        owner: str | None = await locations.owner(tx, location)
    if owner is not None:
        _cache(owners.cached, location, owner)
    return owner


def _cache(cached: dict[str, str], location: str, owner: str) -> None:
    """Add an owner, evicting the oldest entry of a full cache."""
    if len(cached) >= MAX_CACHED:
        cached.pop(next(iter(cached)), None)
    cached[location] = owner
