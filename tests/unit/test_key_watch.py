"""The watch over key services: its pace, and that an absence is known, and its end, although nobody needs a key.

Owns the proofs of `gateway/key_watch.py`.
"""

import asyncio

from gateway import key_watch
from storage import key_encryption
from storage.key_encryption import ServiceAway, ServiceKey
from storage.key_ring import KeyRing
from tests.fixtures.settings import RING
from tests.fixtures.waiting import until


class Service:
    """A service that changes nothing, and is away when told."""

    place = "the service"
    away = False

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the same, unless it is away."""
        if self.away:
            raise ServiceAway("Throttled")
        return plaintext

    decrypt = encrypt


async def test_an_absence_is_known_without_a_need() -> None:
    """A service is asked once a minute, and every few seconds while it is away."""
    service, paces, turns, time = Service(), [], asyncio.Semaphore(0), [0.0]
    ring = KeyRing("kms", {"kms": ServiceKey("kms", service, monotonic=lambda: time[0])})

    async def sleep(seconds: float) -> None:
        paces.append(seconds)
        time[0] += seconds
        await turns.acquire()

    async with key_watch.watched(ring, sleep):
        for service.away in (False, True, True, False):
            asked = len(paces)
            turns.release()
            await until(lambda asked=asked: len(paces) > max(asked, 1))
            assert service.away == key_watch.away(ring)
    good, bad = key_watch.GOOD_SECONDS, key_watch.BAD_SECONDS
    assert [good, good, bad, bad, good] == paces
    assert bad > key_encryption.PAUSE_SECONDS
    ring.close()


async def test_keys_of_our_own_are_not_watched() -> None:
    """A ring without services starts nothing."""
    before = asyncio.all_tasks()
    async with key_watch.watched(KeyRing.parse(RING)):
        assert before == asyncio.all_tasks()
