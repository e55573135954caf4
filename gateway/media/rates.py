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


def of_times(samples: Sequence[Sequence[int]], tick: Fraction) -> Rates | None:
    """Return the rates of frames shown at these times, in units of `tick` seconds; None for fewer than two frames.

    Each sample is of another part of the video.
    """
    spacings = [
        Counter(after - before for before, after in pairwise(sorted(times))) for times in samples if len(times) > 1
    ]
    parts = [found for each in spacings if (found := of_spacings(each, tick))]
    whole = of_spacings(sum(spacings, Counter()), tick)
    if whole is None or len(parts) < 2:
        return whole
    nominal = {rate for part in parts for rate in (part.average, *part.nominal)}
    return _rates(whole.average, nominal | set(whole.nominal))


def of_spacings(spacings: Counter[int], tick: Fraction) -> Rates | None:
    """Return the rates of frames with so many `spacings` of each length, in units of `tick` seconds."""
    known = sorted((spacing, count) for spacing, count in spacings.items() if spacing > 0 and count > 0)
    frames = sum(count for _, count in known)
    total = sum(spacing * count for spacing, count in known) * tick
    if not frames or total <= 0:
        return None
    nominal = {_nominal(known, frames, tick, quantile) for quantile in _QUANTILES}
    return _rates(_round(frames / total), nominal)


def _rates(average: float, nominal: set[float]) -> Rates:
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
