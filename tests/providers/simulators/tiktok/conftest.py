"""The simulated TikTok that most tests use.

Owns: the fixture. Knows nothing of configurations other than the default one.
"""

from collections.abc import AsyncIterator

import pytest

from tests.providers.simulators.tiktok.world import World, world


@pytest.fixture
async def tiktok() -> AsyncIterator[World]:
    """Yield a TikTok in its default configuration."""
    async with world() as made:
        yield made
