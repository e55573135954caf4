"""The keys behind the seals: a ring from the configuration wraps one data key per location.

Owns the ring, the tables `data_keys`, `secrets` and `key_checks`, and wrapping anew.
Does not know what is sealed, or where the ring's text comes from.
"""

import base64
import binascii
import os
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, select, union_all
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import seal
from storage.database import Database, Transaction
from storage.types import AwareTime

BATCH = 200
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VERSION = struct.Struct(">I")
_FRESH = "fresh_data_keys"


class KeyRingInvalid(Exception):
    """The key ring's text cannot be used; says which entry, never its value."""


class KeyMissing(Exception):
    """A row needs a key that the ring does not have."""

    def __init__(self, key_id: str) -> None:
        """Name the key, which is no secret."""
        super().__init__(f"encryption key {key_id!r} is needed and not in GATEWAY_ENCRYPTION_KEYS")
        self.key_id = key_id


class KeyWrong(Exception):
    """The ring has a key of that id, but another one than the database was written with."""

    def __init__(self, key_id: str) -> None:
        """Name the key, which is no secret."""
        super().__init__(f"encryption key {key_id!r} is not the one that this database was written with")
        self.key_id = key_id


class DataKeyTable(SQLModel, table=True):
    """A location's data key, wrapped by the ring's key `key_id`."""

    __tablename__ = "data_keys"

    location: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    key_id: str = Field(index=True)
    wrapped: bytes
    create_time: datetime = Field(sa_type=AwareTime, sa_column_kwargs={"server_default": func.now()})


class SecretTable(SQLModel, table=True):
    """A secret of the whole gateway, wrapped by the ring's key `key_id`."""

    __tablename__ = "secrets"

    name: str = Field(primary_key=True)
    key_id: str
    wrapped: bytes


