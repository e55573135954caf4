"""One line of the result: what was measured, at which sizes, and what it should be.

Owns what a line says of growth, and how it is written as text, as a row of Markdown, and as a plot. Knows nothing of
what is measured.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.rounds import Target, short

Tell = Callable[[str], None]
"""Shows how far a measurement is."""

WIDTH, HEIGHT, COLUMNS = 300, 170, 3


@dataclass(frozen=True, slots=True)
class Line:
    """Figures in `unit` at each size. With `ratio` the target is of the largest size's figure divided by the smallest
    one's, else of the largest size's figure itself.
    """

    key: str
    name: str
    unit: str
    sizes: tuple[int, ...]
    figures: tuple[float, ...]
    target: Target | None = None
    ratio: bool = False
    note: str = ""

    @property
    def growth(self) -> float:
        """The figure of the largest size divided by that of the smallest."""
        return self.figures[-1] / self.figures[0] if self.figures[0] else math.nan

    @property
    def judged(self) -> float:
        """What the target is of."""
        return self.growth if self.ratio else self.figures[-1]

    @property
    def verdict(self) -> str:
        """Whether the target is met; nothing without one."""
        if self.target is None:
            return ""
        return "met" if self.target.is_met(self.judged) else "missed"

    def cells(self) -> tuple[str, ...]:
        """Return the cells of a table's row."""
        figures = " · ".join(f"{size:,}: {short(each)}" for size, each in zip(self.sizes, self.figures, strict=True))
        target = "" if self.target is None else f"{self.target}{' ×' if self.ratio else f' {self.unit}'}"
        growth = short(self.growth) if len(self.figures) > 1 and not math.isnan(self.growth) else ""
        return (self.key, self.name, f"{figures} {self.unit}".strip(), growth, target, self.verdict, self.note)


HEAD = ("", "what", "size: figure", "largest ÷ smallest", "target", "", "")


def markdown(lines: Sequence[Line]) -> str:
    """Return the table as Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def svg(lines: Sequence[Line]) -> str:
    """Return the figures over the sizes, a panel for each line that has several: sizes in a logarithmic scale, figures
    from zero.
    """
    shown = [line for line in lines if len(line.sizes) > 1]
    rows = -(-len(shown) // COLUMNS)
    body = "".join(
        f'<g transform="translate({n % COLUMNS * WIDTH} {n // COLUMNS * HEIGHT})">{_panel(line)}</g>'
        for n, line in enumerate(shown)
    )
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        f'<rect {size} fill="white"/>{body}</svg>\n'
    )


def _panel(line: Line) -> str:
    left, right, top, bottom = 50, WIDTH - 20, 34, HEIGHT - 30
    low, high = math.log10(max(line.sizes[0], 1)), math.log10(line.sizes[-1])
    most = max(line.figures) * 1.15 or 1.0
    points = [
        (
            left + (right - left) * (math.log10(max(size, 1)) - low) / (high - low),
            bottom - (bottom - top) * figure / most,
        )
        for size, figure in zip(line.sizes, line.figures, strict=True)
    ]
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#0550ae"/>'
        f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{short(figure)}</text>'
        f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#666">{size:,}</text>'
        for (x, y), figure, size in zip(points, line.figures, line.sizes, strict=True)
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<text x="10" y="16" font-weight="bold">{escape(f"({line.key}) {line.name}, {line.unit}")}</text>'
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#999"/>'
        f'<polyline points="{path}" fill="none" stroke="#0550ae" stroke-width="1.5"/>{marks}'
    )
