"""A simulated API for Business with one account holder who has granted everything, and a client's calls.

Owns: the calls as written from the vendor's documentation. Knows nothing of our provider.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from providers.simulators.tiktok_business import SCOPES, SimulatorConfig, Vendor, create_app
from tests.fixtures.clock import Clock

BASE = "https://business-api.tiktok.com/open_api/v1.3"
CALLBACK = "https://gateway.example/oauth/tiktok/callback"
CLIENT = {"client_id": "7000000000000000001", "client_secret": "sim-client-secret"}


@dataclass(slots=True)
class World:
    """The vendor, a client on it, the clock, and the access token of the first account."""

    vendor: Vendor
    http: httpx.AsyncClient
    clock: Clock
    token: str

    @property
    def open_id(self) -> str:
        """The id of the first account."""
        return self.vendor.account.open_id

    def narrow(self, *scopes: str) -> str:
        """Return an access token with these scopes."""
        return str(self.vendor.grant(None, scopes)["access_token"])

    async def get(self, path: str, *, token: str | None = None, **query: Any) -> dict[str, Any]:
        """Return the envelope of a GET; lists and objects go out as JSON text."""
        texts = {
            name: json.dumps(value) if isinstance(value, list | dict) else str(value) for name, value in query.items()
        }
        return await self._send("GET", path, token, params={"business_id": self.open_id, **texts})

    async def post(self, path: str, *, token: str | None = None, **body: Any) -> dict[str, Any]:
        """Return the envelope of a POST with a JSON body."""
        return await self._send("POST", path, token, json={"business_id": self.open_id, **body})

    async def oauth(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the envelope of a call without a token."""
        return await self._send("POST", path, "", json={**CLIENT, **body})

    async def _send(self, method: str, path: str, token: str | None, **more: Any) -> dict[str, Any]:
        headers = {"Access-Token": self.token if token is None else token}
        answer = await self.http.request(method, BASE + path, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert {"code", "message", "request_id", "data"} == found.keys()
        return found


@asynccontextmanager
async def simulated(**config: Any) -> AsyncIterator[World]:
    """Yield a new simulator, without rate limits unless they are asked for."""
    clock = Clock()
    settings = {"rate_limits": False, "processing_seconds": 0, "moderation_seconds": 0, **config}
    app = create_app(SimulatorConfig(**settings), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        vendor: Vendor = app.state.vendor
        yield World(vendor, http, clock, str(vendor.grant(None, SCOPES)["access_token"]))
    await vendor.aclose()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Yield a new simulator without rate limits."""
    async with simulated() as found:
        yield found
