"""Fixtures and hooks for every test.

Owns the list of fixture modules and the loop that tests run on; the fixtures themselves live in `tests/fixtures`.
"""

import asyncio
import gc
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import uvloop

SHAPE = Path(__file__).parent / "shape"
VARIANTS = 1
"""How many variants of a behaviour with a database of its own `make test` shows; `make chaos` shows all others."""

MARGIN_SECONDS = 20.0
"""How much earlier than pytest-timeout an asynchronous test is ended."""

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.gateway",
    "tests.fixtures.highlevel",
    "tests.fixtures.admin",
    "tests.fixtures.ads",
    "tests.fixtures.business",
    "tests.fixtures.audiences",
    "tests.fixtures.logs",
    "tests.fixtures.s3",
    "tests.fixtures.vault",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark further variants of a test with its own database as `chaos`, and tests of the code itself as `shape`."""
    seen: Counter[tuple[str, str]] = Counter()
    for item in items:
        if SHAPE in item.path.parents:
            item.add_marker(pytest.mark.shape)
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "database_server" in item.fixturenames:
            behaviour = (str(item.path), item.originalname)
            seen[behaviour] += 1
            if seen[behaviour] > VARIANTS:
                item.add_marker(pytest.mark.chaos)
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _ended_after(_seconds(item) - MARGIN_SECONDS, item.obj)


def _seconds(item: pytest.Item) -> float:
    """Return the test's time limit."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))


def _ended_after(seconds: float, test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Return the test with a time limit of its own task, so that it stops the processes that it started.

    The exception of pytest-timeout's signal reaches no test on uvloop 0.23 (2026-11-30): either a callback swallows it
    and the test goes on without end, or the loop's `close` waits for the processes without end.
    """

    @wraps(test)
    async def ended(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **kwargs)

    return ended


def pytest_collection_finish() -> None:
    """Exempt what lives for the whole run from garbage collection, which took a sixth of the time."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories() -> Mapping[str, Any]:
    """Run every test on the loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}
