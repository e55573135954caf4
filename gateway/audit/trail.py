"""Entries without a transaction of their own: of calls that were refused, or that changed nothing here.

Owns the queue of this process, which is written in batches, and its bounds. What a call has committed is recorded with
the change (`acts.py`) and never waits here, so a process that is killed loses no entry of a change.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

import structlog

from gateway.audit.acts import GATEWAY, Act
from gateway.clock import Clock
from storage import audit
from storage.audit import AuditEntry
from storage.database import Database, DatabaseUnavailable
from storage.states import AuditOutcome

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0
"""How long entries are gathered, so that a commit is shared."""

MAX_WAITING = 10_000
MAX_ANONYMOUS = 100
"""How many entries of callers without a valid key are kept of those that are written together; others are counted."""

OVERFLOW = "audit:overflow"
_BATCH = 500


@dataclass(slots=True)
class Trail:
    """The entries of this process that wait to be written."""

    db: Database
    clock: Clock
    _waiting: deque[AuditEntry] = field(default_factory=deque)
    _anonymous: int = 0
    _left_out: int = 0
    _task: asyncio.Task[None] | None = None
    _closing: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def end(self, act: Act, code: str, reason: str) -> None:
        """Record how a call that changes something has ended, unless its entry was committed and it succeeded."""
        if code != "OK":
            self.add(act.entry(self.clock(), AuditOutcome.REFUSED, reason=f"{code}/{reason}".rstrip("/")))
        elif not act.committed:
            self.add(act.entry(self.clock(), AuditOutcome.ANSWERED))

    def add(self, entry: AuditEntry) -> None:
        """Let an entry be written soon; one too many is only counted."""
        self._anonymous += not entry.actor
        if len(self._waiting) >= MAX_WAITING or (not entry.actor and self._anonymous > MAX_ANONYMOUS):
            self._left_out += 1
        else:
            self._waiting.append(entry)
        if self._task is None:
            self._task = asyncio.create_task(self._write_soon(), name="audit")

    async def _write_soon(self) -> None:
        while (self._waiting or self._left_out) and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PAUSE_SECONDS)
            try:
                await self.flush()
            except DatabaseUnavailable as error:
                log.warning("audit.not_written", waiting=len(self._waiting), error=str(error))
        self._task = None

    async def flush(self) -> None:
        """Write everything that waits; raises DatabaseUnavailable, and what was not written waits on."""
        async with self._writing:
            self._count_left_out()
            while self._waiting:
                batch = list(islice(self._waiting, _BATCH))
                async with self.db.transaction() as tx:
                    for entry in batch:
                        await audit.insert(tx, entry)
                for _ in batch:
                    self._waiting.popleft()

    def _count_left_out(self) -> None:
        """Add one entry for all that were left out."""
        if self._left_out:
            act = Act(OVERFLOW, GATEWAY)
            reason = f"{self._left_out} entries of refused calls were left out"
            self._waiting.append(act.entry(self.clock(), AuditOutcome.REFUSED, reason=reason))
        self._left_out = self._anonymous = 0

    async def close(self) -> None:
        """Write what waits, if the database is there."""
        self._closing.set()
        if self._task is not None:
            await self._task
        try:
            await self.flush()
        except DatabaseUnavailable as error:
            log.error("audit.lost", entries=len(self._waiting), error=str(error))
