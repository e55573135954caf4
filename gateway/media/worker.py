"""The look into one file: bounds on everything that a file must not be able to use, then FFmpeg.

Owns those bounds, and parsing the file. It requests bytes from the parent on standard output and receives them on
standard input, so it can read nothing else; the protocol is described in `probe.py`. Does not know where the bytes are
stored or what the result is used for, nor how its process came to be (`template.py`).
"""

import json
import os
import resource
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from av.stream import Disposition

from gateway.media import formats, matroska, mp4, pictures, rates
from gateway.media.rates import Rates
from gateway.media.remote import BLOCK, MESSAGE, SIZE, BoundReached, Remote, receive, send
from gateway.media.walk import Walk

MEMORY = 512 * 1024**2
"""Address space beyond what the libraries themselves use."""

CPU_SECONDS = 4
FRAMES = 300
"""How many frames' time stamps are read where a file states no rate, or may state a wrong one."""
FRAME_BYTES = 8 * 1024**2

# Of FFmpeg's hundreds of demuxers and decoders only these are enabled; none of them opens other files (HLS, concat).
_DEMUXERS = {"mov": "mov", "matroska": "matroska,webm", "jpeg_pipe": "jpeg_pipe", "webp_pipe": "webp_pipe"}
_DECODERS = "h264,hevc,vp8,vp9,mjpeg,webp,aac,opus,vorbis,mp3,mp3float"
_WEBP_ANIMATED = 0x02
_VP8_SHOWN = 0x10
_NOT_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails


def main() -> None:
    """Probe one file, whose size the parent sends first, in a process that is confined already."""
    (size,) = SIZE.unpack(receive(SIZE.size))
    answer = json.dumps(look(Remote(size), Walk(time.monotonic))).encode()
    send(MESSAGE.pack(b"D", 0, len(answer)) + answer)


def confine() -> None:
    """Drop what a file must not be able to use: files, sockets, processes, memory, time."""
    if in_use := _address_space():
        limit(resource.RLIMIT_AS, in_use + MEMORY)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        limit(what, 0)
    # No new file descriptors, not even in place of closed ones; the open ones keep working.
    limit(resource.RLIMIT_NOFILE, 0)
    # The soft limit ends the process with SIGXCPU, which distinguishes it from one that the system killed.
    limit(resource.RLIMIT_CPU, CPU_SECONDS, 2)


