"""A caller of one gateway, over gRPC and over HTTP, with a simulated vendor behind the gateway.

Owns how a connection is begun and asked for, and what every refusal over HTTP has.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.app import Gateway
from gateway.servers import open_keys
from socialgateway.v1 import connection_pb2
from tests.fixtures.app import CALLS, base_of, running, simulated, target_of
from tests.fixtures.client import Client, new_key
from tests.fixtures.settings import KEY

RETURN_URI = "http://localhost:9/done?tab=2#top"
OPENER = "http://localhost:9"
PAGE = "/me/tiktok-connection"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class ApiCaller:
    """A caller of a gateway over both transports; `vendor` is the state of the simulator behind it."""

    gateway: Gateway
    vendor: Any
    client: Client
    http: httpx.AsyncClient

    async def begin(self, location: str = "l1", provider: str = "tiktok", *, key: str = KEY, **fields: Any) -> Any:
        """Begin a connection: with the bootstrap key the location becomes the agency `default`'s."""
        wanted = connection_pb2.Connection(provider=f"providers/{provider}")
        values = {"parent": f"locations/{location}", "connection": wanted, **fields}
        return await self.client.call("ConnectionService/CreateConnection", key=key, **values)

    async def status(self, name: str) -> str:
        """Return a connection's status as its caller sees it."""
        found = await self.client.call("ConnectionService/GetConnection", name=name)
        return connection_pb2.Connection.Status.Name(found.status)

    async def get(self, key: str | None = KEY, **query: str) -> httpx.Response:
        """Ask for the page of a connection over HTTP."""
        headers = {"authorization": f"Bearer {key}"} if key is not None else {}
        return await self.http.get(PAGE, params=query, headers={**headers, "x-request-id": "r-1"})

    async def key(self, **values: Any) -> str:
        """Make an API key as `new_key` does, and return the key itself."""
        store = await open_keys(self.gateway.resources, self.gateway.domain)
        return (await new_key(store, **values)).secret.reveal()


@asynccontextmanager
async def calling(database_url: str, folder: Path, vendor: Any = None, **values: Any) -> AsyncIterator[ApiCaller]:
    """Run a gateway without jobs, and yield a caller of it; `values` are settings."""
    async with (
        running(database_url, folder, roles=CALLS, **values) as gateway,
        Client(target_of(gateway)) as client,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False, timeout=30) as http,
    ):
        yield ApiCaller(gateway, vendor, client, http)


@asynccontextmanager
async def before_tiktok(database_url: str, folder: Path, return_uri: str = RETURN_URI) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway whose settings allow one return URI, before a TikTok simulator on a socket."""
    async with (
        simulated() as (vendor, pointing),
        calling(database_url, folder, vendor, allowed_redirect_uris=(return_uri,), **pointing) as caller,
    ):
        yield caller


def check_body(found: httpx.Response) -> None:
    """Check what every refusal has: its fields, their types, the header's id, a time."""
    body = found.json()
    assert {"error", "message", "details", "requestId", "timestamp"} <= set(body)
    assert set(body) <= {"error", "message", "technicalMessage", "details", "requestId", "timestamp"}
    assert found.headers["x-request-id"] == body["requestId"]
    assert ISO.fullmatch(body["timestamp"])
    assert body.get("technicalMessage") != body["message"]
    assert "application/json" == found.headers["content-type"]
