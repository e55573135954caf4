"""Vendor errors as callers see them and as rows store them.

Owns the stored form of an error, and the error for a lost response to a call that is safe to repeat. Does not know what
follows if the call must not be repeated.
"""

from dataclasses import asdict
from typing import Any

from gateway import reasons
from gateway.errors import DomainError
from providers.errors import ProviderError, Unavailable

RESPONSE_LOST = "The vendor's answer was lost; asking again does no harm."


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
