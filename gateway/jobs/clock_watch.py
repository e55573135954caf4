"""Notices that the clock was set back.

Owns the comparison of the clock with one that only runs forward. Does not know what waits for the time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock
from storage.clock_steps import TOLERANCE


@dataclass(slots=True)
class ClockWatch:
    """Compares the clock with `monotonic`, from one look to the next."""

    clock: Clock
    monotonic: Callable[[], float] = time.monotonic
    _expected: Callable[[float], datetime] | None = None

    @property
    def has_looked(self) -> bool:
        """Whether there was a `look`: only then has a step that is told been seen."""
        return self._expected is not None

    def was_set_back(self) -> bool:
        """Return whether the clock was set back since the last `look`; true before the first one, as nobody knows."""
        return self._expected is None or self.clock() < self._expected(self.monotonic()) - TOLERANCE

    def look(self) -> None:
        """Compare with the present from now on."""
        now, running = self.clock(), self.monotonic()
        self._expected = lambda later: now + timedelta(seconds=later - running)
