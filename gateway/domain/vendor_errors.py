"""Vendor errors as callers see them and as rows store them, and what a vendor cannot do as an error.

Owns the stored form of an error, the error for a lost response to a call that is safe to repeat, and CapabilityMissing
from a cell of a provider's table. Does not know what follows if the call must not be repeated.
"""

from dataclasses import asdict
from typing import Any

from gateway import reasons
from gateway.errors import CapabilityMissing, DomainError
from providers.capabilities import Capability, CapabilityTable
from providers.errors import ProviderError, Unavailable

RESPONSE_LOST = "The vendor's answer was lost; asking again does no harm."


def without_capability(table: CapabilityTable, capability: Capability) -> CapabilityMissing:
    """Return the error that names a capability, how far it is supported, and the table's note on it."""
    cell = table.cell(capability)
    return CapabilityMissing(capability.value, cell.support.value, cell.note)


def require(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing unless the table has the capability."""
    if not table.can(capability):
        raise without_capability(table, capability)


def safe_to_repeat(error: ProviderError, text: str = RESPONSE_LOST) -> Unavailable:
    """Return the error for callers if the response to an idempotent call was lost: they may retry."""
    return Unavailable(
        text,
        provider=error.provider,
        code=error.code,
        log_id=error.log_id,
        http_status=error.http_status,
        retry_after=error.retry_after,
        retry_at=error.retry_at,
    )


def stored_error(reason: str, message: str, **metadata: str) -> dict[str, Any]:
    """Return an error in its stored form; empty metadata is left out."""
    return {"reason": reason, "message": message, "metadata": {key: value for key, value in metadata.items() if value}}


def as_stored(error: DomainError | ProviderError, reason: str = "") -> dict[str, Any]:
    """Return an error in its stored form; `reason` replaces the error's own.

    Our own errors keep their violations, a vendor's keeps the vendor's codes.
    """
    if isinstance(error, DomainError):
        stored = stored_error(reason or error.reason, error.message, **error.metadata)
        if error.violations:
            stored["violations"] = [asdict(each) for each in error.violations]
    else:
        metadata = reasons.metadata_of(error)
        stored = {"reason": reason or reasons.reason_of(error), "message": error.message, "metadata": metadata}
    if error.retry_at is not None:
        stored["metadata"]["retryAt"] = error.retry_at.isoformat()
    return stored
