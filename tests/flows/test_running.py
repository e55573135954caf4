"""A gateway's life: how it starts, what it waits for, what it refuses, and in which order it ends."""

import asyncio
import gc
import logging
import os
import signal
import socket
import tempfile
from pathlib import Path

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from gateway import log
from gateway.app import Gateway, Roles, start
from gateway.settings import SettingsError
from socialgateway.v1 import post_service_pb2, post_service_pb2_grpc, provider_service_pb2, provider_service_pb2_grpc
from storage import migrate, schema
from storage.database import Database, raw_connection
from storage.key_ring import KeyMissing, KeyWrong
from tests.fixtures import disks, logs
from tests.fixtures.app import CALLS, base_of, end, running, target_of
from tests.fixtures.settings import AUTH, RING, make_settings
from tests.fixtures.waiting import until

OTHER_RING = "k1:" + "A" * 43 + "="
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def providers_of(target: str) -> list[str]:
    """Call the gateway as a caller does."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = provider_service_pb2_grpc.ProviderServiceStub(channel)
        answer = await stub.ListProviders(provider_service_pb2.ListProvidersRequest(), metadata=AUTH, timeout=10)
    return [provider.name for provider in answer.providers]


async def health_of(target: str) -> int:
    """Ask the standard health service."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)).status)


async def test_two_gateways_live_in_one_process(database_url: str, tmp_path: Path) -> None:
    """Nothing is global: two replicas on one database serve side by side, on ports of their own."""
    async with (
        running(database_url, tmp_path / "a", roles=CALLS) as one,
        running(database_url, tmp_path / "b", roles=CALLS) as two,
    ):
        assert target_of(one) != target_of(two)
        assert [["providers/highlevel", "providers/tiktok"]] * 2 == [
            await providers_of(target_of(each)) for each in (one, two)
        ]


async def test_health_follows_the_gateway(database_url: str, tmp_path: Path) -> None:
    """The health service says SERVING as soon as the start is over."""
    async with running(database_url, tmp_path, roles=CALLS) as gateway:
        assert SERVING == await health_of(target_of(gateway))


async def test_the_public_url_follows_the_port_unless_it_is_set(database_url: str, tmp_path: Path) -> None:
    """Consent pages must send the browser to where the HTTP edge really is."""
    async with running(database_url, tmp_path / "a", roles=CALLS) as gateway:
        assert base_of(gateway).replace("127.0.0.1", "localhost") == gateway.domain.public_url
    async with running(database_url, tmp_path / "b", roles=CALLS, public_url="https://social.example") as gateway:
        assert "https://social.example" == gateway.domain.public_url


async def test_an_empty_database_is_migrated(empty_database_url: str, tmp_path: Path) -> None:
    """By default a start brings the schema along."""
    async with running(empty_database_url, tmp_path, roles=CALLS) as gateway:
        assert await schema.is_current(gateway.resources.db)


@pytest.mark.chaos
async def test_replicas_that_start_at_once_migrate_once(empty_database_url: str, tmp_path: Path) -> None:
    """Two replicas that start on an empty database migrate once, and both serve."""
    made = [start(make_settings(empty_database_url, tmp_path / name)) for name in ("a", "b")]
    gateways = await asyncio.gather(*made)
    assert [["providers/highlevel", "providers/tiktok"]] * 2 == [
        await providers_of(target_of(each)) for each in gateways
    ]
    await asyncio.gather(*(end(gateway, grace=1) for gateway in gateways))


async def test_without_auto_migrate_calls_wait_for_the_operator(empty_database_url: str, tmp_path: Path) -> None:
    """An old schema means NOT_SERVING and UNAVAILABLE, never a broken answer; once migrated, it serves by itself."""
    port = _free_port()
    chosen = make_settings(empty_database_url, tmp_path, auto_migrate=False, grpc_address=f"127.0.0.1:{port}")
    starting = asyncio.create_task(start(chosen))
    target = f"127.0.0.1:{port}"
    await until(lambda: _answers(target))
    assert NOT_SERVING == await health_of(target)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await providers_of(target)
    assert grpc.StatusCode.UNAVAILABLE == refused.value.code()
    assert not starting.done()

    db = await Database.connect(empty_database_url)
    await migrate.upgrade(db)
    await db.close()
    gateway = await asyncio.wait_for(starting, 20)
    assert ["providers/highlevel", "providers/tiktok"] == await providers_of(target)
    await end(gateway, grace=1)


async def test_a_missing_key_stops_the_start(database_url: str, tmp_path: Path) -> None:
    """A database sealed with a key that is not there is not served: the key is named."""
    async with running(database_url, tmp_path, roles=CALLS):
        pass
    with pytest.raises(KeyMissing) as missing:
        await start(make_settings(database_url, tmp_path, encryption_keys=OTHER_RING.replace("k1:", "k2:")))
    assert "k1" == missing.value.key_id


async def test_a_wrong_key_stops_the_start(database_url: str, tmp_path: Path) -> None:
    """Another key under a known id is noticed before anything is sealed with it."""
    async with running(database_url, tmp_path, roles=CALLS):
        pass
    with pytest.raises(KeyWrong):
        await start(make_settings(database_url, tmp_path, encryption_keys=OTHER_RING))


async def test_a_data_folder_that_cannot_be_written_stops_the_start(database_url: str, tmp_path: Path) -> None:
    """Full, read-only or no folder at all: the start is refused, for every role, and says which setting is meant."""
    for roles in (Roles(), CALLS, Roles(calls=False)):
        for way in disks.WAYS:
            settings = make_settings(database_url, tmp_path)
            with disks.broken(settings.spill_dir, way), pytest.raises(SettingsError) as error:
                await start(settings, roles=roles)
            assert f"GATEWAY_DATA_DIR: {settings.spill_dir}" in str(error.value)


