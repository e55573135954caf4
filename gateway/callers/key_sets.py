"""The public keys of an issuer: fetched when a token first needs them, refreshed ahead, kept while the issuer is down.

Owns when they are fetched, at most so often, and which keys of a JSON Web Key Set are usable. Does not know tokens, nor
how an address is connected to.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

from gateway import log
from gateway.clock import Clock
from gateway.errors import IssuerUnavailable

_log = log.get("gateway.callers")

REFRESH_AFTER = timedelta(minutes=10)
"""The age after which keys are fetched again, beside the calls: a withdrawn key is worth something for so long."""

KEPT = timedelta(hours=24)
"""How long keys are good while their issuer cannot be reached."""

FETCHES, WITHIN = 6, timedelta(minutes=1)
"""Anybody can send a token with an unknown key: this is how often that makes us ask the issuer."""

MAX_KEYS = 100
MIN_RSA_BITS = 2048

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns what is at an address; raises KeysUnreadable."""

KeyData = Mapping[str, Any]
"""A JSON Web Key."""


class KeysUnreadable(Exception):
    """The issuer's keys could not be fetched, or are none."""


@dataclass(slots=True)
class KeySet:
    """The keys of one issuer by their ids; `version` grows when they change."""

    name: str
    url: str
    fetch: Fetch = field(repr=False)
    clock: Clock
    version: int = 0
    _keys: Mapping[str, KeyData] = field(default_factory=dict, repr=False)
    _fetched: datetime | None = None
    _failed: bool = False
    _asked: deque[datetime] = field(default_factory=lambda: deque(maxlen=FETCHES))
    _running: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> KeyData | None:
        """Return the key, or None if the issuer does not have it.

        Raises IssuerUnavailable when that cannot be found out now. A key that is known is returned without asking.
        """
        if found := self._known(key_id):
            return found
        await self._ask()
        if found := self._known(key_id):
            return found
        if self._failed:
            raise IssuerUnavailable(self.name)
        return None

    def refresh_if_due(self) -> None:
        """Fetch the keys again in the background if they are old."""
        if self._fetched is not None and self.clock() - self._fetched >= REFRESH_AFTER and self._next_fetch() is None:
            self._start()

    async def close(self) -> None:
        """End a fetch that is running."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    def _known(self, key_id: str) -> KeyData | None:
        if self._fetched is None or self.clock() - self._fetched >= KEPT:
            return None
        self.refresh_if_due()
        return self._keys.get(key_id)

    async def _ask(self) -> None:
        """Fetch the keys, or wait for the fetch that is running; raises IssuerUnavailable if it was often enough."""
        if self._running is None and (next_fetch := self._next_fetch()) is not None:
            raise IssuerUnavailable(self.name, retry_at=next_fetch)
        # Shielded: the caller may go while others wait for the same keys.
        self._start()
        if self._running is not None:
            await asyncio.shield(self._running)

    def _next_fetch(self) -> datetime | None:
        """Return when the keys may be fetched again, None for now."""
        if len(self._asked) < FETCHES or self._asked[0] + WITHIN <= self.clock():
            return None
        return self._asked[0] + WITHIN

    def _start(self) -> None:
        if self._running is None:
            self._asked.append(self.clock())
            self._running = asyncio.create_task(self._refresh(), name=f"keys of {self.name}")

    async def _refresh(self) -> None:
        try:
            found = parse(await self.fetch(self.url))
        except KeysUnreadable as error:
            self._failed = True
            _log.warning("keys could not be read", issuer=self.name, error=str(error), known=len(self._keys))
        else:
            self._keep(found)
        finally:
            self._running = None

    def _keep(self, found: Mapping[str, KeyData]) -> None:
        self._failed, self._fetched = False, self.clock()
        if found != self._keys:
            self._keys = found
            self.version += 1
            _log.info("the issuer has new keys", issuer=self.name, keys=sorted(found))


def parse(document: bytes) -> dict[str, KeyData]:
    """Return the usable keys of a key set by their ids; raises KeysUnreadable if there is none."""
    try:
        entries = json.loads(document)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise KeysUnreadable("it is no JSON Web Key Set") from None
    found = dict(_usable(entries if isinstance(entries, list) else []))
    if not found:
        raise KeysUnreadable("the key set has no public key for signatures that has an id")
    return found


def _usable(entries: list[Any]) -> Iterator[tuple[str, KeyData]]:
    """Yield the public keys for signatures; symmetric keys, and private ones that were published, are worth nothing."""
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or not entry["kid"]:
            continue
        if entry.get("kty") not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig" or "d" in entry:
            continue
        try:
            key = jwt.PyJWK(entry).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if entry["kty"] != "RSA" or key.key_size >= MIN_RSA_BITS:
            yield entry["kid"], entry
