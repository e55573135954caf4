"""Key rotation: check that the ring fits the database, rewrap everything with a new key, count what a key still wraps.

Owns what happens when the ring changes.
Does not know what the keys seal.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import col

from storage.database import Database, Transaction
from storage.key_encryption import KeyEncryption
from storage.key_ring import KeyRing
from storage.keys import DataKeyTable, KeyCheckTable, SecretTable

BATCH = 50
"""Two calls each of a key service that takes a quarter of a second are within what a transaction may be idle for."""
_WRAPPED_TABLES: tuple[Any, ...] = (DataKeyTable, SecretTable)


async def verify_ring(db: Database, ring: KeyRing, *, remember: bool = True) -> None:
    """Check that the ring unwraps what the database holds. Raises `KeyMissing` or `KeyWrong`.

    `remember` stores a check value for each new key, so that a different key under the same id is detected later. Use
    it when the process is about to seal with the ring, not when it only inspects the database.
    """
    in_use = sorted(await count_by_key(db))
    async with db.transaction() as tx:
        # The rows first: a check value stored now with a wrong key would lock the right one out.
        for key_id in in_use:
            await _verify_rows(tx, ring, key_id)
        for key_id, key in ring.keys.items():
            await _verify_key(tx, key_id, key, remember)


async def rewrap(db: Database, ring: KeyRing, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Wrap every data key and secret with the active key and return the number of rows that changed.

    Works in batches while the gateway serves, and can be stopped and run again. Calls `progress(done, total)` after
    each batch. Raises `KeyMissing`, `KeyWrong`.
    """
    total = await count_others(db, ring)
    done = 0
    for table in _WRAPPED_TABLES:
        while moved := await _rewrap_batch(db, ring, table):
            done += moved
            progress(done, max(total, done))
    return done


async def rewrap_some(db: Database, ring: KeyRing, batches: int) -> int:
    """Wrap at most so many batches of data keys and secrets with the active key; return how many rows changed.

    Raises `KeyMissing`, `KeyWrong`.
    """
    done = 0
    for _ in range(batches):
        moved = 0
        for table in _WRAPPED_TABLES:
            moved = moved or await _rewrap_batch(db, ring, table)
        done += moved
        if not moved:
            break
    return done


async def count_others(db: Database, ring: KeyRing) -> int:
    """Count the data keys and secrets that another key than the active one wraps."""
    counts = await count_by_key(db)
    return sum(counts.values()) - counts.get(ring.active, 0)


async def count_by_key(db: Database) -> dict[str, int]:
    """Count the data keys and secrets that each key id wraps: a key that does not appear may be removed from the
    ring.
    """
    ids = union_all(select(col(DataKeyTable.key_id)), select(col(SecretTable.key_id))).subquery()
    query = select(ids.c.key_id, func.count()).group_by(ids.c.key_id)
    async with db.read() as tx:
        return {row[0]: row[1] for row in await tx.execute(query)}


async def _verify_key(tx: Transaction, key_id: str, key: KeyEncryption, remember: bool) -> None:
    aad = f"key_checks|{key_id}"
    if remember:
        statement = pg_insert(KeyCheckTable).values(key_id=key_id, sealed=await key.wrap(b"check", aad=aad))
        await tx.execute(statement.on_conflict_do_nothing())
    query = select(col(KeyCheckTable.sealed)).where(col(KeyCheckTable.key_id) == key_id)
    sealed = (await tx.execute(query)).scalar_one_or_none()
    if sealed is not None:
        await key.unwrap(sealed, aad=aad)


async def _verify_rows(tx: Transaction, ring: KeyRing, key_id: str) -> None:
    """Unwrap one row of each table that this key wrapped."""
    for table in _WRAPPED_TABLES:
        query = select(table).where(col(table.key_id) == key_id).limit(1)
        for row in (await tx.execute(query)).scalars():
            await ring.unwrap(key_id, row.wrapped, aad=row.aad)


async def _rewrap_batch(db: Database, ring: KeyRing, table: Any) -> int:
    """Rewrap one batch, skipping rows that another rewrap has locked."""
    query = select(table).where(col(table.key_id) != ring.active).limit(BATCH).with_for_update(skip_locked=True)
    async with db.transaction() as tx:
        rows = list((await tx.execute(query)).scalars())
        for row in rows:
            plain = await ring.unwrap(row.key_id, row.wrapped, aad=row.aad)
            row.key_id, row.wrapped = await ring.wrap(plain, aad=row.aad)
    return len(rows)
