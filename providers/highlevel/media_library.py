"""HighLevel's media library: a file sent there, from where the networks fetch it, and taking it away again.

Owns /medias and HighLevel's names of media types. Knows no posts: what is in the library is published by naming its
address.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from providers.errors import ContentRefused
from providers.highlevel import wire
from providers.highlevel.client import Call, Client, accepted, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.limits import MAX_FILE_BYTES, MAX_VIDEO_BYTES
from providers.highlevel.location_ids import place_of
from providers.http.multipart import FileForm
from providers.http.urls import may_open
from providers.interface.access import Access
from providers.models.publishing import VideoFile

SCOPE = "medias.write"
UPLOAD_PATH = "/medias/upload-file"
# A file's name is shown in the library and ends its address; it says what the file is and nothing of whose.
FILE_NAMES: Mapping[str, str] = {
    "video/mp4": "video.mp4",
    "video/quicktime": "video.mov",
    "video/webm": "video.webm",
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/gif": "image.gif",
}
# v3 has a list of types, and calls QuickTime by a name that is registered nowhere (specification, read 2026-11-20).
_V3_NAMES = {"video/quicktime": "video/mov"}
_OURS = {name: mime_type for mime_type, name in _V3_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Medium:
    """One file of the library; `uri` is where anybody can fetch it."""

    file_id: str
    uri: str


async def upload(client: Client, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]]) -> Medium:
    """Send a file to the library of the grant's location: one call, which may take minutes, in constant memory.

    `body` opens a fresh stream of exactly the file's bytes. Posts nothing, so that sending it again is safe: it only
    leaves a second file. Raises Ambiguous when the answer was lost, ContractBroken when it names no address that can be
    used, ContentRefused (before any call) for a file that is too large or of another type, Temporary, ScopeNotGranted,
    TokenRefused, Rejected, and whatever `body` raises.
    """
    check(file)
    place = await place_of(access)
    form = FileForm(FILE_NAMES[file.mime_type], file.mime_type, file.size, body)
    said = await client.upload(access, UPLOAD_PATH, form, scope=SCOPE, query=_owner(place.location_id))
    file_id, uri = wire.identifier(said.body, "fileId"), wire.text(said.body, "url")
    if not file_id or not may_open(uri, client.config.allow_loopback):
        raise contract("HighLevel's answer to an upload names no file that can be fetched.", log_id=said.log_id)
    return Medium(file_id, uri)


async def delete(client: Client, access: Access, file_id: str) -> None:
    """Take a file out of the library: its address ends. One call; raises NotFound, Ambiguous (safe to ask again)."""
    place = await place_of(access)
    call = Call("DELETE", path("medias", file_id), SCOPE, _owner(place.location_id))
    await client.ask(access, call, accepted)


def check(file: VideoFile) -> None:
    """Refuse, without a call, what the library does not take."""
    if file.mime_type not in FILE_NAMES:
        raise ContentRefused(
            f"HighLevel's library takes no {file.mime_type[:80]!r}.",
            provider=PROVIDER,
            code="media_type",
            metadata={"rule": "mimeType", "value": file.mime_type[:80], "allowed": ", ".join(FILE_NAMES)},
        )
    most = MAX_VIDEO_BYTES if file.mime_type.startswith("video/") else MAX_FILE_BYTES
    if not 0 < file.size <= most:
        raise ContentRefused(
            f"The file has {file.size} bytes, HighLevel's library takes 1 to {most}.",
            provider=PROVIDER,
            code="file_size",
            metadata={"rule": "sizeBytes", "value": str(file.size), "allowed": str(most)},
        )


def media_type(mime_type: str, *, v3: bool) -> str:
    """Return what HighLevel calls a media type in `media[].type`."""
    return _V3_NAMES.get(mime_type, mime_type) if v3 else mime_type


def mime_type(name: str) -> str:
    """Return the media type that HighLevel's `media[].type` stands for."""
    return _OURS.get(name, name)


def _owner(location_id: str) -> dict[str, str]:
    """Name the location. Uploads take it from the token; live users send it along (read 2026-11-20)."""
    return {"altType": "location", "altId": location_id}
