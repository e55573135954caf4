"""The checks of `doctor` that every process of a database has the same store of uploads.

Owns these checks; each yields findings. Whether the store works by itself is `checks.uploads`.
"""

from collections.abc import AsyncIterator, Sequence

from gateway import upload_store
from gateway.bootstrap import Resources
from gateway.cli.findings import Finding, note, wrong
from gateway.settings import Settings
from storage import database, uploads
from storage.errors import NotFound

NEWEST = 20
"""How many of the newest uploads are looked for in the store."""

SHARE_FIX = "all processes need one store: set GATEWAY_BLOB_URL to an object store, or to a folder that they all mount"


async def examine(resources: Resources) -> AsyncIterator[Finding]:
    """Look for the newest uploads in the store, and for processes on other machines beside a local folder."""
    place = upload_store.place(resources.settings)
    async with resources.db.read() as tx:
        newest = await uploads.newest_parts(tx, NEWEST)
        addresses = await database.client_addresses(tx)
    missing = await _missing(resources.settings, newest) if newest else []
    async with resources.db.read() as tx:
        # What was deleted while we looked is not missing.
        lost = len(missing) - len(await uploads.unlisted(tx, missing))
    if lost:
        yield wrong("uploads", f"{lost} of the {len(newest)} newest uploads are not in {place}", SHARE_FIX)
    elif len(addresses) > 1 and resources.settings.blobs.startswith("file:"):
        text = f"{place} is a folder of this machine, and the database has gateways at {', '.join(addresses)}"
        yield note("uploads", text, SHARE_FIX)


async def _missing(settings: Settings, keys: Sequence[str]) -> list[str]:
    """Return those of the blob keys that are not in the store."""
    store, missing = upload_store.open_store(settings), []
    for key in keys:
        try:
            await store.size(key)
        except NotFound:
            missing.append(key)
    return missing
