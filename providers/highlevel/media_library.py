"""HighLevel's media library: upload a file, from where the networks fetch it, and delete it.

Owns /medias and HighLevel's names of media types. Does not know posts, which refer to a file by its URL.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from providers.errors import ContentRefused
from providers.highlevel import wire
from providers.highlevel.client import Call, Client, expect_success, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.limits import MAX_FILE_BYTES, MAX_VIDEO_BYTES
from providers.highlevel.location_ids import location_ids_of
from providers.http.multipart import FileForm
from providers.http.urls import may_open
from providers.interface.access import Access
from providers.models.publishing import VideoFile

SCOPE = "medias.write"
UPLOAD_PATH = "/medias/upload-file"
# A file's name is shown in the library and ends its URL; it states the type and reveals nothing about the owner.
FILE_NAMES: Mapping[str, str] = {
    "video/mp4": "video.mp4",
    "video/quicktime": "video.mov",
    "video/webm": "video.webm",
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/gif": "image.gif",
}
# v3 enumerates the types, and uses an unregistered name for QuickTime (specification, read 2026-11-20).
_V3_NAMES = {"video/quicktime": "video/mov"}
_MIME_TYPES = {name: mime_type for mime_type, name in _V3_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Medium:
    """One file of the library; `uri` is public."""

    file_id: str
    uri: str


async def upload(client: Client, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]]) -> Medium:
    """Upload a file to the library of the grant's location: one call, which may take minutes, in constant memory.

    `body` opens a new stream of exactly the file's bytes. Publishes nothing, so a repeated upload only leaves a second
    file. Raises Ambiguous if the answer was lost, ContractBroken if it contains no usable URL, ContentRefused (before
    any call) for a file that is too large or of an unsupported type, Temporary, ScopeNotGranted, TokenRefused,
    Rejected, and whatever `body` raises.
    """
    check(file)
    ids = await location_ids_of(access)
    form = FileForm(FILE_NAMES[file.mime_type], file.mime_type, file.size, body)
    response = await client.upload(access, UPLOAD_PATH, form, scope=SCOPE, query=_owner(ids.location_id))
    file_id, uri = wire.identifier(response.body, "fileId"), wire.text(response.body, "url")
    if not file_id or not may_open(uri, client.config.allow_loopback):
        raise contract("HighLevel's answer to an upload names no file that can be fetched.", log_id=response.log_id)
    return Medium(file_id, uri)


async def delete(client: Client, access: Access, file_id: str) -> None:
    """Delete a file and its URL: one call. Raises NotFound, Ambiguous (repeating the call is safe)."""
    ids = await location_ids_of(access)
    call = Call("DELETE", path("medias", file_id), SCOPE, _owner(ids.location_id))
    await client.execute(access, call, expect_success)


def check(file: VideoFile) -> None:
    """Refuse, without a call, a file that the library does not accept."""
    if file.mime_type not in FILE_NAMES:
        raise ContentRefused(
            f"HighLevel's library does not accept {file.mime_type[:80]!r}.",
            provider=PROVIDER,
            code="media_type",
            metadata={"rule": "mimeType", "value": file.mime_type[:80], "allowed": ", ".join(FILE_NAMES)},
        )
    most = MAX_VIDEO_BYTES if file.mime_type.startswith("video/") else MAX_FILE_BYTES
    if not 0 < file.size <= most:
        raise ContentRefused(
            f"The file has {file.size} bytes, HighLevel's library accepts 1 to {most}.",
            provider=PROVIDER,
            code="file_size",
            metadata={"rule": "sizeBytes", "value": str(file.size), "allowed": str(most)},
        )


def media_type(mime_type: str, *, v3: bool) -> str:
    """Return HighLevel's name of a MIME type in `media[].type`."""
    return _V3_NAMES.get(mime_type, mime_type) if v3 else mime_type


def mime_type(name: str) -> str:
    """Return the MIME type for HighLevel's `media[].type`."""
    return _MIME_TYPES.get(name, name)


def _owner(location_id: str) -> dict[str, str]:
    """Return the query that names the location: uploads imply it by the token, but live users send it (2026-11-20)."""
    return {"altType": "location", "altId": location_id}
