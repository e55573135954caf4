"""The demo's surroundings: a simulated TikTok and a gateway, each a process of its own, in a folder of their own.

Owns their settings, start and end; nothing of them stays. Does not know what is then done with them.
"""

import asyncio
import base64
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.command_error import CommandError
from gateway.demo import consent, processes
from storage.embedded import EmbeddedUnavailable, start_embedded

CLIENT_KEY, CLIENT_SECRET = "sim-client-key", "sim-client-secret"
READY_SECONDS = 60.0
_SIMULATED = re.compile(r"TikTok is simulated at (http://\S+)")


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is; `key` may do everything, and is good for this run alone."""

    folder: Path
    grpc: str
    http: str
    simulator: str
    key: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return what a command needs to look around in it."""
        return {
            "DEMO_GRPC": self.grpc,
            "DEMO_HTTP": self.http,
            "DEMO_SIMULATOR": self.simulator,
            "DEMO_KEY": self.key,
        }


@contextmanager
def world() -> Iterator[World]:
    """Start everything on free ports, and leave nothing behind: no process, no file; after a failure only the logs."""
    stack = ExitStack()
    try:
        folder = _folder(stack)
        try:
            yield _start(folder, stack)
        except Exception as error:
            raise CommandError(f"{error}\nThe logs of its programs are kept in {_keep_logs(folder)}") from error
    finally:
        with processes.undisturbed():
            stack.close()


def _folder(stack: ExitStack) -> Path:
    """Make the folder that everything lies in."""
    with processes.held_back():
        folder = Path(tempfile.mkdtemp(prefix="social-gateway-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(folder: Path, stack: ExitStack) -> World:
    """Start simulator and gateway; `stack` gets what ends them, last first."""
    simulator = _simulator(folder, stack)
    key = f"demo-{secrets.token_urlsafe(32)}"
    data = folder / "gateway"
    stack.callback(_end_database, data)
    serving = _gateway(folder, data, simulator, key, stack)
    made = World(folder, serving["grpc"], f"http://{serving['http']}", simulator, key)
    _wait_ready(made.http)
    return made


def _keep_logs(folder: Path) -> Path:
    """Copy the logs to where they stay: the folder itself goes."""
    kept = Path(tempfile.mkdtemp(prefix="social-gateway-demo-logs-"))
    for log in folder.glob("*.log"):
        shutil.copy(log, kept)
    return kept


def _simulator(folder: Path, stack: ExitStack) -> str:
    """Start the simulated TikTok and give its address."""
    program = processes.start(
        "simulator",
        ["simulate", "tiktok", "--port", "0", "--client-key", CLIENT_KEY, "--client-secret", CLIENT_SECRET],
        log=folder / "simulator.log",
        ready=lambda line: bool(_SIMULATED.search(line)),
        environment=processes.clean_environment(),
    )
    stack.callback(program.stop)
    found = _SIMULATED.search(program.wait_for())
    return found[1] if found else ""


def _gateway(folder: Path, data: Path, simulator: str, key: str, stack: ExitStack) -> dict[str, str]:
    """Start the gateway and give the line with which it said where it serves."""
    settings = {
        "DATA_DIR": str(data),
        "GRPC_ADDRESS": "127.0.0.1:0",
        "HTTP_ADDRESS": "127.0.0.1:0",
        "ENCRYPTION_KEYS": f"demo:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "BOOTSTRAP_API_KEY": key,
        "ALLOW_LOOPBACK_VENDORS": "true",
        "TIKTOK_API_URL": simulator,
        "TIKTOK_AUTHORIZE_URL": f"{simulator}/v2/auth/authorize/",
        "TIKTOK_UPLOAD_HOSTS": urlsplit(simulator).hostname or "",
        "TIKTOK_CLIENT_KEY": CLIENT_KEY,
        "TIKTOK_CLIENT_SECRET": CLIENT_SECRET,
        "LOG_FORMAT": "json",
        "DRAIN_SECONDS": "5",
    }
    program = processes.start(
        "gateway",
        ["serve"],
        log=folder / "gateway.log",
        ready=lambda line: _event(line) == "serving",
        environment={**processes.clean_environment(), **{f"GATEWAY_{name}": text for name, text in settings.items()}},
    )
    stack.callback(program.stop)
    found: dict[str, str] = json.loads(program.wait_for())
    return found


def _event(line: str) -> str:
    """Return what a log line tells, "" for a line that is none."""
    try:
        document = json.loads(line)
    except ValueError:
        return ""
    return str(document.get("event", "")) if isinstance(document, dict) else ""


def _wait_ready(http: str) -> None:
    """Return when the gateway can serve; raises CommandError."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            consent.get_json(f"{http}/readyz")
            return
        except CommandError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _end_database(data: Path) -> None:
    """End the private PostgreSQL of a gateway that could not do it itself, and remove what lies elsewhere."""
    pointer = data / "postgres.at"
    home = Path(pointer.read_text().strip()) if pointer.exists() else data / "postgres"
    if (home / "data" / "postmaster.pid").exists():
        try:
            asyncio.run(_share_and_release(data))
        except EmbeddedUnavailable as error:
            print(f"PostgreSQL in {home} could not be ended: {error}", file=sys.stderr)
    if pointer.exists():
        shutil.rmtree(home, ignore_errors=True)


async def _share_and_release(data: Path) -> None:
    # The last one to leave stops the server.
    await (await start_embedded(data)).release()
