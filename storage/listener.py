"""Notifications of what other replicas have committed.

Owns one dedicated connection that LISTENs, its reconnecting, and the subscriptions.
Does not know what the topics mean.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from storage.database import CHANNEL, normalize

log = logging.getLogger(__name__)

_Subscriber = tuple[Callable[[str], None], Callable[[], None] | None]


class Listener:
    """`LISTEN` on a dedicated connection. `healthy` is true only while notifications are known to arrive."""

    def __init__(
        self, url: str, *, ping_seconds: float = 5.0, backoff_seconds: tuple[float, float] = (0.1, 5.0)
    ) -> None:
        """Connect only in `start`. `backoff_seconds` are the first and the longest pause; pauses double."""
        self.healthy = False
        self._conninfo = normalize(url)
        self._ping = ping_seconds
        self._backoff = backoff_seconds
        self._subscribers: dict[str, list[_Subscriber]] = {}
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def start(self) -> None:
        """Start listening and return after the first attempt; if it failed, attempts continue in the background."""
        self._task = asyncio.create_task(self._run(), name="storage-listener")
        await self._tried.wait()

    async def stop(self) -> None:
        """Stop listening and close the connection."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call `callback(key)` for each `storage.database.notify(tx, topic, key)` that any replica commits.

        `reset()` is called after each (re)connect, because notifications may have been missed. Return a function that
        unsubscribes.
        """
        entry = (callback, reset)
        self._subscribers.setdefault(topic, []).append(entry)

        def unsubscribe() -> None:
            self._subscribers[topic] = [other for other in self._subscribers[topic] if other is not entry]

        return unsubscribe

    async def _run(self) -> None:
        first, longest = self._backoff
        pause = first
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause = first
                    await self._receive(connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the database's notifications are not heard: %s", str(error).partition("\n")[0])
            finally:
                self.healthy = False
                self._tried.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _receive(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Dispatch notifications until the connection fails, which raises."""
        self._reset()
        self.healthy = True
        self._tried.set()
        while True:
            async for message in connection.notifies(timeout=self._ping):
                self._dispatch(message.payload)
            await self._prove_alive(connection)

    async def _prove_alive(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raise TimeoutError when the server does not answer a query: a peer may vanish without closing."""
        ping = asyncio.ensure_future(connection.execute("SELECT 1"))
        try:
            done, _ = await asyncio.wait((ping,), timeout=self._ping)
            if not done:
                self.healthy = False
                raise TimeoutError("the server does not answer")
            await ping
        finally:
            if not ping.done():
                # Closed first: otherwise cancelling the query would wait for an answer on the dead connection.
                connection.pgconn.finish()
                ping.cancel()
                await asyncio.wait((ping,))

    def _dispatch(self, payload: str) -> None:
        topic, _, key = payload.partition(" ")
        for callback, _reset in tuple(self._subscribers.get(topic, ())):
            try:
                callback(key)
            except Exception:
                log.exception("a listener of %s failed", topic)

    def _reset(self) -> None:
        for subscribers in tuple(self._subscribers.values()):
            for _callback, reset in tuple(subscribers):
                if reset is not None:
                    reset()
