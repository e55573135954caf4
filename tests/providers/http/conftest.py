"""Fixtures of the HTTP layer's tests.

Owns the clients on the real network stack. Knows no vendor.
"""

from collections.abc import AsyncIterator

import pytest

from providers.http.client import Clients, make_clients


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Yield clients that use real sockets, and close them at the end."""
    clients = make_clients()
    yield clients
    await clients.close()
