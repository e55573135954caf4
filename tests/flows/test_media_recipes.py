"""A table of files as encoders, recorders and remuxers write them: no good one is refused, no broken one accepted.

Owns the verdicts of `gateway/media` and `gateway/domain/preflight/media_rules.py` on it, against TikTok's table and
that of a network inside HighLevel. How a probe is confined is `test_media_probe.py`.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from functools import partial

import pytest

from gateway.domain.preflight import media_rules
from gateway.media import worker
from gateway.media.facts import MediaFacts
from gateway.media.remote import BoundReached, Remote
from gateway.media.walk import Walk
from providers.capabilities import Limits
from providers.highlevel.capabilities import TABLE as HIGHLEVEL
from providers.tiktok.capabilities import TABLE as TIKTOK
from storage.states import UploadState
from storage.uploads import UploadRow
from tests.fixtures import media, recipes
from tests.fixtures.clock import START
from tests.fixtures.recipes import Make, film, recorded


def remuxed_recording(times: tuple[int, ...]) -> bytes:
    """Return a recording with these times, remuxed."""
    return recipes.remuxed(recorded(times=times))


FACEBOOK = HIGHLEVEL.limits_of("facebook")


class Stored(Remote):
    """A file whose bytes are here; what is requested is counted, under the worker's own bound."""

    def __init__(self, data: bytes) -> None:
        super().__init__(len(data))
        self.data, self.requests, self.sent = data, 0, 0

    def _request(self, first: int, count: int) -> bytes:
        assert 0 < count <= 1024**2
        assert first + count <= self.size
        self._left -= count
        if self._left < 0:
            raise BoundReached("needs more than 64 MiB to be understood")
        self.requests, self.sent = self.requests + 1, self.sent + count
        return self.data[first : first + count]


def look(data: bytes) -> MediaFacts:
    """Return the facts of a file, as the worker sends and the upload stores them."""
    return MediaFacts.from_json(worker.look(Stored(data), Walk(time.monotonic)))


def verdict(data: bytes, mime_type: str, limits: Limits = TIKTOK.limits) -> list[str]:
    """Return what keeps the file from being posted, as the kind of medium that its type says."""
    facts = look(data)
    row = UploadRow(
        location="l1",
        id="u1",
        mime_type=mime_type,
        size_bytes=len(data),
        state=UploadState.COMPLETE,
        media=facts.to_json(),
        create_time=START,
        expire_time=START + timedelta(days=1),
    )
    rules = media_rules.photo if mime_type.startswith("image/") else media_rules.video
    return [text for _, text in rules(row, facts, limits)]


