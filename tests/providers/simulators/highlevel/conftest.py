"""The simulated HighLevel that most tests use.

Owns: the fixture. Knows nothing of configurations other than the default one.
"""

from collections.abc import AsyncIterator

import pytest

from tests.providers.simulators.highlevel.world import World, world


@pytest.fixture
async def highlevel() -> AsyncIterator[World]:
    """Yield a HighLevel in its default configuration."""
    async with world() as made:
        yield made
