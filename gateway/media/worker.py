"""The sandboxed process that probes one file: it has no network, no files, little memory and little time.

Owns parsing the file with FFmpeg. It requests bytes from the parent on standard output and receives them on standard
input, so it can read nothing else. Does not know where the bytes are stored or what the result is used for. Run as
`python -I -B -m gateway.media.worker`; the protocol is described in `probe.py`.
"""

import importlib
import json
import os
import pkgutil
import resource
import struct
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import av
from av.stream import Disposition

MEMORY = 512 * 1024**2
"""Address space beyond what the libraries themselves use."""

CPU_SECONDS = 4
BLOCK = 256 * 1024
CACHED_BLOCKS = 16
MESSAGE = struct.Struct(">cQI")
SIZE = struct.Struct(">Q")

# Of FFmpeg's hundreds of demuxers and decoders only these are enabled; none of them opens other files (HLS, concat).
_DEMUXERS = {"mov": "mov", "matroska": "matroska,webm", "jpeg_pipe": "jpeg_pipe", "webp_pipe": "webp_pipe"}
_DECODERS = "h264,hevc,vp8,vp9,mjpeg,webp,aac,opus,vorbis,mp3,mp3float"
_QUICKTIME_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
# ISO/IEC 23008-12: brands of still pictures in a video's container format.
_PICTURES = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis", "crx")
_WEBP_ANIMATED = 0x02


class Remote:
    """The file object that FFmpeg reads; it requests blocks of bytes from the parent, and caches some of them."""

    def __init__(self, size: int) -> None:
        """Open a file of `size` bytes."""
        self.size = size
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read(self, count: int = -1) -> bytes:
        """Return at most `count` bytes from the current position."""
        rest = max(0, self.size - self._position)
        count = rest if count < 0 else min(count, rest)
        if count == 0:
            return b""
        number, skipped = divmod(self._position, BLOCK)
        data = self._block(number)[skipped : skipped + count]
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            first = number * BLOCK
            self._blocks[number] = _request(first, min(BLOCK, self.size - first))
            if len(self._blocks) > CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]


def _request(first: int, count: int) -> bytes:
    _send(MESSAGE.pack(b"R", first, count))
    return _receive(count)


def _receive(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(0, count)
        if not part:
            raise SystemExit(0)  # The parent has gone, or has closed the connection.
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Probe one file, whose size the parent sends first."""
    av.logging.set_level(None)
    _import_all()
    confine()
    (size,) = SIZE.unpack(_receive(SIZE.size))
    answer = json.dumps(look(Remote(size))).encode()
    _send(MESSAGE.pack(b"D", 0, len(answer)) + answer)


def _import_all() -> None:
    """Import the modules that PyAV imports lazily: once confined, the process can open no files."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):
            importlib.import_module(module.name)


def confine() -> None:
    """Drop what a file must not be able to use: files, sockets, processes, memory, time."""
    with suppress(FileNotFoundError), open("/proc/self/statm") as pages:
        # Only Linux reports the memory in use, and only Linux enforces the limit.
        _limit(resource.RLIMIT_AS, int(pages.read().split()[0]) * resource.getpagesize() + MEMORY)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        _limit(what, 0)
    # No new file descriptors, not even in place of closed ones; the open ones keep working.
    _limit(resource.RLIMIT_NOFILE, 0)
    # The soft limit ends the process with SIGXCPU, which distinguishes it from one that the system killed.
    _limit(resource.RLIMIT_CPU, CPU_SECONDS, 2)


def _limit(what: int, soft: int, slack: int = 0) -> None:
    """Set a limit, unless a lower one is already set."""
    _, current = resource.getrlimit(what)
    hard = soft + slack if current == resource.RLIM_INFINITY else min(soft + slack, current)
    resource.setrlimit(what, (min(soft, hard), hard))


def look(file: Remote) -> dict[str, Any]:
    """Return the facts of a file, with the field names of `MediaFacts`."""
    head = file.read(4096)
    demuxer, container = sniff(head)
    if not demuxer:
        return {"trouble": "is neither MP4, QuickTime, WebM, JPEG nor WebP"}
    if container == "webp" and _is_animated(head):
        return {"container": container, "codec": "webp", "animated": True} | _canvas(head)
    file.seek(0)
    try:
        return {"container": container} | _parse(file, demuxer)
    except (MemoryError, av.MemoryError):
        return {"container": container, "trouble": "needs too much memory to be read"}
    except (av.FFmpegError, ValueError, OverflowError, ArithmeticError, RecursionError):
        return {"container": container, "trouble": f"cannot be read as {container}"}


def sniff(head: bytes) -> tuple[str, str]:
    """Return (FFmpeg's demuxer, container) for a file's first bytes; the demuxer is "" for an unsupported format."""
    if head[4:8] in _QUICKTIME_BOXES:
        return "mov", _brand(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        # The EBML header comes first, is short, and contains the document type.
        return "matroska", "webm" if b"webm" in head[:64] else "matroska"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg_pipe", "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp_pipe", "webp"
    return "", "unknown"


def _brand(head: bytes) -> str:
    brand = head[8:12].decode("ascii", "replace") if head[4:8] == b"ftyp" else "qt  "
    if brand in _PICTURES:
        return "picture"
    return "quicktime" if brand == "qt  " else "mp4"


def _is_animated(head: bytes) -> bool:
    """Return whether a WebP is animated ("WebP Container Specification": flags of the chunk VP8X)."""
    return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & _WEBP_ANIMATED)


def _canvas(head: bytes) -> dict[str, int]:
    """Return the dimensions of an extended WebP; FFmpeg does not report them for an animated one."""
    width, height = (int.from_bytes(head[place : place + 3], "little") + 1 for place in (24, 27))
    return {"width": width, "height": height}


def _parse(file: Remote, demuxer: str) -> dict[str, Any]:
    options = {
        "format_whitelist": _DEMUXERS[demuxer],
        "protocol_whitelist": "none",
        "codec_whitelist": _DECODERS,
        "max_streams": "64",
    }
    with av.open(file, format=demuxer, buffer_size=BLOCK, options=options, metadata_errors="replace") as container:
        streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
        if not streams:
            return {"trouble": "holds no picture"}
        facts = _of_stream(streams[0])
        if demuxer in ("mov", "matroska"):
            return facts | _timing(container, streams[0])
        if not facts["width"] or not facts["height"]:
            raise ValueError("a picture without sides")
        return facts


def _of_stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:
        # A codec that FFmpeg cannot decode: PyAV then knows neither its name nor the dimensions.
        return {"codec": "", "width": 0, "height": 0}
    codec = context.codec.canonical_name
    return {"codec": str(codec), "width": max(0, stream.width or 0), "height": max(0, stream.height or 0)}


def _timing(container: Any, stream: Any) -> dict[str, Any]:
    duration, rate = None, stream.average_rate or stream.guessed_rate
    if container.duration is not None and container.duration > 0:
        duration = container.duration // 1000
    elif stream.duration is not None and stream.duration > 0 and stream.time_base:
        duration = int(stream.duration * stream.time_base * 1000)
    return {"duration_ms": duration, "frame_rate": round(float(rate), 3) if rate else None}


if __name__ == "__main__":
    main()
