"""The library of an ad account: uploaded videos and images, and files that arrive in chunks.

Owns: the files, without their bytes. Knows nothing of HTTP requests.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy, number, opaque
from providers.simulators.tiktok_business.errors import VendorError

CHUNK = 10_000_000
MIN_CHUNKED = 20_000_000
MAX_NAME = 100


@dataclass(slots=True, kw_only=True, eq=False)
class SimFile:
    """A video or image; a video can be used once it is transcoded."""

    kind: str
    id: str
    advertiser_id: str
    name: str
    size: int
    md5: str
    uploaded: datetime
    ready_at: datetime

    def shown(self, now: datetime) -> dict[str, Any]:
        """Return the file as the API shows it: what is not transcoded yet has no measures."""
        shown: dict[str, Any] = {f"{self.kind}_id": self.id, "file_name": self.name, "size": self.size}
        shown |= {"signature": self.md5, "material_id": self.id[-19:]}
        if self.ready_at <= now:
            shown |= {"width": 1080, "height": 1920}
            shown |= {"duration": 15.2, "format": "mp4"} if self.kind == "video" else {"format": "jpeg"}
        return shown


@dataclass(slots=True, eq=False)
class Arriving:
    """A file that arrives in chunks; only its length and hash are kept."""

    advertiser_id: str
    size: int
    received: int = 0
    digest: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))

    def wanted(self) -> dict[str, int]:
        """Return which bytes should come next, none when all are there."""
        return {"start_offset": self.received, "end_offset": min(self.size, self.received + CHUNK)}


class Library:
    """The files of all ad accounts."""

    def __init__(self, entropy: Entropy, transcoding: timedelta) -> None:
        self._entropy, self._transcoding = entropy, transcoding
        self.files: dict[str, SimFile] = {}
        self.arriving: dict[str, Arriving] = {}
        self.complete: dict[str, Arriving] = {}

    def add(self, kind: str, advertiser_id: str, name: str, *, size: int, md5: str, now: datetime) -> SimFile:
        """Add a file. Raise VendorError 40911 for a name that the ad account has already, 40002 for a bad one."""
        if not 1 <= len(name) <= MAX_NAME:
            raise VendorError(40002, f"file_name: must have 1 to {MAX_NAME} characters")
        if any((each.advertiser_id, each.name) == (advertiser_id, name) for each in self.files.values()):
            raise VendorError(40911)
        id = f"v{number(self._entropy)}" if kind == "video" else f"ad-site-sim/{opaque(self._entropy)}"
        ready = now + (self._transcoding if kind == "video" else timedelta())
        file = SimFile(
            kind=kind, id=id, advertiser_id=advertiser_id, name=name, size=size, md5=md5, uploaded=now, ready_at=ready
        )
        self.files[id] = file
        return file

    def of(self, advertiser_id: str, kind: str) -> list[SimFile]:
        """Return the files of an ad account, the newest first."""
        found = [each for each in self.files.values() if (each.advertiser_id, each.kind) == (advertiser_id, kind)]
        return sorted(found, key=lambda each: each.uploaded, reverse=True)

    def usable(self, id: object, kind: str, advertiser_id: str, now: datetime) -> SimFile:
        """Return a file that an ad can use. Raise VendorError 40053, or 40901 while it is transcoded."""
        file = self.files.get(str(id))
        if file is None or (file.kind, file.advertiser_id) != (kind, advertiser_id):
            raise VendorError(40053 if kind == "video" else 40002, f"{kind}_id: does not exist")
        if file.ready_at > now:
            raise VendorError(40901)
        return file

    def start(self, advertiser_id: str, size: int) -> str:
        """Begin a chunked upload; return its id."""
        upload_id = opaque(self._entropy)
        self.arriving[upload_id] = Arriving(advertiser_id, size)
        return upload_id

    def of_upload(self, upload_id: str, advertiser_id: str) -> Arriving:
        """Return an upload that is under way. Raise VendorError 40002."""
        found = self.arriving.get(upload_id)
        if found is None or found.advertiser_id != advertiser_id:
            raise VendorError(40002, "upload_id: does not exist")
        return found

    def finish(self, upload_id: str, advertiser_id: str) -> str:
        """End an upload of which every byte has come; return the id of its file. Raise VendorError 40002."""
        found = self.of_upload(upload_id, advertiser_id)
        if found.received != found.size:
            raise VendorError(40002, "upload_id: the file is not complete")
        del self.arriving[upload_id]
        file_id = opaque(self._entropy)
        self.complete[file_id] = found
        return file_id
