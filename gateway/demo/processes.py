"""Child processes of the demo, which must not outlive it.

Owns starting them, their output, and stopping them however the demo ends. Does not know what they do.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.command_error import CommandError

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PARENT_DEATH = 1


@dataclass(slots=True)
class Program:
    """One running child process; its output goes to its log file."""

    name: str
    process: "subprocess.Popen[str]"
    log: Path
    _found: threading.Event = field(default_factory=threading.Event, repr=False)
    _answer: list[str] = field(default_factory=list, repr=False)

    def wait_for(self, seconds: float = READY_SECONDS) -> str:
        """Return the line that reports readiness; raises CommandError with its last output if it exits instead."""
        if self._found.wait(seconds) and self._answer:
            return self._answer[0]
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
        ended = "ended" if self.process.poll() is not None else f"was not ready within {seconds:.0f} s"
        raise CommandError(f"the {self.name} {ended}. Its last output:\n{tail}")

    def stop(self) -> None:
        """Terminate it, and kill it if it does not exit in time."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    name: str, arguments: list[str], *, log: Path, ready: Callable[[str], bool], environment: Mapping[str, str]
) -> Program:
    """Start `social-gateway` with these arguments; `ready` recognises the line that reports readiness.

    It gets its own session, so that Ctrl-C in the terminal reaches only the demo, which then stops everything in order.
    On Linux it also gets SIGTERM when the demo is killed.
    """
    with signals_blocked():
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_in_child,
        )
    program = Program(name, process, log)
    log.touch(mode=0o600)
    threading.Thread(target=_copy, args=(program, ready), name=f"log of {name}", daemon=True).start()
    return program


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that every exit takes the same path."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block the signals that end the demo until the block ends, so that it completes or does not start.

    Without this, Python would also swallow an exception that a handler raises during a fork.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Ignore the signals that end the demo during clean-up, which has its own time limits."""
    with _handled(signal.SIG_IGN):
        yield


def clean_environment() -> dict[str, str]:
    """Return this environment without GATEWAY_ variables, so that exported settings do not affect the demo."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("GATEWAY_")}


def _copy(program: Program, ready: Callable[[str], bool]) -> None:
    """Copy the program's output into its log, and watch for the line that reports readiness."""
    output = program.process.stdout
    if output is None:
        return
    with output, program.log.open("a") as log:
        for line in output:
            log.write(line)
            log.flush()
            if not program._found.is_set() and ready(line):
                program._answer.append(line)
                program._found.set()
    program._found.set()


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Install a handler for the signals that end a program, until the block ends."""
    before = {each: signal.signal(each, handler) for each in ENDING}
    try:
        yield
    finally:
        for each, former in before.items():
            signal.signal(each, former)


def _in_child() -> None:
    """Unblock the signals, and ask the kernel for SIGTERM if the demo is killed with SIGKILL."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH, signal.SIGTERM)
