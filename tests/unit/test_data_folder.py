"""The watch over the data folder: how often it probes, and that a disk that hangs is one thread and no error."""

import asyncio
import threading
from pathlib import Path

import pytest

from gateway import data_folder
from gateway.data_folder import BAD_SECONDS, GOOD_SECONDS, FolderWatch


class Disk:
    """A probe whose result the test sets, and a clock that it moves."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.hangs = threading.Event()
        self.hangs.set()
        self.probes = 0
        self.now = 0.0
        self.watch = FolderWatch(Path("/data/spills"), lambda: self.now, self.prove)

    def prove(self, folder: Path) -> None:
        """Probe as the test says."""
        self.probes += 1
        self.hangs.wait()
        if self.error is not None:
            raise self.error


async def test_a_result_is_valid_for_a_while() -> None:
    """A good result is used for five seconds, a bad one for one, however often it is asked for."""
    disk, found = Disk(), []
    for error, after in ((None, GOOD_SECONDS), (OSError(28, "No space left"), BAD_SECONDS), (None, 0.0)):
        disk.error = error
        found += [await disk.watch.writable() for _ in range(3)]
        disk.now += after

    assert [True] * 3 + [False] * 3 + [True] * 3 == found
    assert 3 == disk.probes


async def test_a_disk_that_hangs_is_not_writable_and_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that does not return means no; no second one is started, and its result counts when it comes."""
    monkeypatch.setattr(data_folder, "PROBE_SECONDS", 0.05)
    disk = Disk()
    disk.hangs.clear()
    hung = []
    for _ in range(3):
        hung.append(await disk.watch.writable())
        disk.now += GOOD_SECONDS
    disk.hangs.set()
    await asyncio.sleep(0.1)

    assert ([False] * 3, True, 1) == (hung, await disk.watch.writable(), disk.probes)
