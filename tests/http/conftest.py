"""What the tests of the HTTP edge share: a gateway that is connected to a simulated vendor.

Owns the fixtures. Knows no page.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest

from socialgateway.v1 import connection_service_pb2_grpc
from tests.fixtures.whole import CALLS, base_of, running, simulated, target_of
from tests.http.asking import Asking
from tests.http.consents import Walk, walk

RETURN_URI = "http://localhost:9/done?tab=2#top"
OPENER = "http://localhost:9"


@pytest.fixture
async def consent(database_url: str, tmp_path: Path) -> AsyncIterator[Walk]:
    """Give a gateway whose settings allow RETURN_URI, and its vendor."""
    async with (
        simulated() as (vendor, pointing),
        running(database_url, tmp_path, roles=CALLS, allowed_redirect_uris=(RETURN_URI,), **pointing) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
    ):
        yield walk(gateway, vendor, channel)


@pytest.fixture
async def visitor() -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser's place: it follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def asking(database_url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """Give a gateway to ask; its vendor is never called."""
    application = {"tiktok_client_key": "ck", "tiktok_client_secret": "cs"}
    async with (
        running(database_url, tmp_path, roles=CALLS, **application) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False, timeout=30) as client,
    ):
        yield Asking(gateway, client, connection_service_pb2_grpc.ConnectionServiceStub(channel))
