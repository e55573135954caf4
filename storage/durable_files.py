"""Small files that survive a crash: written beside their place, synced, and renamed.

Owns the order of writing, and the proof that a folder can be written. Does not know what is in the files.
"""

import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

UNFINISHED = ".tmp"
"""The suffix of a file that is being written."""

PROBE_BYTES = 16 * 1024
"""As many as the largest file that is written here: on a full disk an empty file can still be created."""


def write(path: Path, data: bytes) -> None:
    """Write a file of our own user; durable when this returns. Raises OSError, and leaves nothing then."""
    temporary = path.with_suffix(UNFINISHED)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def create_folder(folder: Path) -> None:
    """Create a folder, and its parents, for our own user only; raises OSError."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def prove_writable(folder: Path) -> None:
    """Write a file into the folder, created if missing, and remove it; raises OSError if that is not possible."""
    if not folder.is_dir():
        create_folder(folder)
    probe = folder / f"probe-{secrets.token_hex(6)}{UNFINISHED}"
    try:
        with os.fdopen(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"\0" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def remove_unfinished(folder: Path, before: datetime) -> int:
    """Remove the files that a killed process was writing before a time; return how many. Raises OSError."""
    removed = 0
    for path in folder.glob(f"*{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                path.unlink()
                removed += 1
    return removed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
