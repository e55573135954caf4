"""The chain of hashes over the audit log: what is hashed, and how the end of a day is authenticated.

Owns the canonical form of an entry, which is also a line of an export. Does not know when entries are sealed or read.

Each hash is SHA-256 over the previous one and the entry; the first of a day follows the last of the day before. So an
entry that is missing, changed, added or moved breaks the chain, and anybody can check an export without a secret. That
the chain was not computed anew is shown by an HMAC over the end of each day.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from storage.audit import FIELDS, AuditDayRow, AuditEntry

SECRET = "audit"  # noqa: S105 - its name
"""The name of the secret that authenticates days, for `storage.keys.get_secret`."""

BEGINNING = bytes(hashlib.sha256().digest_size)
"""What the first hash of all follows."""


def midnight(time: datetime) -> datetime:
    """Return the beginning of a time's day, in UTC."""
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def fields(day: datetime, number: int, entry: AuditEntry) -> dict[str, Any]:
    """Return what is hashed of an entry."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in FIELDS}
    return {
        **values,
        "day": day.astimezone(UTC).date().isoformat(),
        "number": number,
        "time": entry.time.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def canonical(values: dict[str, Any]) -> str:
    """Return JSON in the one form that is hashed: sorted keys, no spaces, characters as they are."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def next_hash(previous: bytes, day: datetime, number: int, entry: AuditEntry) -> bytes:
    """Return the hash of an entry that follows one with the hash `previous`."""
    text = f"{previous.hex()}\n{canonical(fields(day, number, entry))}"
    return hashlib.sha256(text.encode()).digest()


def mac(secret: bytes, day: AuditDayRow) -> bytes:
    """Return the HMAC over the end of a day."""
    previous = day.previous.isoformat() if day.previous else ""
    text = "|".join((day.day.isoformat(), str(day.rows), day.hash.hex(), previous, str(day.dropped)))
    return hmac.digest(secret, text.encode(), "sha256")


def is_authentic(secret: bytes, day: AuditDayRow) -> bool:
    """Return whether the end of a day was stored by this installation."""
    return hmac.compare_digest(day.mac, mac(secret, day))
