"""Many sealed values, and readers that open them all the time, with no cache of keys.

Owns both, for the tests of rewrapping and its measurement. Asserts nothing.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert

from storage import seal
from storage.database import Database
from storage.key_ring import KeyMissing, KeyRing, KeyWrong
from storage.keys import DataKeyTable, LocationSealer, Sealer
from storage.seal import SealBroken

PLACE = ("tokens", "c1", "access", 1)
VALUE = b"secret"
BATCH = 5000
MADE = datetime(2026, 11, 1, tzinfo=UTC)


async def seal_many(db: Database, ring: KeyRing, count: int) -> dict[str, bytes]:
    """Create the data keys of as many locations, seal a value with each, and return the values by location."""
    sealed: dict[str, bytes] = {}
    for first in range(0, count, BATCH):
        rows = []
        for number in range(first, min(first + BATCH, count)):
            location, key = f"sealed-{number}", os.urandom(seal.KEY_BYTES)
            row = DataKeyTable(location=location, version=1, key_id=ring.active, wrapped=b"", create_time=MADE)
            row.key_id, row.wrapped = await ring.wrap(key, aad=row.aad)
            rows.append(row.model_dump())
            sealed[location] = LocationSealer(location, 1, {1: seal.aead(key)}).seal(*PLACE, VALUE)
        async with db.transaction() as tx:
            await tx.execute(insert(DataKeyTable), rows)
    return sealed


@dataclass
class Readers:
    """Reads values at random, as processes do that have just started; `failed` is how many could not be opened."""

    db: Database
    ring: KeyRing
    sealed: Mapping[str, bytes]
    reads: int = 0
    failed: int = 0

    @asynccontextmanager
    async def reading(self, count: int) -> AsyncIterator[None]:
        """Let as many readers read until the block ends."""
        locations = list(self.sealed)
        tasks = [asyncio.create_task(self._read(locations, random.Random(number))) for number in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, locations: Sequence[str], chance: random.Random) -> None:
        while True:
            location = chance.choice(locations)
            try:
                async with self.db.read() as tx:
                    sealer = await Sealer(self.db, self.ring).for_location(tx, location)
                self.failed += sealer.open(*PLACE, self.sealed[location]) != VALUE
            except (KeyMissing, KeyWrong, SealBroken):
                self.failed += 1
            self.reads += 1
