"""Fixtures of the providers' tests: clients on real sockets, the simulated vendors, and retries without delays.

Owns fixtures that several files request. Knows no configuration of a simulator other than the default one.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from providers.http.client import Clients, make_clients
from tests.providers.simulators.highlevel import world as highlevel_world
from tests.providers.simulators.tiktok import world as tiktok_world


@pytest.fixture(autouse=True, scope="package")
def _no_waiting() -> Iterator[None]:
    """Limit retries to two attempts without delays."""
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Yield clients that use real sockets, and close them at the end."""
    clients = make_clients()
    yield clients
    await clients.close()


@pytest.fixture
async def highlevel() -> AsyncIterator[highlevel_world.World]:
    """Yield a HighLevel in its default configuration."""
    async with highlevel_world.world() as made:
        yield made


@pytest.fixture
async def tiktok() -> AsyncIterator[tiktok_world.World]:
    """Yield a TikTok in its default configuration."""
    async with tiktok_world.world() as made:
        yield made
