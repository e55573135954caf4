"""The store of uploads: whether it takes, returns and deletes bytes, found out at the start and again while serving.

Owns the probe's pace, and what of its faults refuses a start. Does not know what is stored, nor who asks.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway import ids, log
from gateway.settings import Settings, SettingsError
from storage.blobs import BlobStore, StoreUnavailable

_log = log.get("gateway.upload_store")

GOOD_SECONDS = 60.0
BAD_SECONDS = 5.0
"""How long a good and a bad result are valid: object stores charge for each write."""


def open_store(settings: Settings) -> BlobStore:
    """Return the configured store; raises SettingsError if its settings cannot be right. Asks nobody."""
    try:
        return BlobStore.open(settings.blobs, reserve=settings.upload_reserve_bytes)
    except (ValueError, OSError) as error:
        raise SettingsError(f"GATEWAY_BLOB_URL: {error}") from None


def place(settings: Settings) -> str:
    """Return where the store is, for people to read: the folder, or the URL without anything secret."""
    parts = urlsplit(settings.blobs)
    return parts.path if parts.scheme == "file" else f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


async def prove(store: BlobStore, new_id: Callable[[], str] = ids.new_id) -> None:
    """Write a small blob, read all of it and a part, and delete it. Raises StoreUnavailable.

    One that a killed process leaves belongs to no upload, so the sweeper deletes it.
    """
    await store.prove(f"uploads/probe-{new_id()}")


async def verify(settings: Settings) -> bool:
    """Return whether the store works. Raises SettingsError if it says that it cannot before somebody changes something.

    A store that is away for the moment is only logged: it must not keep a fleet from being restarted.
    """
    try:
        await prove(open_store(settings))
    except StoreUnavailable as error:
        if error.lasting:
            raise SettingsError(f"uploads: {place(settings)}: {error}; {error.advice}") from None
        _log.error("the upload store does not work", error=str(error), advice=error.advice)
        return False
    return True


@dataclass(slots=True)
class StoreWatch:
    """Probes the store in the background when it is asked about and the last result is too old; `verified` is the
    first one.
    """

    store: BlobStore
    verified: bool
    monotonic: Callable[[], float] = time.monotonic
    _works: bool = field(init=False)
    _until: float = field(init=False)
    _probe: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin with the result of the start."""
        self._works = self.verified
        self._set(self.verified)

    def works(self) -> bool:
        """Return the last result, at once."""
        if self._probe is None and self.monotonic() >= self._until:
            self._probe = asyncio.create_task(self._run(), name="upload store probe")
        return self._works

    async def close(self) -> None:
        """End a running probe."""
        if self._probe is not None:
            self._probe.cancel()
            with suppress(asyncio.CancelledError):
                await self._probe

    async def _run(self) -> None:
        try:
            await prove(self.store)
        except StoreUnavailable as error:
            self._set(False, error)
        except Exception as error:  # whatever it is, the next probe must still run
            self._set(False, StoreUnavailable(f"unexpected {type(error).__name__}"))
        else:
            self._set(True)
        finally:
            self._probe = None

    def _set(self, works: bool, problem: StoreUnavailable | None = None) -> None:
        if problem is not None and self._works:
            _log.error("the upload store does not work", error=str(problem), advice=problem.advice)
        if works and not self._works:
            _log.info("the upload store works again")
        self._works = works
        self._until = self.monotonic() + (GOOD_SECONDS if works else BAD_SECONDS)
