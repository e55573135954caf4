"""The files of the media library.

Owns: what was uploaded, by id and by URL; the bytes themselves are not kept. Knows nothing of uploads.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

# Both hosts are reported; the platforms can fetch from either.
CDN = "https://assets.cdn.filesafe.space"


@dataclass(slots=True, kw_only=True)
class MediaFile:
    """One file: its hash and size are of what arrived."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    time: datetime
    location_id: str = ""

    @property
    def url(self) -> str:
        """Where the networks are told to fetch it."""
        return f"{CDN}/{self.location_id}/media/{self.id}{PurePosixPath(self.name).suffix}"


@dataclass(slots=True)
class MediaFiles:
    """Files by id."""

    files: dict[str, MediaFile] = field(default_factory=dict)

    def add(self, media: MediaFile) -> None:
        """Keep a file."""
        self.files[media.id] = media

    def of(self, location_id: str) -> list[MediaFile]:
        """The files of a location."""
        return [each for each in self.files.values() if each.location_id == location_id]

    def by_url(self, url: str) -> MediaFile | None:
        """The file behind a URL of the library, or None."""
        return next((each for each in self.files.values() if each.url == url), None)

    def remove(self, file_id: str, location_id: str) -> bool:
        """Take a file of a location away; False when it is not there."""
        media = self.files.get(file_id)
        if media is None or media.location_id != location_id:
            return False
        del self.files[file_id]
        return True
