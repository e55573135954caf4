"""The simulation itself: a seed can be run again, and what is broken is found."""

import re
import subprocess
import sys

import pytest

from tests.simulation.plants import PLANTS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


def run(*arguments: str) -> tuple[int, str]:
    """Run the command, and return its exit status and what it printed."""
    command = [sys.executable, "-m", "tests.simulation", "--workers", "2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_seed_gives_the_same_trace_again() -> None:
    """In other processes, over another server: the same order of everything, and another order from another seed."""
    outputs = [run("--seed", seed) for seed in ("3", "3", "4")]
    first, again, other = (re.findall(r"^trace (\w{16})$", output, re.MULTILINE) for _, output in outputs)

    assert [0, 0, 0] == [code for code, _ in outputs], outputs
    assert first == again != other


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: str) -> None:
    """Within a few seeds, and it is said which of them shows it again."""
    code, output = run("--plant", plant, "--seeds", "40")

    assert 1 == code, output
    assert re.search(rf"replay: make simulate SEED=\d+ ARGS=--plant={plant} ", output), output
