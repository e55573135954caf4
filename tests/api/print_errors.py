"""docs/errors.md, printed from the contract and from the tables: `python -m tests.api.print_errors > docs/errors.md`.

Owns the page's tables; its prose is in `errors.md.template`. The sentences are the comments of `error_reason.proto`,
the codes those of `gateway/status.py`, `gateway/http/errors.py` and the providers' own tables; a test compares.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template

from gateway.domain.publishing import retry_policy
from gateway.http.errors import HTTP
from gateway.reasons import reason_of
from gateway.status import REASONS, Reason
from providers.errors import ProviderError
from providers.models.publishing import FailureKind
from providers.tiktok import errors as tiktok
from providers.tiktok_common import publish_status
from tests.api.contract import elements

TEMPLATE = Path(__file__).parent / "errors.md.template"
AGAIN = {
    "UNAVAILABLE": "after a pause",
    "RESOURCE_EXHAUSTED": "when the delay is known",
    "ABORTED": "after a fresh read",
}
# Its code is for statuses; a caller only ever meets it inside a post, where a person or the vendor resolves it.
NEVER_AGAIN = ("OUTCOME_UNKNOWN",)


def page() -> str:
    """Return the whole page."""
    tables = {
        "reasons": _reasons(),
        "http": (f"| `{code}` | {status} | `{name}` |\n" for code, (status, name) in HTTP.items()),
        "codes": _codes(tiktok.CODES),
        "oauth_codes": _codes(tiktok.OAUTH_CODES),
        "fail_reasons": _fail_reasons(publish_status.FAIL_REASONS),
    }
    return Template(TEMPLATE.read_text()).substitute({name: "".join(rows) for name, rows in tables.items()})


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
