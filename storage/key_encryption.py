"""Encrypting data keys: with a key that this process has, or through a service that keeps its key to itself.

Owns the protocol, the key in memory, and what is done while a service is away: calls to it have an end, and after a
failed one it is left alone for a few seconds. Does not know any service, nor what is wrapped.
"""

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage import seal

log = structlog.get_logger(__name__)

CALL_SECONDS = 2.0
"""How long one call to a service may take. A transaction may be waiting for it."""

PAUSE_SECONDS = 5.0
"""How long a service is left alone after a call failed: until then all that need it fail at once."""

AT_ONCE = 4
_DIGEST_BYTES = 32


class KeyMissing(Exception):
    """A row needs a key that this process does not have."""

    def __init__(self, key_id: str) -> None:
        """Name the key by its id, which is not a secret."""
        super().__init__(f"encryption key {key_id!r} is needed and not in GATEWAY_ENCRYPTION_KEYS")
        self.key_id = key_id


class KeyUnavailable(KeyMissing):
    """A row needs a key whose service does not serve it now."""

    def __init__(self, key_id: str, problem: str) -> None:
        """Name the key by its id, and what its service said."""
        super().__init__(key_id)
        self.args = (f"encryption key {key_id!r} is not served: {problem}",)


class KeyWrong(Exception):
    """There is a key with that id, but not the one that the database was written with."""

    def __init__(self, key_id: str) -> None:
        """Name the key by its id, which is not a secret."""
        super().__init__(f"encryption key {key_id!r} is not the one that this database was written with")
        self.key_id = key_id


class ServiceAway(Exception):
    """A key service cannot be reached, or refuses its key; the text says why, without secrets."""


class CiphertextRefused(Exception):
    """A key service says that this was not encrypted with its key."""


class KeyEncryption(Protocol):
    """One key of the ring."""

    @property
    def away(self) -> str:
        """Why the key cannot be used now; "" while it can."""

    async def wrap(self, plaintext: bytes, *, aad: str) -> bytes:
        """Return `plaintext` encrypted and bound to `aad`. Raises KeyUnavailable."""

    async def unwrap(self, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped. Raises KeyUnavailable, or KeyWrong when it does not open."""


class KeyService(Protocol):
    """A service's own client for one key; its calls block, in threads. They raise ServiceAway, CiphertextRefused."""

    place: str
    """Where the key is, for people to read."""

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the ciphertext."""

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext."""


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A key in memory."""

    key_id: str
    cipher: AESGCM = field(repr=False)
    away: str = ""

    async def wrap(self, plaintext: bytes, *, aad: str) -> bytes:
        """Return `plaintext` sealed with the key."""
        return seal.seal(self.cipher, plaintext, aad=aad)

    async def unwrap(self, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped; raises KeyWrong."""
        try:
            return seal.open_(self.cipher, wrapped, aad=aad)
        except seal.SealBroken:
            raise KeyWrong(self.key_id) from None


class ServiceKey:
    """A key that a service keeps.

    Services differ in what they can bind a ciphertext to, so that is done here, alike for all: a digest of the
    associated data is encrypted with the plaintext.
    """

    def __init__(self, key_id: str, service: KeyService, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start no thread before the first call."""
        self.key_id, self.service, self.away = key_id, service, ""
        self._monotonic = monotonic
        self._again = 0.0
        self._trying = False
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"key {key_id}")
        self._unwrapping: dict[bytes, asyncio.Task[bytes]] = {}

    async def wrap(self, plaintext: bytes, *, aad: str) -> bytes:
        """Return `plaintext` encrypted by the service and bound to `aad`; raises KeyUnavailable."""
        return await self._call(self.service.encrypt, _digest(aad) + plaintext)

    async def unwrap(self, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped; raises KeyUnavailable, KeyWrong. Many at once for the same make one call."""
        task = self._unwrapping.get(wrapped)
        if task is None:
            task = self._unwrapping[wrapped] = asyncio.create_task(self._call(self.service.decrypt, wrapped))
            task.add_done_callback(lambda done: self._forget(wrapped, done))
        bound = await asyncio.shield(task)
        if not hmac.compare_digest(bound[:_DIGEST_BYTES], _digest(aad)):
            raise KeyWrong(self.key_id)
        return bound[_DIGEST_BYTES:]

    def _forget(self, wrapped: bytes, done: asyncio.Task[bytes]) -> None:
        del self._unwrapping[wrapped]
        if not done.cancelled():
            # Looked at here, because all who waited for it may have gone.
            done.exception()

    async def prove(self) -> None:
        """Encrypt and decrypt something; raises KeyUnavailable, KeyWrong."""
        proof = os.urandom(16)
        if await self.unwrap(await self.wrap(proof, aad="proof"), aad="proof") != proof:
            raise KeyWrong(self.key_id)

    def close(self) -> None:
        """Start no more calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[bytes], bytes], argument: bytes) -> bytes:
        """Run a call in a thread; while the service is away only one tries, and the others fail at once."""
        if self.away and (self._trying or self._monotonic() < self._again):
            raise KeyUnavailable(self.key_id, self.away)
        self._trying = bool(self.away)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                result = await asyncio.get_running_loop().run_in_executor(self._threads, work, argument)
        except TimeoutError:
            raise self._gone(f"{self.service.place} does not answer within {CALL_SECONDS:g} s") from None
        except ServiceAway as error:
            raise self._gone(f"{self.service.place}: {error}") from None
        except CiphertextRefused:
            self._back()
            raise KeyWrong(self.key_id) from None
        finally:
            self._trying = False
        self._back()
        return result

    def _gone(self, problem: str) -> KeyUnavailable:
        if not self.away:
            log.error("key_service.away", encryption_key=self.key_id, problem=problem)
        self.away, self._again = problem, self._monotonic() + PAUSE_SECONDS
        return KeyUnavailable(self.key_id, problem)

    def _back(self) -> None:
        if self.away:
            log.info("key_service.back", encryption_key=self.key_id)
        self.away = ""


def _digest(aad: str) -> bytes:
    return hashlib.sha256(aad.encode()).digest()
