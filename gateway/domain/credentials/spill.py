"""The safety net of a rotated refresh token: the sealed pair is on disk before it is saved in the database.

Owns the spill files, one sealed pair each, in one folder and written with fsync. Contains no plaintext; knows neither
vendor nor lease.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.tokens import SealedPair


@dataclass(frozen=True, slots=True)
class Spill:
    """A pair that may not have been saved: its connection, the version that it replaces, and its file."""

    location: str
    connection: str
    read_version: int
    pair: SealedPair
    scopes: tuple[str, ...]
    path: Path


def write(
    folder: Path, location: str, connection: str, read_version: int, pair: SealedPair, scopes: tuple[str, ...]
) -> Path:
    """Write a pair and return its file once it is durable; blocks, so call it in a thread."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(f"{location}|{connection}".encode()).hexdigest()[:32]
    # Two consents of one user may spill at the same moment, so every pair gets a separate file.
    path = folder / f"{digest}-{pair.version}-{secrets.token_hex(6)}.json"
    document = {
        "location": location,
        "connection": connection,
        "read_version": read_version,
        "scopes": list(scopes),
        **_pair_to_json(pair),
    }
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(folder)
    return path


def pending(folder: Path) -> Iterator[Spill]:
    """Yield every spill in the folder, oldest first; a truncated file was never completely written and is skipped."""
    for path in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns):
        try:
            document = json.loads(path.read_text())
            yield Spill(
                document["location"],
                document["connection"],
                document["read_version"],
                _pair_from_json(document),
                tuple(document["scopes"]),
                path,
            )
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            continue


def _pair_to_json(pair: SealedPair) -> dict[str, object]:
    return {
        "version": pair.version,
        "access_sealed": base64.b64encode(pair.access_sealed).decode(),
        "refresh_sealed": None if pair.refresh_sealed is None else base64.b64encode(pair.refresh_sealed).decode(),
        "access_expire_time": pair.access_expire_time.isoformat(),
        "access_issue_time": pair.access_issue_time.isoformat(),
        "refresh_expire_time": None if pair.refresh_expire_time is None else pair.refresh_expire_time.isoformat(),
        "refresh_at": None if pair.refresh_at is None else pair.refresh_at.isoformat(),
    }


def _pair_from_json(document: dict[str, Any]) -> SealedPair:
    refresh = document["refresh_sealed"]
    return SealedPair(
        version=int(document["version"]),
        access_sealed=base64.b64decode(document["access_sealed"]),
        refresh_sealed=None if refresh is None else base64.b64decode(refresh),
        access_expire_time=datetime.fromisoformat(document["access_expire_time"]),
        access_issue_time=datetime.fromisoformat(document["access_issue_time"]),
        refresh_expire_time=_time(document["refresh_expire_time"]),
        refresh_at=_time(document["refresh_at"]),
    )


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
