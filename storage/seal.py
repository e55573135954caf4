"""Values sealed with AES-256-GCM, bound to the place where they are stored.

Owns the format of a sealed value.
Does not know where keys come from, or what the values are.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
TAG_BYTES = 16


class SealBroken(Exception):
    """A sealed value cannot be opened: wrong key, wrong place, or changed bytes."""


@lru_cache(maxsize=4096)
def aead(key: bytes) -> AESGCM:
    """Return the cipher of a 32-byte key; cached, because creating one costs more than using it."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return AESGCM(key)


def seal(cipher: AESGCM, plaintext: bytes, *, aad: str) -> bytes:
    """Seal `plaintext`, bound to `aad`: a format byte, a random 96-bit nonce, and the ciphertext with its tag."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, plaintext, FORMAT + aad.encode())


def open_(cipher: AESGCM, sealed: bytes, *, aad: str) -> bytes:
    """Return what was sealed. Raises `SealBroken`, with `aad` in its text, when key, `aad` or bytes differ."""
    if len(sealed) < len(FORMAT) + NONCE_BYTES + TAG_BYTES or sealed[:1] != FORMAT:
        raise SealBroken(f"not a sealed value: {aad}")
    try:
        return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], FORMAT + aad.encode())
    except InvalidTag:
        raise SealBroken(f"a sealed value does not open here: {aad}") from None
