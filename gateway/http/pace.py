"""How long a peer may take to send something, and how slowly: a time limit and a minimum pace in one.

Owns the arithmetic. Does not know the time, nor what is sent.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`first_seconds`, one second more for every `bytes_per_second` that have arrived, but no more than
    `total_seconds`.
    """

    first_seconds: float
    bytes_per_second: float
    total_seconds: float

    def deadline(self, started: float, received: int) -> float:
        """Return the time at which the rest is given up, for what began at `started`."""
        return started + min(self.first_seconds + received / self.bytes_per_second, self.total_seconds)
