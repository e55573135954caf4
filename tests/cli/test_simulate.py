"""`simulate tiktok` as a process: what a user's own CI starts."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

from tests.cli.command import bare

COMMAND = [sys.executable, "-m", "gateway", "simulate", "tiktok"]


def test_it_says_where_it_is_and_can_be_told() -> None:
    """Its first line holds its address, its control plane answers there, and one signal ends it."""
    with subprocess.Popen([*COMMAND, "--port", "0"], env=bare(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", running.stdout.readline())
        assert found is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{found[0]}/_sim/ledger", timeout=10) as answer:
            assert [] == json.load(answer)["posts"]
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(15)


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    """A second simulator on one port says so, without a traceback."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], env=bare(), capture_output=True, text=True, check=False)
    assert (1, True) == (done.returncode, done.stderr.startswith("social-gateway: "))
    assert "Traceback" not in done.stderr
