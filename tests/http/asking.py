"""Somebody who asks one gateway the same question over gRPC and over HTTP, and compares what it is told.

Owns the question (how a location is connected) and how an answer is read. Knows no refusal.
"""

import re
from dataclasses import dataclass
from os import urandom
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2

from gateway.app import Gateway, open_keys
from gateway.domain import api_keys
from socialgateway.v1 import connection_pb2, connection_service_pb2
from tests.fixtures.whole import AUTH, KEY
from tests.rpc.answers import detail, status_of, trailer

PAGE = "/me/tiktok-connection"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Told:
    """What a refusal says, whichever way it came."""

    reason: str
    message: str
    user: str
    metadata: dict[str, str]
    request_id: str


@dataclass
class Asking:
    """Somebody who asks the same gateway over both transports."""

    gateway: Gateway
    http: httpx.AsyncClient
    grpc: Any

    async def get(self, key: str | None = KEY, **query: str) -> httpx.Response:
        """Ask over HTTP."""
        headers = {"authorization": f"Bearer {key}"} if key is not None else {}
        return await self.http.get(PAGE, params=query, headers={**headers, "x-request-id": "r-1"})

    async def over_http(self, key: str | None, location: str) -> Told:
        """Return the refusal over HTTP."""
        body = (await self.get(key, location=location)).json()
        message = body.get("technicalMessage", body["message"])
        details = body["details"]
        return Told(details["reason"], message, body["message"], details["metadata"], body["requestId"])

    async def over_grpc(self, key: str | None, location: str) -> Told:
        """Return the refusal over gRPC."""
        metadata = [("x-request-id", "r-1")]
        metadata += [("authorization", f"Bearer {key}")] if key is not None else []
        request = connection_service_pb2.GetConnectionStatusRequest(
            parent=f"locations/{location}", provider="providers/tiktok"
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.grpc.GetConnectionStatus(request, metadata=metadata, timeout=20)
        status = status_of(caught.value)
        info = detail(status, error_details_pb2.ErrorInfo)
        user = detail(status, error_details_pb2.LocalizedMessage)
        assert info is not None
        assert user is not None
        request_id = trailer(caught.value, "x-request-id")
        return Told(info.reason, status.message, user.message, dict(info.metadata), request_id)

    async def key(self, *, agency: str = "default", locations: list[str] | None = None, scope: str = "") -> str:
        """Make an API key."""
        store = await open_keys(self.gateway.resources, self.gateway.domain)
        scopes = {scope} if scope else api_keys.SCOPES
        made = await api_keys.create(store, agency=agency, locations=locations, scopes=scopes, random=urandom)
        return made.secret.reveal()


async def begin(asking: Asking, location: str) -> connection_pb2.Connection:
    """Begin a connection with the bootstrap key: the location becomes the agency `default`'s."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    request = connection_service_pb2.CreateConnectionRequest(parent=f"locations/{location}", connection=wanted)
    made: connection_pb2.Connection = await asking.grpc.CreateConnection(request, metadata=AUTH, timeout=20)
    return made


def check_body(found: httpx.Response) -> None:
    """Check what every refusal has: its fields, their types, the header's id, a time."""
    body = found.json()
    assert {"error", "message", "details", "requestId", "timestamp"} <= set(body)
    assert set(body) <= {"error", "message", "technicalMessage", "details", "requestId", "timestamp"}
    assert found.headers["x-request-id"] == body["requestId"]
    assert ISO.fullmatch(body["timestamp"])
    assert body.get("technicalMessage") != body["message"]
    assert "application/json" == found.headers["content-type"]
