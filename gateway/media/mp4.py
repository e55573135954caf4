"""MP4 and QuickTime files (ISO/IEC 14496-12): their tracks' frame rates, their fragments and their end.

Owns what the boxes of a movie say. A fragment costs some kilobytes, where FFmpeg would request a block. Decodes
nothing: codecs and dimensions are FFmpeg's.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

from gateway.media import boxes, rates
from gateway.media.boxes import Box
from gateway.media.rates import Rates
from gateway.media.remote import BLOCK, BoundReached, Remote
from gateway.media.walk import Walk

CUT = "is cut short: its last box ends after the end of the file"
MAX_TRACKS = 64
_TABLE = 1024**2
_MAX_SAMPLES = 500_000
_TAIL = 4 * 1024**2


@dataclass(slots=True)
class Track:
    """What is known of one track; `start` and `end` are of its fragments, in its own units."""

    timescale: int = 0
    video: bool = False
    default_spacing: int = 0
    spacings: Counter[int] = field(default_factory=Counter)
    start: int | None = None
    end: int = 0


@dataclass(slots=True)
class Movie:
    """What the boxes say; `view` is how much of the file FFmpeg needs, `duration_ms` is of a movie in fragments.

    `cut` says that the file ends too early, `unknown` why not every box was seen.
    """

    size: int
    container: str = "quicktime"
    view: int = 0
    has_index: bool = False
    has_media: bool = False
    fragments: int = 0
    stated_ms: int = 0
    tracks: dict[int, Track] = field(default_factory=dict)
    complete: bool = True
    cut: bool = False
    open_fragment: bool = False
    unknown: str = ""
    _samples: int = 0

    @property
    def duration_ms(self) -> int | None:
        """The duration of a movie in fragments; None if it is unknown."""
        lasts = [
            (track.end - (track.start or 0)) * 1000 // track.timescale
            for track in self.tracks.values()
            if track.timescale and track.end
        ]
        measured = max(lasts, default=0) if self.complete else 0
        return max(measured, self.stated_ms) or None

    def rates(self, track: int) -> Rates | None:
        """Return the frame rates of a track, by its id."""
        found = self.tracks.get(track)
        return rates.of_spacings(found.spacings, Fraction(1, found.timescale)) if found and found.timescale else None

    def count(self, samples: int) -> None:
        """Raise BoundReached when the fragments list more samples than are worth reading."""
        self._samples += samples
        if self._samples > _MAX_SAMPLES:
            raise BoundReached("has too many samples to be counted")


def scan(file: Remote, walk: Walk) -> Movie:
    """Return what the boxes of a file say, within the bounds of `walk`."""
    movie = Movie(file.size, view=file.size)
    try:
        _top_level(file, walk, movie, 0)
    except BoundReached as reached:
        movie.complete, movie.unknown = False, str(reached)
        with suppress(BoundReached):
            _from_the_end(file, walk, movie)
    movie.cut = movie.cut or (movie.complete and movie.open_fragment)
    return movie


def _top_level(file: Remote, walk: Walk, movie: Movie, first: int) -> None:
    last = first
    for box in boxes.walk(file, walk, first, file.size):
        whole = movie.has_index and movie.has_media
        if box.kind not in boxes.KNOWN and (not boxes.is_type(box.kind) or (whole and box.end > file.size)):
            return  # What cameras write behind the movie.
        last = box.end
        _one(file, walk, movie, box)
        if box.end > file.size:
            movie.cut = True
            return
    rest = file.at(last, 7)
    movie.cut = movie.fragments > 0 and last + len(rest) == file.size and any(rest)


def _one(file: Remote, walk: Walk, movie: Movie, box: Box) -> None:
    if box.kind in (b"ftyp", b"styp") and not movie.has_index:
        movie.container = boxes.brand(file.at(box.body, min(256, box.end - box.body)))
    elif box.kind == b"moov" and not movie.has_index:
        movie.has_index = True
        _index(file, walk, movie, box)
    elif box.kind == b"moof" and movie.has_index:
        movie.fragments += 1
        movie.open_fragment = True
        _fragment(file, walk, movie, box)
    elif box.kind == b"mdat":
        movie.has_media, movie.open_fragment = True, False
        if movie.fragments == 1:
            # Up to here FFmpeg finds the codec, the dimensions and a frame.
            movie.view = min(box.end, file.size)


def _index(file: Remote, walk: Walk, movie: Movie, box: Box) -> None:
    """Read the movie box."""
    timescale = 0
    for child in boxes.walk(file, walk, box.body, min(box.end, file.size)):
        if child.kind == b"mvhd":
            timescale, duration = _scale(file.at(child.body, 32))
            movie.stated_ms = _milliseconds(duration, timescale)
        elif child.kind == b"trak":
            _track(file, walk, movie, child)
        elif child.kind == b"mvex":
            for each in boxes.walk(file, walk, child.body, child.end):
                data = file.at(each.body, 32)
                if each.kind == b"mehd":
                    wide = data[:1] == b"\x01"
                    duration = int.from_bytes(data[4 : 12 if wide else 8], "big")
                    movie.stated_ms = max(movie.stated_ms, _milliseconds(duration, timescale))
                elif each.kind == b"trex" and len(data) >= 16:
                    track = movie.tracks.setdefault(_number(data, 4), Track())
                    track.default_spacing = _number(data, 12)
    if len(movie.tracks) > MAX_TRACKS:
        raise BoundReached(f"has more than {MAX_TRACKS} tracks")


def _track(file: Remote, walk: Walk, movie: Movie, box: Box) -> None:
    track, id = Track(), 0
    for child in _inside(file, walk, box, (b"mdia", b"minf", b"stbl")):
        data = file.at(child.body, 32)
        if child.kind == b"tkhd" and len(data) >= 24:
            id = _number(data, 20 if data[0] == 1 else 12)
        elif child.kind == b"mdhd":
            track.timescale = _scale(data)[0]
        elif child.kind == b"hdlr" and not track.video:
            track.video = data[8:12] == b"vide"
        elif child.kind == b"stts" and _number(data, 4):
            track.start = 0  # Its first samples are in no fragment.
            table = file.at(child.body, min(_TABLE, child.end - child.body))[8:]
            for count, spacing in struct.iter_unpack(">II", table[: len(table) // 8 * 8]):
                if track.video and spacing < 2**31:
                    track.spacings[spacing] += count
    known = movie.tracks.setdefault(id, track)
    if known is not track:  # Its defaults came first.
        track.default_spacing = known.default_spacing
        movie.tracks[id] = track


def _inside(file: Remote, walk: Walk, box: Box, parents: tuple[bytes, ...]) -> Iterator[Box]:
    """Yield the boxes in a box, and in the boxes of these types within it."""
    for child in boxes.walk(file, walk, box.body, min(box.end, file.size)):
        yield child
        if child.kind in parents:
            yield from _inside(file, walk, child, tuple(each for each in parents if each != child.kind))


def _fragment(file: Remote, walk: Walk, movie: Movie, box: Box) -> None:
    """Read the samples that a fragment lists."""
    for traf in boxes.walk(file, walk, box.body, min(box.end, file.size)):
        if traf.kind != b"traf":
            continue
        track, spacing = None, 0
        for child in boxes.walk(file, walk, traf.body, min(traf.end, box.end)):
            data = file.at(child.body, min(BLOCK, child.end - child.body))
            if child.kind == b"tfhd":
                track, spacing = _fragment_head(movie, data)
            elif child.kind == b"tfdt" and track:
                begin = int.from_bytes(data[4 : 12 if data[:1] == b"\x01" else 8], "big")
                track.start, track.end = begin if track.start is None else track.start, begin
            elif child.kind == b"trun" and track:
                _run(movie, track, data, spacing)


def _fragment_head(movie: Movie, data: bytes) -> tuple[Track | None, int]:
    """Return the track of a part of a fragment, and how far apart its samples are if nothing else is said."""
    if len(data) < 8:
        return None, 0
    flags, track = _number(data, 0), movie.tracks.get(_number(data, 4))
    place = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
    if track is None or (flags & 8 and len(data) < place + 4):
        return None, 0
    return track, _number(data, place) if flags & 8 else track.default_spacing


def _run(movie: Movie, track: Track, data: bytes, spacing: int) -> None:
    """Count the samples of one run."""
    if len(data) < 8:
        return
    flags, count = _number(data, 0), _number(data, 4)
    if not flags & 0x100:
        track.end += count * spacing
        track.spacings[spacing] += count if track.video else 0
        return
    movie.count(count)
    place = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    step = 4 * (flags >> 8 & 0xF).bit_count()
    for start in range(place, min(place + count * step, len(data) - 3), step):
        each = _number(data, start)
        track.end += each
        if track.video:
            track.spacings[each] += 1


def _from_the_end(file: Remote, walk: Walk, movie: Movie) -> None:
    """Find the last fragment of a movie that has too many of them to visit each: it tells the duration, and whether the
    file is whole.
    """
    if not movie.fragments:
        return
    first, data = file.tail(_TAIL)
    place = len(data)
    while (place := data.rfind(b"moof", 0, place)) >= 4:
        if data[place + 8 : place + 12] == b"mfhd":
            break
    else:
        return
    timed = any(track.start is not None for track in movie.tracks.values())
    _top_level(file, walk.again(), movie, first + place - 4)
    # Without the time of the last fragment the duration would need the sum of all.
    movie.complete = timed
    movie.unknown = "" if movie.complete else movie.unknown


def _scale(data: bytes) -> tuple[int, int]:
    """Return (units a second, duration) of a movie's or a track's header."""
    if len(data) < 32:
        return 0, 0
    if data[0] == 1:
        return _number(data, 20), int.from_bytes(data[24:32], "big")
    return _number(data, 12), _number(data, 16)


def _milliseconds(duration: int, timescale: int) -> int:
    unset = duration in (2**32 - 1, 2**64 - 1)
    return duration * 1000 // timescale if timescale and not unset else 0


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big")
