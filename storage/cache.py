"""A bounded in-process cache that other replicas can invalidate.

Owns entries, their age, and the rule that nothing invalidated while it was loaded is kept.
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
        """True while notifications are known to arrive."""

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call `callback(key)` at each notification of `topic`, `reset()` after each (re)connect; returns the undo."""


class _Load:
    """One loader on its way; `stale` once its key was invalidated under it."""

    __slots__ = ("stale",)

    def __init__(self) -> None:
        self.stale = False


class CoherentCache(Generic[K, V]):
    """Values by string key: bounded, at most `ttl_seconds` old, and not used while the listener is down.

    `None` is no value: it is never stored, and means "not here" when it comes back.
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
        """Hold at most `size` values; `NOTIFY` of `topic` with a key (see `storage.database.notify`) drops that key."""
        self._listener = listener
        self._size = size
        self._ttl = ttl_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._loads: dict[str, set[_Load]] = {}
        self.close = listener.subscribe(topic, self.invalidate, reset=self.clear)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value when it is here, young enough, and invalidations are known to arrive; else None. About 1 µs."""
        entry = self._entries.get(key)
        if entry is None or not self._listener.healthy:
            return None
        if self._monotonic() >= entry[0]:
            self._entries.pop(key, None)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    async def load(self, key: K, loader: Callable[[], Awaitable[V]]) -> V:
        """Run `loader()`, keep what it gives unless the key was invalidated meanwhile, and return it."""
        load = _Load()
        # The age counts from before the read: the value is at least as old as that.
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
        """Drop one key here (other replicas hear it from the NOTIFY of the committing transaction)."""
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
