"""Files of the private PostgreSQL that other users may neither read nor lock.

Owns their mode, atomic writes, and locks that end with the process.
Does not know what is in them.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_SECONDS = 120.0
POLL_SECONDS = 0.01


class EmbeddedUnavailable(Exception):
    """A private PostgreSQL cannot be started; the text says what to do."""


def write_private(path: Path, text: str) -> None:
    """Write a file that only our user can read, atomically."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(open_private(new), "w") as file:
        file.write(text)
    new.rename(path)


def open_private(path: Path) -> int:
    """Open a file for writing that other users can neither read nor lock."""
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock, waiting for it at most `LOCK_SECONDS`."""
    file = open_private(path)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"another process has held {path} for {LOCK_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(file)


def try_lock(file: int, kind: int) -> bool:
    """Acquire a lock of `kind` (`fcntl.LOCK_EX`, `LOCK_SH`) on an open file; return False when it is held elsewhere."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
