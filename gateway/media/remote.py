"""The file being probed, as the worker sees it: ranges of bytes that it requests from the parent.

Owns the protocol's messages, the cache and the worker's own bounds. Does not know formats, nor where the bytes are.
"""

import os
import struct
from collections import OrderedDict

BLOCK = 256 * 1024
CACHED_BLOCKS = 16
NEAR = 4096
MAX_BYTES = 64 * 1024**2
MESSAGE = struct.Struct(">cQI")
SIZE = struct.Struct(">Q")
FORK = b"F"
STATUS = struct.Struct(">i")
"""How a worker ended: an exit code, or the negative number of a signal."""


class BoundReached(Exception):
    """A bound of our own was reached, which says nothing about the file; the message ends a sentence."""


class Remote:
    """The file object that FFmpeg reads; it requests bytes from the parent, and caches some of them.

    FFmpeg is shown the file up to `end` only: of a movie in fragments it needs the first, and would visit them all.
    """

    def __init__(self, size: int) -> None:
        """Open a file of `size` bytes."""
        self.size = self.end = size
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._near = (0, b"")
        self._left = MAX_BYTES

    def read(self, count: int = -1) -> bytes:
        """Return at most `count` bytes from the current position."""
        rest = max(0, self.end - self._position)
        count = rest if count < 0 else min(count, rest)
        if count == 0:
            return b""
        number, skipped = divmod(self._position, BLOCK)
        data = self._block(number)[skipped : skipped + count]
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.end}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def at(self, first: int, count: int) -> bytes:
        """Return at most `count` (up to 1 MiB) bytes from `first`, fewer at the end of the file.

        Requests some kilobytes at a time, where FFmpeg's reads request whole blocks: for headers that are far apart.
        """
        end = min(first + count, self.size)
        if first >= end:
            return b""
        number, skipped = divmod(first, BLOCK)
        if number == (end - 1) // BLOCK and (number in self._blocks or self.size <= BLOCK):
            return self._block(number)[skipped : skipped + end - first]
        start, data = self._near
        if not start <= first <= end <= start + len(data):
            start, data = first, self._request(first, min(max(count, NEAR), self.size - first))
            self._near = (start, data)
        return data[first - start : end - start]

    def tail(self, most: int, start: int = 0) -> tuple[int, bytes]:
        """Return (offset, bytes) of the end of the file: at most `most` bytes, and none before `start`."""
        first = max(start, self.size - most)
        parts = [self.at(place, min(BLOCK, self.size - place)) for place in range(first, self.size, BLOCK)]
        return first, b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            first = number * BLOCK
            self._blocks[number] = self._request(first, min(BLOCK, self.size - first))
            if len(self._blocks) > CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _request(self, first: int, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise BoundReached(f"needs more than {MAX_BYTES // 1024**2} MiB to be understood")
        send(MESSAGE.pack(b"R", first, count))
        return receive(count)


def receive(count: int) -> bytes:
    """Return exactly `count` bytes from the parent."""
    parts = []
    while count:
        part = os.read(0, count)
        if not part:
            raise SystemExit(0)  # The parent has gone, or has closed the connection.
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def send(data: bytes) -> None:
    """Send all bytes to the parent."""
    while data:
        data = data[os.write(1, data) :]
