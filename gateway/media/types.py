"""Media types: what a label means, and which type a file has by its bytes.

Owns parsing labels, their synonyms, and the type under which a file is sent. A label is a hint: what a file is, its
bytes say. Does not know what a provider accepts.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from gateway.media import formats

UNKNOWN = "application/octet-stream"
SHEET = "text/csv"


class Kind(StrEnum):
    """What a label says a file is: UNKNOWN says nothing, OTHER is nothing that is posted."""

    VIDEO = "a video"
    PICTURE = "a picture"
    SHEET = "a sheet"
    UNKNOWN = "unknown"
    OTHER = "something else"


# RFC 9110, 5.6.2 and 8.3.1, lengths by RFC 6838, 4.2.
_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,127}/[!#$%&'*+.^_`|~0-9a-z-]{1,127}")
_SYNONYMS = {
    "application/mp4": "video/mp4", "video/x-mp4": "video/mp4", "video/m4v": "video/mp4", "video/x-m4v": "video/mp4",
    "video/mp4v-es": "video/mp4", "video/mpeg4": "video/mp4",
    "video/mov": "video/quicktime", "video/x-mov": "video/quicktime", "video/x-quicktime": "video/quicktime",
    "application/quicktime": "video/quicktime", "video/x-webm": "video/webm", "application/webm": "video/webm",
    "video/x-matroska": "video/matroska", "application/x-matroska": "video/matroska",
    "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-jpeg": "image/jpeg", "image/x-jpg": "image/jpeg",
    "image/jfif": "image/jpeg", "image/x-png": "image/png", "image/apng": "image/png",
    "image/vnd.mozilla.apng": "image/png", "image/x-gif": "image/gif", "image/x-webp": "image/webp",
    "application/csv": SHEET, "application/x-csv": SHEET, "text/x-csv": SHEET, "text/comma-separated-values": SHEET,
    "text/x-comma-separated-values": SHEET, "application/vnd.ms-excel": SHEET,
}  # fmt: skip
# What clients and servers say that were told nothing.
_SAYS_NOTHING = frozenset(
    (
        UNKNOWN, "*/*", "application/binary", "application/download", "application/force-download",
        "application/octetstream", "application/unknown", "application/x-binary", "application/x-download",
        "application/x-force-download", "application/x-octet-stream", "application/x-unknown",
        "application/x-unknown-content-type", "binary/octet-stream", "content/unknown", "unknown/unknown",
    )
)  # fmt: skip
_OF_CONTAINER = {
    "mp4": "video/mp4", "quicktime": "video/quicktime", "webm": "video/webm", "matroska": "video/matroska",
    "jpeg": "image/jpeg", "webp": "image/webp", "png": "image/png", "gif": "image/gif",
    "heic": "image/heic", "avif": "image/avif", "heif": "image/heif", "cr3": "image/x-canon-cr3",
    # Of files that were probed by an earlier version.
    "picture": "image/heif",
}  # fmt: skip
_OF_SUFFIX = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".qt": "video/quicktime",
    ".webm": "video/webm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".jfif": "image/jpeg", ".webp": "image/webp",
    ".png": "image/png", ".gif": "image/gif",
    ".html": "text/html", ".htm": "text/html", ".xhtml": "text/html", ".txt": "text/plain", ".json": "application/json",
    ".xml": "application/xml", ".pdf": "application/pdf", ".zip": "application/zip",
}  # fmt: skip
# One format with two names; a file is sent as what it was announced.
_MOVIES = ("video/mp4", "video/quicktime")


def canonical(label: str) -> str:
    """Return the type that a label names: lower case, without parameters, by its usual name; "" if it is malformed.

    Of a list, which some servers send although it is wrong, the last that is well-formed counts (RFC 9110, 8.3).
    """
    found = ""
    # Commas and semicolons inside a quoted parameter (`codecs="avc1, mp4a"`) separate nothing.
    for each in re.sub(r'"(?:[^"\\]|\\.)*"', "", label).split(","):
        name = each.partition(";")[0].strip(" \t").lower()
        found = name if _TYPE.fullmatch(name) else found
    return _SYNONYMS.get(found, found)


def kind_of(mime_type: str) -> Kind:
    """Return what a canonical type says that a file is."""
    if mime_type in _SAYS_NOTHING:
        return Kind.UNKNOWN
    if mime_type == SHEET:
        return Kind.SHEET
    # SVG is a text that browsers draw.
    kinds = {"video": Kind.VIDEO, "image": Kind.OTHER if mime_type == "image/svg+xml" else Kind.PICTURE}
    return kinds.get(mime_type.partition("/")[0], Kind.OTHER)


def of_container(container: str) -> str:
    """Return the type of a file in a container, "" for an unknown one."""
    return _OF_CONTAINER.get(container, "")


def of_suffix(path: str) -> str:
    """Return the type that the suffix of a file's name suggests, "" if none."""
    return _OF_SUFFIX.get(PurePosixPath(path).suffix.lower(), "")


def name_of(container: str) -> str:
    """Return what people call a container."""
    return formats.NAMES.get(container, container)


def sent_as(declared: str, media: Mapping[str, Any] | None) -> str:
    """Return the type under which a file is sent: that of its bytes, where they are known.

    `media` is the stored result of probing it.
    """
    label = canonical(declared) or declared
    actual = of_container(str((media or {}).get("container", "")))
    if not actual or (actual in _MOVIES and label in _MOVIES):
        return label
    return actual


def is_accepted(actual: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a type is among those allowed; MP4 and QuickTime count as one."""
    return actual in allowed or (actual in _MOVIES and any(each in _MOVIES for each in allowed))
