"""Notifications of what other replicas have committed.

Owns one dedicated connection that LISTENs, the proof that it hears, its reconnecting, and the subscriptions.
Does not know what the topics mean.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from storage.database import CHANNEL, Database, DatabaseUnavailable, describe, normalize, notify
from storage.engine import PatientConnection, answered
from storage.places import upkeep

PROOF = "listener"
"""The topic of the notifications by which a listener proves that it hears; their key is known to it alone."""

log = logging.getLogger(__name__)

_Subscriber = tuple[Callable[[str], None], Callable[[], None] | None]


class Deaf(Exception):
    """The server accepts LISTEN, but a notification that was committed does not arrive."""


class Listener:
    """`LISTEN` on a dedicated connection. `healthy` is true only while notifications are known to arrive.

    That is proved, not believed: through a pooler in transaction mode a server accepts LISTEN, and then tells somebody
    else, or nobody. So the listener sends itself a notification, as others send theirs: through the pool.
    """

    def __init__(
        self,
        db: Database,
        *,
        url: str = "",
        ping_seconds: float = 5.0,
        backoff_seconds: tuple[float, float] = (0.1, 5.0),
    ) -> None:
        """Connect only in `start`, to `url` or else where `db` does. `backoff_seconds` are the first and the longest
        pause; pauses double.
        """
        self.healthy = False
        self.failure: Exception | None = None
        self._db = db
        self._conninfo = normalize(url) if url else db.url
        self._proofs: dict[str, asyncio.Event] = {}
        self._sending: asyncio.Task[bool] | None = None
        self._ping = ping_seconds
        self._backoff = backoff_seconds
        self._subscribers: dict[str, list[_Subscriber]] = {}
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    def __repr__(self) -> str:
        return f"Listener({self.place})"

    @property
    def place(self) -> str:
        """The address that it listens at, for people to read, without the password."""
        return describe(self._conninfo)

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
        if self._sending is not None:
            await asyncio.wait((self._sending,), timeout=self._ping)

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
                async with await PatientConnection.connect(self._conninfo, autocommit=True) as connection:
                    connection.prepare_threshold = None
                    await answered(connection, connection.execute(f"LISTEN {CHANNEL}"), self._ping)
                    self._reset()
                    await self._listen(connection)
            except (psycopg.Error, OSError, TimeoutError, Deaf) as error:
                self.failure = error
                pause = first if self.healthy else pause
                log.warning("the database's notifications are not heard: %s", str(error).partition("\n")[0])
            finally:
                self.healthy = False
                self._tried.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Dispatch notifications, and prove now and then that they arrive, until one does not, which raises."""
        receiving = asyncio.create_task(self._receive(connection), name="storage-listener-receive")
        try:
            while (proved := await self._proved(receiving)) is not False:
                self.healthy = proved is True
                self._tried.set()
                await asyncio.wait((receiving,), timeout=self._ping)
        finally:
            receiving.cancel()
            await asyncio.wait((receiving,))
        self.healthy = False
        # A peer that vanished without closing answers nothing at all.
        await answered(connection, connection.execute("UNLISTEN *"), self._ping)
        raise Deaf(f"{self.place} accepts LISTEN, but a notification that was committed did not arrive")

    async def _receive(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Dispatch notifications until the connection fails, which raises."""
        while True:
            async for message in connection.notifies():
                self._dispatch(message.payload)

    async def _proved(self, receiving: "asyncio.Task[None]") -> bool | None:
        """Return whether a notification that was just committed arrives; None if none could be committed now.

        Raises what ended `receiving`.
        """
        nonce = secrets.token_hex(8)
        heard = self._proofs[nonce] = asyncio.Event()
        hearing = asyncio.create_task(heard.wait())
        try:
            sent = await self._sent(nonce)
            if sent:
                await asyncio.wait((hearing, receiving), timeout=self._ping, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                receiving.result()
            return heard.is_set() if sent else None
        finally:
            del self._proofs[nonce]
            hearing.cancel()

    async def _sent(self, nonce: str) -> bool:
        """Return whether the notification was committed in time.

        The commit is never cancelled, which would leave a connection that it is checking out to the garbage collector;
        while an earlier one is still under way, none is begun.
        """
        late = self._sending is not None and not self._sending.done()
        if self._sending is None or not late:
            self._sending = asyncio.create_task(self._send(nonce), name="storage-listener-proof")
        await asyncio.wait((self._sending,), timeout=self._ping)
        return not late and self._sending.done() and self._sending.result()

    async def _send(self, nonce: str) -> bool:
        """Commit a notification; return False if the database, or the pool, has no time for it now."""
        try:
            with upkeep():
                async with self._db.transaction() as tx:
                    await notify(tx, PROOF, nonce)
        except DatabaseUnavailable:
            return False
        return True

    def _dispatch(self, payload: str) -> None:
        topic, _, key = payload.partition(" ")
        if topic == PROOF and key in self._proofs:
            self._proofs[key].set()
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
