"""`serve --processes 2`: one pair of ports, two processes, and what happens when one of them, or all, must go."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import psycopg
import pytest

from socialgateway.v1 import connection_pb2, upload_pb2
from tests.chaos.test_stops import Callers
from tests.cli.command import bare
from tests.fixtures.client import Client
from tests.fixtures.settings import KEY, RING
from tests.fixtures.waiting import until

SECONDS = 40.0
PARENT = "locations/l1"


@dataclass
class Served:
    """A supervisor that runs, and its log."""

    process: "subprocess.Popen[str]"
    log: Path
    known: list[psutil.Process]

    def lines(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines of an event that have these fields."""
        whole = [text for text in self.log.read_text().splitlines(keepends=True) if text.endswith("}\n")]
        found = [line for line in map(json.loads, whole) if line["event"] == event]
        return [line for line in found if fields.items() <= line.items()]

    async def until_serving(self) -> "Served":
        """Wait until both serve, or until it ended."""
        await until(lambda: bool(self.lines("all processes serve")) or self.process.poll() is not None, SECONDS)
        assert self.process.poll() is None, self.log.read_text()
        self.processes()
        async with Client(self.grpc) as client:
            # The location is the agency's from here on; without that every call in it would be refused.
            wanted = upload_pb2.Upload(mime_type="video/mp4")
            await client.call("UploadService/CreateUpload", parent=PARENT, upload=wanted)
        return self

    def processes(self) -> dict[int, psutil.Process]:
        """Return the processes that run now by their numbers."""
        found = {}
        for each in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error, ValueError):
                command = each.cmdline()
                found[int(json.loads(command[command.index("--sibling") + 1])["number"])] = each
        self.known += found.values()
        return found

    @property
    def grpc(self) -> str:
        """Where gRPC is served."""
        return str(self.lines("all processes serve")[0]["grpc"])

    @property
    def http(self) -> str:
        """Where HTTP is served."""
        return f"http://{self.lines('all processes serve')[0]['http']}"

    async def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        return await asyncio.to_thread(self.process.wait, SECONDS)


@contextmanager
def served(database_url: str, folder: Path, **settings: str) -> Iterator[Served]:
    """Run `serve --processes 2` until the block ends; whatever is left then is killed."""
    folder.mkdir(exist_ok=True)
    chosen = {
        "database_url": database_url,
        "data_dir": str(folder / "data"),
        "grpc_address": "127.0.0.1:0",
        "http_address": "127.0.0.1:0",
        "encryption_keys": RING,
        "bootstrap_api_key": KEY,
        "drain_seconds": "5",
        "tiktok_client_key": "sim-client-key",
        "tiktok_client_secret": "sim-client-secret",
        **settings,
    }
    environment = {**bare(), **{f"GATEWAY_{name.upper()}": value for name, value in chosen.items()}}
    arguments = [sys.executable, "-m", "gateway", "serve", "--no-jobs", "--processes", "2"]
    log = folder / "log"
    with log.open("w") as file, subprocess.Popen(arguments, env=environment, stderr=file, text=True) as process:
        running = Served(process, log, [])
        try:
            yield running
        finally:
            with suppress(psutil.Error):
                running.processes()
            process.kill()
            for each in running.known:
                with suppress(psutil.Error):
                    each.kill()


@asynccontextmanager
async def client_of(running: Served, number: int) -> AsyncIterator[Client]:
    """Yield a client whose connection is to one of the processes; the log tells which one got it."""
    async with asyncio.timeout(SECONDS):
        for attempt in range(200):
            client, id = Client(running.grpc), f"client-of-{number}-{attempt}"
            await client.call("ProviderService/ListProviders", metadata=(("x-request-id", id),))
            await until(lambda id=id: bool(running.lines("call", request_id=id)))
            if running.lines("call", request_id=id, process=number):
                break
            await client.channel.close()
    async with client:
        yield client


async def status_of(client: Client) -> str:
    """Return the status of TikTok in the location, NOT_FOUND without a connection."""
    try:
        found = await client.call("ConnectionService/GetConnectionStatus", parent=PARENT, provider="providers/tiktok")
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return connection_pb2.Connection.Status.Name(found.status)


