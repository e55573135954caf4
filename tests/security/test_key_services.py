"""A key service that is away under load: what is cached goes on, the rest is said, and no secret is in clear anywhere.

Owns the proof over a whole gateway, with a real server for the keys that stops answering.
"""

import asyncio
import io
from pathlib import Path
from typing import Any

import grpc
import pytest

from socialgateway.v1 import connection_pb2
from storage import key_encryption
from tests.fixtures.app import base_of
from tests.fixtures.client import METHODS
from tests.fixtures.vault import TOKEN, Vault
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error
from tests.security.journey import Journey
from tests.security.recorded import RecordedGateway, opened
from tests.security.test_canaries import all_secrets, leaks

CREATE = "ConnectionService/CreateConnection"
ROUNDS = 12
LIMIT_OF_ONE = 256
"""No more calls than one key may have running."""


async def create(recorded: RecordedGateway, location: str) -> connection_pb2.Connection:
    """Create a connection, which seals something with the location's data key."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    made: connection_pb2.Connection = await recorded.call(CREATE, parent=f"locations/{location}", connection=wanted)
    return made


async def under_load(journey: Journey) -> tuple[list[Any], list[Any]]:
    """Read and seal in a location whose data key is cached, and begin in new ones, all at once.

    Return what became of both kinds.
    """
    recorded = journey.recorded
    cached = []
    for _ in range(ROUNDS):
        cached.append(create(recorded, "l1"))
        cached.append(journey.call("ConnectionService/GetConnection", name=journey.connection))
        cached.append(journey.call("AccountService/GetAccount", name=journey.account, max_staleness={"seconds": 0}))
    new = [create(recorded, f"new{number}") for number in range(ROUNDS)]
    assert len(cached) + len(new) < LIMIT_OF_ONE
    ended = await asyncio.gather(*cached, *new, return_exceptions=True)
    return ended[: len(cached)], ended[len(cached) :]


def failed(ended: list[Any]) -> list[Any]:
    """Return what was not answered."""
    return [each for each in ended if isinstance(each, BaseException)]


async def parts(recorded: RecordedGateway) -> tuple[int, Any]:
    """Return the status of /readyz, and whether keys are served."""
    answer = await recorded.network.get(f"{base_of(recorded.gateway)}/readyz")
    return answer.status_code, answer.json()["parts"]["keys"]


async def test_a_key_service_that_is_away(
    vault: Vault, written: io.StringIO, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a frozen service no call fails whose data key is cached; others are UNAVAILABLE; it comes back by itself."""
    monkeypatch.setattr(key_encryption, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(key_encryption, "PAUSE_SECONDS", 1.0)
    async with opened(database_url, tmp_path, encryption_keys=f"kms:vault:{vault.new_key()}") as recorded:
        journey = Journey(recorded, await recorded.key())
        await journey.connect()
        assert (200, True) == await parts(recorded)
        with vault.frozen():
            # Tokens are cached opened: now they are read and opened again.
            recorded.gateway.domain.tokens._cache._cache.clear()
            cached, new = await under_load(journey)
            assert [] == failed(cached)
            assert ROUNDS == len(failed(new))
            for error in failed(new):
                assert_error(error, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
            assert (200, False) == await parts(recorded)
            assert await recorded.gateway.readiness.serving()

        async def back() -> bool:
            served = await recorded.refused(CREATE, [_request("later")]) is None
            return served and await parts(recorded) == (200, True)

        await until(back)
        cached, new = await under_load(journey)
        assert [] == failed([*cached, *new])

        found = await all_secrets(journey)
        found.add("token of the key service", TOKEN)
        assert {"data key", "signing secret", "access_token"} <= found.kinds
        assert {} == leaks(found, journey, written, tmp_path)
        told = written.getvalue()
        assert "key_service.away" in told
        assert "key_service.back" in told


def _request(location: str) -> bytes:
    """Return a serialized request for a connection."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    return bytes(METHODS[CREATE].request(parent=f"locations/{location}", connection=wanted).SerializeToString())
