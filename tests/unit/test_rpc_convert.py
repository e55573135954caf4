"""Durations as callers send them, those included that no time of Python can hold."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from gateway.errors import FieldInvalid
from gateway.rpc import convert


def staleness(**values: int) -> Any:
    """Return a request with this `max_staleness`."""
    return SimpleNamespace(max_staleness=Duration(**values), HasField=lambda _: True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"seconds": 1, "nanos": 500_000_000}, timedelta(seconds=1.5)),
        ({"seconds": 2**62}, timedelta(seconds=convert.MAX_SECONDS)),
        ({"nanos": 1_999}, timedelta(microseconds=1)),
    ],
)
def test_a_duration_is_read(values: dict[str, int], expected: timedelta) -> None:
    """A duration that is longer than any time here counts as the longest one."""
    assert expected == convert.max_staleness(staleness(**values), timedelta())


@pytest.mark.parametrize("values", [{"seconds": -1}, {"nanos": -1}, {"seconds": -(2**62)}])
def test_a_negative_staleness_is_refused(values: dict[str, int]) -> None:
    """Below nothing there is no age."""
    with pytest.raises(FieldInvalid):
        convert.max_staleness(staleness(**values), timedelta())
