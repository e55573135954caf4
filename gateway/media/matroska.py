"""WebM and Matroska files (RFC 8794, RFC 9559): their document type, their video tracks and their end.

Owns walking the elements. Decodes nothing, and measures no rate: FFmpeg returns the frames' time stamps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.media.remote import BoundReached, Remote
from gateway.media.walk import Walk

MAGIC = b"\x1a\x45\xdf\xa3"
CUT = "is cut short: its last element ends after the end of the file"
_SEGMENT, _TRACKS, _CLUSTER, _DOC_TYPE = 0x18538067, 0x1654AE6B, 0x1F43B675, 0x4282
_TRACK, _NUMBER, _TYPE, _ENABLED, _DEFAULT, _SPACING = 0xAE, 0xD7, 0x83, 0xB9, 0x88, 0x23E383
_VIDEO = 1
_TIMESTAMP, _CRC, _BLOCK = 0xE7, 0xBF, 0xA3
# The entry of an index of seek points in the list of what is where.
_SEEKS_CUES = b"\x53\xab\x84\x1c\x53\xbb\x6b"
# The elements in a cluster; whatever else follows one of unknown size ends it.
_IN_CLUSTER = frozenset((_TIMESTAMP, _CRC, _BLOCK, 0xA0, 0xAB, 0xA7, 0xEC, 0x5854, 0xAF))
_TOP_LEVEL = frozenset((_CLUSTER, _TRACKS, 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367))
_STEP = 256 * 1024
_TAIL = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its id, and the offsets of its body and of its end, which is None if it does not state its size."""

    id: int
    body: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Track:
    """One video track; `frame_ns` is how long a frame lasts as the file states it, 0 if it does not."""

    number: int
    enabled: bool = True
    default: bool = True
    frame_ns: int = 0


@dataclass(slots=True)
class Layout:
    """What the elements say: `cut` that the file ends too early, `unknown` why not every element was seen.

    `has_cues` says that FFmpeg can find the middle; `last_times` are the time stamps, in the file's units, of the last
    frames of the track shown, in a file without sizes.
    """

    container: str = "matroska"
    tracks: list[Track] = field(default_factory=list)
    cut: bool = False
    unknown: str = ""
    has_cues: bool = False
    last_times: list[int] = field(default_factory=list)

    @property
    def shown(self) -> int:
        """Which of the video tracks a player picks."""
        best = [number for number, track in enumerate(self.tracks) if track.enabled and track.default]
        enabled = [number for number, track in enumerate(self.tracks) if track.enabled]
        return next(iter(best or enabled), 0)


def scan(file: Remote, walk: Walk) -> Layout:
    """Return what the elements of a file say, within the bounds of `walk`."""
    layout = Layout()
    try:
        _scan(file, walk, layout)
    except BoundReached as reached:
        layout.unknown = str(reached)
    return layout


def _scan(file: Remote, walk: Walk, layout: Layout) -> None:
    for element in _elements(file, walk, 0, file.size):
        if element.id == int.from_bytes(MAGIC, "big") and element.end is not None:
            for each in _elements(file, walk, element.body, element.end):
                if each.id == _DOC_TYPE and each.end is not None:
                    name = file.at(each.body, min(16, each.end - each.body)).rstrip(b"\x00")
                    layout.container = "webm" if name == b"webm" else "matroska"
        elif element.id == _SEGMENT:
            layout.tracks = list(_tracks(file, walk, element))
            layout.has_cues = _SEEKS_CUES in file.at(element.body, 4096)
            if element.end is None:
                layout.cut = _ends_early(file, walk.again(), element.body, layout)
            else:
                layout.cut = element.end > file.size
            return


