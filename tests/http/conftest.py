"""What the tests of the HTTP edge share: a gateway before a simulated vendor, its caller, and a browser.

Owns the fixtures. Knows no page.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.http.browser import chromium, driven
from tests.http.caller import ApiCaller, before_tiktok


@pytest.fixture
async def caller(database_url: str, tmp_path: Path) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway whose settings allow RETURN_URI."""
    async with before_tiktok(database_url, tmp_path) as found:
        yield found


@pytest.fixture
async def visitor() -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser without pages: it follows no redirect by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one browser for all tests: starting it costs more than most of them."""
    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browser(address: str) -> AsyncIterator[Browser]:
    """Yield the browser."""
    async with driven(address) as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Yield an empty window, which knows nothing of other tests."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()
