"""Locations: who may use one, and whose it becomes at its first use.

Owns the check that every method makes before it looks at anything: another agency's location and an absent resource
must not be told apart. Does not know what lives in a location.
"""

from dataclasses import dataclass, field

from gateway.caller import Caller
from gateway.clock import Clock
from gateway.errors import LocationForbidden
from storage import locations
from storage.database import Database, Transaction

REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Owners:
    """Which agency owns a location. An owner never changes, so what was read once is remembered for good."""

    database: Database
    clock: Clock
    known: dict[str, str] = field(default_factory=dict)


async def authorize(owners: Owners, caller: Caller, location: str) -> None:
    """Let the caller into the location or raise LocationForbidden, before anything is looked for inside.

    A location that nobody owns yet may be read by whoever may use it: there is nothing in it.
    """
    if not caller.may_use(location):
        raise LocationForbidden(location)
    owner = owners.known.get(location) or await _owner(owners, location)
    if owner is not None and owner != caller.agency:
        raise LocationForbidden(location)


async def claim_location(tx: Transaction, owners: Owners, caller: Caller, location: str) -> None:
    """Make the location the caller's agency's within `tx`, with whatever else it does; raises LocationForbidden."""
    if not caller.may_use(location):
        raise LocationForbidden(location)
    if await locations.claim(tx, location, caller.agency, owners.clock()) != caller.agency:
        raise LocationForbidden(location)


async def _owner(owners: Owners, location: str) -> str | None:
    """Read the owner; only what is committed is remembered."""
    async with owners.database.read() as tx:
        owner: str | None = await locations.owner(tx, location)
    if owner is not None:
        _remember(owners.known, location, owner)
    return owner


def _remember(known: dict[str, str], location: str, owner: str) -> None:
    """Keep an owner; the oldest makes room."""
    if len(known) >= REMEMBERED:
        known.pop(next(iter(known)), None)
    known[location] = owner
