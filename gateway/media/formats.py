"""What kind of file it is, by its first bytes.

Owns the names of formats: those that are probed, and those that are only named in a refusal. Trusts no label.
"""

from gateway.media import boxes, matroska, pictures
from gateway.media.remote import Remote
from gateway.media.walk import Walk

NAMED_PICTURES = ("heic", "avif", "heif", "cr3")
"""Pictures that are recognized and not looked into: no vendor accepts them."""

NAMES = {
    "mp4": "MP4", "quicktime": "QuickTime", "webm": "WebM", "matroska": "Matroska", "jpeg": "JPEG", "webp": "WebP",
    "png": "PNG", "gif": "GIF", "heic": "HEIC", "avif": "AVIF", "heif": "HEIF", "cr3": "a raw picture (CR3)",
}  # fmt: skip

_OTHERS = (
    (b"OggS", "Ogg"), (b"FLV\x01", "Flash video"), (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"), (b"\x00\x00\x01\xb3", "MPEG video"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"), (b"\xff\x0a", "JPEG XL"), (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"8BPS", "Photoshop"),
    (b"%PDF-", "PDF"), (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"), (b"ID3", "MP3"),
    (b"fLaC", "FLAC"), (b"#EXTM3U", "a playlist (HLS)"), (b"BM", "BMP"),
)  # fmt: skip
_RIFF = {b"AVI ": "AVI", b"WAVE": "WAV"}
_PROBED = "MP4, QuickTime, WebM, JPEG, PNG, GIF"
_TS_PACKET = 188


def sniff(file: Remote, walk: Walk) -> str:
    """Return the container; "mp4" stands for every file in boxes that is no picture, "matroska" for WebM too."""
    head = file.at(0, 4096)
    if head.startswith(matroska.MAGIC):
        return "matroska"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(pictures.PNG_MAGIC):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if not boxes.is_movie(file, walk):
        return "unknown"
    brand = boxes.container(file, walk)
    return brand if brand in NAMED_PICTURES else "mp4"


def trouble(file: Remote) -> str:
    """Return what an unsupported file is, as the end of a sentence."""
    head = file.at(0, 4096)
    name = _RIFF.get(head[8:12], "") if head.startswith(b"RIFF") else ""
    name = name or next((name for magic, name in _OTHERS if head.startswith(magic)), "")
    if not name and len(head) > 2 * _TS_PACKET and head[0] == head[_TS_PACKET] == head[2 * _TS_PACKET] == 0x47:
        name = "an MPEG transport stream"
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not name and start.startswith((b"<!doctype html", b"<html")):
        name = "an HTML page"
    elif not name and (start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start)):
        name = "SVG"
    return f"is {name}, not {_PROBED} or WebP" if name else f"is neither {_PROBED} nor WebP"