def _address_space() -> int:
    """Return the bytes of address space in use, 0 where the system does not say: only Linux does, and only Linux
    enforces the limit.
    """
    try:
        pages = os.open("/proc/self/statm", os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        return int(os.read(pages, 64).split()[0]) * resource.getpagesize()
    finally:
        os.close(pages)


def limit(what: int, soft: int, slack: int = 0) -> None:
    """Set a limit, unless a lower one is already set."""
    _, current = resource.getrlimit(what)
    hard = soft + slack if current == resource.RLIM_INFINITY else min(soft + slack, current)
    resource.setrlimit(what, (min(soft, hard), hard))


def look(file: Remote, walk: Walk) -> dict[str, Any]:
    """Return the facts of a file, with the field names of `MediaFacts`."""
    container = "unknown"
    try:
        container = formats.sniff(file, walk)
        return {"container": container} | _LOOKS.get(container, _other)(file, walk)
    except BoundReached as reached:
        return {"container": container, "unknown": str(reached)}


def _movie(file: Remote, walk: Walk) -> dict[str, Any]:
    movie = mp4.scan(file, walk)
    facts: dict[str, Any] = {"container": movie.container, "unknown": movie.unknown}
    if movie.cut:
        return facts | {"trouble": mp4.CUT}
    if movie.unknown and not movie.has_index:
        return facts
    file.end = movie.view

    def read(container: Any) -> dict[str, Any]:
        stream = _shown(container)
        if stream is None:
            return {"trouble": "holds no picture"}
        if _beyond(container, file.size):
            return {"trouble": mp4.CUT}
        found = movie.rates(stream.id) or _stated(stream)
        duration = movie.duration_ms if movie.fragments else _duration(container, stream)
        return _of_stream(stream) | {"duration_ms": duration} | _of_rates(found)

    return _read(facts, file, "mov", read)


def _matroska(file: Remote, walk: Walk) -> dict[str, Any]:
    layout = matroska.scan(file, walk)
    facts: dict[str, Any] = {"container": layout.container, "unknown": layout.unknown}
    if layout.cut:
        return facts | {"trouble": matroska.CUT}

    def read(container: Any) -> dict[str, Any]:
        stream = _shown(container, layout.shown)
        if stream is None:
            return {"trouble": "holds no picture"}
        duration = _duration(container, stream)
        return _of_stream(stream) | {"duration_ms": duration} | _of_rates(_measured(container, stream, layout))

    return _read(facts, file, "matroska", read)


def _jpeg(file: Remote, walk: Walk) -> dict[str, Any]:
    if trouble := pictures.jpeg(file, walk):
        return {"trouble": trouble}
    return _read({"container": "jpeg"}, file, "jpeg_pipe", _picture)


def _webp(file: Remote, walk: Walk) -> dict[str, Any]:
    head = file.at(0, 30)
    if trouble := pictures.webp(file):
        return {"trouble": trouble}
    if head[12:16] == b"VP8X" and len(head) == 30 and head[20] & _WEBP_ANIMATED:
        # "WebP Container Specification". FFmpeg does not report the dimensions of an animated one.
        width, height = (int.from_bytes(head[place : place + 3], "little") + 1 for place in (24, 27))
        return {"codec": "webp", "animated": True, "width": width, "height": height}
    return _read({"container": "webp"}, file, "webp_pipe", _picture)


def _picture(container: Any) -> dict[str, Any]:
    facts = _of_stream(container.streams.video[0])
    if not facts["width"] or not facts["height"]:
        raise ValueError("a picture without sides")
    return facts


def _other(file: Remote, walk: Walk) -> dict[str, Any]:
    return {"trouble": formats.trouble(file)}


_LOOKS: dict[str, Callable[[Remote, Walk], dict[str, Any]]] = {
    "mp4": _movie,
    "matroska": _matroska,
    "jpeg": _jpeg,
    "webp": _webp,
    "png": pictures.png,
    "gif": lambda file, walk: pictures.gif(file),
    **dict.fromkeys(formats.NAMED_PICTURES, lambda file, walk: {}),
}


def _read(facts: dict[str, Any], file: Remote, demuxer: str, read: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Let FFmpeg open the file, and return `facts` and what `read` finds; without a verdict if a bound was reached."""
    options = {
        "format_whitelist": _DEMUXERS[demuxer],
        "protocol_whitelist": "none",
        "codec_whitelist": _DECODERS,
        "max_streams": str(mp4.MAX_TRACKS),
    }
    file.seek(0)
    try:
        with av.open(file, format=demuxer, buffer_size=BLOCK, options=options, metadata_errors="replace") as container:
            return facts | read(container)
    except BoundReached as reached:
        return facts | {"unknown": str(reached)}
    except (MemoryError, av.MemoryError):
        return facts | {"unknown": "needs too much memory to be read"}
    except (av.FFmpegError, ValueError, OverflowError, ArithmeticError, RecursionError):
        return facts if facts.get("unknown") else facts | {"trouble": f"cannot be read as {facts['container']}"}


def _shown(container: Any, number: int | None = None) -> Any:
    """Return the video stream that a player picks, None if there is none: the given one, else the first enabled one."""
    streams = [each for each in container.streams.video if not each.disposition & _NOT_SHOWN]
    if number is not None:
        return streams[min(number, len(streams) - 1)] if streams else None
    # An MP4's tracks that are enabled.
    enabled = [each for each in streams if each.disposition & Disposition.default]
    return next(iter(enabled or streams), None)


def _beyond(container: Any, size: int) -> bool:
    """Return whether the index lists data after the end of the file; only the last samples are looked at."""
    for stream in (*container.streams.video, *container.streams.audio):
        entries = stream.index_entries
        for number in range(max(0, len(entries) - 50), len(entries)):
            if entries[number].pos + entries[number].size > size:
                return True
    return False


def _of_stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:
        # A codec that FFmpeg cannot decode: PyAV then knows neither its name nor the dimensions.
        return {"codec": "", "width": 0, "height": 0}
    codec = context.codec.canonical_name
    return {"codec": str(codec), "width": max(0, stream.width or 0), "height": max(0, stream.height or 0)}


def _of_rates(found: Rates | None) -> dict[str, Any]:
    return {"frame_rate": found.average, "nominal_rates": found.nominal} if found else {}


def _duration(container: Any, stream: Any) -> int | None:
    if container.duration is not None and container.duration > 0:
        return int(container.duration // 1000)
    if stream.duration is not None and stream.duration > 0 and stream.time_base:
        return int(stream.duration * stream.time_base * 1000)
    return None


def _stated(stream: Any) -> Rates | None:
    """Return the rate that a file states. FFmpeg's guess is none: without time stamps it is the time base."""
    return Rates(round(float(stream.average_rate), 3)) if stream.average_rate else None


def _measured(container: Any, stream: Any, layout: matroska.Layout) -> Rates | None:
    """Return the rates by the time stamps of some frames, and by what the track states where they agree with it.

    What it states may be wrong: a file without a rate gets one in a remux, of a frame for each unit of time.
    """
    frame_ns = layout.tracks[layout.shown].frame_ns if layout.tracks else 0
    stated = round(1e9 / frame_ns, 3) if frame_ns else None
    samples = [_times(container, stream)]
    if len(samples[0]) == FRAMES and layout.has_cues and container.duration:
        # Little may move at the start, and the middle is easily found.
        container.seek(container.duration // 2)
        samples.append(_times(container, stream))
    found = rates.of_times([*samples, layout.last_times], Fraction(stream.time_base))
    if found is None or stated is None:
        return found or (Rates(stated) if stated else None)
    if not found.nominal and abs(found.average - stated) <= 0.02 * stated:
        return Rates(stated)
    slower = found.average < stated
    return Rates(found.average, tuple(sorted({*found.nominal, stated}))) if slower and found.nominal else found


def _times(container: Any, stream: Any) -> list[int]:
    """Return the time stamps of the first frames that are shown."""
    times, size = list[int](), 0
    vp8 = stream.codec_context is not None and stream.codec_context.codec.canonical_name == "vp8"
    for packet in container.demux(stream):
        size += packet.size
        # VP8 keeps pictures in packets of their own that only others refer to (RFC 6386, 9.1).
        hidden = vp8 and packet.size and not bytes(packet)[0] & _VP8_SHOWN
        if packet.pts is not None and packet.size and not hidden:
            times.append(packet.pts)
        if len(times) >= FRAMES or size > FRAME_BYTES:
            break
    return times
