"""Vendor errors as callers and rows get to see them.

Owns how an error is stored with a resource, and which lost answers are harmless because the call may be repeated.
A call that must not be made twice never comes here.
"""

from dataclasses import asdict
from typing import Any

from gateway import reasons
from gateway.errors import DomainError
from providers.errors import ProviderError, Unavailable

REPEAT = "The vendor's answer was lost; asking again does no harm."


def safe_to_repeat(error: ProviderError, text: str = REPEAT) -> Unavailable:
    """Return the error that callers get when the answer to a repeatable call was lost: try again."""
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
    """Return an error as it is stored with a resource; empty metadata is left out."""
    return {"reason": reason, "message": message, "metadata": {key: value for key, value in metadata.items() if value}}


def as_stored(error: DomainError | ProviderError, reason: str = "") -> dict[str, Any]:
    """Return an error as it is stored with a resource; `reason` replaces the error's own.

    One of ours keeps every violation, a vendor's keeps what the vendor said.
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
