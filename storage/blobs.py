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
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from storage.blob_faults import AWAY, NO_BUCKET, StoreUnavailable, explained
from storage.errors import NotFound

__all__ = ["BlobStore", "StoreFull", "StoreUnavailable"]

CHUNK_BYTES = 1 << 20
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_LONGEST_KEY = 512
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_UNFINISHED = re.compile(r".+#[0-9]+")
"""The names that obstore's local store gives to files while it writes them (`NAME#1`); no key contains a `#`."""

MOST_RESERVED = 1 << 30
RESERVED_PART = 10
"""By default a tenth of the disk is left free for everything else, but not more than a gibibyte."""


PROOF_SECONDS = 5.0
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


class StoreFull(Exception):
    """The disk would have less left than what is reserved for everything else."""

    def __init__(self, room: int) -> None:
        """Report how many bytes may still be stored."""
        super().__init__(f"{room} bytes may still be stored")
        self.room = room


class BlobStore:
    """Stores bytes by key. A key is `a/b/c`: parts of letters, digits, `.`, `_`, `-` that do not begin with a dot."""

    def __init__(
        self,
        store: ObjectStore,
        folder: Path | None = None,
        reserve: int | None = None,
        *,
        impatient: ObjectStore | None = None,
    ) -> None:
        """Use `BlobStore.open`. `impatient` is the same store without repeats."""
        self._store = store
        self._impatient = impatient or store
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
            return cls._remote(url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError("a local blob URL is file:///absolute/folder")
        folder = Path(unquote(parts.path))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
        return cls(LocalStore(folder, automatic_cleanup=True), folder, reserve)

    @classmethod
    def _remote(cls, url: str) -> "BlobStore":
        for name in _ENDPOINTS:
            # The library (object_store 0.14.2, tried 2026-11-30) panics at other endpoints, which can end the process.
            if not re.match(r"https?://[^/]|$", os.environ.get(name, "")):
                raise ValueError(f"{name} must begin with https:// or http://, as the blob URL's endpoint")
        try:
            return cls(from_url(url), impatient=from_url(url, retry_config={"max_retries": 0}))
        except BaseError as error:
            # The first line says what is missing, and has no value of a setting except the URL.
            raise ValueError(f"the blob URL cannot be used: {str(error).partition(chr(10))[0]}") from None

    async def put(self, key: str, data: bytes | memoryview) -> None:
        """Write `data` under `key`, replacing what is there; readers see all of it or nothing.

        Raises ValueError for a bad key, StoreFull before anything is written, and StoreUnavailable.
        """
        key, size = _checked(key), len(data)
        # Counted before the disk is measured: of two that fit only alone, one is refused.
        self._writing += size
        try:
            room = await asyncio.to_thread(self.room)
            if room is not None and room < 0:
                raise StoreFull(room + size)
            # In one request: a multipart upload whose process dies would be kept, and charged for, unlisted.
            with explained():
                await obstore.put_async(self._store, key, data, use_multipart=False)
        finally:
            self._writing -= size

    async def prove(self, key: str, *, seconds: float = PROOF_SECONDS) -> None:
        """Write a small blob under `key`, read all of it and a part, and delete it, without repeats.

        Raises StoreUnavailable if that fails or takes longer than `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._prove(_checked(key))
        except TimeoutError:
            raise StoreUnavailable(f"{AWAY[0]} within {seconds:.0f} s", AWAY[1]) from None
        except FileNotFoundError:
            raise StoreUnavailable(*NO_BUCKET, lasting=True) from None

    async def _prove(self, key: str) -> None:
        data, store = key.encode(), self._impatient
        with explained():
            await obstore.put_async(store, key, data, use_multipart=False)
            read = bytes(await (await obstore.get_async(store, key)).bytes_async())
            part = bytes(await obstore.get_range_async(store, key, start=1, length=len(data) - 2))
            await obstore.delete_async(store, key)
        if read != data or part != data[1:-1]:
            raise StoreUnavailable("the store returned other bytes than it was given", AWAY[1])

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
            with explained():
                return int((await obstore.head_async(self._store, _checked(key)))["size"])
        except FileNotFoundError:
            raise NotFound("blob", key) from None

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, without repeats; missing keys are ignored. Raises StoreUnavailable."""
        for key in [_checked(key) for key in keys]:
            with suppress(FileNotFoundError), explained():
                await obstore.delete_async(self._impatient, key)

    async def older(self, prefix: str, before: datetime) -> AsyncIterator[dict[str, int]]:
        """Yield the keys under the folder `prefix` last written before a time, with their sizes in bytes, in batches of
        at most 1,000.

        Raises StoreUnavailable.
        """
        with explained():
            async for batch in obstore.list(self._store, _checked(prefix), chunk_size=1000):
                yield {blob["path"]: blob["size"] for blob in batch if blob["last_modified"] < before}

    async def remove_unfinished(self, prefix: str, before: datetime, *, dry_run: bool = False) -> list[int]:
        """Remove what killed processes were writing under `prefix` before a time; return the files' sizes in bytes.

        In a local folder only: in an object store a put is one request, which leaves nothing when it is cut off.
        """
        if self._folder is None:
            return []
        return await asyncio.to_thread(_remove_unfinished, self._folder / _checked(prefix), before, dry_run)

    async def remove_all(self, prefix: str) -> None:
        """Delete everything under the folder `prefix`, what is being written included. Raises StoreUnavailable."""
        async for batch in self.older(prefix, _ALWAYS):
            await self.delete(batch)
        await self.remove_unfinished(prefix, _ALWAYS)

    async def _range(self, key: str, start: int, size: int) -> bytes:
        if self._folder is not None:
            # The library takes twice the processor time, and its buffer would be copied once more (obstore 0.12.1,
            # 2026-11-30). It is asked after a failure: it says what is wrong.
            with suppress(OSError):
                return await asyncio.to_thread(_read, self._folder / key, start, size)
        try:
            with explained():
                return bytes(await obstore.get_range_async(self._store, key, start=start, length=size))
        except FileNotFoundError:
            if self._folder is not None and not self._folder.is_dir():
                raise StoreUnavailable("the folder is not there", "mount it again") from None
            raise NotFound("blob", key) from None
        except StoreUnavailable as error:
            # A range beyond the end has no error class of its own.
            if not error.lasting and await self._ends_before(key, start):
                return b""
            raise

    async def _ends_before(self, key: str, offset: int) -> bool:
        try:
            return await self.size(key) <= offset
        except (StoreUnavailable, NotFound):
            return False


def _read(path: Path, start: int, size: int) -> bytes:
    """Return bytes of a file; fewer where it ends."""
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), size, start)


def _remove_unfinished(folder: Path, before: datetime, dry_run: bool) -> list[int]:
    """Walk the folder: obstore neither lists nor deletes these files (0.12.1, tried 2026-11-30)."""
    removed = []
    for place, _, names in os.walk(folder):
        for name in filter(_UNFINISHED.fullmatch, names):
            path = Path(place) / name
            # Another process may remove it, or finish it under its real name, at the same time.
            with suppress(OSError):
                found = path.stat()
                if datetime.fromtimestamp(found.st_mtime, UTC) >= before:
                    continue
                if not dry_run:
                    path.unlink()
                removed.append(found.st_size)
                if not dry_run:
                    path.parent.rmdir()
    return removed


def _checked(key: str) -> str:
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError("not a blob key")
    return key
