"""The files of the media library.

Owns: the uploaded files by id and URL, without their bytes. Knows nothing of uploads.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

# Both hosts are reported; the networks can fetch from either.
CDN = "https://assets.cdn.filesafe.space"


@dataclass(slots=True, kw_only=True)
class MediaFile:
    """A file. Hash and size are of the received bytes."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    time: datetime
    location_id: str = ""

    @property
    def url(self) -> str:
        """The URL from which the networks fetch it."""
        return f"{CDN}/{self.location_id}/media/{self.id}{PurePosixPath(self.name).suffix}"


@dataclass(slots=True)
class MediaFiles:
    """The files by id."""

    files: dict[str, MediaFile] = field(default_factory=dict)

    def add(self, media: MediaFile) -> None:
        """Add a file."""
        self.files[media.id] = media

    def of(self, location_id: str) -> list[MediaFile]:
        """Return the files of a location."""
        return [each for each in self.files.values() if each.location_id == location_id]

    def by_url(self, url: str) -> MediaFile | None:
        """Return the file with this URL, or None."""
        return next((each for each in self.files.values() if each.url == url), None)

    def remove(self, file_id: str, location_id: str) -> bool:
        """Remove a file of a location. Return False when there is no such file."""
        media = self.files.get(file_id)
        if media is None or media.location_id != location_id:
            return False
        del self.files[file_id]
        return True
