"""The error of an answer that refuses, worded without the secrets of the request.

Owns the wording and what an error keeps of an answer. Knows no vendor and no meaning of a code.
"""

from collections.abc import Iterable
from datetime import timedelta

from providers.errors import ProviderError
from providers.http.exchange import Answer
from providers.http.redact import redact
from providers.models.secret import Secret

_MAX_CODE = 128


def worded(
    kind: type[ProviderError],
    answer: Answer,
    code: str,
    message: str,
    *,
    provider: str,
    log_id: str,
    retry_after: timedelta | None,
    secrets: Iterable[Secret],
) -> ProviderError:
    """Make an error of `kind` that keeps the vendor's code, words and log id."""
    hidden = tuple(secrets)
    code, said = redact(code, hidden)[:_MAX_CODE], redact(message, hidden)
    detail = ": ".join(part for part in (code or f"HTTP {answer.status}", said) if part)
    return kind(
        f"{(kind.__doc__ or '').strip().rstrip('.')} ({detail}).",
        provider=provider,
        code=code,
        log_id=safe_id(log_id, hidden),
        http_status=answer.status,
        retry_after=retry_after,
        metadata={"provider_message": said} if said else None,
    )


def safe_id(log_id: str, secrets: Iterable[Secret]) -> str:
    """Return an id of the vendor's logs as far as it may be shown."""
    return redact(log_id, secrets)[:_MAX_CODE]