# --- videos that are good ---------------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Fraction], bytes]] = {
    "h264 mp4": lambda rate: film(rate=rate),
    "h264 mp4, index first": lambda rate: film(rate=rate, flags="faststart", audio="aac"),
    "h264 mov": lambda rate: film(rate=rate, container="mov", audio="aac"),
    "vp8 webm": lambda rate: film("libvpx", "webm", rate=rate),
    "vp9 webm": lambda rate: film("libvpx-vp9", "webm", rate=rate, audio="libopus"),
    "vp8 webm without a rate": lambda rate: recorded(times=recipes.steady(rate, 2)),
    "vp9 webm without sizes": lambda rate: film("libvpx-vp9", "webm", rate=rate, options=(("live", "1"),)),
    **{name: lambda rate, flags=flags: film(rate=rate, flags=flags) for name, flags in recipes.FRAGMENTS.items()},  # type: ignore[misc]
}
GOOD: dict[str, Make] = {
    **{f"{way}, {name}": partial(make, rate) for way, make in WAYS.items() for name, rate in recipes.RATES.items()},
    **{
        f"{name}, mp4": partial(film, times=times, flags=flags)
        for name, times in recipes.VARIABLE.items()
        for flags in ("", "frag_keyframe+empty_moov")
    },
    **{
        f"{name}, {codec}": partial(recorded, codec, times)
        for name, times in recipes.VARIABLE.items()
        for codec in ("libvpx", "libvpx-vp9")
    },
    **{f"{name}, remuxed": partial(remuxed_recording, times) for name, times in recipes.VARIABLE.items()},
    **{f"{name}, live": partial(recorded, times=times, live=True) for name, times in recipes.VARIABLE.items()},
    "hevc mp4": partial(film, "libx265"),
    "hevc mov": partial(film, "libx265", "mov"),
    "sound first": partial(film, audio="aac", audio_first=True),
    "sound first, webm": partial(film, "libvpx", "webm", audio="libopus", audio_first=True),
    "first track disabled": recipes.disabled_first,
    "first track disabled, mov": partial(recipes.disabled_first, "mov"),
    "first track not the default, webm": lambda: recipes.undefault(film("libvpx", "webm", second=True)),
    "first track disabled, webm": lambda: recipes.disabled(film("libvpx", "webm", second=True)),
    "turned": recipes.turned,
    "no type": recipes.without_type,
    "padding first": lambda: recipes.behind(media.padding(64)),
    "uuid first": lambda: recipes.behind(media.box(b"uuid", bytes(40))),
    "unusual box first": lambda: recipes.behind(media.box(b"abcd", bytes(40))),
    "segment type first": lambda: recipes.behind(media.box(b"styp", b"msdh" + bytes(4) + b"msdhmsix")),
    "long header, webm": lambda: recipes.long_head(film("libvpx", "webm")),
    "zeros behind": lambda: film() + bytes(5_000),
    "text behind": lambda: film() + b"SEFHe\x00\x00\x00" * 100,
    "media to the end": lambda: recipes.endless(film(flags="faststart")),
    "still at the start, webm": partial(film, "libvpx", "webm", times=recipes.STILL_START),
    "still at the start, live": partial(recorded, times=recipes.STILL_START, live=True),
    "ten minutes at 29.97": partial(media.clip, seconds=600.033, fps=30000 / 1001),
    "many small fragments": partial(film, seconds=30, flags="frag_every_frame+empty_moov", audio="aac"),
}


@pytest.mark.parametrize("name", GOOD)
def test_no_good_video_is_refused(name: str) -> None:
    """Whatever the codec, container, rate, fragments, tracks and first boxes: what players play is accepted."""
    data = GOOD[name]()
    label = "video/webm" if data.startswith(b"\x1a\x45\xdf\xa3") else "video/mp4"
    assert [] == verdict(data, label)
    assert [] == verdict(data, label, HIGHLEVEL.limits_of("tiktok_business"))


# --- videos that are not ----------------------------------------------------------------------------------------------

_WHOLE: dict[str, Make] = {
    "mp4": partial(film, audio="aac"),
    "index first": partial(film, flags="faststart", audio="aac"),
    "mov": partial(film, container="mov", audio="aac"),
    "media to the end": lambda: recipes.endless(film(flags="faststart")),
    "webm": partial(film, "libvpx", "webm", audio="libopus"),
    "webm without sizes": partial(film, "libvpx-vp9", "webm", options=(("live", "1"),), audio="libopus"),
    "recorded": partial(recorded, live=True),
    **{name: partial(film, flags=flags, audio="aac") for name, flags in recipes.FRAGMENTS.items()},
    "many fragments": partial(film, seconds=40, flags="frag_every_frame+empty_moov+skip_trailer", audio="aac"),
}
BAD: dict[str, Make] = {
    **{
        f"{name}, {percent} %": lambda make=make, percent=percent: recipes.cut(make(), percent)  # type: ignore[misc]
        for name, make in _WHOLE.items()
        for percent in (10, 50, 90, 98.7)
    },
    **{f"{rate} a second": partial(film, rate=Fraction(rate)) for rate in (10, 15, 22, 61, 90, 120)},
    **{f"{rate} a second, webm": partial(recorded, times=recipes.steady(rate, 3)) for rate in (10, 15, 22, 90, 120)},
    **{
        f"{rate} a second, fragments": partial(film, rate=Fraction(rate), flags="frag_keyframe+empty_moov")
        for rate in (15, 90)
    },
    "small track first": partial(film, second=True),
    "small track first, webm": partial(film, "libvpx", "webm", second=True),
    "sound alone": recipes.sound_alone,
    "mkv": partial(film, container="matroska"),
    "mpeg4": partial(film, "mpeg4"),
    "601 s": partial(media.clip, seconds=601),
}


