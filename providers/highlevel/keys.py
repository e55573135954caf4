"""The public keys of HighLevel's webhooks: the published ones, their formats, and the verification of signatures.

Knows neither headers nor events. Nothing here is secret.
"""

import base64
import binascii
import re
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

# Not in the documentation's repository: two independent public repositories contain the same copy and cite HighLevel's
# web pages (read 2026-11-20). An operator can configure others.
PUBLISHED = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg="
# docs/oauth/WebhookAuthentication.md of GoHighLevel/highlevel-api-docs, read 2026-11-20; announced end: 2026-07-01.
LEGACY = b"""-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----
"""
_RAW_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_UNREADABLE = "it is neither PEM, nor base64 or hex of a public key"
_BEGIN = "-----BEGIN"
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----")


def read(value: str) -> tuple[Ed25519PublicKey, ...]:
    """Read Ed25519 keys as HighLevel's own SDKs do: PEM, of which there may be several blocks, or one key as the base64
    of its SPKI or of its 32 bytes, or as 64 hexadecimal digits. Raises ValueError.

    The digits would be base64 too, of 48 bytes, which are no key.
    """
    text = value.strip()
    if _BEGIN in text:
        return _read_pem(text)
    try:
        raw = bytes.fromhex(text) if _HEX.fullmatch(text) else decode(text)
    except ValueError:
        raise ValueError(_UNREADABLE) from None
    return (_key(raw),)


def _read_pem(text: str) -> tuple[Ed25519PublicKey, ...]:
    """Read every block. Files of environment variables often have `\\n` where the lines end."""
    blocks = _BLOCK.findall(text.replace("\\r", "").replace("\\n", "\n"))
    if len(blocks) != text.count(_BEGIN):
        raise ValueError("its PEM is incomplete")
    if any(label != "PUBLIC KEY" for label, _ in blocks):
        raise ValueError("its PEM is not that of a public key")
    return tuple(_key(decode("".join(body.split()))) for _, body in blocks)


def _key(raw: bytes) -> Ed25519PublicKey:
    if len(raw) == _RAW_BYTES:
        return Ed25519PublicKey.from_public_bytes(raw)
    try:
        key = load_der_public_key(raw)
    except UnsupportedAlgorithm:
        raise ValueError("it is of an unknown kind") from None
    except ValueError:
        raise ValueError(_UNREADABLE) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is no Ed25519 key")
    return key


def decode(value: str) -> bytes:
    """Decode base64 strictly; raises ValueError."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base64") from None


def verify(keys: Iterable[Ed25519PublicKey], signature: bytes, body: bytes) -> bool:
    """Return whether the signature of these bytes is valid for one of the keys."""
    return any(_verify(key, signature, body) for key in keys)


def _verify(key: Ed25519PublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body)
    except InvalidSignature:
        return False
    return True


def verify_legacy(signature: bytes, body: bytes, key: bytes = LEGACY) -> bool:
    """Return whether the signature of these bytes is valid for HighLevel's old RSA key."""
    public = load_pem_public_key(key)
    if not isinstance(public, RSAPublicKey):
        return False
    try:
        public.verify(signature, body, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
