"""The data folder: whether a token pair can be spilled there, found out before the start and every few seconds after.

Owns the probe's pace, and that a disk that hangs blocks nobody. Does not know what a spill contains, nor who asks.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway import log
from gateway.settings import Settings, SettingsError
from storage import durable_files

_log = log.get("gateway.data_folder")

PROBE_SECONDS = 3.0
GOOD_SECONDS = 5.0
BAD_SECONDS = 1.0
"""How long a good and a bad result are valid: a probe is a write with fsync."""


def verify(settings: Settings) -> None:
    """Raise SettingsError, which says what to do, unless a token pair can be written to the data folder. Blocks."""
    try:
        durable_files.prove_writable(settings.spill_dir)
    except OSError as error:
        raise SettingsError(
            f"GATEWAY_DATA_DIR: {settings.spill_dir} cannot be written ({error.strerror or error}). Refreshed tokens "
            "are kept there until the database has them: free some space, mount it writable, or choose another folder"
        ) from None


@dataclass(slots=True)
class FolderWatch:
    """Probes a folder when it is asked about and the last result is too old."""

    folder: Path
    monotonic: Callable[[], float] = time.monotonic
    prove: Callable[[Path], None] = durable_files.prove_writable
    _writable: bool = True
    _until: float = float("-inf")
    _probe: asyncio.Future[str] | None = None

    async def writable(self) -> bool:
        """Return whether the folder can be written; a probe that hangs means no. Raises nothing."""
        # Only one probe at a time: a disk that hangs would else occupy one thread after the other.
        if self._probe is None and self.monotonic() >= self._until:
            self._probe = asyncio.get_running_loop().run_in_executor(None, self._problem)
        if self._probe is not None:
            await asyncio.wait([self._probe], timeout=PROBE_SECONDS)
            if self._probe.done():
                self._set(self._probe.result())
                self._probe = None
            else:
                self._set(f"no answer within {PROBE_SECONDS:.0f} s")
        return self._writable

    def _problem(self) -> str:
        """Return what is wrong with the folder, empty if nothing is."""
        try:
            self.prove(self.folder)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _set(self, problem: str) -> None:
        if problem and self._writable:
            _log.error("the data folder cannot be written", folder=str(self.folder), error=problem)
        if not problem and not self._writable:
            _log.info("the data folder can be written again", folder=str(self.folder))
        self._writable = not problem
        self._until = self.monotonic() + (BAD_SECONDS if problem else GOOD_SECONDS)
