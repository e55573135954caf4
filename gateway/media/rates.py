"""Frame rates, measured from the spacing of a video's frames.

Owns the average and the nominal rates. Does not know containers, nor which rates a vendor accepts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

# The shortest spacing that is common, one between, and the median: a camera in low light, or the screen of a computer
# where little moves, has frames at its nominal rate for a part of the time only.
_QUANTILES = (0.1, 0.25, 0.5)
# Spacings of one rate differ by rounding and by a camera's jitter.
_NEAR = 0.25
_CONSTANT = 0.002


@dataclass(frozen=True, slots=True)
class Rates:
    """Frames a second: the average, and if the rate varies the rates at which many frames follow each other."""

    average: float
    nominal: tuple[float, ...] = ()


def of_times(times: Sequence[int], tick: Fraction) -> Rates | None:
    """Return the rates of frames shown at `times`, in units of `tick` seconds; None for fewer than two frames."""
    ordered = sorted(times)
    return of_spacings(Counter(after - before for before, after in pairwise(ordered)), tick)


def of_spacings(spacings: Counter[int], tick: Fraction) -> Rates | None:
    """Return the rates of frames with so many `spacings` of each length, in units of `tick` seconds."""
    known = sorted((spacing, count) for spacing, count in spacings.items() if spacing > 0 and count > 0)
    frames = sum(count for _, count in known)
    total = sum(spacing * count for spacing, count in known) * tick
    if not frames or total <= 0:
        return None
    average = _round(frames / total)
    nominal = {_nominal(known, frames, tick, quantile) for quantile in _QUANTILES}
    varies = any(abs(rate - average) > _CONSTANT * average for rate in nominal)
    return Rates(average, tuple(sorted(nominal)) if varies else ())


def _nominal(known: Sequence[tuple[int, int]], frames: int, tick: Fraction, quantile: float) -> float:
    """Return the mean rate of the frames whose spacing is like the one at a quantile."""
    middle, passed = known[-1][0], 0
    for spacing, count in known:
        passed += count
        if passed >= quantile * frames:
            middle = spacing
            break
    like = [(spacing, count) for spacing, count in known if abs(spacing - middle) <= _NEAR * middle]
    return _round(sum(count for _, count in like) / (sum(spacing * count for spacing, count in like) * tick))


def _round(rate: Fraction) -> float:
    return round(float(rate), 3)
