"""What is read from /proc: whose time counts, and which processes belong together."""

import os
import subprocess
import sys

import pytest

from tests.bench.usage import children, cpu_seconds, cpu_seconds_of, family, parse_stat, peak_mib, resident_mib


def test_the_time_of_ended_children_counts() -> None:
    """utime, stime, cutime and cstime are added; a name may contain spaces and brackets."""
    text = "42 (a) name) R) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 4000 20 0 1 0 99 1 1"
    assert (7, 4123) == parse_stat(text)


def test_a_family_is_everybody_below_a_process() -> None:
    """Children of children belong to it; parents, sisters and strangers do not."""
    assert {10, 11, 12, 13} == family(10, {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1})


def test_a_command_that_fails_is_no_measurement() -> None:
    """Its time would be that of an error."""
    with pytest.raises(subprocess.CalledProcessError):
        cpu_seconds_of((sys.executable, "-c", "raise SystemExit(3)"))


def test_a_process_is_found_with_what_it_uses() -> None:
    """A real process: it is our child, has memory and a peak, and its time never falls, also once it has ended."""
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE, text=True) as process:
        assert process.pid in children(os.getpid())
        before = cpu_seconds(os.getpid())
        assert 0 < resident_mib(process.pid)
        assert 0 < peak_mib(process.pid)
        process.communicate("\n")
    assert before <= cpu_seconds(os.getpid())
