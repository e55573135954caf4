"""The request id of a call: the caller's own if it is safe to log, else a new one.

Owns its format and the name of its header and trailer. Does not know where it is logged.
"""

import os
import re
from collections.abc import Callable, Iterator

from gateway import log

HEADER = "x-request-id"
# The id goes into a log line and into a trailer, and must not be able to break either.
_FIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

NewId = Callable[[], str]
_DIGITS = 32
_IDS_AT_ONCE = 256


def _random_ids() -> Iterator[str]:
    """Yield new ids; the kernel is asked for many at once, which costs as much as one."""
    while True:
        digits = os.urandom(_IDS_AT_ONCE * _DIGITS // 2).hex()
        yield from (digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS))


new_request_id: NewId = _random_ids().__next__
"""Returns a new request id."""


def choose(given: str, new_id: NewId) -> str:
    """Return the caller's own id, or a new one if it is empty, unsafe to log, or looks like a secret."""
    fit = given and _FIT.fullmatch(given) and log.clean_text(given) == given
    return given if fit else new_id()
