"""Missing capabilities of a provider, as errors.

Owns the translation of a cell of the capability table into CapabilityMissing. Does not know what it is needed for.
"""

from gateway.errors import CapabilityMissing
from providers.capabilities import Capability, CapabilityTable


def missing(table: CapabilityTable, capability: Capability) -> CapabilityMissing:
    """Return the error that names a capability, how far it is supported, and the table's note on it."""
    cell = table.cell(capability)
    return CapabilityMissing(capability.value, cell.support.value, cell.note)


def require(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing unless the table has the capability."""
    if not table.can(capability):
        raise missing(table, capability)
