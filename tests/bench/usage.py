"""What the operating system says that processes used: processor time and memory, from /proc.

Owns reading it, for a process with everything that it started. Knows nothing of what the processes do.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def parse_stat(text: str) -> tuple[int, int]:
    """Return a process's parent and its ticks, those of its children that it has waited for included.

    Everything before the last bracket is the pid and the name, which may contain anything. After it, fields count from
    3 (proc(5)): ppid is 4, utime, stime, cutime and cstime are 14 to 17.
    """
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15])


def family(pid: int, parents: dict[int, int]) -> set[int]:
    """Return a process with all its descendants; `parents` has the parent of every process."""
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def _stats() -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                found[int(folder.name)] = parse_stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended meanwhile.
    return found


def cpu_seconds(*pids: int) -> float:
    """Return the processor seconds of these processes and all that they started, whether it still runs or not.

    The time of a child that has ended is that of whoever waited for it, so the sum never falls.
    """
    stats = _stats()
    parents = {pid: parent for pid, (parent, _) in stats.items()}
    members = set[int]().union(*(family(pid, parents) for pid in pids))
    return sum(stats[pid][1] for pid in members if pid in stats) / _TICKS


def cpu_seconds_of(command: Sequence[str]) -> float:
    """Run a command to its end, and return the processor seconds that it used; raises if it failed."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    return sorted(child for child, (parent, _) in _stats().items() if parent == pid)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and all that it started, in MiB; what they share counts for each."""
    parents = {each: parent for each, (parent, _) in _stats().items()}
    return sum(_memory(member, "VmRSS") for member in family(pid, parents))


def forget_peak(pid: int) -> None:
    """Let the peak of a process begin anew at what it has now."""
    (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """Return the most resident memory that a process has had, in MiB."""
    return _memory(pid, "VmHWM")


def _memory(pid: int, name: str) -> float:
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0  # A process that has ended and is not waited for yet.
