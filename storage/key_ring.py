"""The key ring: the encryption keys of the configuration, by id.

Owns parsing the ring, and wrapping and unwrapping with it. Does not know where the text comes from, what is wrapped, or
the database.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from storage import seal
from storage.key_encryption import KeyEncryption, KeyMissing, KeyUnavailable, KeyWrong, LocalKey, ServiceKey

__all__ = ["KeyMissing", "KeyRing", "KeyRingInvalid", "KeyUnavailable", "KeyWrong"]

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

SERVICES = {
    "vault": ("storage.key_services.vault", "VaultKey", "vault"),
    "aws-kms": ("storage.key_services.aws", "AwsKey", "aws"),
    "google-kms": ("storage.key_services.google", "GoogleKey", "google"),
}
"""By scheme: the module and class of the client, imported when a ring needs it, and the extra that brings it."""


class KeyRingInvalid(Exception):
    """The key ring's text is malformed; the message names the entry, never its value."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id: the active one wraps, any of them unwraps."""

    active: str
    keys: Mapping[str, KeyEncryption] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Parse comma-separated entries; the first is active. Raises `KeyRingInvalid`.

        An entry is `id:base64(32 bytes)`, or `id:scheme:name` of a key that a service keeps.
        """
        keys: dict[str, KeyEncryption] = {}
        for position, entry in enumerate(text.split(","), start=1):
            key_id, key = _parse_entry(position, entry.strip())
            if key_id in keys:
                raise KeyRingInvalid(f"entry {position}: the id {key_id!r} is there twice")
            keys[key_id] = key
        return cls(next(iter(keys)), keys)

    @property
    def services(self) -> list[ServiceKey]:
        """The keys that services keep."""
        return [key for key in self.keys.values() if isinstance(key, ServiceKey)]

    async def wrap(self, plaintext: bytes, *, aad: str) -> tuple[str, bytes]:
        """Return (id of the active key, `plaintext` encrypted with it and bound to `aad`); raises `KeyUnavailable`."""
        return self.active, await self.keys[self.active].wrap(plaintext, aad=aad)

    async def unwrap(self, key_id: str, wrapped: bytes, *, aad: str) -> bytes:
        """Return what was wrapped. Raises `KeyMissing`, or `KeyWrong` when it does not open."""
        if key_id not in self.keys:
            raise KeyMissing(key_id)
        return await self.keys[key_id].unwrap(wrapped, aad=aad)

    def close(self) -> None:
        """Make no more calls to services."""
        for key in self.services:
            key.close()


def _parse_entry(position: int, entry: str) -> tuple[str, KeyEncryption]:
    key_id, colon, value = entry.partition(":")
    if not colon:
        # The message shows no part of the entry: without a colon all of it may be the key.
        raise KeyRingInvalid(f"entry {position}: not of the form id:base64")
    if not _KEY_ID.fullmatch(key_id):
        raise KeyRingInvalid(f"entry {position}: the id is 1 to 64 letters, digits, dots, dashes or underscores")
    where = f"entry {position} ({key_id!r})"
    return key_id, _service_key(where, key_id, value) if ":" in value else _local_key(where, key_id, value)


def _local_key(where: str, key_id: str, encoded: str) -> LocalKey:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise KeyRingInvalid(f"{where}: the key is not base64") from None
    if len(key) != seal.KEY_BYTES:
        raise KeyRingInvalid(f"{where}: the key has {len(key)} bytes instead of {seal.KEY_BYTES}")
    return LocalKey(key_id, seal.aead(key))


def _service_key(where: str, key_id: str, value: str) -> ServiceKey:
    scheme, _, name = value.partition(":")
    if scheme not in SERVICES:
        raise KeyRingInvalid(f"{where}: services are {', '.join(SERVICES)}")
    module, kind, extra = SERVICES[scheme]
    try:
        made: Callable[[str], Any] = getattr(import_module(module), kind)
    except ImportError:
        raise KeyRingInvalid(f"{where}: needs the extra {extra}: pip install 'social-gateway[{extra}]'") from None
    try:
        return ServiceKey(key_id, made(name))
    except ValueError as error:
        raise KeyRingInvalid(f"{where}: {error}") from None
