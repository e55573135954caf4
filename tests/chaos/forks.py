"""Gateways that are forked from one process which has imported everything: a start takes a tenth of a new process's.

Owns both sides: what `python -m tests.chaos.forks CLOCK` does, and how a test asks it for a gateway. The clock of its
gateways is ahead by the seconds in a file, and they have a thousand times TikTok's quota: at the real one a test would
wait for minutes.
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.clock import now


class Ahead:
    """A clock that can be ahead, of a simulated vendor and of gateways."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.be(timedelta())

    def be(self, span: timedelta) -> None:
        """Be ahead by a span; running gateways see the new time at once."""
        new = self.file.with_suffix(".new")
        new.write_text(str(span.total_seconds()))
        new.replace(self.file)

    def __call__(self) -> datetime:
        """Return the time."""
        return now() + timedelta(seconds=float(self.file.read_text()))


@dataclass
class Fork:
    """A gateway process, as far as a test watches it."""

    pid: int
    returncode: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> int | None:
        """Wait for its end; return its return code."""
        await self.ended.wait()
        return self.returncode

    def send_signal(self, how: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, how)


class Nursery:
    """The process that forks gateways, one at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._watching: asyncio.Task[None] | None = None

    async def fork(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Fork:
        """Start a gateway with the arguments of its command and an environment; it writes to a log."""
        if self._watching is not None:
            await self._watching
        assert self._process.stdin is not None
        wanted = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await self._process.stdin.drain()
        made = Fork(await self._number())
        self._watching = asyncio.create_task(self._watch(made))
        return made

    async def _watch(self, made: Fork) -> None:
        made.returncode = await self._number()
        made.ended.set()

    async def _number(self) -> int:
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def nursery(ahead: Ahead) -> AsyncIterator[Nursery]:
    """Run a process that forks gateways, whose clock is `ahead`, for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(ahead.file), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        await process.wait()


def main() -> None:
    """Import everything; then fork a gateway for each line, and write its process id, and how it ended."""
    _set_ahead(Path(sys.argv[1]))
    from gateway import app

    app.load(app.Roles())
    for line in sys.stdin:
        wanted = json.loads(line)
        if not (pid := os.fork()):
            _serve(**wanted)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _set_ahead(file: Path) -> None:
    from gateway import clock

    ahead: Any = Ahead.__new__(Ahead)
    ahead.file = file
    vars(clock)["now"] = ahead
    from providers.tiktok_business import capabilities

    vars(capabilities)["QUOTAS"] = tuple(replace(each, limit=1000 * each.limit) for each in capabilities.QUOTAS)


def _serve(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """Become a gateway; does not return."""
    from gateway import cli, failpoints

    os.environ.clear()
    os.environ.update(environment)
    # It has read the environment of the process that forked.
    importlib.reload(failpoints)
    with Path(log).open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv[1:] = arguments
    cli.main()
    os._exit(0)


if __name__ == "__main__":
    main()
