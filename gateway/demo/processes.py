"""Programs that the demo starts, and that must not outlive it.

Owns their start, what they print, and their end, whatever ends the demo. Does not know what they do.
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
    """One running program of ours; everything it prints goes to its log."""

    name: str
    process: "subprocess.Popen[str]"
    log: Path
    _found: threading.Event = field(default_factory=threading.Event, repr=False)
    _answer: list[str] = field(default_factory=list, repr=False)

    def wait_for(self, seconds: float = READY_SECONDS) -> str:
        """Return the line that says that it is ready; raises CommandError with its last words when it ends instead."""
        if self._found.wait(seconds) and self._answer:
            return self._answer[0]
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
        ended = "ended" if self.process.poll() is not None else f"was not ready within {seconds:.0f} s"
        raise CommandError(f"the {self.name} {ended}. Its last words:\n{tail}")

    def stop(self) -> None:
        """End it in order, or by force when it does not listen."""
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
    """Start `social-gateway` with these arguments; `ready` knows the line that says that it serves.

    It gets a session of its own: Ctrl-C in the terminal reaches the demo alone, which then ends everything in order.
    Where the system can, it is also told to stop when the demo is killed.
    """
    with held_back():
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
    """Turn SIGTERM and SIGHUP into what Ctrl-C raises, so that everything started is ended by the same path."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals wait until the block ends: it is done whole, or not begun.

    Python also swallows what a handler raises in the midst of a fork.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal cut the cleaning up short: it is bounded by itself."""
    with _handled(signal.SIG_IGN):
        yield


def clean_environment() -> dict[str, str]:
    """Return this environment without settings: the demo is the same whatever was exported."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("GATEWAY_")}


def _copy(program: Program, ready: Callable[[str], bool]) -> None:
    """Copy what the program prints into its log, and notice the line that says that it is ready."""
    output = program.process.stdout
    if output is None:
        return
    with program.log.open("a") as log:
        for line in output:
            log.write(line)
            log.flush()
            if not program._found.is_set() and ready(line):
                program._answer.append(line)
                program._found.set()
    program._found.set()


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Yield the signals that end a program to this handler, until the block ends."""
    before = {each: signal.signal(each, handler) for each in ENDING}
    try:
        yield
    finally:
        for each, former in before.items():
            signal.signal(each, former)


def _in_child() -> None:
    """Hear signals again, and ask the kernel for SIGTERM when the demo dies without a word (kill -9)."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH, signal.SIGTERM)
