"""Two things measured side by side: A, B, A, B …, so that a machine that slows down slows both.

Owns the pairing and what is told of it. Knows nothing of what is measured.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

Measure = Callable[[], Awaitable[float]]
"""Returns one round's figure: more is better."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: our figures and the bare server's, round by round, in `unit`."""

    name: str
    against: str
    unit: str
    target: float
    ours: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Our figure divided by the bare server's of the same round."""
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return median(self.ratios)

    @property
    def met(self) -> bool:
        """Return whether the median reaches the target."""
        return self.ratio >= self.target


async def side_by_side(
    name: str, against: str, unit: str, target: float, *, ours: Measure, bare: Measure, rounds: int
) -> Result:
    """Measure both in turns, after one round of each to warm up, which is not counted."""
    await bare()
    await ours()
    figures: list[tuple[float, float]] = []
    for number in range(rounds):
        # Who goes first takes turns too.
        first, second = (ours, bare) if number % 2 else (bare, ours)
        one, two = await first(), await second()
        figures.append((one, two) if number % 2 else (two, one))
    return Result(name, against, unit, target, tuple(pair[0] for pair in figures), tuple(pair[1] for pair in figures))
