"""The demo's sandbox: both of TikTok's APIs and a gateway, each in its own process, in a temporary folder.

Owns their settings, start and stop; nothing of them is left behind. Does not know what the demo does with them.
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
APP_ID = "7000000000000000001"
READY_SECONDS = 60.0
_SIMULATED = re.compile(r"TikTok(?:'s API for Business)? is simulated at (http://\S+)")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where everything is; `key` is an API key with all permissions, valid for this run only."""

    folder: Path
    grpc: str
    http: str
    simulator: str
    business: str
    key: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which a command can explore the sandbox."""
        return {
            "DEMO_GRPC": self.grpc,
            "DEMO_HTTP": self.http,
            "DEMO_SIMULATOR": self.simulator,
            "DEMO_BUSINESS": self.business,
            "DEMO_KEY": self.key,
        }


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Start everything on free ports; afterwards no process and no file is left, except the logs of a failure."""
    stack = ExitStack()
    try:
        folder = _folder(stack)
        try:
            yield _start(folder, stack)
        except Exception as error:
            raise CommandError(f"{error}\nThe logs of both programs are in {_keep_logs(folder)}") from error
    finally:
        with processes.signals_ignored():
            stack.close()


def _folder(stack: ExitStack) -> Path:
    """Create the temporary folder."""
    with processes.signals_blocked():
        folder = Path(tempfile.mkdtemp(prefix="social-gateway-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(folder: Path, stack: ExitStack) -> Sandbox:
    """Start the simulator and the gateway; `stack` gets the callbacks that stop them."""
    simulator = _simulator(folder, stack, "tiktok", "--client-key", CLIENT_KEY, "--client-secret", CLIENT_SECRET)
    business = _simulator(folder, stack, "tiktok-business", "--app-id", APP_ID, "--secret", CLIENT_SECRET)
    key = f"demo-{secrets.token_urlsafe(32)}"
    data = folder / "gateway"
    stack.callback(_end_database, data)
    serving = _gateway(folder, data, simulator, business, key, stack)
    made = Sandbox(folder, serving["grpc"], f"http://{serving['http']}", simulator, business, key)
    _wait_ready(made.http)
    return made


def _keep_logs(folder: Path) -> Path:
    """Copy the logs out of the folder, which will be deleted, and return where they are."""
    kept = Path(tempfile.mkdtemp(prefix="social-gateway-demo-logs-"))
    for log in folder.glob("*.log"):
        shutil.copy(log, kept)
    return kept


def _simulator(folder: Path, stack: ExitStack, vendor: str, *options: str) -> str:
    """Start a simulated vendor and return its URL."""
    program = processes.start(
        "simulator",
        ["simulate", vendor, "--port", "0", *options],
        log=folder / f"simulator-{vendor}.log",
        ready=lambda line: bool(_SIMULATED.search(line)),
        environment=processes.clean_environment(),
    )
    stack.callback(program.stop)
    found = _SIMULATED.search(program.wait_for())
    return found[1] if found else ""


def _gateway(folder: Path, data: Path, simulator: str, business: str, key: str, stack: ExitStack) -> dict[str, str]:
    """Start the gateway and return the log line with its addresses."""
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
        "TIKTOK_BUSINESS_API_URL": business,
        "TIKTOK_BUSINESS_AUTHORIZE_URL": f"{business}/v2/auth/authorize/",
        "TIKTOK_ADVERTISER_AUTHORIZE_URL": f"{business}/portal/auth",
        "TIKTOK_BUSINESS_APP_ID": APP_ID,
        "TIKTOK_BUSINESS_SECRET": CLIENT_SECRET,
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
    """Return the event of a log line, "" if the line is not JSON."""
    try:
        document = json.loads(line)
    except ValueError:
        return ""
    return str(document.get("event", "")) if isinstance(document, dict) else ""


def _wait_ready(http: str) -> None:
    """Wait until the gateway is ready; raises CommandError."""
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
    """Stop the embedded PostgreSQL if the gateway could not, and delete its files outside the folder."""
    pointer = data / "postgres.at"
    home = Path(pointer.read_text().strip()) if pointer.exists() else data / "postgres"
    if (home / "data" / "postmaster.pid").exists():
        try:
            asyncio.run(_share_and_release(data))
        except EmbeddedUnavailable as error:
            print(f"PostgreSQL in {home} could not be stopped: {error}", file=sys.stderr)
    if pointer.exists():
        shutil.rmtree(home, ignore_errors=True)


async def _share_and_release(data: Path) -> None:
    # The last user to release the server stops it.
    await (await start_embedded(data)).release()
