"""The key ring: the encryption keys of the configuration, by id.

Owns parsing the ring, wrapping and unwrapping with it, and the errors of a key that is missing or wrong.
Does not know where the text comes from, what is wrapped, or the database.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage import seal

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class KeyRingInvalid(Exception):
    """The key ring's text is malformed; the message names the entry, never its value."""


class KeyMissing(Exception):
    """A row needs a key that the ring does not have."""

    def __init__(self, key_id: str) -> None:
        """Name the key by its id, which is not a secret."""
        super().__init__(f"encryption key {key_id!r} is needed and not in GATEWAY_ENCRYPTION_KEYS")
        self.key_id = key_id


class KeyWrong(Exception):
    """The ring has a key with that id, but not the one that the database was written with."""

    def __init__(self, key_id: str) -> None:
        """Name the key by its id, which is not a secret."""
        super().__init__(f"encryption key {key_id!r} is not the one that this database was written with")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id: the active one wraps, any of them unwraps."""

    active: str
    keys: Mapping[str, AESGCM] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Parse comma-separated `id:base64(32 bytes)` entries; the first is active. Raises `KeyRingInvalid`."""
        keys: dict[str, AESGCM] = {}
        for position, entry in enumerate(text.split(","), start=1):
            key_id, cipher = _parse_entry(position, entry.strip())
            if key_id in keys:
                raise KeyRingInvalid(f"entry {position}: the id {key_id!r} is there twice")
            keys[key_id] = cipher
        return cls(next(iter(keys)), keys)

    def wrap(self, plaintext: bytes, *, aad: str) -> tuple[str, bytes]:
        """Return (id of the active key, `plaintext` sealed with it and bound to `aad`)."""
        return self.active, seal.seal(self.keys[self.active], plaintext, aad=aad)

    def unwrap(self, key_id: str, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped. Raises `KeyMissing`, or `KeyWrong` when it does not open."""
        if key_id not in self.keys:
            raise KeyMissing(key_id)
        try:
            return seal.open_(self.keys[key_id], wrapped, aad=aad)
        except seal.SealBroken:
            raise KeyWrong(key_id) from None


def _parse_entry(position: int, entry: str) -> tuple[str, AESGCM]:
    key_id, colon, encoded = entry.partition(":")
    if not colon:
        # The message shows no part of the entry: without a colon all of it may be the key.
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
