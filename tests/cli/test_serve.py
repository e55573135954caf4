"""`serve` and `worker` as processes: what they print, and how they end when they are told to."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from socialgateway.v1 import provider_service_pb2, provider_service_pb2_grpc
from tests.cli.command import bare, run
from tests.fixtures.settings import KEY, RING

SECONDS = 30.0


@contextmanager
def process(command: str, database_url: str, folder: Path, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `social-gateway COMMAND` in a process of its own until the block ends."""
    chosen = {
        "database_url": database_url,
        "data_dir": str(folder / "data"),
        "grpc_address": "127.0.0.1:0",
        "http_address": "127.0.0.1:0",
        "encryption_keys": RING,
        "bootstrap_api_key": KEY,
        "drain_seconds": "5",
        "drain_delay_seconds": "0.2",
        **settings,
    }
    environment = {**bare(), **{f"GATEWAY_{name.upper()}": value for name, value in chosen.items()}}
    arguments = [sys.executable, "-m", "gateway", *command.split()]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    """Read its log until a line tells this event."""
    lines: list[str] = []
    assert running.stderr is not None
    for text in running.stderr:
        lines.append(text)
        found: dict[str, Any] = json.loads(text)
        if found["event"] == event:
            return found
    raise AssertionError("".join(lines))


def call(target: str, key: str) -> grpc.StatusCode:
    """Call the gateway with a key, and return how it ended."""
    with grpc.insecure_channel(target) as channel:
        stub = provider_service_pb2_grpc.ProviderServiceStub(channel)
        try:
            stub.ListProviders(
                provider_service_pb2.ListProvidersRequest(),
                metadata=(("authorization", f"Bearer {key}"),),
                timeout=10,
            )
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@pytest.mark.chaos
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_it_in_order(
    database_url: str, database_admin: psycopg.Connection, tmp_path: Path, how: signal.Signals
) -> None:
    """It says where it serves, serves, and after one signal ends with 0, its database connections given back."""
    with process("serve", database_url, tmp_path) as running:
        serving = line(running, "serving")
        assert (["highlevel", "tiktok"], True) == (serving["providers"], serving["jobs"])
        assert grpc.StatusCode.OK == call(serving["grpc"], KEY)
        running.send_signal(how)
        line(running, "stopped")
        assert 0 == running.wait(SECONDS)
    name = database_url.rpartition("/")[2]
    open_now = database_admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,))
    assert (0,) == open_now.fetchone()


@pytest.mark.chaos
def test_a_second_signal_ends_it_at_once(database_url: str, tmp_path: Path) -> None:
    """A second signal ends the process without waiting for the drain."""
    with process("serve", database_url, tmp_path, drain_delay_seconds="60") as running:
        line(running, "serving")
        running.send_signal(signal.SIGTERM)
        line(running, "stopping")
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(SECONDS)


@pytest.mark.chaos
def test_a_signal_during_the_start_ends_it_too(empty_database_url: str, tmp_path: Path) -> None:
    """A process that waits for its schema listens to its operator."""
    with process("serve", empty_database_url, tmp_path, auto_migrate="false") as running:
        line(running, "the schema is older than this version: run `social-gateway migrate`")
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(SECONDS)


@pytest.mark.chaos
def test_a_worker_works_and_ends(database_url: str, tmp_path: Path) -> None:
    """`worker` says so, opens no port, and ends in order."""
    with process("worker", database_url, tmp_path) as running:
        working = line(running, "working")
        assert ("", "", True) == (working["grpc"], working["http"], working["jobs"])
        running.send_signal(signal.SIGTERM)
        line(running, "stopped")
        assert 0 == running.wait(SECONDS)


@pytest.mark.chaos
def test_a_misspelt_setting_is_warned_of(database_url: str, tmp_path: Path) -> None:
    """An unknown setting is a warning that names it, and does not stop the start."""
    with process("serve --no-jobs", database_url, tmp_path, grpc_adress="x") as running:
        assert "GATEWAY_GRPC_ADRESS" == line(running, "unknown setting: is it misspelt?")["name"]
        assert line(running, "serving")["jobs"] is False


def test_a_key_made_beside_a_running_gateway_works_until_it_is_revoked(database_url: str, tmp_path: Path) -> None:
    """The command line and the server share one database: a new key works at once, a revoked one ends in a second."""
    made = ("api-keys", "create", "--agency", "acme", "--location", "l1", "--scope", "posts.read")
    with process("serve --no-jobs", database_url, tmp_path) as running:
        target = line(running, "serving")["grpc"]
        created = run(*made, database_url=database_url)
        key, key_id = created.out.strip(), created.err.split()[1]
        assert grpc.StatusCode.OK == call(target, key)
        assert 0 == run("api-keys", "revoke", key_id, database_url=database_url).code
        deadline = time.monotonic() + 1
        while (code := call(target, key)) is grpc.StatusCode.OK and time.monotonic() < deadline:
            time.sleep(0.05)
        assert grpc.StatusCode.UNAUTHENTICATED == code


@pytest.mark.chaos
def test_a_port_that_is_taken_is_said_in_a_sentence(database_url: str, tmp_path: Path) -> None:
    """Which setting, which address, and no traceback."""
    with process("serve --no-jobs", database_url, tmp_path) as first:
        taken = line(first, "serving")["http"]
        with process("serve --no-jobs", database_url, tmp_path, http_address=taken) as second:
            assert second.stderr is not None
            said = second.stderr.read()
            assert 1 == second.wait(SECONDS)
    assert f"social-gateway: GATEWAY_HTTP_ADDRESS {taken}" in said
    assert "Traceback" not in said
