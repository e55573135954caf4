"""The HTTP edge refuses as gRPC does: the same reason, sentences, metadata and id, whichever way a call came.

Owns the proofs of `gateway/http/errors.py`.
"""

import asyncio
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
import psycopg
import pytest
from google.rpc import error_details_pb2

from gateway.app import Gateway, start
from gateway.errors import (
    CapabilityMissing,
    Conflict,
    DeadlineExceeded,
    FieldInvalid,
    LocationForbidden,
    QuotaExceeded,
    ResourceExists,
    StateForbids,
)
from gateway.http.errors import HTTP, error_response
from gateway.status import REASONS
from tests.fixtures.app import end
from tests.fixtures.client import Client
from tests.fixtures.settings import KEY, make_settings
from tests.fixtures.waiting import until
from tests.http.caller import ApiCaller, check_body
from tests.rpc.answers import detail, status_of, trailer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """One refusal: how it is provoked, and what HTTP says."""

    http: int
    error: str
    reason: str
    location: str = "l1"


CASES = {
    "no key": Case(401, "UNAUTHORIZED", "API_KEY_INVALID"),
    "a bad key": Case(401, "UNAUTHORIZED", "API_KEY_INVALID"),
    "a key of another scope": Case(403, "PERMISSION_DENIED", "SCOPE_MISSING"),
    "a location that the key does not name": Case(403, "PERMISSION_DENIED", "LOCATION_FORBIDDEN"),
    "a location of another agency": Case(403, "PERMISSION_DENIED", "LOCATION_FORBIDDEN"),
    "no connection": Case(404, "NOT_FOUND", "RESOURCE_NOT_FOUND", "l3"),
    "a location of nobody": Case(403, "PERMISSION_DENIED", "LOCATION_FORBIDDEN", "l9"),
    "no database": Case(503, "SERVICE_UNAVAILABLE", "GATEWAY_UNAVAILABLE", "l7"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal says, over either transport."""

    reason: str
    message: str
    user: str
    metadata: dict[str, str]
    request_id: str


async def over_http(caller: ApiCaller, key: str | None, location: str) -> Refusal:
    """Return the refusal over HTTP."""
    body = (await caller.get(key, location=location)).json()
    message = body.get("technicalMessage", body["message"])
    details = body["details"]
    return Refusal(details["reason"], message, body["message"], details["metadata"], body["requestId"])


async def over_grpc(caller: ApiCaller, key: str | None, location: str) -> Refusal:
    """Return the refusal over gRPC."""
    values = {"parent": f"locations/{location}", "provider": "providers/tiktok"}
    sent = (("x-request-id", "r-1"),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.client.call("ConnectionService/GetConnectionStatus", sent, key=key or "", **values)
    status = status_of(caught.value)
    info = detail(status, error_details_pb2.ErrorInfo)
    user = detail(status, error_details_pb2.LocalizedMessage)
    assert info is not None
    assert user is not None
    request_id = trailer(caught.value, "x-request-id")
    return Refusal(info.reason, status.message, user.message, dict(info.metadata), request_id)


async def key_for(caller: ApiCaller, case: str) -> str | None:
    """Return the key that is refused."""
    keys: dict[str, Any] = {
        "a key of another scope": {"scopes": {"posts.read"}},
        "a location that the key does not name": {"locations": ["l2"]},
        "a location of another agency": {"agency": "other"},
        "a location of nobody": {"locations": ["l2"]},
    }
    if case == "no key":
        return None
    if case == "a bad key":
        return "sg_" + "x" * 43
    return await caller.key(**keys[case]) if case in keys else KEY


@pytest.mark.parametrize("case", CASES)
async def test_the_same_refusal_says_the_same(
    caller: ApiCaller, case: str, database_url: str, database_admin: psycopg.Connection
) -> None:
    """Reason, both sentences, metadata and request id do not depend on the way a call came."""
    expected = CASES[case]
    await caller.begin()
    await caller.key(locations=["l3"])
    key = await key_for(caller, case)
    if case == "no database":
        await shut(database_url, database_admin)
    told = await over_http(caller, key, expected.location)
    assert await over_grpc(caller, key, expected.location) == told
    assert (expected.reason, "r-1") == (told.reason, told.request_id)
    found = await caller.get(key, location=expected.location)
    assert (expected.http, expected.error) == (found.status_code, found.json()["error"])
    check_body(found)


async def shut(database_url: str, admin: psycopg.Connection) -> None:
    """Take the database away, for good: it belongs to this test alone."""
    name = urlsplit(database_url).path[1:]
    admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


async def test_a_lost_database_says_when_to_come_again(
    caller: ApiCaller, database_url: str, database_admin: psycopg.Connection
) -> None:
    """503 comes with Retry-After, and the edge answers again when the database does."""
    name = urlsplit(database_url).path[1:]
    await shut(database_url, database_admin)
    found = await caller.get(location="l7")
    assert (503, "1") == (found.status_code, found.headers["retry-after"])
    assert name not in found.text
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def back() -> bool:
        return (await caller.get(location="l7")).status_code == 403

    await until(back)


async def test_a_gateway_that_stops_sends_pages_elsewhere(caller: ApiCaller) -> None:
    """From the first moment of a drain: 503, and when to come again."""
    caller.gateway.readiness.draining = True
    found = await caller.get(location="l1")
    assert (503, "1", "GATEWAY_UNAVAILABLE") == (
        found.status_code,
        found.headers["retry-after"],
        found.json()["details"]["reason"],
    )
    check_body(found)


async def test_an_old_schema_is_said_alike(empty_database_url: str, tmp_path: Path) -> None:
    """While a migration is awaited both ways refuse with the same sentence, and both ask for a key first."""
    rpc, http = free_port(), free_port()
    chosen = make_settings(
        empty_database_url,
        tmp_path,
        auto_migrate=False,
        grpc_address=f"127.0.0.1:{rpc}",
        http_address=f"127.0.0.1:{http}",
    )
    starting: asyncio.Task[Gateway] = asyncio.create_task(start(chosen))
    async with (
        Client(f"127.0.0.1:{rpc}") as grpc_client,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{http}", trust_env=False, timeout=30) as client,
    ):
        caller = ApiCaller(None, None, grpc_client, client)  # type: ignore[arg-type]

        async def waits() -> bool:
            try:
                found = await caller.get(location="l1")
            except httpx.ConnectError:
                return False
            return "migration" in found.text

        await until(waits)
        await grpc_client.channel.channel_ready()
        for key, reason in ((KEY, "GATEWAY_UNAVAILABLE"), (None, "API_KEY_INVALID")):
            told = await over_http(caller, key, "l1")
            assert reason == told.reason
            assert await over_grpc(caller, key, "l1") == told
    starting.cancel()
    outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
    if isinstance(outcome, Gateway):
        await end(outcome)


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (FieldInvalid("a", "is odd"), 400, "VALIDATION_ERROR"),
        (LocationForbidden("l1"), 403, "PERMISSION_DENIED"),
        (ResourceExists("locations/l1"), 409, "CONFLICT"),
        (Conflict(), 409, "CONFLICT"),
        (StateForbids("FAILED"), 409, "CONFLICT"),
        (QuotaExceeded("q", subject="s", limit=1, retry_at=NOW + timedelta(seconds=2.5)), 429, "TOO_MANY_REQUESTS"),
        (CapabilityMissing("ads", "not_yet"), 501, "NOT_IMPLEMENTED"),
        (DeadlineExceeded(), 504, "DEADLINE_EXCEEDED"),
        (ValueError("canary"), 500, "INTERNAL_SERVER_ERROR"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_place(error: Exception, status: int, code: str) -> None:
    """Any error becomes a status and a stable code; the text of one that nobody foresaw stays here."""
    found = error_response(error, now=NOW)
    body = bytes(found.body).decode()
    assert status == found.status_code
    assert f'"error":"{code}"' in body
    assert '"timestamp":"2026-11-20T12:00:00Z"' in body
    assert "canary" not in body
    assert ("3" if status == 429 else None) == found.headers.get("retry-after")


def test_every_reason_has_an_http_status() -> None:
    """No canonical code that a reason may have is without its place."""
    assert [] == sorted({row.code.name for row in REASONS.values()} - set(HTTP))