async def test_two_processes_serve_one_port_and_end_as_one(
    database_url: str, database_admin: psycopg.Connection, tmp_path: Path
) -> None:
    """Both get connections and know of each other, what one commits the other one sees, and one signal ends both."""
    with served(database_url, tmp_path) as running:
        await running.until_serving()
        assert {0, 1} == {line["process"] for line in running.lines("serving")}
        async with client_of(running, 0) as one, client_of(running, 1) as two, httpx.AsyncClient() as browser:
            assert ["NOT_FOUND"] * 2 == [await status_of(each) for each in (one, two)]
            wanted = connection_pb2.Connection(provider="providers/tiktok")
            made = await one.call("ConnectionService/CreateConnection", parent=PARENT, connection=wanted)
            await until(lambda: _is(two, "PENDING"), 2)
            await two.call("ConnectionService/DeleteConnection", name=made.name)
            await until(lambda: _is(one, "NOT_FOUND"), 2)
            await until(lambda: _ready(browser, running.http))
        running.process.send_signal(signal.SIGTERM)
        assert 0 == await running.ended()
        assert {0, 1} == {line["process"] for line in running.lines("stopped")}
    name = database_url.rpartition("/")[2]
    open_now = database_admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,))
    assert (0,) == open_now.fetchone()


async def _is(client: Client, status: str) -> bool:
    return await status_of(client) == status


async def _ready(browser: httpx.AsyncClient, base: str) -> bool:
    parts = (await browser.get(f"{base}/readyz")).json()["parts"]
    return bool(parts["processes"])


@pytest.mark.chaos
async def test_one_that_is_killed_is_replaced_while_the_other_serves(database_url: str, tmp_path: Path) -> None:
    """Calls end as OK or UNAVAILABLE; the other process never stops, and the new one gets connections as well."""
    with served(database_url, tmp_path, max_calls_per_key="1000") as running:
        await running.until_serving()
        before = running.processes()
        async with client_of(running, 0) as steady:
            callers = Callers(running.grpc)
            callers.begin()
            await until(lambda: callers.ends["OK"] > 50)
            before[1].kill()
            for _ in range(20):
                assert "NOT_FOUND" == await status_of(steady)
            await until(lambda: 1 in running.processes() and running.processes()[1].pid != before[1].pid, SECONDS)
            await until(lambda: len(running.lines("serving", process=1)) == 2, SECONDS)
            async with client_of(running, 1) as again:
                assert "NOT_FOUND" == await status_of(again)
            await callers.end()
        assert set(callers.ends) <= {"OK", "UNAVAILABLE"}, callers.ends
        assert before[0].pid == running.processes()[0].pid
        assert [137] == [line["code"] for line in running.lines("a process ended, and is started again")]
        running.process.send_signal(signal.SIGTERM)
        assert 0 == await running.ended()


@pytest.mark.chaos
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_under_load_ends_every_call_well(database_url: str, tmp_path: Path, how: signal.Signals) -> None:
    """Both drain: every call that was made meanwhile ends as OK or UNAVAILABLE, with uploads open."""
    with served(database_url, tmp_path, max_calls_per_key="1000") as running:
        await running.until_serving()
        callers = Callers(running.grpc)
        callers.begin()
        await until(lambda: callers.ends["OK"] > 200)
        running.process.send_signal(how)
        assert 0 == await running.ended()
        await callers.end()
        ends: Counter[str] = callers.ends
        assert set(ends) <= {"OK", "UNAVAILABLE"}, ends
        assert {0, 1} == {line["process"] for line in running.lines("stopped")}


@pytest.mark.chaos
async def test_a_start_that_cannot_succeed_ends_with_its_message(database_url: str, tmp_path: Path) -> None:
    """A key that the database does not know ends it, with the code and the sentence that one alone would have, once."""
    with served(database_url, tmp_path / "a") as running:
        await running.until_serving()
        running.process.send_signal(signal.SIGTERM)
        assert 0 == await running.ended()
    with served(database_url, tmp_path / "b", encryption_keys=RING.replace("k1:", "k2:")) as wrong:
        assert 1 == await wrong.ended()
        said = wrong.log.read_text()
    assert 1 == said.count("social-gateway: ")
    assert "Traceback" not in said


