"""The safety net of a rotated refresh token: the sealed pair is on disk before it is saved in the database.

Owns the spill files, one sealed pair each, in one folder and written with fsync. Contains no plaintext; knows neither
vendor nor lease.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from storage import durable_files
from storage.tokens import SealedPair

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Spill:
    """A pair that may not have been saved: its connection, the version that it replaces, and its file.

    Without a file it is in the memory of this process only.
    """

    location: str
    connection: str
    read_version: int
    pair: SealedPair
    scopes: tuple[str, ...]
    path: Path | None = None


def write(folder: Path, spill: Spill) -> Path:
    """Write a pair and return its file once it is durable; blocks, so call it in a thread. Raises OSError."""
    durable_files.create_folder(folder)
    digest = hashlib.sha256(f"{spill.location}|{spill.connection}".encode()).hexdigest()[:32]
    # Two consents of one user may spill at the same moment, so every pair gets a separate file.
    path = folder / f"{digest}-{spill.pair.version}-{secrets.token_hex(6)}.json"
    document = {
        "location": spill.location,
        "connection": spill.connection,
        "read_version": spill.read_version,
        "scopes": list(spill.scopes),
        **_pair_to_json(spill.pair),
    }
    durable_files.write(path, json.dumps(document).encode())
    return path


def pending(folder: Path) -> Iterator[Spill]:
    """Yield every spill in the folder, oldest first; a truncated file was never completely written and is skipped.

    What the disk refuses to read is logged and skipped as well: it must not keep other pairs from being saved.
    """
    try:
        paths = sorted(folder.glob("*.json"), key=_age)
    except OSError as error:
        log.error("token.spills_unreadable", error=str(error))
        return
    for path in paths:
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
        except OSError as error:
            log.error("token.spills_unreadable", error=str(error))


def remove_of(folder: Path, location: str) -> None:
    """Remove the spills of a location that is gone; blocks, so call it in a thread. Raises OSError."""
    for spill in pending(folder):
        if spill.location == location and spill.path is not None:
            spill.path.unlink(missing_ok=True)


def _age(path: Path) -> int:
    """Return when a file was written; 0 if another process has removed it meanwhile, or it cannot be looked at."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


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