async def test_a_broken_ring_is_a_broken_setting(database_url: str, tmp_path: Path) -> None:
    """What cannot be read is said by entry, without its value."""
    with pytest.raises(SettingsError) as error:
        await start(make_settings(database_url, tmp_path, encryption_keys="k1:canary-not-base64"))
    assert "entry 1" in str(error.value)
    assert "canary" not in str(error.value)


async def test_an_address_in_use_ends_the_start_and_leaves_nothing(
    database_url: str, database_admin: psycopg.Connection, tmp_path: Path
) -> None:
    """Whether the gRPC or the HTTP port is taken: the start fails, and gives every connection back."""
    name = database_url.rpartition("/")[2]
    async with running(database_url, tmp_path / "a") as first:
        for setting, address in (("http_address", base_of(first)[7:]), ("grpc_address", target_of(first))):
            with pytest.raises((OSError, RuntimeError), match=address.rpartition(":")[2]):
                await start(make_settings(database_url, tmp_path / "b", **{setting: address}))
            gc.collect()
        assert ["providers/highlevel", "providers/tiktok"] == await providers_of(target_of(first))
    await until(lambda: _connections(database_admin, name) == 0)


async def test_no_secret_of_the_settings_is_ever_logged(database_url: str, tmp_path: Path) -> None:
    """Secrets in an exception, its cause, a value or a library's message are not logged."""
    secret, ring_key = "plain words of an operator", RING.partition(":")[2]
    with logs.capture() as lines:
        async with running(database_url, tmp_path, roles=CALLS, tiktok_client_secret=secret):
            try:
                raise ValueError(f"sent {secret}") from KeyError(secret)
            except ValueError as error:
                log.get("gateway.test").error(f"with {secret}", exc_info=error, deep=[{"opened": (ring_key,)}])
            logging.getLogger("some.library").warning("sent %s", secret)

    assert "Traceback" in lines.getvalue()
    assert [] == [word for word in (secret, ring_key) if word in lines.getvalue()]


async def test_a_worker_answers_no_calls(database_url: str, tmp_path: Path) -> None:
    """`worker` runs jobs and opens no port; `serve --no-jobs` is the other half."""
    async with running(database_url, tmp_path / "a", roles=Roles(calls=False)) as worker:
        assert (None, None, True) == (worker.grpc, worker.http, worker.jobs is not None)
    async with running(database_url, tmp_path / "b", roles=Roles(jobs=False)) as server:
        assert server.jobs is None
        assert (await server.readiness.check()).ready


async def test_a_stop_says_not_serving_before_it_refuses_calls(database_url: str, tmp_path: Path) -> None:
    """Balancers get their time: during the delay health says NOT_SERVING while calls are still answered."""
    gateway = await start(make_settings(database_url, tmp_path))
    target = target_of(gateway)
    async with grpc.aio.insecure_channel(target) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert SERVING == (await watch.read()).status
        stopping = asyncio.create_task(gateway.stop(delay=1, grace=1))
        assert NOT_SERVING == (await asyncio.wait_for(watch.read(), 5)).status
        assert ["providers/highlevel", "providers/tiktok"] == await providers_of(target)
        watch.cancel()
        await stopping
    with pytest.raises(grpc.aio.AioRpcError):
        await providers_of(target)


async def test_a_stop_gives_everything_back(
    database_url: str, database_admin: psycopg.Connection, tmp_path: Path
) -> None:
    """After a stop no connection to the database and no task is left."""
    before = asyncio.all_tasks()
    gateway = await start(make_settings(database_url, tmp_path))
    await end(gateway, grace=1)
    await until(lambda: _connections(database_admin, database_url.rpartition("/")[2]) == 0)
    assert set() == {task for task in asyncio.all_tasks() - before if not task.done()}


async def test_a_stop_in_a_hurry_ends_at_once(database_url: str, tmp_path: Path) -> None:
    """A stop that is cancelled while it drains still gives everything back, without waiting any longer."""
    gateway = await start(make_settings(database_url, tmp_path))
    stopping = asyncio.create_task(gateway.stop(delay=60, grace=60))
    await until(lambda: gateway.grpc is not None and gateway.grpc.draining)
    stopping.cancel()
    await asyncio.wait((stopping,), timeout=10)
    gc.collect()
    assert stopping.done()
    assert not await _answers(target_of(gateway))


@pytest.mark.chaos
async def test_a_private_database_that_dies_comes_back() -> None:
    """An embedded PostgreSQL that is killed is started again, and the gateway serves again."""
    # Not pytest's own folder: as root, PostgreSQL's user must be able to enter.
    with tempfile.TemporaryDirectory(prefix="running-test-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - PostgreSQL's user passes through
        gateway = await start(make_settings(None, Path(folder)))
        async with gateway.resources.db.read() as tx:
            row = await (await raw_connection(tx)).execute(
                "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"
            )
            found = await row.fetchone()
        assert found is not None
        os.kill(int(found[0]), signal.SIGKILL)
        await until(lambda: _serves(gateway), seconds=40)
        await end(gateway, grace=1)


async def _serves(gateway: Gateway) -> bool:
    async with grpc.aio.insecure_channel(target_of(gateway)) as channel:
        stub = post_service_pb2_grpc.PostServiceStub(channel)
        try:
            await stub.ListPosts(post_service_pb2.ListPostsRequest(parent="locations/-"), metadata=AUTH, timeout=5)
        except grpc.aio.AioRpcError:
            return False
    return await health_of(target_of(gateway)) == int(SERVING)


async def _answers(target: str) -> bool:
    try:
        await health_of(target)
    except grpc.aio.AioRpcError:
        return False
    return True


def _connections(admin: psycopg.Connection, name: str) -> int:
    row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
