"""The error of an answer that refuses, worded without the secrets of the request.

Owns the wording, what an error keeps of an answer, and what an HTTP status means when nothing else can be read. Knows
no vendor and no meaning of a code.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from providers.errors import (
    Ambiguous,
    GrantRevoked,
    Misconfigured,
    Permanence,
    ProviderError,
    RateLimited,
    Temporary,
    TokenRefused,
    Unavailable,
)
from providers.http.exchange import Answer, broken
from providers.http.redact import redact
from providers.http.retry_after import requested_wait
from providers.models.secret import Secret

_MAX_CODE = 128
_MAX_REDIRECT_CODE, _MAX_REDIRECT_TEXT = 100, 300
_BY_STATUS: Mapping[int, type[ProviderError]] = {
    HTTPStatus.UNAUTHORIZED: TokenRefused,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


@dataclass(frozen=True, slots=True)
class Refusals:
    """How the errors of one vendor are made.

    `vendor` is its name in messages, `log_header` the response header (lower-case) with the id of its logs.
    `retry_after` and `quota` say, of an answer that refused for its rate, how long to wait and which quota is used up.
    Of any other answer that is not a refusal for good, the wait is what its `Retry-After` asks for, if it has one.
    """

    provider: str
    vendor: str
    log_header: str
    retry_after: Callable[[Answer], timedelta]
    quota: Callable[[Answer], str] | None = None

    def make(
        self,
        kind: type[ProviderError],
        answer: Answer,
        code: str = "",
        message: str = "",
        *,
        log_id: str = "",
        secrets: Iterable[Secret] = (),
    ) -> ProviderError:
        """Make an error of `kind` that keeps the vendor's code, words and log id, without the request's secrets."""
        hidden = tuple(secrets)
        limited = kind is RateLimited
        error = worded(
            kind,
            answer,
            code,
            message,
            provider=self.provider,
            log_id=safe_id(log_id, hidden) or self.header_log_id(answer, hidden),
            retry_after=self.retry_after(answer) if limited else _wait(kind, answer),
            secrets=hidden,
        )
        if limited and self.quota is not None:
            error.metadata["quota"] = self.quota(answer)
        return error

    def unreadable(self, answer: Answer, *, write: bool, secrets: Iterable[Secret] = ()) -> ProviderError:
        """Make the error of an answer without a readable envelope, from its HTTP status alone.

        A 4xx proves that nothing happened; a 5xx, or anything else after a write, proves nothing.
        """
        status = answer.status
        if status in _BY_STATUS:
            return self.make(_BY_STATUS[status], answer, secrets=secrets)
        if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            return self.make(Ambiguous if write else Unavailable, answer, secrets=secrets)
        error = broken(
            f"{self.vendor} answered HTTP {status} without a readable envelope.",
            write=write and not 400 <= status < 500,
            provider=self.provider,
            log_id=self.header_log_id(answer, secrets),
            http_status=status,
        )
        error.retry_after = _wait(type(error), answer)
        return error

    def header_log_id(self, answer: Answer, secrets: Iterable[Secret]) -> str:
        """Return the log id in the answer's headers, for answers that have none in their body."""
        return safe_id(answer.headers.get(self.log_header, ""), secrets)


def _wait(kind: type[ProviderError], answer: Answer) -> timedelta | None:
    return None if kind.permanence is Permanence.PERMANENT else requested_wait(answer.headers)


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
    """Return an id of the vendor's logs, redacted and at most 128 characters long."""
    return redact(log_id, secrets)[:_MAX_CODE]


def of_redirect(provider: str, kinds: Mapping[str, type[ProviderError]], code: str, message: str) -> ProviderError:
    """Return the error of a consent page that redirects back with `code` in `error`: what `kinds`, the table of the
    token endpoint, says of it if that is our operator's fault or temporary, else GrantRevoked: the grant was not given.

    Both texts came through a browser: they are kept, cut, and never interpreted.
    """
    kind = kinds.get(code, GrantRevoked)
    kind = kind if issubclass(kind, Misconfigured | Temporary) else GrantRevoked
    metadata = {"provider_message": message[:_MAX_REDIRECT_TEXT]} if message else {}
    code = code[:_MAX_REDIRECT_CODE]
    return kind("The consent page came back with an error.", provider=provider, code=code, metadata=metadata)