@pytest.mark.parametrize("name", BAD)
def test_no_broken_video_is_accepted(name: str) -> None:
    """Cut anywhere, at a rate that the vendor refuses, without a picture, or with a small one in the track shown."""
    data = BAD[name]()
    label = "video/webm" if data.startswith(b"\x1a\x45\xdf\xa3") else "video/mp4"
    assert verdict(data, label)


# --- pictures ---------------------------------------------------------------------------------------------------------

PICTURES: dict[str, tuple[Make, str, Limits]] = {
    "jpeg": (recipes.jpeg, "image/jpeg", TIKTOK.limits),
    "jpeg with a thumbnail": (recipes.with_thumbnail, "image/jpeg", TIKTOK.limits),
    "motion photo": (recipes.motion_photo, "image/jpeg", TIKTOK.limits),
    "zeros behind": (lambda: recipes.jpeg() + bytes(100_000), "image/jpeg", TIKTOK.limits),
    "webp": (recipes.webp, "image/webp", TIKTOK.limits),
    "png": (recipes.png, "image/png", FACEBOOK),
    "png, text behind": (lambda: recipes.png() + b"x" * 100_000, "image/png", FACEBOOK),
    "gif": (recipes.gif, "image/gif", FACEBOOK),
    "moving gif": (recipes.moving_gif, "image/gif", FACEBOOK),
    "jpeg through HighLevel": (recipes.jpeg, "image/jpeg", FACEBOOK),
}
NO_PICTURES: dict[str, tuple[Make, str, Limits]] = {
    **{
        f"{name}, {percent} %": (lambda make=make, percent=percent: recipes.cut(make(), percent), label, limits)  # type: ignore[misc]
        for name, (make, label, limits) in PICTURES.items()
        if "behind" not in name and name != "motion photo"
        for percent in (20, 60, 99)
    },
    "lossless jpeg": (recipes.lossless_jpeg, "image/jpeg", TIKTOK.limits),
    "lossless jpeg through HighLevel": (recipes.lossless_jpeg, "image/jpeg", FACEBOOK),
    "png at TikTok": (recipes.png, "image/png", TIKTOK.limits),
    "webp through HighLevel": (recipes.webp, "image/webp", FACEBOOK),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_good_picture_is_refused(name: str) -> None:
    """With a thumbnail in its head, or something behind its end, a picture is as good as any."""
    make, label, limits = PICTURES[name]
    assert [] == verdict(make(), label, limits)


@pytest.mark.parametrize("name", NO_PICTURES)
def test_no_broken_picture_is_accepted(name: str) -> None:
    """A picture that is cut short, of a kind that nobody shows, or that the network does not take is refused."""
    make, label, limits = NO_PICTURES[name]
    assert verdict(make(), label, limits)


# --- what it costs, and what is said ----------------------------------------------------------------------------------


def test_a_fragment_costs_kilobytes() -> None:
    """A large movie in hundreds of fragments is understood from some kilobytes of each, and its duration is right."""
    small = film(seconds=10, flags="frag_keyframe+empty_moov+skip_trailer", gop=1)
    head, parts = small[: small.index(b"moof") - 4], small[small.index(b"moof") - 4 :].split(b"moof")
    pieces = []
    for part in parts[1:]:
        place = part.index(b"mdat") - 4
        size, more = int.from_bytes(part[place : place + 4], "big"), 400_000
        body = part[place : place + size].ljust(size + more, b"\x55")
        pieces.append(part[:place] + (size + more).to_bytes(4, "big") + body[4:])
    sizes = [small[at - 4 : at] for at in _places(small, b"moof")]
    file = Stored(head + b"".join(size + b"moof" + piece for size, piece in zip(sizes, pieces, strict=True)))

    facts = MediaFacts.from_json(worker.look(file, Walk(time.monotonic)))

    assert file.size > 100 * 1024**2
    assert ("", "", 10_000, 30) == (facts.trouble, facts.unknown, facts.duration_ms, facts.frame_rate)
    assert file.sent < 8 * 1024 * len(pieces)


def _places(data: bytes, mark: bytes) -> list[int]:
    found, place = [], -1
    while (place := data.find(mark, place + 1)) >= 0:
        found.append(place)
    return found


def test_more_fragments_than_are_visited_are_no_fault() -> None:
    """When the walk's bound is met, the end is looked at; what is not known then is unknown, and not invalid."""
    data = film(seconds=30, flags="frag_every_frame+empty_moov+skip_trailer", audio="aac")
    walk = Walk(time.monotonic)
    walk._left = 500
    facts = MediaFacts.from_json(worker.look(Stored(data), walk))
    assert ("", "h264") == (facts.trouble, facts.codec)
    assert facts.duration_ms is not None
    assert 29_900 <= facts.duration_ms <= 30_100

    late = iter([0.0] * 100 + [100.0] * 100_000)
    facts = MediaFacts.from_json(worker.look(Stored(data), Walk(lambda: next(late))))
    assert "" == facts.trouble


@pytest.mark.parametrize(
    ("times", "average", "says"),
    [
        (recipes.LOW_LIGHT, 22.5, "30.0"),
        (recipes.SCREEN, 17, "60"),
        (recipes.steady(30, 2), 30, ""),
    ],
)
def test_a_rate_that_varies_is_accepted_with_a_warning(times: tuple[int, ...], average: float, says: str) -> None:
    """The average is measured, and where only the nominal rate is right a warning says so."""
    facts = look(film(times=times))
    assert average == pytest.approx(facts.frame_rate, rel=0.1)
    found = [text for _, text in media_rules.warnings(facts, TIKTOK.limits)]
    assert bool(says) == bool(found)
    assert all("nominally" in text for text in found)


def test_the_words_say_what_a_file_is() -> None:
    """A refusal names HEIC, AVIF and whatever else it is."""
    cases = {
        "HEIC": recipes.brand(b"heic", b"mif1heic"),
        "AVIF": recipes.brand(b"mif1", b"avif", b"miaf"),
        "AVI": b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(100),
        "an HTML page": media.HOSTILE["html"],
        "TIFF": b"II*\x00" + bytes(100),
    }
    for name, data in cases.items():
        assert any(name in text for text in verdict(data, "image/jpeg")), name
        assert any(name in text for text in verdict(data, "video/mp4")), name


@pytest.mark.parametrize(
    ("make", "label"),
    [
        (partial(film, "libvpx", "webm"), "video/mp4"),
        (film, "video/webm"),
        (film, "video/x-m4v"),
        (film, "application/octet-stream"),
        (partial(film, container="mov"), "Video/MP4; codecs=avc1"),
    ],
)
def test_a_label_of_the_same_kind_is_a_hint(make: Make, label: str) -> None:
    """A video that is announced as another video, or as nothing in particular, is what its bytes are."""
    assert [] == verdict(make(), label)


def test_a_label_of_another_kind_is_refused() -> None:
    """A picture announced as a video, or the other way round, contradicts its bytes."""
    assert ["it is announced as image/jpeg, but is MP4"] == verdict(film(), "image/jpeg")
    assert "it is announced as video/mp4, but is JPEG" in verdict(recipes.jpeg(), "video/mp4")