class KeyCheckTable(SQLModel, table=True):
    """A known value sealed with each key of the ring: tells another key under the same id."""

    __tablename__ = "key_checks"

    key_id: str = Field(primary_key=True)
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id; the active one wraps, all of them unwrap."""

    active: str
    keys: Mapping[str, AESGCM] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:base64(32 bytes)` entries separated by commas; the first is active. Raises `KeyRingInvalid`."""
        keys: dict[str, AESGCM] = {}
        for position, entry in enumerate(text.split(","), start=1):
            key_id, cipher = _parse_entry(position, entry.strip())
            if key_id in keys:
                raise KeyRingInvalid(f"entry {position}: the id {key_id!r} is there twice")
            keys[key_id] = cipher
        return cls(next(iter(keys)), keys)

    def wrap(self, plaintext: bytes, *, aad: str) -> tuple[str, bytes]:
        """Return (id of the active key, `plaintext` sealed with it for the place `aad`)."""
        return self.active, seal.seal(self.keys[self.active], plaintext, aad=aad)

    def unwrap(self, key_id: str, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped. Raises `KeyMissing`, or `KeyWrong` when it does not open."""
        if key_id not in self.keys:
            raise KeyMissing(key_id)
        try:
            return seal.open_(self.keys[key_id], wrapped, aad=aad)
        except seal.SealBroken:
            raise KeyWrong(key_id) from None


@dataclass(frozen=True, slots=True)
class LocationSealer:
    """Seals and opens the values of one location; plain CPU work of about a microsecond."""

    location: str
    active: int
    ciphers: Mapping[int, AESGCM] = field(repr=False)

    def seal(self, table: str, row: str, column: str, version: int, plaintext: bytes) -> bytes:
        """Seal `plaintext` for this location, table, row, column and version; the data key's version is kept inside."""
        aad = self._place(table, row, column, version, self.active)
        return _VERSION.pack(self.active) + seal.seal(self.ciphers[self.active], plaintext, aad=aad)

    def open(self, table: str, row: str, column: str, version: int, sealed: bytes) -> bytes:
        """Return what was sealed for exactly this place. Raises `storage.seal.SealBroken`."""
        key_version = _VERSION.unpack_from(sealed)[0] if len(sealed) >= _VERSION.size else -1
        aad = self._place(table, row, column, version, key_version)
        if key_version not in self.ciphers:
            raise seal.SealBroken(f"sealed with a data key that is not there: {aad}")
        return seal.open_(self.ciphers[key_version], sealed[_VERSION.size :], aad=aad)

    def _place(self, table: str, row: str, column: str, version: int, key_version: int) -> str:
        if any("|" in part for part in (self.location, table, row, column)):
            # Two places must never read the same.
            raise ValueError("the name of a sealed place holds no |")
        return f"{table}|{self.location}|{row}|{column}|{version}|{key_version}"


class Sealer:
    """Gives each location its sealer; unwrapped data keys are kept in a bounded cache."""

    def __init__(self, db: Database, ring: KeyRing, *, size: int = 4096) -> None:
        """`size`: of how many locations to keep the keys at hand."""
        self.db = db
        self.ring = ring
        self._size = size
        self._sealers: OrderedDict[str, LocationSealer] = OrderedDict()

    async def for_location(self, tx: Transaction, location: str) -> LocationSealer:
        """Return the sealer of `location`; makes its data key, with this transaction, on first use.

        Raises `KeyMissing`, `KeyWrong`.
        """
        known = self._sealers.get(location)
        if known is not None:
            self._sealers.move_to_end(location)
            return known
        rows = await _data_keys(tx, location) or await self._create(tx, location)
        ciphers = {row.version: seal.aead(self._unwrap(row)) for row in rows}
        sealer = LocationSealer(location, max(ciphers), ciphers)
        # A key that this very transaction made is not kept: if it is undone, nothing may be sealed with that key.
        if location not in tx.info.get(_FRESH, ()):
            self._sealers[location] = sealer
            if len(self._sealers) > self._size:
                self._sealers.popitem(last=False)
        return sealer

    async def _create(self, tx: Transaction, location: str) -> list[DataKeyTable]:
        """Make the first data key; when another transaction does so at this moment, wait for it and take its key."""
        key_id, wrapped = self.ring.wrap(os.urandom(seal.KEY_BYTES), aad=_data_key_place(location, 1))
        statement = pg_insert(DataKeyTable).values(location=location, version=1, key_id=key_id, wrapped=wrapped)
        made = await tx.execute(statement.on_conflict_do_nothing().returning(col(DataKeyTable.version)))
        if made.first() is not None:
            tx.info.setdefault(_FRESH, set()).add(location)
        return await _data_keys(tx, location)

    def _unwrap(self, row: DataKeyTable) -> bytes:
        return self.ring.unwrap(row.key_id, row.wrapped, aad=_data_key_place(row.location, row.version))


async def get_secret(db: Database, ring: KeyRing, name: str) -> bytes:
    """Return the 32 random bytes called `name` (for HMACs): made on first use, the same for every replica ever
    after.
    """
    query = select(SecretTable).where(col(SecretTable.name) == name)
    async with db.read() as tx:
        row = (await tx.execute(query)).scalar_one_or_none()
    if row is None:
        key_id, wrapped = ring.wrap(os.urandom(seal.KEY_BYTES), aad=_secret_place(name))
        statement = pg_insert(SecretTable).values(name=name, key_id=key_id, wrapped=wrapped)
        async with db.transaction() as tx:
            await tx.execute(statement.on_conflict_do_nothing())
            row = (await tx.execute(query)).scalar_one()
    return ring.unwrap(row.key_id, row.wrapped, aad=_secret_place(name))


async def verify_ring(db: Database, ring: KeyRing, *, remember: bool = True) -> None:
    """Prove that the ring opens what the database holds. Raises `KeyMissing` or `KeyWrong`.

    `remember` leaves a check value of each new key, by which another key under the same id is told later: for whoever
    is about to seal with it, not for whoever only looks.
    """
    in_use = sorted(await count_by_key(db))
    async with db.transaction() as tx:
        # The rows first: a check value made now, with a wrong key, would shut the right one out.
        for key_id in in_use:
            await _verify_rows(tx, ring, key_id)
        for key_id, cipher in ring.keys.items():
            await _verify_key(tx, key_id, cipher, remember)


async def rewrap(db: Database, ring: KeyRing, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Wrap every data key and secret with the active key, in batches, while serving; can be stopped and run again.

    Calls `progress(done, total)` after each batch and gives how many rows it moved. Raises `KeyMissing`, `KeyWrong`.
    """
    counts = await count_by_key(db)
    total = sum(counts.values()) - counts.get(ring.active, 0)
    done = 0
    for table, place in _WRAPPED:
        while moved := await _rewrap_batch(db, ring, table, place):
            done += moved
            progress(done, max(total, done))
    return done


async def count_by_key(db: Database) -> dict[str, int]:
    """Count the data keys and secrets that each key id wraps: a key that is not in here may leave the ring."""
    ids = union_all(select(col(DataKeyTable.key_id)), select(col(SecretTable.key_id))).subquery()
    query = select(ids.c.key_id, func.count()).group_by(ids.c.key_id)
    async with db.read() as tx:
        return {row[0]: row[1] for row in await tx.execute(query)}


def _parse_entry(position: int, entry: str) -> tuple[str, AESGCM]:
    key_id, colon, encoded = entry.partition(":")
    if not colon:
        # Nothing of the entry is shown: without a colon all of it may be the key.
        raise KeyRingInvalid(f"entry {position}: not of the form id:base64")
    if not _KEY_ID.fullmatch(key_id):
        raise KeyRingInvalid(f"entry {position}: the id is 1 to 64 letters, digits, dots, dashes or underscores")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise KeyRingInvalid(f"entry {position} ({key_id!r}): the key is not base64") from None
    if len(key) != seal.KEY_BYTES:
        raise KeyRingInvalid(f"entry {position} ({key_id!r}): the key has {len(key)} bytes instead of {seal.KEY_BYTES}")
    return key_id, seal.aead(key)


async def _data_keys(tx: Transaction, location: str) -> list[DataKeyTable]:
    query = select(DataKeyTable).where(col(DataKeyTable.location) == location)
    return list((await tx.execute(query)).scalars())


async def _verify_key(tx: Transaction, key_id: str, cipher: AESGCM, remember: bool) -> None:
    place = f"key_checks|{key_id}"
    if remember:
        statement = pg_insert(KeyCheckTable).values(key_id=key_id, sealed=seal.seal(cipher, b"check", aad=place))
        await tx.execute(statement.on_conflict_do_nothing())
    query = select(col(KeyCheckTable.sealed)).where(col(KeyCheckTable.key_id) == key_id)
    sealed = (await tx.execute(query)).scalar_one_or_none()
    try:
        if sealed is not None:
            seal.open_(cipher, sealed, aad=place)
    except seal.SealBroken:
        raise KeyWrong(key_id) from None


async def _verify_rows(tx: Transaction, ring: KeyRing, key_id: str) -> None:
    """Unwrap one row of each table that this key wrapped."""
    for table, place in _WRAPPED:
        query = select(table).where(col(table.key_id) == key_id).limit(1)
        for row in (await tx.execute(query)).scalars():
            ring.unwrap(key_id, row.wrapped, aad=place(row))


async def _rewrap_batch(db: Database, ring: KeyRing, table: Any, place: Callable[[Any], str]) -> int:
    """Move one batch; rows that another rewrap holds are left to it."""
    query = select(table).where(col(table.key_id) != ring.active).limit(BATCH).with_for_update(skip_locked=True)
    async with db.transaction() as tx:
        rows = list((await tx.execute(query)).scalars())
        for row in rows:
            plain = ring.unwrap(row.key_id, row.wrapped, aad=place(row))
            row.key_id, row.wrapped = ring.wrap(plain, aad=place(row))
    return len(rows)


def _data_key_place(location: str, version: int) -> str:
    return f"data_keys|{location}|{version}"


def _secret_place(name: str) -> str:
    return f"secrets|{name}"


_WRAPPED: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (DataKeyTable, lambda row: _data_key_place(row.location, row.version)),
    (SecretTable, lambda row: _secret_place(row.name)),
)
