"""docs/errors.md, printed from the contract and from the tables: `python -m tests.api.print_errors > docs/errors.md`.

Owns the page's layout. The sentences are the comments of `error_reason.proto`, the codes those of `gateway/status.py`,
`gateway/http/errors.py` and the providers' own tables; a test compares.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from gateway.domain.publishing import retry_policy
from gateway.http.errors import HTTP
from gateway.reasons import reason_of
from gateway.status import REASONS, Reason
from providers.errors import ProviderError
from providers.models.publishing import FailureKind
from providers.tiktok import errors as tiktok
from tests.api.contract import elements

HEAD = """# Errors

This page is printed from the code (`make docs`); a test fails when it is out of date.

Every failed call, but one that gRPC itself refuses (a message that is too large, a method that does not
exist), ends with a canonical gRPC code and a `google.rpc.Status` in the trailer
`grpc-status-details-bin`. Branch on `ErrorInfo.reason` (domain `socialgateway.dev`), never on a sentence.
`LocalizedMessage` is a sentence that an end user may read, `Status.message` one for developers, `RequestInfo`
the id under which the gateway's log has the call. When a vendor's answer is the cause, `provider`,
`providerCode`, `providerMessage` and `providerLogId` stand in the metadata as the vendor gave them. The error
that a post keeps (`Post.error`) has the same reasons.

## Reasons

"Again?" says whether the same call may be made again: *after a pause* with growing pauses (and after
`RetryInfo`, when that is there), *after a fresh read* when the resource has been looked at again, *when the
delay is known* only after `RetryInfo`. Give the same `request_id` each time. Everything else needs another
request, or a person.

| reason | code | again? | end user reads | meaning | metadata, for example |
|---|---|---|---|---|---|
"""

AGAIN = {
    "UNAVAILABLE": "after a pause",
    "RESOURCE_EXHAUSTED": "when the delay is known",
    "ABORTED": "after a fresh read",
}
# Its code is for statuses; a caller only ever meets it inside a post, where a person or the vendor resolves it.
NEVER_AGAIN = ("OUTCOME_UNKNOWN",)

HTTP_HEAD = """
## Over HTTP

The HTTP edge writes the same status as JSON: `error` (a stable code), `message` (the end user's sentence),
`technicalMessage` (the developer's, when it is another), `details.reason`, `details.metadata`, `requestId`
(also the header `X-Request-ID`), `timestamp`. `Retry-After` is there when `RetryInfo` would be,
`WWW-Authenticate: Bearer` on each 401.

| gRPC code | HTTP status | `error` |
|---|---|---|
"""

TIKTOK_HEAD = """
## TikTok's codes

What TikTok's words become. `internal_error`, and any answer of 500 and above, is `OUTCOME_UNKNOWN` after a call
that may have changed something: the gateway then looks before it does anything again. Refusals that TikTok sends
for a creator with HTTP 200 are no errors of `GetCreatorInfo`, but its `cannot_post_reason`. `CancelPost` answers
`STATE_FORBIDS` for `publish_not_cancellable`. A code that TikTok does not document is classed by its family
(`spam_risk…`, `scope_…`), then by its HTTP status; it is never taken for a success.

| TikTok's code | reason |
|---|---|
"""

OAUTH_HEAD = """
### Of the token endpoint (TikTok's flat OAuth errors, whatever their HTTP status)

These are the reasons when a grant is renewed. While a person consents, `REAUTHORIZATION_REQUIRED` is
`AUTHORIZATION_DENIED` instead: the consent failed, and a grant that was there before stays.

| TikTok's code | reason |
|---|---|
"""

FAIL_HEAD = """
### Of a post that failed at TikTok (`fail_reason`), as `Post.error` keeps them

| TikTok's reason | reason |
|---|---|
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, *_reasons(), HTTP_HEAD]
    parts += [f"| `{code}` | {status} | `{name}` |\n" for code, (status, name) in HTTP.items()]
    parts += [TIKTOK_HEAD, *_codes(tiktok.CODES), OAUTH_HEAD, *_codes(tiktok.OAUTH_CODES)]
    return "".join([*parts, FAIL_HEAD, *_fail_reasons(tiktok.FAIL_REASONS)])


def _reasons() -> Iterator[str]:
    for reason, comment in comments().items():
        row = REASONS[reason]
        meaning, example = split(comment)
        cells = (f"`{reason}`", f"`{row.code.name}`", _again(reason, row), row.user, meaning, example)
        yield "| " + " | ".join(cells) + " |\n"


@cache
def comments() -> Mapping[str, str]:
    """Return each reason's comment, in the contract's order."""
    found = {each.name.partition(".")[2]: each.comment for each in elements() if each.name.startswith("ErrorReason.")}
    return {name: comment for name, comment in found.items() if name != "ERROR_REASON_UNSPECIFIED"}


def split(comment: str) -> tuple[str, str]:
    """Return a comment's meaning, without the code that opens it, and its example's metadata."""
    text, _, example = " ".join(comment.split()).partition(" Example: ")
    metadata = re.search(r"metadata: (\{.*?\}) \}$", example)
    return re.sub(r"^[A-Z_]+\. ", "", text), f"`{metadata[1]}`" if metadata and metadata[1] != "{}" else ""


def _again(reason: str, row: Reason) -> str:
    return "no" if reason in NEVER_AGAIN else AGAIN.get(row.code.name, "no")


def _codes(codes: Mapping[str, type[ProviderError]]) -> Iterable[str]:
    return (f"| `{code}` | `{reason_of(kind())}` |\n" for code, kind in codes.items())


def _fail_reasons(codes: Mapping[str, FailureKind]) -> Iterable[str]:
    return (f"| `{code}` | `{retry_policy.FAIL_REASONS[kind]}` |\n" for code, kind in codes.items())


if __name__ == "__main__":
    print(page(), end="")
