"""Several small processes under one supervisor: how they start, are started again, know of each other, and stop."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.supervisor import LONGEST_PAUSE_SECONDS, Supervisor, exit_code, pause_before_restart
from tests.fixtures.waiting import until

HEAD = """
import os, signal, socket, sys, time
number, link, folder = int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), sys.argv[3]
def note(text):
    with open(f"{folder}/{number}", "a") as file:
        file.write(text + "\\n")
note(f"pid {os.getpid()}")
"""
SERVE = """
def stop(*_):
    note("told to stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
link.send(b"sr")
while said := link.recv(1):
    note(f"heard {said.decode()}")
note("abandoned")
"""


@dataclass
class Run:
    """A supervisor with its events, and what its processes noted."""

    folder: Path
    supervisor: Supervisor
    started: asyncio.Event
    spawned: list[int]
    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[int] | None" = None

    def notes(self, number: int) -> list[str]:
        """Return what a process has noted, all its lives long."""
        path = self.folder / str(number)
        return path.read_text().splitlines() if path.exists() else []

    def pid(self, number: int) -> int:
        """Return the pid of a process's latest life."""
        return int([note for note in self.notes(number) if note.startswith("pid ")][-1].split()[1])

    async def ended(self) -> int:
        """Return the exit code."""
        assert self.task is not None
        return await asyncio.wait_for(self.task, 20)


@asynccontextmanager
async def run(folder: Path, body: Callable[[int], str], count: int = 2) -> AsyncIterator[Run]:
    """Run processes of which each executes `body(number)`; whatever is left at the end is killed."""
    started, spawned = asyncio.Event(), list[int]()
    processes = list[asyncio.subprocess.Process]()

    async def spawn(number: int, link: socket.socket) -> asyncio.subprocess.Process:
        spawned.append(number)
        given = (str(number), str(link.fileno()), str(folder))
        code = HEAD + dedent(body(number))
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *given, pass_fds=(link.fileno(),))
        processes.append(process)
        return process

    made = Run(folder, Supervisor(count, spawn, on_started=started.set), started, spawned)
    made.task = asyncio.create_task(made.supervisor.run(made.first, made.second))
    try:
        yield made
    finally:
        made.first.set()
        for process in processes:
            if process.returncode is None:
                process.kill()
        await asyncio.wait((made.task,), timeout=10)


async def test_they_start_know_of_each_other_and_stop_together(tmp_path: Path) -> None:
    """All are started, each hears that all are ready, one signal is passed on once, and the code is 0."""
    async with run(tmp_path, lambda number: SERVE) as pair:
        await asyncio.wait_for(pair.started.wait(), 20)
        await until(lambda: all("heard r" in pair.notes(number) for number in (0, 1)))
        pair.first.set()
        assert 0 == await pair.ended()
        assert [1, 1] == [pair.notes(number).count("told to stop") for number in (0, 1)]


async def test_one_that_is_killed_is_started_again_while_the_other_goes_on(tmp_path: Path) -> None:
    """The other one hears that not all are ready, and then that they are again; it never ends itself."""
    async with run(tmp_path, lambda number: SERVE) as pair:
        await until(lambda: "heard r" in pair.notes(0))
        survivor, victim = pair.pid(0), pair.pid(1)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: ["heard r", "heard n", "heard r"] == [n for n in pair.notes(0) if n.startswith("heard")])
        assert pair.pid(1) != victim
        assert pair.pid(0) == survivor
        assert [0, 1, 1] == pair.spawned


async def test_one_that_cannot_start_ends_all_with_its_code(tmp_path: Path) -> None:
    """Its exit code is the supervisor's, it is not tried again, and the others are told to stop."""
    async with run(tmp_path, lambda number: SERVE if number == 0 else "sys.exit(7)") as pair:
        assert 7 == await pair.ended()
        assert [0, 1] == pair.spawned
        assert "told to stop" in pair.notes(0)
        assert not pair.started.is_set()


async def test_the_others_wait_until_the_first_one_serves(tmp_path: Path) -> None:
    """What is wrong with a start is said once, by the first process, and nothing else is begun."""
    async with run(tmp_path, lambda number: "sys.exit(5)", count=3) as several:
        assert 5 == await several.ended()
        assert [0] == several.spawned


async def test_one_that_is_killed_before_it_serves_ends_all(tmp_path: Path) -> None:
    """As a shell has it, the code of a process that a signal killed is 128 and the signal."""
    async with run(tmp_path, lambda number: "os.kill(os.getpid(), signal.SIGKILL)", count=1) as alone:
        assert 128 + signal.SIGKILL == await alone.ended()


async def test_one_that_served_once_may_fail_to_start_later(tmp_path: Path) -> None:
    """While a database is away, one that died cannot start: it is tried again, with pauses, and the rest serves."""
    failing = """
    if len(open(f"{folder}/{number}").readlines()) > 1 and not os.path.exists(f"{folder}/mended"):
        sys.exit(1)
    """
    async with run(tmp_path, lambda number: dedent(failing) + SERVE if number else SERVE) as pair:
        await until(lambda: "heard r" in pair.notes(1))
        os.kill(pair.pid(1), signal.SIGKILL)
        await until(lambda: pair.spawned.count(1) >= 3)
        (tmp_path / "mended").touch()
        await until(lambda: pair.notes(0)[-1] == "heard r")
        assert 1 == pair.spawned.count(0)


async def test_the_second_signal_reaches_those_that_linger(tmp_path: Path) -> None:
    """One that goes on after the first is told otherwise: a second SIGTERM may be that of whoever stops both."""
    lingering = """
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append("term"))
    signal.signal(signal.SIGINT, lambda *_: told.append("int"))
    link.send(b"s")
    while told != ["term", "int"]:
        time.sleep(0.01)
        if told:
            note("lingers")
    sys.exit(0)
    """
    async with run(tmp_path, lambda number: lingering, count=1) as alone:
        await asyncio.wait_for(alone.started.wait(), 20)
        alone.first.set()
        await until(lambda: "lingers" in alone.notes(0))
        alone.second.set()
        assert 0 == await alone.ended()


async def test_a_stop_while_one_waits_to_be_started_again(tmp_path: Path) -> None:
    """The pause ends at once, and nothing is started any more."""
    async with run(tmp_path, lambda number: 'link.send(b"s"); time.sleep(0.2); sys.exit(3)', count=1) as alone:
        await until(lambda: len(alone.spawned) >= 3)
        alone.first.set()
        await alone.ended()
        spawned = len(alone.spawned)
        await asyncio.sleep(0)
        assert spawned == len(alone.spawned)


@pytest.mark.parametrize(("deaths", "seconds"), [(1, 0.25), (2, 0.5), (4, 2), (8, 30), (10_000, 30)])
def test_pauses_grow_to_a_bound(deaths: int, seconds: float) -> None:
    """A process that always dies is never started in a hot loop, nor given up."""
    assert seconds == pause_before_restart(deaths) <= LONGEST_PAUSE_SECONDS


def test_codes_are_those_of_a_shell() -> None:
    """A signal becomes 128 and its number."""
    assert [0, 3, 137] == [exit_code(returned) for returned in (0, 3, -9)]
