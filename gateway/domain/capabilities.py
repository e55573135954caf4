"""Which providers have a capability, and its absence as an error.

Owns the translation of a cell of the capability table into CapabilityMissing, and the choice of the providers that
have a capability. Does not know what it is needed for.
"""

from collections.abc import Mapping

from gateway.errors import CapabilityMissing
from providers.capabilities import Capability, CapabilityTable
from providers.interface import Provider


def missing(table: CapabilityTable, capability: Capability) -> CapabilityMissing:
    """Return the error that names a capability, how far it is supported, and the table's note on it."""
    cell = table.cell(capability)
    return CapabilityMissing(capability.value, cell.support.value, cell.note)


def require(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing unless the table has the capability."""
    if not table.can(capability):
        raise missing(table, capability)


def providers_with(providers: Mapping[str, Provider], capability: Capability) -> frozenset[str]:
    """Return the names of the providers whose table has the capability."""
    return frozenset(name for name, provider in providers.items() if provider.table.can(capability))
