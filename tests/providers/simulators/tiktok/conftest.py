"""The world most tests of the simulated TikTok live in.

Owns: the fixture. Knows nothing of configurations other than the default one.
"""

from collections.abc import AsyncIterator

import pytest

from tests.providers.simulators.tiktok.world import World, world


@pytest.fixture
async def tiktok() -> AsyncIterator[World]:
    """A TikTok in its default configuration."""
    async with world() as made:
        yield made
