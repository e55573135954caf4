"""The keys in the database: one data key per location and the gateway's own secrets, each wrapped by the key ring.

Owns the tables `data_keys`, `secrets` and `key_checks`, and the sealer of each location.
Does not know what is sealed, or how keys are rotated (`storage/key_rotation.py`).
"""

import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, seal
from storage.cache import UNHEARD, CoherentCache, Invalidations
from storage.database import Database, Transaction
from storage.key_ring import KeyRing
from storage.types import AwareTime

TOPIC = "data_keys"
"""The topic of the notifications that the data key of a location, which is their key, is gone."""

_VERSION = struct.Struct(">I")
_UNCOMMITTED = "uncommitted_data_keys"


class DataKeyTable(SQLModel, table=True):
    """A location's data key, wrapped by the ring's key `key_id`."""

    __tablename__ = "data_keys"

    location: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    key_id: str = Field(index=True)
    wrapped: bytes
    create_time: datetime = Field(sa_type=AwareTime, sa_column_kwargs={"server_default": func.now()})

    @property
    def aad(self) -> str:
        """The associated data that binds `wrapped` to this row."""
        return _data_key_aad(self.location, self.version)


class SecretTable(SQLModel, table=True):
    """A secret of the whole gateway, wrapped by the ring's key `key_id`."""

    __tablename__ = "secrets"

    name: str = Field(primary_key=True)
    key_id: str
    wrapped: bytes

    @property
    def aad(self) -> str:
        """The associated data that binds `wrapped` to this row."""
        return _secret_aad(self.name)


class KeyCheckTable(SQLModel, table=True):
    """A known value sealed with each key of the ring, which detects a different key under the same id."""

    __tablename__ = "key_checks"

    key_id: str = Field(primary_key=True)
    sealed: bytes


@dataclass(frozen=True, slots=True)
class LocationSealer:
    """Seals and opens the values of one location; plain CPU work of about a microsecond."""

    location: str
    active: int
    ciphers: Mapping[int, AESGCM] = field(repr=False)

    def seal(self, table: str, row: str, column: str, version: int, plaintext: bytes) -> bytes:
        """Seal `plaintext` for this location, table, row, column and version, prefixed with the data key's version."""
        aad = self._aad(table, row, column, version, self.active)
        return _VERSION.pack(self.active) + seal.seal(self.ciphers[self.active], plaintext, aad=aad)

    def open(self, table: str, row: str, column: str, version: int, sealed: bytes) -> bytes:
        """Return what was sealed for exactly this place; raise `storage.seal.SealBroken` otherwise."""
        key_version = _VERSION.unpack_from(sealed)[0] if len(sealed) >= _VERSION.size else -1
        aad = self._aad(table, row, column, version, key_version)
        if key_version not in self.ciphers:
            raise seal.SealBroken(f"sealed with a data key that is not there: {aad}")
        return seal.open_(self.ciphers[key_version], sealed[_VERSION.size :], aad=aad)

    def _aad(self, table: str, row: str, column: str, version: int, key_version: int) -> str:
        if any("|" in part for part in (self.location, table, row, column)):
            # Two places must never have the same associated data.
            raise ValueError("the name of a sealed place holds no |")
        return f"{table}|{self.location}|{row}|{column}|{version}|{key_version}"


class Sealer:
    """Returns the sealer of each location, with a bounded cache of unwrapped data keys.

    A data key never changes, but goes with its location: one that is cached after that would seal what nobody else can
    open, should the location be used again.
    """

    def __init__(self, db: Database, ring: KeyRing, listener: Invalidations = UNHEARD, *, size: int = 4096) -> None:
        """Cache the data keys of at most `size` locations; without a `listener` for as long as this object lives."""
        self.db = db
        self.ring = ring
        self._sealers: CoherentCache[str, LocationSealer | None] = CoherentCache(
            listener, TOPIC, size=size, ttl_seconds=math.inf
        )

    @property
    def cached(self) -> frozenset[str]:
        """The locations whose data keys are cached."""
        return self._sealers.keys()

    async def for_location(self, tx: Transaction, location: str) -> LocationSealer:
        """Return the sealer of `location`, creating its data key in this transaction on first use.

        Raises `KeyMissing`, `KeyWrong`.
        """
        known = self._sealers.get(location)
        if known is not None:
            return known
        found = await self._sealers.load(location, lambda: self._read(tx, location))
        return found or await self._of(location, await self._create(tx, location))

    async def _read(self, tx: Transaction, location: str) -> LocationSealer | None:
        """Return the sealer to cache, None if there is none: a key that was created in this very transaction is not
        cached, because after a rollback nothing may be sealed with it.
        """
        rows = [] if location in tx.info.get(_UNCOMMITTED, ()) else await _data_keys(tx, location)
        return await self._of(location, rows) if rows else None

    async def _of(self, location: str, rows: Sequence[DataKeyTable]) -> LocationSealer:
        ciphers = {row.version: seal.aead(await self.ring.unwrap(row.key_id, row.wrapped, aad=row.aad)) for row in rows}
        return LocationSealer(location, max(ciphers), ciphers)

    async def _create(self, tx: Transaction, location: str) -> list[DataKeyTable]:
        """Create the first data key; if another transaction is doing so right now, wait for it and use its key."""
        key_id, wrapped = await self.ring.wrap(os.urandom(seal.KEY_BYTES), aad=_data_key_aad(location, 1))
        statement = pg_insert(DataKeyTable).values(location=location, version=1, key_id=key_id, wrapped=wrapped)
        made = await tx.execute(statement.on_conflict_do_nothing().returning(col(DataKeyTable.version)))
        if made.first() is not None:
            tx.info.setdefault(_UNCOMMITTED, set()).add(location)
        return await _data_keys(tx, location)


async def get_secret(db: Database, ring: KeyRing, name: str) -> bytes:
    """Return the 32 random bytes called `name` (for HMACs), created on first use and the same on every replica from
    then on.
    """
    query = select(SecretTable).where(col(SecretTable.name) == name)
    async with db.read() as tx:
        row = (await tx.execute(query)).scalar_one_or_none()
    if row is None:
        key_id, wrapped = await ring.wrap(os.urandom(seal.KEY_BYTES), aad=_secret_aad(name))
        statement = pg_insert(SecretTable).values(name=name, key_id=key_id, wrapped=wrapped)
        async with db.transaction() as tx:
            await tx.execute(statement.on_conflict_do_nothing())
            row = (await tx.execute(query)).scalar_one()
    return await ring.unwrap(row.key_id, row.wrapped, aad=row.aad)


async def _data_keys(tx: Transaction, location: str) -> list[DataKeyTable]:
    found = await direct.run(tx, _of_location(), {"in_location": location})
    return [direct.built(DataKeyTable, record) for record in await found.fetchall()]


@lru_cache
def _of_location() -> str:
    table = direct.table_of(DataKeyTable)
    return direct.compiled(select(table).where(table.c.location == bindparam("in_location")))


def _data_key_aad(location: str, version: int) -> str:
    return f"data_keys|{location}|{version}"


def _secret_aad(name: str) -> str:
    return f"secrets|{name}"
