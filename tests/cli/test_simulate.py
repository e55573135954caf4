"""The simulators as processes: what a user's own CI starts."""

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.cli.reference import describe
from tests.cli.command import bare

COMMAND = [sys.executable, "-m", "gateway", "simulate"]
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def simulating(vendor: str, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a simulator on a free port for the length of a block, and yield its address, which its first line holds."""
    command = [*COMMAND, vendor, "--port", "0", *options]
    with subprocess.Popen(command, env=bare(), stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", running.stdout.readline())
            assert found is not None
            yield found[0], running
        finally:
            running.kill()


def ask(url: str, **headers: str) -> Any:
    """Return the answer to a GET as JSON."""
    with LOOPBACK.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@pytest.mark.parametrize("vendor", ["tiktok", "tiktok-business", "highlevel"])
def test_it_says_where_it_is_and_can_be_told(vendor: str) -> None:
    """Its first line is its address, its control plane answers there, and one signal ends it."""
    with simulating(vendor) as (url, running):
        assert [] == ask(f"{url}/_sim/ledger")["posts"]
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(15)


@pytest.mark.parametrize("vendor", ["tiktok", "tiktok-business", "highlevel"])
def test_a_port_that_is_taken_is_said_in_a_sentence(vendor: str) -> None:
    """A second simulator on one port says so, without a traceback."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, vendor, "--port", port], env=bare(), capture_output=True, text=True, check=False
        )
    assert (1, True) == (done.returncode, done.stderr.startswith("social-gateway: "))
    assert "Traceback" not in done.stderr


def test_highlevel_introduces_itself() -> None:
    """The token it prints opens the location that it names, and its last line sets settings that exist."""
    with simulating("highlevel", "--client-secret", "my secret") as (url, running):
        said = iter(running.stdout or [])
        lines = [next(said) for _ in range(6)]
        found = re.search(r"Token of (\S+): (pit-\S+)", "".join(lines))
        assert found is not None
        headers = {"authorization": f"Bearer {found[2]}", "version": "2021-07-28", "user-agent": "tests/1"}
        listed = ask(f"{url}/social-media-posting/{found[1]}/accounts", **headers)
    assert {"tiktok", "tiktok-business", "facebook"} == {each["platform"] for each in listed["results"]["accounts"]}
    export, *pairs = shlex.split(lines[-1])
    values = dict(pair.split("=", 1) for pair in pairs)
    assert ("export", "my secret", url) == (
        export,
        values["GATEWAY_HIGHLEVEL_CLIENT_SECRET"],
        values["GATEWAY_HIGHLEVEL_API_URL"],
    )
    assert set() == values.keys() - {name for name, _, _ in describe()}
