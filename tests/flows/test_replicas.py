"""Two replicas over one database: what one commits, the other knows within a second, and never from an old memory.

Owns the proof that caches are coherent: API keys, connection status, tokens and posts; also while a replica is deaf.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import psycopg
import pytest

from gateway.app import Gateway, Roles
from gateway.domain import api_keys
from gateway.domain.api_keys import KeyStore
from gateway.servers import open_keys
from providers.errors import GrantRevoked
from providers.simulators.tiktok import Vendor
from socialgateway.v1 import (
    connection_pb2,
    connection_service_pb2,
    connection_service_pb2_grpc,
    post_service_pb2,
    post_service_pb2_grpc,
)
from storage import posts as rows
from storage.states import PostState
from tests.chaos.processes import walk_consent
from tests.fixtures.app import running, simulated, target_of
from tests.fixtures.client import new_key
from tests.fixtures.rows import post_row
from tests.fixtures.settings import AUTH
from tests.fixtures.waiting import until

PARENT = "locations/l1"
WITHIN_SECONDS = 1.0
CALLS_ONLY = Roles(calls=True, jobs=False)


@dataclass
class Replica:
    """One gateway and a channel to it."""

    gateway: Gateway
    channel: grpc.aio.Channel

    async def status(self, metadata: Any = AUTH) -> connection_pb2.Connection:
        """Ask for the status of TikTok in the location."""
        stub = connection_service_pb2_grpc.ConnectionServiceStub(self.channel)
        request = connection_service_pb2.GetConnectionStatusRequest(parent=PARENT, provider="providers/tiktok")
        answer: connection_pb2.Connection = await stub.GetConnectionStatus(request, metadata=metadata)
        return answer

    async def keys(self) -> KeyStore:
        """Open the store of API keys, as an operator's command does."""
        return await open_keys(self.gateway.resources, self.gateway.domain)


@dataclass
class Pair:
    """Two replicas, and the vendor of both."""

    one: Replica
    two: Replica
    vendor: Vendor
    connection: str


@pytest.fixture
async def pair(database_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Yield two replicas that have both served a connected location already: their caches are warm."""
    async with AsyncExitStack() as stack:
        vendor, vendor_settings = await stack.enter_async_context(simulated())
        replicas = []
        for name in ("one", "two"):
            gateway = await stack.enter_async_context(
                running(database_url, tmp_path / name, roles=CALLS_ONLY, **vendor_settings)
            )
            channel = grpc.aio.insecure_channel(target_of(gateway))
            stack.push_async_callback(channel.close)
            replicas.append(Replica(gateway, channel))
        one, two = replicas
        stub = connection_service_pb2_grpc.ConnectionServiceStub(one.channel)
        wanted = connection_pb2.Connection(provider="providers/tiktok")
        request = connection_service_pb2.CreateConnectionRequest(parent=PARENT, connection=wanted)
        made = await stub.CreateConnection(request, metadata=AUTH)
        async with httpx.AsyncClient(trust_env=False) as browser:
            await walk_consent(browser, made.authorization.uri)
        for replica in replicas:
            assert connection_pb2.Connection.VALID == (await replica.status()).status
        yield Pair(one, two, vendor, made.name)


async def test_a_key_revoked_on_one_is_refused_on_both_within_a_second(pair: Pair) -> None:
    """A key that both replicas have cached is refused by both as soon as one has revoked it."""
    store = await pair.one.keys()
    scopes = {"connections.read"}
    key = await new_key(store, scopes=scopes)
    metadata = (("authorization", f"Bearer {key.secret.reveal()}"),)
    for replica in (pair.one, pair.two):
        await replica.status(metadata)

    await api_keys.revoke(store, key.key_id)

    async def refused() -> bool:
        try:
            await pair.two.status(metadata)
        except grpc.aio.AioRpcError as error:
            return bool(error.code() is grpc.StatusCode.UNAUTHENTICATED)
        return False

    await until(refused, WITHIN_SECONDS)
    with pytest.raises(grpc.aio.AioRpcError):
        await pair.one.status(metadata)


async def test_a_disconnect_on_one_takes_effect_on_both_within_a_second(pair: Pair) -> None:
    """After a disconnect on one replica the other returns it, and no longer lends the cached token."""
    location, connection = "l1", pair.connection.rsplit("/", 1)[1]
    await pair.two.gateway.domain.tokens.fresh(location, connection)
    stub = connection_service_pb2_grpc.ConnectionServiceStub(pair.one.channel)
    request = connection_service_pb2.DisconnectConnectionRequest(name=pair.connection)
    await stub.DisconnectConnection(request, metadata=AUTH)

    async def cut() -> bool:
        try:
            await pair.two.gateway.domain.tokens.fresh(location, connection)
        except GrantRevoked:
            return (await pair.two.status()).status == connection_pb2.Connection.DISCONNECTED
        return False

    await until(cut, WITHIN_SECONDS)


async def test_a_replica_without_notifications_reads_the_database_every_time(pair: Pair, database_url: str) -> None:
    """While a replica's LISTEN connection is lost its caches are bypassed: it returns a change at once."""
    domain = pair.two.gateway.domain
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'"
        )
        await until(lambda: not domain.listener.healthy)
        connection.execute("UPDATE connections SET reason_message = 'changed while nobody was told'")
    seen = await pair.two.status()

    assert "changed while nobody was told" == seen.reason_message


async def test_a_post_changed_on_one_is_read_on_both(pair: Pair) -> None:
    """A post that both replicas have cached is read in its new state by both within a second of the commit."""
    domain = pair.one.gateway.domain
    now = domain.clock()
    post = post_row(now, due_at=None)
    async with domain.db.transaction() as tx:
        await rows.insert(tx, post)

    async def state(replica: Replica) -> str:
        stub = post_service_pb2_grpc.PostServiceStub(replica.channel)
        request = post_service_pb2.GetPostRequest(name=f"{PARENT}/posts/p1")
        read = await stub.GetPost(request, metadata=AUTH)
        return str(type(read).State.Name(read.state))

    before = [await state(pair.one), await state(pair.two)]
    async with domain.db.transaction() as tx:
        await rows.change(tx, "l1", "p1", now, expect=[PostState.QUEUED], state=PostState.FAILED)

    async def changed() -> bool:
        return [await state(pair.one), await state(pair.two)] == ["FAILED", "FAILED"]

    await until(changed, WITHIN_SECONDS)
    assert ["QUEUED", "QUEUED"] == before
