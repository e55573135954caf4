"""Work that waits for idle places: how much may wait, and whose turn it is."""

import pytest

from gateway.media.backlog import Backlog


def test_groups_take_turns() -> None:
    """A group that adds much waits for itself: others that come later are served in between."""
    backlog = Backlog[str]()
    for group, work in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")):
        assert backlog.add(group, work)
    assert ["a1", "b1", "c1", "a2", "b2", "a3"] == [backlog.pop() for _ in range(len(backlog))]
    with pytest.raises(IndexError):
        backlog.pop()


def test_what_does_not_fit_is_not_taken() -> None:
    """A full group leaves room to the others, until everything is full; what was served makes room again."""
    backlog = Backlog[int](max_all=3, max_per_group=2)
    assert [True, True, False, True, False] == [backlog.add(group, 0) for group in "aaabc"]
    backlog.pop()
    assert [True, False] == [backlog.add(group, 0) for group in "cc"]


def test_nothing_is_left_when_it_is_cleared() -> None:
    """What was forgotten is neither served nor counted."""
    backlog = Backlog[int](max_all=1)
    backlog.add("a", 0)
    backlog.clear()
    assert 0 == len(backlog)
    assert backlog.add("b", 0)
