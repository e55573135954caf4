"""(g) Rewrapping every data key with a new encryption key, while readers without any cache open rows all the time.

Owns the rows and the readers. What must hold is that no read fails.
"""

import base64
import time
from collections.abc import Sequence

from storage.database import Database
from storage.key_ring import KeyRing
from storage.key_rotation import rewrap
from tests.bench.rounds import at_most
from tests.bench.scale.ground import sized
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.storage.sealed import Readers, seal_many

OLD, NEW = (f"{name}:" + base64.b64encode(name[-1].encode() * 32).decode() for name in ("k1", "k2"))
READERS = 4


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Rewrap as many data keys, each number in a database of its own."""
    found = [await _one(bench, size, tell) for size in sizes]
    at = tuple(sizes)
    return [
        Line("g", "Reads that failed during a rewrap", "", at, tuple(each[0] for each in found), at_most(0)),
        Line("g", "Reads made meanwhile", "", at, tuple(each[1] for each in found)),
        Line("g", "A rewrap under load", "s", at, tuple(each[2] for each in found)),
    ]


async def _one(bench: Bench, size: int, tell: Tell) -> tuple[float, float, float]:
    """Return failed reads, reads, and seconds."""

    async def nothing(db: Database, size: int) -> None:
        return None

    async with sized(bench, [size], nothing, lambda _: None) as (db,):
        tell(f"sealing {size:,} rows")
        readers = Readers(db, KeyRing.parse(f"{NEW},{OLD}"), await seal_many(db, KeyRing.parse(OLD), size))
        async with readers.reading(READERS):
            start = time.perf_counter()
            await rewrap(db, readers.ring, lambda done, total: tell(f"{done:,} of {total:,} rows rewrapped"))
            took = time.perf_counter() - start
    return float(readers.failed), float(readers.reads), took
