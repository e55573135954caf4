"""Watchers: tasks that wait for a change of one row.

Owns the events by key, fed by one subscription of the listener. Does not know what changed: the waiter reads the row.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from storage.listener import Listener


class Watchers:
    """Wakes the waiters of a key at each notification of one topic, and all waiters after a reconnect."""

    def __init__(self, listener: Listener, topic: str) -> None:
        """Subscribe to the topic."""
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self.close = listener.subscribe(topic, self._wake, reset=self._wake_all)

    @contextmanager
    def watch(self, key: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the key changes; the waiter clears it before it reads."""
        event = asyncio.Event()
        self._waiters.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            self._waiters[key].discard(event)
            if not self._waiters[key]:
                del self._waiters[key]

    def _wake(self, key: str) -> None:
        for event in self._waiters.get(key, ()):
            event.set()

    def _wake_all(self) -> None:
        for key in self._waiters:
            self._wake(key)


async def wait(changed: asyncio.Event, seconds: float) -> bool:
    """Wait until a watched key changes, and return True; False after `seconds` without a notification."""
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        return False
    return True
