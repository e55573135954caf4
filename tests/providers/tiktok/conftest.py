"""Fixtures of the TikTok provider's tests.

Owns the removal of retry delays. Knows no vendor.
"""

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="package")
def _no_waiting() -> Iterator[None]:
    """Keep the number of attempts but remove the delays."""
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)
