"""Detects that a file was replaced or written to, without reading it.

Owns what counts as a change. Does not know what is in a file.
"""

from pathlib import Path

Stamp = tuple[int, int]
ABSENT: Stamp = (0, 0)


def stamp(path: Path) -> Stamp:
    """Return a file's modification time and inode; ABSENT if there is no such file."""
    try:
        stat = path.stat()
    except OSError:
        return ABSENT
    return stat.st_mtime_ns, stat.st_ino
