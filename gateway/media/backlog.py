"""Work that waits for idle places: bounded, and fair between the groups that it belongs to.

Owns the order and the bounds. Does not know what the work is, nor when a place is idle.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ALL = 1024
MAX_PER_GROUP = 64


class Backlog(Generic[T]):
    """Queues of groups, served in turn; `max_all` may wait, `max_per_group` of one group."""

    def __init__(self, max_all: int = MAX_ALL, max_per_group: int = MAX_PER_GROUP) -> None:
        """Begin empty."""
        self._max_all, self._max_per_group = max_all, max_per_group
        self._queues: OrderedDict[str, deque[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        """Return how much waits."""
        return self._size

    def add(self, group: str, work: T) -> bool:
        """Append work to its group's queue; return False if the group, or everything, is full."""
        if self._size >= self._max_all or len(self._queues.get(group, ())) >= self._max_per_group:
            return False
        self._queues.setdefault(group, deque()).append(work)
        self._size += 1
        return True

    def pop(self) -> T:
        """Remove and return the oldest work of the group whose turn it is; raises IndexError if nothing waits."""
        if not self._queues:
            raise IndexError("nothing waits")
        group, queue = self._queues.popitem(last=False)
        work = queue.popleft()
        self._size -= 1
        if queue:
            # Behind the other groups.
            self._queues[group] = queue
        return work

    def clear(self) -> None:
        """Forget everything."""
        self._queues.clear()
        self._size = 0
