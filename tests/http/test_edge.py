"""The HTTP edge without a browser: probes, headers, limits, and what is not there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from gateway.app import Gateway
from gateway.http.middleware import MAX_BODY_BYTES, with_middleware
from tests.fixtures import disks
from tests.fixtures.app import CALLS, base_of, running
from tests.fixtures.waiting import until


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Yield a running gateway."""
    async with running(database_url, tmp_path, roles=CALLS) as gateway:
        yield gateway


@pytest.fixture
async def edge(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of its HTTP edge."""
    async with httpx.AsyncClient(base_url=base_of(gateway), trust_env=False) as client:

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(ready)
        yield client


async def test_a_living_process_says_so(edge: httpx.AsyncClient) -> None:
    """/healthz asks nothing of anybody."""
    answer = await edge.get("/healthz")
    assert (200, {"status": "alive"}) == (answer.status_code, answer.json())


async def test_a_ready_gateway_names_every_part(database_url: str, tmp_path: Path) -> None:
    """/readyz is 200 when database, schema, notifications and jobs are right."""
    async with running(database_url, tmp_path) as gateway, httpx.AsyncClient(trust_env=False) as client:

        async def ready() -> bool:
            return (await client.get(f"{base_of(gateway)}/readyz")).status_code == 200

        await until(ready)
        answer = await client.get(f"{base_of(gateway)}/readyz")
    parts = {"database": True, "migrations": True, "listener": True, "data_dir": True, "uploads": True, "jobs": True}
    assert {"status": "ready", "parts": parts} == answer.json()


async def test_a_process_without_jobs_does_not_speak_of_them(edge: httpx.AsyncClient) -> None:
    """What a process does not do cannot be wrong with it."""
    answer = await edge.get("/readyz")
    assert ["database", "migrations", "listener", "data_dir", "uploads"] == list(answer.json()["parts"])
    assert {True} == set(answer.json()["parts"].values())


async def test_a_data_folder_that_cannot_be_written_is_named_until_it_can(
    gateway: Gateway, edge: httpx.AsyncClient
) -> None:
    """A disk that fills up, or turns read-only, is seen within seconds; calls are served all the same."""

    async def is_(status: int) -> bool:
        return (await edge.get("/readyz")).status_code == status

    for way in ("full", "read-only"):
        with disks.broken(gateway.settings.spill_dir, way):
            await until(lambda: is_(503), seconds=10)
            parts = (await edge.get("/readyz")).json()["parts"]
            assert ["data_dir"] == [name for name in parts if not parts[name]]
            assert await gateway.readiness.serving()
        await until(lambda: is_(200), seconds=10)


async def test_a_draining_gateway_is_not_ready(gateway: Gateway, edge: httpx.AsyncClient) -> None:
    """A balancer that asks /readyz sends nothing more from the first moment of a drain."""
    gateway.readiness.draining = True
    answer = await edge.get("/readyz")
    assert (503, "draining") == (answer.status_code, answer.json()["status"])


@pytest.mark.chaos
async def test_a_lost_database_is_named_until_it_is_back(
    edge: httpx.AsyncClient, database_url: str, database_admin: psycopg.Connection
) -> None:
    """Without its database the gateway is alive, not ready, and says which part is missing; with it, ready again."""
    name = urlsplit(database_url).path[1:]
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    database_admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    async def is_(status: int) -> bool:
        return (await edge.get("/readyz")).status_code == status

    await until(lambda: is_(503))
    answer = await edge.get("/readyz")
    assert ("not ready", False) == (answer.json()["status"], answer.json()["parts"]["database"])
    assert 200 == (await edge.get("/healthz")).status_code
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await until(lambda: is_(200))


async def test_every_answer_carries_the_safe_headers(edge: httpx.AsyncClient) -> None:
    """Nothing is cached, with_middleware, sniffed or told to the next page, whatever the path."""
    for path in ("/healthz", "/nothing", "/oauth/tiktok/callback"):
        headers = (await edge.get(path)).headers
        assert "no-store" == headers["cache-control"]
        assert "nosniff" == headers["x-content-type-options"]
        assert "DENY" == headers["x-frame-options"]
        assert "no-referrer" == headers["referrer-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers


async def test_an_unknown_path_is_a_short_404(edge: httpx.AsyncClient) -> None:
    """An unknown path is a JSON 404, for GET and HEAD."""
    answer = await edge.get("/nothing/here")
    assert (404, {"error": "There is nothing here."}) == (answer.status_code, answer.json())
    head = await edge.head("/nothing/here")
    assert (404, b"") == (head.status_code, head.content)


async def test_a_wrong_method_is_a_405(edge: httpx.AsyncClient) -> None:
    """A POST is answered 405, with the allowed methods."""
    answer = await edge.post("/healthz", json={})
    assert (405, {"GET", "HEAD"}) == (answer.status_code, set(answer.headers["allow"].split(", ")))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/oauth/tiktok/callback"])
async def test_head_answers_without_a_body(edge: httpx.AsyncClient, path: str) -> None:
    """Probes and link checkers may ask for the headers alone."""
    answer = await edge.head(path)
    assert (200, b"") == (answer.status_code, answer.content)


async def test_the_request_id_of_the_caller_comes_back(edge: httpx.AsyncClient) -> None:
    """A request id that is safe to log is returned, any other is replaced."""
    assert "abc-1" == (await edge.get("/healthz", headers={"x-request-id": "abc-1"})).headers["x-request-id"]
    replaced = (await edge.get("/healthz", headers={"x-request-id": "a b\tc"})).headers["x-request-id"]
    assert 32 == len(replaced)


async def test_a_large_body_is_refused(gateway: Gateway) -> None:
    """A large body is refused before it is read."""
    assert gateway.http is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http.port)
    writer.write(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
    assert b"HTTP/1.1 413 " == (await asyncio.wait_for(reader.readline(), 5))[:13]
    writer.close()


async def test_an_endless_head_is_cut_off(gateway: Gateway) -> None:
    """Headers that never end are refused before they fill the memory."""
    assert gateway.http is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
    line = b"x-filler: " + b"y" * 8000 + b"\r\n"
    with pytest.raises((ConnectionError, TimeoutError, BrokenPipeError)):  # noqa: PT012 - either write notices
        for _ in range(2000):
            writer.write(line)
            await asyncio.wait_for(writer.drain(), 5)
        raise ConnectionError((await reader.read(100)).decode())
    writer.close()


async def test_nothing_of_a_fault_leaves() -> None:
    """An exception of ours becomes a 500 without its text; the request id is all there is to go by."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("canary-text")

    transport = httpx.ASGITransport(with_middleware(broken, new_id=lambda: "id-1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        answer = await client.get("/anything")
    assert (500, {"error": "The gateway failed.", "requestId": "id-1"}) == (answer.status_code, answer.json())
    assert "canary" not in json.dumps(dict(answer.headers)) + answer.text
