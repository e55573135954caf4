"""The boxes of MP4 and QuickTime files (ISO/IEC 14496-12), and the container by its brands.

Owns walking boxes by their headers. Does not know what is in a movie.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.media.remote import Remote
from gateway.media.walk import Walk

KNOWN = frozenset(
    b"ftyp styp moov moof mdat free skip wide pnot uuid udta meta sidx ssix pdin emsg prft mfra junk pict PICT".split()
)
"""Boxes of the top level."""

# ISO/IEC 23008-12 and its relatives: pictures in a video's container format.
_HEIC = frozenset(["heic", "heix", "heim", "heis", "hevc", "hevx"])
_AVIF = frozenset(["avif", "avis"])
_GENERIC = frozenset(["mif1", "mif2", "msf1", "miaf"])


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, its offset, and the offsets of its body and of its end."""

    kind: bytes
    first: int
    body: int
    end: int


def walk(file: Remote, bounds: Walk, first: int, end: int) -> Iterator[Box]:
    """Yield the boxes in a range, the last of which may end after it; stop at what is no box."""
    end = min(end, file.size)
    while first + 8 <= end:
        bounds.step()
        size, kind = struct.unpack(">I4s", file.at(first, 8))
        head = 8
        if size == 1:
            large = file.at(first + 8, 8)
            size, head = int.from_bytes(large, "big") if len(large) == 8 else 0, 16
        elif size == 0:
            size = end - first
        if size < head:
            return
        yield Box(kind, first, first + head, first + size)
        first += size


def is_movie(file: Remote, bounds: Walk) -> bool:
    """Return whether a file begins with a box of a movie, or with an unusual one that such a box follows."""
    head = file.at(0, 8)
    if head[4:8] in KNOWN:
        return True
    if len(head) < 8 or not is_type(head[4:8]):
        return False
    for number, box in enumerate(walk(file, bounds, 0, file.size)):
        if number and box.kind in KNOWN:
            return True
        if number > 8 or not is_type(box.kind):
            return False
    return False


def is_type(kind: bytes) -> bool:
    """Return whether four bytes look like a type of box."""
    return kind.isascii() and all(each in b" -_" or chr(each).isalnum() for each in kind)


def container(file: Remote, bounds: Walk) -> str:
    """Return the container by the file type box, which need not be the first."""
    for box in walk(file, bounds, 0, file.size):
        if box.kind in (b"ftyp", b"styp"):
            return brand(file.at(box.body, min(256, box.end - box.body)))
        if box.kind in (b"moov", b"moof", b"mdat"):
            break
    return "quicktime"


def brand(body: bytes) -> str:
    """Return the container by the brands in a file type box."""
    brands = [body[place : place + 4].decode("ascii", "replace") for place in (0, *range(8, len(body) - 3, 4))]
    major = brands[0] if brands else ""
    for name, names in (("heic", _HEIC), ("avif", _AVIF)):
        if major in names or (major in _GENERIC and not names.isdisjoint(brands)):
            return name
    if major in _GENERIC:
        return "heif"
    return {"qt  ": "quicktime", "crx ": "cr3"}.get(major, "mp4")
