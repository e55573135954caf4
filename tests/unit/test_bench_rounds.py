"""The arithmetic of the measurements: what is judged, which way a target goes, and who goes first."""

import pytest

from tests.bench.rounds import Result, Rounds, at_least, at_most, short
from tests.bench.table import cells, line


def test_a_round_is_compared_with_its_own_other_half() -> None:
    """The figure is the median of the rounds' ratios, not the ratio of two medians."""
    result = Result("x", "y", "ms", at_most(2), ours=(10, 40, 30), bare=(10, 10, 20))
    assert [1.0, 4.0, 1.5] == result.figures
    assert (1.5, True) == (result.figure, result.met)


def test_a_target_is_a_floor_or_a_ceiling() -> None:
    """At most 8 is met by 8 and missed by 8.1; at least 0.9 the other way round; no target is never missed."""
    assert [True, False] == [at_most(8).is_met(figure) for figure in (8, 8.1)]
    assert [True, False] == [at_least(0.9).is_met(figure) for figure in (0.9, 0.89)]
    assert Result("x", "", "", None, (1,)).met


def test_a_line_shows_the_target_and_whether_it_is_met() -> None:
    """Without another side the figure is ours itself; one side with a unit, the target with its direction."""
    alone = Result("Resident", "", "MiB", at_most(100), (120, 130, 90))
    assert ["Resident", "", "120 MiB", "", "120", "90-130", "<= 100", "MISSED"] == cells(alone)
    pair = Result("Upload", "sink", "MB/s", at_least(0.9), (95, 95), (100, 100))
    assert ["95 MB/s", "100 MB/s", "0.950", "0.950-0.950", ">= 0.900", "met"] == cells(pair)[2:]
    assert "  Printed: 1.50 (1-2)" == line(Result("Printed", "", "", None, (1, 2)))


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0.06667, "0.067"), (1.3, "1.30"), (23.71, "23.7"), (435.2, "435"), (8, "8"), (1e6, "1,000,000")],
)
def test_three_digits_are_enough(figure: float, text: str) -> None:
    """Nobody compares the fourth."""
    assert text == short(figure)


async def test_the_sides_take_turns_after_a_round_that_does_not_count() -> None:
    """B A to warm up, then B A, A B, B A: who goes first alternates, and each pair stays together."""
    order: list[str] = []

    async def ours() -> int:
        order.append("A")
        return len(order)

    async def bare() -> int:
        order.append("B")
        return len(order)

    told: list[str] = []
    assert [(4, 3), (5, 6), (8, 7)] == await Rounds(3, told.append).in_turns(ours, bare)
    assert "BABAABBA" == "".join(order)
    assert ["warming up", "round 1 of 3", "round 2 of 3", "round 3 of 3"] == told
