"""A file that appears whole or not at all.

Owns the order of writing: beside its place under another name, synced, and only then under its own. Does not know what
is in the file.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def written(path: Path, *, replace: bool) -> Iterator[TextIO]:
    """Open a text file of our own user; it gets its name when the block ends, and nothing is left of it on an error.

    Raises FileExistsError, also for a file that another process made meanwhile, unless `replace` is set.
    """
    if not replace and path.exists():
        raise FileExistsError(path)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            unfinished.replace(path)
        else:
            # Unlike a rename, a link never takes the place of another file.
            os.link(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
