"""A bounded in-process cache that other replicas can invalidate.

Owns the entries, their age, and the rule that a value invalidated while it was being loaded is not cached.
Does not know what is cached, or PostgreSQL.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=str)
V = TypeVar("V")


class Invalidations(Protocol):
    """What a cache needs of `storage.listener.Listener`."""

    @property
    def healthy(self) -> bool:
        """Whether notifications are known to arrive."""

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call `callback(key)` for each notification of `topic` and `reset()` after each (re)connect.

        Return a function that unsubscribes.
        """


class _Unheard:
    """For caches of values that nobody else changes: there is nothing to hear."""

    healthy = True

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Subscribe to nothing."""
        return lambda: None


UNHEARD = _Unheard()


class _Load:
    """One load in progress; `stale` once its key was invalidated."""

    __slots__ = ("stale",)

    def __init__(self) -> None:
        self.stale = False


class CoherentCache(Generic[K, V]):
    """Values by string key: bounded, at most `ttl_seconds` old, and not used while the listener is down.

    None is never cached: `get` returns it for a key that is not cached.
    """

    def __init__(
        self,
        listener: Invalidations,
        topic: str,
        *,
        size: int,
        ttl_seconds: float = 30,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Cache at most `size` values; `storage.database.notify(tx, topic, key)` drops a key."""
        self._listener = listener
        self._size = size
        self._ttl = ttl_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._loads: dict[str, set[_Load]] = {}
        self.close = listener.subscribe(topic, self.invalidate, reset=self.clear)

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> frozenset[str]:
        """Return the keys that have an entry."""
        return frozenset(self._entries)

    def get(self, key: K) -> V | None:
        """Return the cached value, or None if it is absent, too old, or invalidations may be missed. About 1 µs."""
        entry = self._entries.get(key)
        if entry is None or not self._listener.healthy:
            return None
        if self._monotonic() >= entry[0]:
            self._entries.pop(key, None)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    async def load(self, key: K, loader: Callable[[], Awaitable[V]]) -> V:
        """Return the result of `loader()`, cached unless the key was invalidated meanwhile."""
        load = _Load()
        # The age counts from before the load: the value is at least that old.
        expires = self._monotonic() + self._ttl
        self._loads.setdefault(key, set()).add(load)
        try:
            value = await loader()
        finally:
            self._finish(key, load)
        if value is not None and not load.stale and self._listener.healthy:
            self._put(key, expires, value)
        return value

    def invalidate(self, key: str) -> None:
        """Drop one key in this process (other replicas get the notification of the committing transaction)."""
        self._entries.pop(key, None)
        for load in self._loads.get(key, ()):
            load.stale = True

    def clear(self) -> None:
        """Drop everything: notifications may have been missed."""
        self._entries.clear()
        for loads in self._loads.values():
            for load in loads:
                load.stale = True

    def _finish(self, key: str, load: _Load) -> None:
        loads = self._loads[key]
        loads.discard(load)
        if not loads:
            del self._loads[key]

    def _put(self, key: str, expires: float, value: V) -> None:
        self._entries[key] = (expires, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
