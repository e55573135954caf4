"""The turn of the current call: its place among the calls that are worked on at the same time.

Owns the context variable. Does not know how many places there are, nor who gets one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_end: ContextVar[Callable[[], None] | None] = ContextVar("end of the turn", default=None)


@contextmanager
def held(leave: Callable[[], None]) -> Iterator[None]:
    """Hold a place until the block ends, or until `end` is called within it; `leave` is called once."""
    left = False

    def end() -> None:
        nonlocal left
        if not left:
            left = True
            leave()

    token = _end.set(end)
    try:
        yield
    finally:
        _end.reset(token)
        end()


def end() -> None:
    """End the current call's turn, if it has one: from now on it mostly waits, for a vendor or for a file."""
    leave = _end.get()
    if leave is not None:
        leave()
