"""How many calls may run: of one API key, of one agency, and how many are worked on at the same time.

Owns the counters and the turns. Does not know rate limits or the vendors' quotas.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.aip import names
from gateway.caller import Caller
from gateway.clock import Clock
from gateway.errors import QuotaExceeded
from gateway.turn import Turns
from storage.fair import SHARE, FairPlaces, Tenant

RETRY = timedelta(seconds=1)

AT_ONCE = 8
"""How many calls are worked on at the same time; the others wait for their agency's turn. One that waits for a vendor
does not count, and neither does one that takes long while others wait.
"""


@dataclass(slots=True)
class Limits:
    """Running calls: of one key at most `max_calls` calls and uploads, and `max_streams` watch streams; of all `total`,
    of which an agency has at most `share` of what others leave.
    """

    max_calls: int
    max_streams: int
    clock: Clock
    total: int = 8192
    share: float = SHARE
    _calls: dict[str, int] = field(default_factory=dict)
    _streams: dict[str, int] = field(default_factory=dict)
    _all: FairPlaces = field(init=False)
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        """Begin without calls."""
        self._all = FairPlaces(self.total, share=self.share)
        self.turns = Turns(AT_ONCE, share=self.share)

    def acquire(self, caller: Caller, *, stream: bool) -> None:
        """Count one more running call of a caller; raises QuotaExceeded if its key or its agency has too many."""
        counts, limit = (self._streams, self.max_streams) if stream else (self._calls, self.max_calls)
        running = counts.get(caller.key_id, 0)
        quota = "openStreams" if stream else "callsInFlight"
        if running >= limit:
            self._refuse(quota, names.API_KEY.format(caller.key_id), limit)
        if not self._all.take(Tenant(caller.agency)):
            self._refuse(quota, f"agencies/{caller.agency}", self._all.held(Tenant(caller.agency))[0])
        counts[caller.key_id] = running + 1

    def _refuse(self, quota: str, subject: str, limit: int) -> None:
        raise QuotaExceeded(quota, subject=subject, limit=limit, retry_at=self.clock() + RETRY)

    def release(self, caller: Caller, *, stream: bool) -> None:
        """Count one running call less; a key without calls is removed."""
        counts = self._streams if stream else self._calls
        if counts[caller.key_id] == 1:
            del counts[caller.key_id]
        else:
            counts[caller.key_id] -= 1
        self._all.leave(Tenant(caller.agency))

    def turn(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Work on a call until the block ends, after waiting for its agency's turn."""
        return self.turns.turn(Tenant(caller.agency))
