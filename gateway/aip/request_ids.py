"""Request ids: they make repeating a call idempotent (AIP-155).

Owns the format of `request_id` and the hash of the rest of the request. Does not know where responses are stored.
"""

import hashlib
import re

from google.protobuf.message import Message

from gateway.errors import FieldInvalid

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def check(request_id: str, *, path: str = "request_id") -> str | None:
    """Return the id in lower case, or None if it is empty; raises FieldInvalid unless it is a UUID4."""
    if not request_id:
        return None
    if _UUID4.fullmatch(request_id) is None:
        raise FieldInvalid(path, "must be a UUID of version 4, such as 8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f")
    return request_id.lower()


def body_hash(request: Message, *, without: tuple[str, ...] = ("request_id",)) -> bytes:
    """Return the SHA-256 of the request without the fields in `without`; it is the same in every process.

    The hash includes the request's type, so requests of two methods never have the same hash.
    """
    body = type(request)()
    body.CopyFrom(request)
    for name in without:
        body.ClearField(name)
    digest = hashlib.sha256(request.DESCRIPTOR.full_name.encode() + b"\0")
    digest.update(body.SerializeToString(deterministic=True))
    return digest.digest()
