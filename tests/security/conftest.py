"""What the security tests share: the log, read as it was written.

Owns the fixture. Does not know what is searched for in it.
"""

import io
from collections.abc import Iterator

import pytest

from tests.fixtures import logs


@pytest.fixture
def form() -> str:
    """Return the form of the log; a test may choose its own."""
    return "json"


@pytest.fixture
def written(form: str) -> Iterator[io.StringIO]:
    """Yield all log lines of the test, debugging ones included."""
    with logs.written(form=form) as stream:
        yield stream
