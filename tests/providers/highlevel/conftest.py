"""What the tests of the HighLevel provider find at hand.

Owns the switch that drops pauses between tries. Knows no vendor.
"""

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="package")
def _no_waiting() -> Iterator[None]:
    """Keep the number of tries and drop the pauses between them."""
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)
