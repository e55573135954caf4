"""The calls that run now: refuses new ones while the server stops, and ends those that must not go on.

Owns which calls are open, and with which error one ends that is cancelled from here. Does not know how a call ends on
the wire (`errors.py`), nor how keys are checked.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gateway import sockets
from gateway.caller import Caller
from gateway.errors import (
    AgencySuspended,
    DeadlineExceeded,
    DomainError,
    GatewayStopping,
    GatewayUnavailable,
    LocationForbidden,
    ScopeMissing,
    Unauthenticated,
)
from gateway.interceptors import auth
from gateway.interceptors.auth import Authenticate, Recognize
from gateway.interceptors.calls import Call

T = TypeVar("T")

STOPPING = "It is stopping: connect again."
_END_SECONDS = 15.0
"""How long calls that are ended may take: the bytes of a broken upload are stored first, for up to ten seconds."""


@dataclass(slots=True)
class OpenCalls:
    """The open calls by their tasks: gRPC runs each call in its own task, which ends after the answer is sent.

    `seconds` is how long a call may take that was given `limit`.
    """

    seconds: float = math.inf
    refusing: bool = False
    _calls: dict[asyncio.Task[Any], Call] = field(default_factory=dict)
    _timer: asyncio.TimerHandle | None = None

    def enter(self, call: Call) -> None:
        """Register the current task's call; raises GatewayUnavailable for one that needs a key while the server stops.

        Probes are answered to the end, but keep no connection open.
        """
        if self.refusing:
            if call.scope is None and not call.streams:
                return
            raise GatewayUnavailable(STOPPING)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs outside a task")
        self._calls[task] = call
        task.add_done_callback(self._calls.pop)

    def limit(self, call: Call) -> None:
        """End the call with DeadlineExceeded if it is still open after `seconds`."""
        loop = asyncio.get_running_loop()
        call.ends = loop.time() + self.seconds
        # One timer for all calls: it is never too late, because every limit has the same length.
        if self._timer is None:
            self._timer = loop.call_at(call.ends, self._end_late)

    def _end_late(self) -> None:
        """End the calls whose time is over, and come back when that of the next one is."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._end(lambda call: call.ends <= now, DeadlineExceeded())
        following = min((call.ends for call in self._calls.values() if call.ends > now), default=math.inf)
        self._timer = None if following == math.inf else loop.call_at(following, self._end_late)

    def busy(self) -> frozenset[str]:
        """Return the keys of the peers that have an open call."""
        return frozenset(sockets.peer_key(call.peer) for call in self._calls.values())

    def refuse(self) -> None:
        """Refuse new calls, and end the open response streams, so that watchers reconnect elsewhere."""
        self.refusing = True
        self._end(lambda call: call.streams, GatewayUnavailable(STOPPING))

    async def end_all(self) -> None:
        """End every open call, and return when the answers are sent."""
        self._end(lambda call: True, GatewayStopping())
        if self._calls:
            await asyncio.wait(set(self._calls), timeout=_END_SECONDS)

    async def check_keys(self, authenticate: Authenticate, recognize: Recognize | None = None) -> None:
        """End the streams and uploads that would not be admitted any more, with the error that a new call would get.

        Single requests go on: they end soon by themselves, and their answer says what was done.
        """
        lasting = [call for call in self._calls.values() if call.lasting and call.scope is not None]
        for header, certificate, scope in {(call.header, call.certificate, call.scope or "") for call in lasting}:
            caller = await _admitted(
                auth.identify(header, scope, authenticate, certificate=certificate, recognize=recognize)
            )
            for call in lasting:
                if (call.header, call.certificate, call.scope) == (header, certificate, scope):
                    await self._check(call, caller)

    async def _check(self, call: Call, caller: Caller | DomainError | None) -> None:
        if isinstance(caller, Caller):
            caller = None if call.authorize is None else await _admitted(call.authorize(caller))
        if isinstance(caller, DomainError):
            self._end(lambda each: each is call, caller)

    def _end(self, which: Callable[[Call], bool], error: DomainError) -> None:
        """Cancel the chosen calls, each of which then answers with the error, but those that are ending already."""
        for task, call in self._calls.items():
            if which(call) and call.ended_by is None and not call.answered:
                call.ended_by = error
                task.cancel()


async def _admitted(check: Awaitable[T]) -> T | DomainError | None:
    """Return the result of a check, or its refusal; None when the answer cannot be found out now."""
    try:
        return await check
    except (Unauthenticated, AgencySuspended, ScopeMissing, LocationForbidden) as error:
        return error
    except Exception:
        # The database does not answer, for example: the key may still be good.
        return None
