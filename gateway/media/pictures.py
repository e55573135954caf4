"""Pictures: whether a JPEG, WebP, PNG or GIF is whole, and of a kind that players show.

Owns their structure, by their headers and ends. Decodes nothing: JPEG and WebP are also opened by FFmpeg; of PNG and
GIF the dimensions are read here.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from gateway.media.remote import BLOCK, Remote
from gateway.media.walk import Walk

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_TAIL = 64 * 1024
_PNG_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_GIF_END = b"\x00\x3b"
_SMALL = 1024**2
# ITU-T T.81, table B.1: frames that browsers and vendors show are baseline, extended sequential and progressive.
_SHOWN = (0xC0, 0xC1, 0xC2)
_NOT_SHOWN = {
    0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "lossless", 0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded", 0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "lossless",
    0xF7: "lossless",
}  # fmt: skip
_CUT = "is cut short: it has no end"


def jpeg(file: Remote, walk: Walk) -> str:
    """Return what is wrong with a JPEG, as the end of a sentence, or nothing."""
    place = 2
    while True:
        walk.step()
        head = file.at(place, 10)
        if len(head) < 4:
            return _CUT
        if head[0] != 0xFF:  # Readers skip what is between markers.
            found = file.at(place, BLOCK).find(b"\xff")
            place += found if found >= 0 else BLOCK
            continue
        marker, length = head[1], int.from_bytes(head[2:4], "big")
        if marker == 0xFF:  # Padding before a marker.
            place += 1
            continue
        if marker in _NOT_SHOWN:
            return f"is a JPEG of a kind that is not shown ({_NOT_SHOWN[marker]})"
        if marker in _SHOWN and len(head) > 4 and head[4] != 8:
            return f"is a JPEG of a kind that is not shown ({head[4]} bits a sample)"
        if marker == 0xD9:
            return "holds no picture"
        place += 2 if marker == 0x01 or 0xD0 <= marker <= 0xD8 else 2 + length
        if marker == 0xDA:
            return "" if _jpeg_ends(file, place) else _CUT


def _jpeg_ends(file: Remote, data: int) -> bool:
    """Return whether the end of the image follows its data; it is looked for from the end of the file first.

    Behind it may be what phones append: another picture, or a video.
    """
    if b"\xff\xd9" in file.tail(_TAIL, data)[1]:
        return True
    last = b""
    for place in range(data, file.size, BLOCK):
        part = last + file.at(place, BLOCK)
        if b"\xff\xd9" in part:
            return True
        last = part[-1:]
    return False


def webp(file: Remote) -> str:
    """Return what is wrong with a WebP, as the end of a sentence, or nothing."""
    size = int.from_bytes(file.at(4, 4), "little") + 8
    # Some encoders count the byte that pads the last chunk, and do not write it.
    return "is cut short: it says that it is longer" if size > file.size + 1 else ""


def png(file: Remote, walk: Walk) -> dict[str, Any]:
    """Return the facts of a PNG."""
    head = file.at(len(PNG_MAGIC), 25)
    if len(head) < 25 or head[4:8] != b"IHDR" or zlib.crc32(head[4:21]) != int.from_bytes(head[21:25], "big"):
        return {"trouble": "cannot be read as png"}
    width, height = struct.unpack(">II", head[8:16])
    if not (0 < width < 2**31 and 0 < height < 2**31):
        return {"trouble": "cannot be read as png"}
    facts = {"codec": "png", "width": width, "height": height}
    if _PNG_END in file.tail(_TAIL, len(PNG_MAGIC))[1] or b"IEND" in _chunks(file, walk):
        return facts
    return {"trouble": _CUT}


def _chunks(file: Remote, walk: Walk) -> Iterator[bytes]:
    """Yield the types of the chunks that are all there."""
    place = len(PNG_MAGIC)
    while len(head := file.at(place, 8)) == 8:
        walk.step()
        place += 12 + int.from_bytes(head[:4], "big")
        if place > file.size:
            return
        yield head[4:]


def gif(file: Remote) -> dict[str, Any]:
    """Return the facts of a GIF. A large one that ends as it should is not followed block by block."""
    head = file.at(0, 13)
    if len(head) < 13:
        return {"trouble": _CUT}
    width, height = struct.unpack("<HH", head[6:10])
    facts = {"codec": "gif", "width": width, "height": height}
    if not width or not height:
        return {"trouble": "cannot be read as gif"}
    if file.size > _SMALL and file.tail(len(_GIF_END))[1] == _GIF_END:
        return facts
    images = _gif_images(file.tail(file.size)[1], 13 + _table(head[10]))
    if images is None:
        return {"trouble": _CUT}
    return facts if images else {"trouble": "holds no picture"}


def _gif_images(data: bytes, place: int) -> int | None:
    """Return how many images a GIF has; None if it has no end."""
    images = 0
    while place < len(data):
        introducer = data[place]
        if introducer == 0x3B:
            return images
        if introducer == 0x2C and place + 10 < len(data):
            images, place = images + 1, place + 11 + _table(data[place + 9])
        elif introducer == 0x21:
            place += 2
        else:
            return None
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return None


def _table(flags: int) -> int:
    """Return the size of a colour table, by the flags of what it belongs to."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
