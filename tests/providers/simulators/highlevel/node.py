"""HighLevel's own SDK for Node in a process of its own, called line by line.

Owns finding Node and the installed SDK, and saying loudly when there is none. Knows no method of the SDK.
"""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
INSTALLED = ROOT / ".venv" / "highlevel-sdk"
SOURCE = Path(__file__).parent / "sdk_for_node"


def executable() -> str:
    """Return Node's path; without it or the SDK the test is skipped, and with CI=true it fails."""
    found = shutil.which("node")
    lock, installed = SOURCE / "package-lock.json", INSTALLED / "installed.json"
    if found and installed.exists() and installed.read_bytes() == lock.read_bytes():
        return found
    text = "HIGHLEVEL'S SDK FOR NODE IS NOT INSTALLED and was NOT tested: .ci/node-packages installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


class Failed(Exception):
    """A call that the SDK refused: the status of HighLevel's answer, None without one, and the message."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Sdk:
    """One client of the SDK."""

    process: Process

    async def call(self, name: str, *args: Any) -> Any:
        """Call `service.method`; `sessions` is the storage of tokens. Raise Failed."""
        service, method = name.split(".")
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"service": service, "method": method, "args": args}).encode() + b"\n")
        line = await stdout.readline()
        assert line, f"node ended with {await self.process.wait()}"
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(**answer["error"])
        return answer["result"]


@asynccontextmanager
async def client(url: str, **configuration: str) -> AsyncIterator[Sdk]:
    """Run the SDK, pointed at the simulator, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        executable(),
        SOURCE / "calls.cjs",
        url,
        json.dumps(configuration),
        stdin=PIPE,
        stdout=PIPE,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(INSTALLED / "node_modules"), "NO_PROXY": "*"},
        limit=1 << 20,
    )
    try:
        yield Sdk(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
