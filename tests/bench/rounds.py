"""Two things measured side by side: A B, B A, A B …, so that a machine that slows down slows both.

Owns the pairing, the targets and what is told of a measurement. Knows nothing of what is measured.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Ours = TypeVar("Ours")
Bare = TypeVar("Bare")

Tell = Callable[[str], None]
"""Shows how far a measurement is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: at least `value`, or at most."""

    value: float
    at_most: bool = False

    def is_met(self, figure: float) -> bool:
        """Return whether a figure reaches the target."""
        return figure <= self.value if self.at_most else figure >= self.value

    def __str__(self) -> str:
        """As the table shows it."""
        return f"{'<=' if self.at_most else '>='} {short(self.value)}"


def at_least(value: float) -> Target:
    """Return the target of a figure of which more is better."""
    return Target(value)


def at_most(value: float) -> Target:
    """Return the target of a figure of which less is better."""
    return Target(value, at_most=True)


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: our figures, round by round, in `unit`, and those of what they are compared with.

    Without `bare` the figure is ours itself; without a target it is only printed.
    """

    name: str
    against: str
    unit: str
    target: Target | None
    ours: tuple[float, ...]
    bare: tuple[float, ...] = ()

    @property
    def figures(self) -> list[float]:
        """What is judged, round by round: our figure divided by the other one of the same round, or ours itself."""
        if not self.bare:
            return list(self.ours)
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]

    @property
    def figure(self) -> float:
        """The median of the rounds."""
        return median(self.figures)

    @property
    def met(self) -> bool:
        """Return whether the median reaches the target, if there is one."""
        return self.target is None or self.target.is_met(self.figure)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How many rounds are measured, and who is told."""

    count: int
    tell: Tell

    async def in_turns(
        self, ours: Callable[[], Awaitable[Ours]], bare: Callable[[], Awaitable[Bare]]
    ) -> list[tuple[Ours, Bare]]:
        """Measure both in turns, after one round of each to warm up, which is not counted."""
        self.tell("warming up")
        await bare()
        await ours()
        figures: list[tuple[Ours, Bare]] = []
        for number in range(self.count):
            self.tell(f"round {number + 1} of {self.count}")
            # Who goes first takes turns too.
            if number % 2:
                first = await ours()
                figures.append((first, await bare()))
            else:
                second = await bare()
                figures.append((await ours(), second))
        return figures

    async def repeated(self, measure: Callable[[], Awaitable[Ours]]) -> list[Ours]:
        """Measure one thing that is compared with nothing; each round starts afresh by itself."""
        figures: list[Ours] = []
        for number in range(self.count):
            self.tell(f"round {number + 1} of {self.count}")
            figures.append(await measure())
        return figures

    async def side_by_side(
        self,
        name: str,
        against: str,
        unit: str,
        target: Target | None,
        *,
        ours: Callable[[], Awaitable[float]],
        bare: Callable[[], Awaitable[float]],
    ) -> Result:
        """Measure one line of the table."""
        figures = await self.in_turns(ours, bare)
        return Result(name, against, unit, target, tuple(one for one, _ in figures), tuple(two for _, two in figures))


def median_of(figures: Sequence[float]) -> float:
    """Return the median of one side."""
    return median(figures)


def short(figure: float) -> str:
    """Return a figure in three significant digits, and whole from a hundred on."""
    size = abs(figure)
    digits = 0 if size >= 100 or figure == int(figure) else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{figure:,.{digits}f}"