async def test_more_connections_than_there_are_are_refused(tmp_path: Path) -> None:
    """The private PostgreSQL's connections are counted beforehand: later some process would find none."""
    with served("", tmp_path, database_pool_size="96") as running:
        assert 1 == await running.ended()
        assert "GATEWAY_DATABASE_POOL_SIZE: 2 processes with 96 connections" in running.log.read_text()


@pytest.mark.parametrize("address", ["127.0.0.1:0", "unix:/tmp/admin.sock"])
async def test_an_admin_port_that_cannot_be_shared_is_refused(database_url: str, tmp_path: Path, address: str) -> None:
    """Each process would take one of its own: it must be a host and a port."""
    with served(database_url, tmp_path, admin_address=address) as running:
        assert 1 == await running.ended()
        assert "GATEWAY_ADMIN_ADDRESS: only a host and a port" in running.log.read_text()


@pytest.mark.chaos
async def test_a_private_database_lives_as_long_as_all_of_them() -> None:
    """It is started once, migrated once, outlives a process that is killed, and has ended when the command has."""
    # Not pytest's own folder: as root, PostgreSQL's user must be able to enter.
    with tempfile.TemporaryDirectory(prefix="processes-test-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - PostgreSQL's user passes through
        with served("", Path(folder)) as running:
            await running.until_serving()
            children = psutil.Process(running.process.pid).children()
            [postgres] = [each for each in children if each.name() == "postgres"]
            assert [0] == [line["process"] for line in running.lines("migrating")]
            running.processes()[0].kill()
            await until(lambda: len(running.lines("serving", process=0)) == 2, SECONDS)
            assert postgres.is_running()
            running.process.send_signal(signal.SIGTERM)
            assert 0 == await running.ended()
            assert not postgres.is_running()


@pytest.mark.chaos
async def test_a_second_one_on_the_same_port_is_refused(database_url: str, tmp_path: Path) -> None:
    """Whether it has one process or two: which setting, which address, no traceback; the first one notices nothing."""
    with served(database_url, tmp_path / "a") as first, ExitStack() as stack:
        await first.until_serving()
        for setting, address in (("grpc_address", first.grpc), ("http_address", first.http[7:])):
            second = stack.enter_context(served(database_url, tmp_path / setting, **{setting: address}))
            assert 1 == await second.ended()
            said = second.log.read_text()
            assert f"social-gateway: GATEWAY_{setting.upper()} {address}" in said
            assert "Traceback" not in said
        environment = {**bare(), "GATEWAY_DATABASE_URL": database_url, "GATEWAY_ENCRYPTION_KEYS": RING}
        environment |= {"GATEWAY_DATA_DIR": str(tmp_path), "GATEWAY_HTTP_ADDRESS": "127.0.0.1:0"}
        alone = subprocess.run(  # noqa: ASYNC221 - it ends by itself
            [sys.executable, "-m", "gateway", "serve", "--no-jobs"],
            env=environment | {"GATEWAY_GRPC_ADDRESS": first.grpc},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert 1 == alone.returncode
        assert f"social-gateway: GATEWAY_GRPC_ADDRESS {first.grpc}" in alone.stderr
        async with Client(first.grpc) as client:
            assert "NOT_FOUND" == await status_of(client)


@pytest.mark.chaos
async def test_processes_end_when_their_supervisor_is_killed(database_url: str, tmp_path: Path) -> None:
    """Nobody would start them again or stop them: they drain, and the ports are free for the next start."""
    with served(database_url, tmp_path) as running:
        await running.until_serving()
        processes, target = running.processes(), running.grpc
        os.kill(running.process.pid, signal.SIGKILL)
        await until(lambda: not any(each.is_running() for each in processes.values()), SECONDS)
        assert {0, 1} == {line["process"] for line in running.lines("stopped")}
    with served(database_url, tmp_path / "next", grpc_address=target) as running:
        await running.until_serving()
        assert target == running.grpc
