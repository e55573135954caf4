"""What the security tests share: the log, read as it was written.

Owns the fixture. Does not know what is searched for in it.
"""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway import log


@pytest.fixture
def form() -> str:
    """Give the form of the log; a test may choose its own."""
    return "json"


@pytest.fixture
def written(form: str) -> Iterator[io.StringIO]:
    """Give all log lines of the test, debugging ones included."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    stream = io.StringIO()
    log.configure(level="debug", form=form, stream=stream)
    yield stream
    root.handlers = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()
