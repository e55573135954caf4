"""Posting to an address that a caller supplied: the server is not trusted.

Owns one POST, its time limit, and what its answer means. `guard.py` decides where to connect. Redirects are not
followed, and of the answer only status and `Retry-After` are looked at. Errors contain the host at most: the rest of
a URL may be a secret.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from yarl import URL

from providers.errors import MediaUnavailable, MediaUnreachable
from providers.http.answers import translated
from providers.http.guard import Lookup, SystemLookup, guarded_session
from providers.http.public import trouble
from providers.http.retry_after import requested_wait

SECONDS = 15.0
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a POST was answered: the status, 0 for none; what went wrong, "" after 2xx; how long to wait, if it said."""

    status: int
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        """Whether the server took it."""
        return 200 <= self.status < 300


class Poster:
    """Posts to callers' addresses."""

    def __init__(self, *, allow_loopback: bool = False, lookup: Lookup | None = None, seconds: float = SECONDS) -> None:
        """Open no connection before the first post; `lookup` replaces the system's resolver (in tests)."""
        self.allow_loopback = allow_loopback
        self._seconds = seconds
        self._system = SystemLookup()
        self._lookup: Lookup = lookup or self._system
        self._session: aiohttp.ClientSession | None = None

    async def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post JSON and return how it was answered; no answer, or an address that must not be called, is one too."""
        if wrong := trouble(uri, allow_loopback=self.allow_loopback):
            return Answer(0, f"the address {wrong}")
        self._session = self._session or guarded_session(
            self._lookup, allow_loopback=self.allow_loopback, connect=CONNECT_SECONDS
        )
        url = URL(uri, encoded=True)
        sent = {"Content-Type": "application/json", **headers}
        try:
            with translated(url.raw_host):
                async with asyncio.timeout(self._seconds):
                    async with self._session.post(url, data=body, headers=sent, allow_redirects=False) as answer:
                        status = answer.status
                        error = "" if 200 <= status < 300 else f"answered {status}"
                        return Answer(status, error, requested_wait(answer.headers))
        except (MediaUnreachable, MediaUnavailable) as error:
            return Answer(0, error.message)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._system.close()
