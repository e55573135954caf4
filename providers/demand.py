"""The refusal of what a provider's table does not promise.

Owns that one rule. Knows no vendor.
"""

from providers.capabilities import Capability, CapabilityTable
from providers.errors import CapabilityMissing


def demand(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing, with the table's note, unless the capability may be used."""
    if not table.can(capability):
        cell = table.cell(capability)
        raise CapabilityMissing(capability, cell.support, cell.note, provider=table.provider)
