"""Encodes a real video: H.264 in an MP4, large enough that its upload can be watched.

Owns its content and size; the encoder is PyAV. Does not know where the file goes.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

MIN_BYTES = 21_000_000
WIDTH, HEIGHT, RATE = 720, 1280, 30
BITS_PER_SECOND = 24_000_000
MIN_SECONDS, MAX_SECONDS = 5, 60


def make(path: Path, progress: Callable[[int], None] = lambda size: None, *, min_bytes: int = MIN_BYTES) -> None:
    """Write a portrait H.264 MP4 of at least `min_bytes` bytes, a moving pattern under noise.

    `progress` is called with the size so far.
    """
    # Imported here because no other command needs it.
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = BITS_PER_SECOND
        stream.options = {"preset": "ultrafast", "maxrate": str(BITS_PER_SECOND), "bufsize": str(BITS_PER_SECOND)}
        size = 0
        for number, frame in enumerate(_frames(av)):
            if size >= min_bytes and number >= MIN_SECONDS * RATE:
                break
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            for packet in stream.encode(frame):
                size += packet.size
                output.mux(packet)
            progress(size)
        output.mux(stream.encode())


def _frames(av: Any) -> Iterator[Any]:
    """Yield frames of FFmpeg's test pattern with noise, which does not compress well."""
    graph = av.filter.Graph()
    pattern = graph.add("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={RATE}:duration={MAX_SECONDS}")
    noise = graph.add("noise", "alls=60:allf=t")
    layout = graph.add("format", "pix_fmts=yuv420p")
    sink = graph.add("buffersink")
    for one, next_one in ((pattern, noise), (noise, layout), (layout, sink)):
        one.link_to(next_one)
    graph.configure()
    while True:
        try:
            yield graph.pull()
        except (EOFError, av.error.BlockingIOError):
            return
