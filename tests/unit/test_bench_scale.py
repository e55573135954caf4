"""What `make bench-scale` makes of its figures, and which arguments it takes."""

import xml.etree.ElementTree as ElementTree

import pytest

from tests.bench.rounds import at_most
from tests.bench.scale.__main__ import MEASUREMENTS, SECTION, arguments, sizes_of
from tests.bench.scale.ground import quantile
from tests.bench.scale.line import Line, markdown, svg

FLAT = Line("b", "Look-up", "ms", (1000, 100_000), (2.0, 2.1), at_most(1.2), ratio=True)
STEEP = Line("c", "Memory <idle>", "KiB", (1, 10, 100), (10.0, 20.0, 90.0), at_most(64))


def test_a_target_is_of_the_growth_or_of_the_largest() -> None:
    """A ratio's target is of the largest size divided by the smallest, another's of the largest size alone."""
    assert pytest.approx(1.05) == FLAT.judged
    assert ("met", 90.0, "missed") == (FLAT.verdict, STEEP.judged, STEEP.verdict)


def test_a_table_has_every_size() -> None:
    """Each line is a row of Markdown with all of its figures."""
    rows = markdown([FLAT, STEEP]).splitlines()
    assert 4 == len(rows)
    assert "1,000: 2 · 100,000: 2.10 ms" in rows[2]
    assert "missed" in rows[3]


def test_a_plot_is_an_image_with_a_panel_for_each_line() -> None:
    """The text is well-formed, whatever the names are, and a line of one size has no panel."""
    root = ElementTree.fromstring(svg([FLAT, STEEP, Line("g", "Slope", "", (30,), (1.0,))]))  # noqa: S314 - our own text
    lines = [each for each in root.iter() if each.tag.endswith("polyline")]
    assert [2, 3] == [len((each.get("points") or "").split()) for each in lines]


def test_sizes_are_for_one_measurement() -> None:
    """`--sizes` without one measurement, or not from small to large, is refused; without it each has its own."""
    for wrong in (["--sizes", "5"], ["--only", "due", "--sizes", "5", "1"], ["--minutes", "0"]):
        with pytest.raises(SystemExit):
            arguments(wrong)
    assert (5, 10) == sizes_of("due", arguments(["--only", "due", "--sizes", "5", "10"]))
    assert (7,) == sizes_of("slope", arguments(["--only", "slope", "--minutes", "7"]))
    assert all(3 == len(each.sizes) for name, each in MEASUREMENTS.items() if name != "slope")


def test_the_section_of_the_page_is_found() -> None:
    """What lies between the marks is replaced, and nothing else."""
    page = "before\n<!-- bench-scale -->\nold\n<!-- /bench-scale -->\nafter\n"
    assert "before\n<!-- bench-scale -->\nnew<!-- /bench-scale -->\nafter\n" == SECTION.sub(r"\g<1>new\g<2>", page)


def test_a_quantile_is_one_of_the_values() -> None:
    """The 99th of a hundred values is the highest but one or the highest, never beyond."""
    assert (100.0, 51.0, 1.0) == tuple(quantile([float(n) for n in range(1, 101)], each) for each in (0.99, 0.5, 0))
