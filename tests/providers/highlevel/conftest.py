"""Fixtures of the HighLevel provider's tests.

Owns the switch that removes the pauses between retries. Knows no vendor.
"""

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="package")
def _no_waiting() -> Iterator[None]:
    """Limit retries to two attempts without pauses."""
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)
