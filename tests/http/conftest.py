"""What the tests of the HTTP edge share: a gateway that is connected to a simulated vendor.

Owns the fixtures. Knows no page.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from playwright.async_api import Browser, Page

from socialgateway.v1 import connection_service_pb2_grpc
from tests.fixtures.whole import CALLS, base_of, running, simulated, target_of
from tests.http.asking import Asking
from tests.http.browser import chromium, driven
from tests.http.consents import Walk, walk

RETURN_URI = "http://localhost:9/done?tab=2#top"
OPENER = "http://localhost:9"


@pytest.fixture
async def consent(database_url: str, tmp_path: Path) -> AsyncIterator[Walk]:
    """Yield a gateway whose settings allow RETURN_URI, and its vendor."""
    async with (
        simulated() as (vendor, pointing),
        running(database_url, tmp_path, roles=CALLS, allowed_redirect_uris=(RETURN_URI,), **pointing) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
    ):
        yield walk(gateway, vendor, channel)


@pytest.fixture
async def visitor() -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser's place: it follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def asking(database_url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """Yield a gateway to ask; its vendor is never called."""
    application = {"tiktok_client_key": "ck", "tiktok_client_secret": "cs"}
    async with (
        running(database_url, tmp_path, roles=CALLS, **application) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False, timeout=30) as client,
    ):
        yield Asking(gateway, client, connection_service_pb2_grpc.ConnectionServiceStub(channel))


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
