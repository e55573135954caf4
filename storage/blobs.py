"""The bytes of uploads, in a local folder or an object store.

Owns keys, streaming, the folder's mode, and how much of its disk is left free.
Does not know uploads, client offsets, or who may read.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from storage.errors import NotFound

CHUNK_BYTES = 1 << 20
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_LONGEST_KEY = 512
_UNFINISHED = re.compile(r".+#[0-9]+")
"""The names that obstore's local store gives to files while it writes them (`NAME#1`); no key contains a `#`."""

MOST_RESERVED = 1 << 30
RESERVED_PART = 10
"""By default a tenth of the disk is left free for everything else, but not more than a gibibyte."""


class StoreUnavailable(Exception):
    """The object store cannot be read at the moment."""


class StoreFull(Exception):
    """The disk would have less left than what is reserved for everything else."""

    def __init__(self, room: int) -> None:
        """Report how many bytes may still be stored."""
        super().__init__(f"{room} bytes may still be stored")
        self.room = room


class BlobStore:
    """Stores bytes by key. A key is `a/b/c`: parts of letters, digits, `.`, `_`, `-` that do not begin with a dot."""

    def __init__(self, store: ObjectStore, folder: Path | None = None, reserve: int | None = None) -> None:
        """Use `BlobStore.open`."""
        self._store = store
        self._folder = folder
        self._writing = 0
        self.reserve = reserve

    @classmethod
    def open(cls, url: str, *, reserve: int | None = None) -> "BlobStore":
        """Return the store at `file:///folder` (created with mode 0700), `s3://…`, `gs://…` or `az://…`.

        `reserve` is how many bytes of the folder's disk are left free (default: see RESERVED_PART). Raises ValueError
        for any other URL.
        """
        parts = urlsplit(url)
        if parts.scheme != "file":
            if parts.scheme not in ("s3", "gs", "az"):
                raise ValueError("a blob URL begins with file://, s3://, gs:// or az://")
            return cls(from_url(url))
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError("a local blob URL is file:///absolute/folder")
        folder = Path(unquote(parts.path))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
        return cls(LocalStore(folder, automatic_cleanup=True), folder, reserve)

    async def put(self, key: str, data: bytes | memoryview) -> None:
        """Write `data` under `key`, replacing what is there; readers see all of it or nothing.

        Raises ValueError for a bad key, and StoreFull before anything is written.
        """
        key, size = _checked(key), len(data)
        # Counted before the disk is measured: of two that fit only alone, one is refused.
        self._writing += size
        try:
            room = await asyncio.to_thread(self.room)
            if room is not None and room < 0:
                raise StoreFull(room + size)
            await obstore.put_async(self._store, key, data)
        finally:
            self._writing -= size

    def room(self) -> int | None:
        """Return how many bytes may be stored beside the reserve and what this process is writing; may be negative.

        None in an object store, which has no end. Blocks, so call it in a thread. Raises OSError.
        """
        if self._folder is None:
            return None
        total, _, free = shutil.disk_usage(self._folder)
        reserve = min(MOST_RESERVED, total // RESERVED_PART) if self.reserve is None else self.reserve
        return free - reserve - self._writing

    async def stream(self, key: str, start: int, end: int, chunk: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Yield the bytes `start` (included) to `end` (excluded) in pieces of at most `chunk`.

        Raises `NotFound`, OSError when the blob is shorter than `end`, and StoreUnavailable.
        """
        _checked(key)
        for first in range(start, end, chunk):
            size = min(chunk, end - first)
            piece = await self._range(key, first, size)
            if len(piece) != size:
                raise OSError(f"blob {key} ends before byte {end}")
            yield piece

    async def size(self, key: str) -> int:
        """Return the size in bytes of the blob `key`. Raises `NotFound`."""
        try:
            return int((await obstore.head_async(self._store, _checked(key)))["size"])
        except FileNotFoundError:
            raise NotFound("blob", key) from None

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs; missing keys are ignored."""
        for key in [_checked(key) for key in keys]:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)

    async def older(self, prefix: str, before: datetime) -> AsyncIterator[list[str]]:
        """Yield the keys under the folder `prefix` last written before a time, in batches of at most 1,000."""
        async for batch in obstore.list(self._store, _checked(prefix), chunk_size=1000):
            yield [blob["path"] for blob in batch if blob["last_modified"] < before]

    async def remove_unfinished(self, prefix: str, before: datetime) -> int:
        """Remove what killed processes were writing under `prefix` before a time; return how many files.

        In a local folder only: an object store removes unfinished uploads by a lifecycle rule.
        """
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_remove_unfinished, self._folder / _checked(prefix), before)

    async def _range(self, key: str, start: int, size: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self._store, key, start=start, length=size))
        except FileNotFoundError:
            raise NotFound("blob", key) from None
        except obstore.exceptions.BaseError as error:
            # A range beyond the end has no error class of its own. The error's text may contain hosts and paths, so
            # only its class is reported.
            if await self._ends_before(key, start):
                return b""
            raise StoreUnavailable(type(error).__name__) from None

    async def _ends_before(self, key: str, offset: int) -> bool:
        try:
            return await self.size(key) <= offset
        except obstore.exceptions.BaseError:
            return False


def _remove_unfinished(folder: Path, before: datetime) -> int:
    """Walk the folder: obstore neither lists nor deletes these files (0.12.1, tried 2026-11-30)."""
    removed = 0
    for place, _, names in os.walk(folder):
        for name in filter(_UNFINISHED.fullmatch, names):
            path = Path(place) / name
            # Another process may remove it, or finish it under its real name, at the same time.
            with suppress(OSError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    removed += 1
                    path.parent.rmdir()
    return removed


def _checked(key: str) -> str:
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError("not a blob key")
    return key
