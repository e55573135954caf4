"""The id of a call: the caller's own when it is fit to be written down, else a new one.

Owns its shape and the names of its header and trailer. Does not know where it is logged.
"""

import os
import re
from collections.abc import Callable

from gateway import log

HEADER = "x-request-id"
# What goes into a log line and back into a trailer must not be able to break either.
_FIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

NewId = Callable[[], str]


def new_request_id() -> str:
    """Return a fresh request id."""
    return os.urandom(16).hex()


def choose(given: str, new_id: NewId) -> str:
    """Return the caller's own id, or a fresh one when it gave none, one that could break a line, or a secret."""
    fit = given and _FIT.fullmatch(given) and log.clean_text(given) == given
    return given if fit else new_id()
