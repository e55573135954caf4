"""What every test finds at hand.

Owns the list of fixture modules and the loop that tests run on; the fixtures themselves live in `tests/fixtures`.
"""

import gc
from collections.abc import Mapping
from typing import Any

import uvloop

from tests.fixtures import logs

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.gateway", "tests.fixtures.highlevel"]


def pytest_configure() -> None:
    """Write tracebacks as they are: with all locals, as is usual, one of them takes seconds."""
    logs.plain()


def pytest_collection_finish() -> None:
    """Take what outlives the run out of the collector's sight: looking through it again and again was a sixth of it."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories() -> Mapping[str, Any]:
    """Run every test on the loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}
