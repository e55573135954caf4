"""The harness of the contract tests: every registered provider, in each configuration that its own harness names.

Owns the one fixture of the contract tests. Knows no vendor.
"""

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest

from providers.registry import PROVIDERS
from tests.providers.conformance.harness import Setup, skip_unless_met

SETUPS: list[Setup] = [
    each for name in sorted(PROVIDERS) for each in import_module(f"tests.providers.{name}.harness").SETUPS
]


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.name)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Yield the harness of a provider, unless the test needs what the provider or its harness does not have."""
    setup: Setup = request.param
    skip_unless_met(request.node, setup.table, setup.powers)
    async with setup.open() as opened:
        assert setup.table == opened.provider.table
        yield opened