def _tracks(file: Remote, walk: Walk, segment: Element) -> Iterator[Track]:
    """Yield the video tracks, if the segment lists them before its media, as nearly all do."""
    for element in _elements(file, walk, segment.body, segment.end or file.size):
        if element.id == _CLUSTER:
            return
        if element.id == _TRACKS and element.end is not None:
            for entry in _elements(file, walk, element.body, element.end):
                values = _numbers(file, walk, entry) if entry.id == _TRACK else {}
                if values.get(_TYPE) == _VIDEO:
                    enabled, default = bool(values.get(_ENABLED, 1)), bool(values.get(_DEFAULT, 1))
                    yield Track(values.get(_NUMBER, 0), enabled, default, values.get(_SPACING, 0))
            return


def _numbers(file: Remote, walk: Walk, entry: Element) -> dict[int, int]:
    wanted = (_NUMBER, _TYPE, _ENABLED, _DEFAULT, _SPACING)
    return {
        each.id: int.from_bytes(file.at(each.body, min(8, each.end - each.body)), "big")
        for each in _elements(file, walk, entry.body, entry.end or file.size)
        if each.id in wanted and each.end is not None
    }


def _elements(file: Remote, walk: Walk, first: int, end: int) -> Iterator[Element]:
    """Yield the elements in a range; stop at what is none, and after one of unknown size."""
    end = min(end, file.size)
    while first < end:
        walk.step()
        element = _element(file.at(first, 12), first)
        if element is None:
            return
        yield element
        if element.end is None:
            return
        first = element.end


def _element(head: bytes, first: int) -> Element | None:
    """Return the element that begins with `head`; None if that is no element, or not all of its head."""
    if not head or not head[0]:
        return None
    id_length = 9 - head[0].bit_length()
    if id_length > 4 or len(head) <= id_length or not head[id_length]:
        return None
    length = 9 - head[id_length].bit_length()
    coded = head[id_length : id_length + length]
    if len(coded) < length:
        return None
    size, unknown = int.from_bytes(coded, "big") & ~(1 << 7 * length), (1 << 7 * length) - 1
    body = first + id_length + length
    return Element(int.from_bytes(head[:id_length], "big"), body, None if size == unknown else body + size)


def _ends_early(file: Remote, walk: Walk, start: int, layout: Layout) -> bool:
    """Return whether the last element of a segment of unknown size is not all there, walking from its last cluster."""
    place, cluster = _last_cluster(file, start), 0
    shown = layout.tracks[layout.shown].number if layout.tracks else 0
    while place is not None and place < file.size:
        walk.step()
        element = _element(file.at(place, 12), place)
        if element is None:
            # Zeros are padding; the beginning of an element at the very end is a cut.
            rest = file.at(place, 12)
            return len(rest) < 12 and any(rest)
        if element.id not in _TOP_LEVEL and element.id not in _IN_CLUSTER:
            return False
        if element.end is not None and element.end > file.size:
            return True
        if element.id == _TIMESTAMP and element.end is not None:
            cluster = int.from_bytes(file.at(element.body, min(8, element.end - element.body)), "big")
        elif element.id == _BLOCK and file.at(element.body, 1) == bytes((0x80 | shown,)):
            # Track numbers above 126 have more bytes; nobody uses them.
            layout.last_times.append(cluster + int.from_bytes(file.at(element.body + 1, 2), "big", signed=True))
        # A cluster's elements are visited one by one.
        place = element.body if element.end is None or element.id == _CLUSTER else element.end
    return False


def _last_cluster(file: Remote, start: int) -> int | None:
    """Return the offset of the last cluster that begins in the last stretch of the file."""
    mark, seen = _CLUSTER.to_bytes(4, "big"), b""
    end = file.size
    while end > start and file.size - end < _TAIL:
        first = max(start, end - _STEP)
        data = file.at(first, end - first) + seen
        place = len(data)
        while (place := data.rfind(mark, 0, place)) >= 0:
            element = _element(data[place : place + 12], first + place)
            inside = None if element is None else data[element.body - first : element.body - first + 1]
            if inside is not None and (not inside or inside[0] in (_TIMESTAMP, _CRC)):
                return first + place
        end, seen = first, data[:32]
    return None
