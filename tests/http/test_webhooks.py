"""`POST /webhooks/tiktok` over a socket: what is taken, what is refused, and what each answer promises.

Owns the answers. What follows from a delivery is proved in tests/flows/test_webhooks_deliveries.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import text

from gateway.app import Gateway
from gateway.clock import now
from gateway.http import bodies
from gateway.http.pace import Pace
from gateway.http.webhooks import MAX_BODY_BYTES
from providers.simulators.tiktok.webhooks import body_of, signature
from storage.keys import Sealer
from tests.fixtures.app import CALLS, base_of, running
from tests.fixtures.waiting import until

KEY, SECRET = "ck_test", "canary-client-secret"
PATHS = ("/webhooks/tiktok", "/connect/webhook/tiktok")
REFUSED = {"error": "The delivery is not proved to be the provider's."}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Yield a gateway that knows its application's secret, without jobs."""
    application = {"tiktok_client_key": KEY, "tiktok_client_secret": SECRET}
    async with running(database_url, tmp_path, roles=CALLS, **application) as gateway:
        yield gateway


@pytest.fixture
async def vendor(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Yield the vendor's place."""
    async with httpx.AsyncClient(base_url=base_of(gateway), trust_env=False, timeout=20) as client:
        yield client


def delivery(event: str = "something.new", **content: Any) -> bytes:
    """Return the body of an event as of now."""
    return body_of(KEY, event, "open-id", content, int(now().timestamp()))


def signed(body: bytes, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    """Sign a body as TikTok does, `age` seconds ago."""
    return {"Tiktok-Signature": signature(secret, int(now().timestamp()) - age, body)}


async def kept(gateway: Gateway) -> list[tuple[str, bytes]]:
    """Return id and sealed body of each delivery that is committed."""
    async with gateway.domain.db.read() as tx:
        found = await tx.execute(text("SELECT id, body_sealed FROM webhooks"))
        return [(row[0], bytes(row[1])) for row in found]


async def due(gateway: Gateway) -> int:
    """Count the deliveries that are to be applied."""
    async with gateway.domain.db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM webhooks WHERE due_at IS NOT NULL"))).scalar_one())


@pytest.mark.parametrize("path", PATHS)
async def test_a_genuine_delivery_is_kept_and_due_before_it_is_answered(
    gateway: Gateway, vendor: httpx.AsyncClient, path: str
) -> None:
    """200 means committed, sealed to the byte as it came; the second time it is 200 too, and nothing is added."""
    body = delivery(a="canary-content")
    first = await vendor.post(path, content=body, headers=signed(body))
    [(id, sealed)] = await kept(gateway)
    again = await vendor.post(path, content=body, headers=signed(body))

    sealer = Sealer(gateway.domain.db, gateway.resources.ring)
    async with gateway.domain.db.read() as tx:
        seal = await sealer.for_location(tx, "~webhooks")
    assert [(200, {"status": "kept"})] * 2 == [(answer.status_code, answer.json()) for answer in (first, again)]
    assert body == seal.open("webhooks", id, "body", 1, sealed)
    assert b"canary" not in sealed
    assert (1, 1) == (len(await kept(gateway)), await due(gateway))


async def test_what_is_not_proved_is_a_401_that_says_only_that(gateway: Gateway, vendor: httpx.AsyncClient) -> None:
    """Unsigned, forged, stale, of another application: all alike, and nothing is kept."""
    body = delivery()
    foreign = body.replace(KEY.encode(), b"ck_other")
    headers = [
        (body, {}),
        (body, {"TikTok-Signature": "nonsense"}),
        (body, signed(body, "another secret")),
        (body + b" ", signed(body)),
        (body, signed(body, age=400)),
        (body, signed(body, age=-400)),
        (foreign, signed(foreign)),
    ]
    answers = [await vendor.post(PATHS[0], content=sent, headers=each) for sent, each in headers]

    assert [(401, REFUSED)] * 7 == [(answer.status_code, answer.json()) for answer in answers]
    assert [] == await kept(gateway)


async def test_a_signature_that_was_sent_twice_proves_nothing(gateway: Gateway, vendor: httpx.AsyncClient) -> None:
    """Two headers of one name, in any spelling, even when both are right."""
    body = delivery()
    [value] = signed(body).values()
    headers = [("TikTok-Signature", value), ("tiktok-signature", value)]
    assert 401 == (await vendor.post(PATHS[0], content=body, headers=headers)).status_code
    assert [] == await kept(gateway)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"client_key":"ck_test"}', b'{"client_key":"ck_test","event":7}'])
async def test_what_cannot_be_read_is_a_400(gateway: Gateway, vendor: httpx.AsyncClient, body: bytes) -> None:
    """A signed delivery that cannot be parsed is a 400, and is not stored."""
    answer = await vendor.post(PATHS[0], content=body, headers=signed(body))
    assert (400, {"error": "The delivery cannot be read."}) == (answer.status_code, answer.json())
    assert [] == await kept(gateway)


async def test_a_body_beyond_64_kib_is_refused_before_it_is_read(gateway: Gateway, vendor: httpx.AsyncClient) -> None:
    """A body above the limit is refused, with and without Content-Length; one at the limit is accepted."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b"x" * 1024

    largest = delivery(a="")
    largest = largest.replace(b'\\"a\\":\\"', b'\\"a\\":\\"' + b"x" * (MAX_BODY_BYTES - len(largest)))
    larger = largest + b" "

    assert 413 == (await vendor.post(PATHS[0], content=larger, headers=signed(larger))).status_code
    assert 413 == (await vendor.post(PATHS[0], content=pieces(), headers=signed(b""))).status_code
    assert [] == await kept(gateway)
    assert 200 == (await vendor.post(PATHS[0], content=largest, headers=signed(largest))).status_code


async def test_only_posts_to_known_providers_are_taken(vendor: httpx.AsyncClient) -> None:
    """Another method is a 405, another provider a 404 as if there were nothing."""
    body = delivery()
    assert [405, 405, 405] == [
        (await vendor.request(method, PATHS[0])).status_code for method in ("GET", "HEAD", "PUT")
    ]
    answer = await vendor.post("/webhooks/nobody", content=body, headers=signed(body))
    assert (404, {"error": "There is nothing here."}) == (answer.status_code, answer.json())


async def test_without_a_secret_it_fails_closed(database_url: str, tmp_path: Path) -> None:
    """A gateway that was not told the secret takes nothing, and asks to be tried again: the operator may set it."""
    async with (
        running(database_url, tmp_path, roles=CALLS, tiktok_client_key=KEY) as gateway,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False) as vendor,
    ):
        body = delivery()
        answers = [await vendor.post(PATHS[0], content=body, headers=signed(body, secret)) for secret in ("", SECRET)]
        assert [503, 503] == [answer.status_code for answer in answers]
        assert [] == await kept(gateway)


async def test_the_window_is_the_operators(database_url: str, tmp_path: Path) -> None:
    """With a window of an hour a delivery that was signed ten minutes ago is accepted."""
    settings = {"tiktok_client_key": KEY, "tiktok_client_secret": SECRET, "tiktok_webhook_window_seconds": 3600}
    async with (
        running(database_url, tmp_path, roles=CALLS, **settings) as gateway,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False) as vendor,
    ):
        body = delivery()
        assert 200 == (await vendor.post(PATHS[0], content=body, headers=signed(body, age=600))).status_code


async def test_while_the_database_is_away_the_vendor_is_asked_to_come_again(
    gateway: Gateway, vendor: httpx.AsyncClient, database_url: str, database_admin: psycopg.Connection
) -> None:
    """503, never 200: what cannot be committed is not answered as if it were; the repetition is taken."""
    name, body = urlsplit(database_url).path[1:], delivery()
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    database_admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    away = await vendor.post(PATHS[0], content=body, headers=signed(body))
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def taken() -> bool:
        return (await vendor.post(PATHS[0], content=body, headers=signed(body))).status_code == 200

    assert 503 == away.status_code
    await until(taken)
    assert 1 == len(await kept(gateway))


async def test_a_body_that_never_ends_is_given_up(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not arrive within the time limit ends the request."""
    monkeypatch.setattr(bodies, "PACE", Pace(first_seconds=0.2, bytes_per_second=1024, total_seconds=1))
    assert gateway.http is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http.port)
    writer.write(b"POST /webhooks/tiktok HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    began = time.monotonic()
    assert b"HTTP/1.1 408 " == (await asyncio.wait_for(reader.readline(), 5))[:13]
    assert time.monotonic() - began < 3
    writer.close()


async def test_a_caller_that_goes_away_in_the_middle_leaves_nothing(
    gateway: Gateway, vendor: httpx.AsyncClient
) -> None:
    """A delivery that is cut off is not stored, and the next one is accepted."""
    assert gateway.http is not None
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.http.port)
    writer.write(b"POST /webhooks/tiktok HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    body = delivery()
    assert 200 == (await vendor.post(PATHS[0], content=body, headers=signed(body))).status_code
    assert 1 == len(await kept(gateway))
