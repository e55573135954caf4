"""The services that keep encryption keys: asked in the background whether they answer, so that an absence is known
before somebody needs them, and its end too.

Owns the pace. What is done while a service is away is `storage/key_encryption.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from gateway import log
from storage.key_ring import KeyMissing, KeyRing, KeyWrong

_log = log.get("gateway.keys")

GOOD_SECONDS, BAD_SECONDS = 60.0, 6.0
"""How long after a good and after a bad answer a service is asked again."""

Sleep = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def watched(ring: KeyRing, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Ask the ring's services again and again until the block ends."""
    if not ring.services:
        yield
        return
    task = asyncio.create_task(_watch(ring, sleep), name="key services")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(ring: KeyRing, sleep: Sleep) -> None:
    while True:
        await sleep(BAD_SECONDS if away(ring) else GOOD_SECONDS)
        await ask(ring)


async def ask(ring: KeyRing) -> None:
    """Ask every service once; the keys remember what came of it."""
    for key in ring.services:
        try:
            await key.prove()
        except KeyWrong as error:
            _log.error("a key service does not decrypt what it has just encrypted", encryption_key=error.key_id)
        except KeyMissing:
            # Away: the key has logged it, and says so.
            continue


def away(ring: KeyRing) -> bool:
    """Return whether a service is away."""
    return any(key.away for key in ring.services)
