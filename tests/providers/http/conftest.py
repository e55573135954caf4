"""What the tests of the HTTP layer find at hand.

Owns the clients on the real network stack. Knows no vendor.
"""

from collections.abc import AsyncIterator

import pytest

from providers.http.client import Clients, make_clients


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Yield clients that open real sockets, closed at the end."""
    made = make_clients()
    yield made
    await made.close()
