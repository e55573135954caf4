"""Which media a provider accepts, by its limits and the facts that were probed.

Owns the check of one file and its messages, by the rules in "Media Transfer Guide" and "Content Posting API"
(developers.tiktok.com, 2026-11-20) as the provider's limits state them. Probes nothing, and knows no post.
"""

from collections.abc import Iterator
from datetime import timedelta

from gateway.media import types
from gateway.media.facts import MediaFacts
from gateway.media.types import Kind
from providers.capabilities import Limits
from storage.states import UploadState
from storage.uploads import UploadRow

# Files store rates as fractions, while limits are round numbers: 23.976 is 24000/1001, and 59.94 a camera's "60".
FRAME_RATE_SLACK = 0.1
# Limits are whole seconds, and a length is a whole number of frames: one more is no other length.
_SLOWEST = 23.0


def video(file: UploadRow, facts: MediaFacts | None, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for whatever keeps a file from being posted as a video; without facts, what is declared."""
    yield from _size(file, limits.max_video_bytes)
    yield from _type(file, facts, Kind.VIDEO, limits.video_mime_types)
    if facts is None or facts.trouble or _is_no(Kind.VIDEO, facts):
        return
    # What a bound of ours kept from being read is left to the vendor.
    if limits.video_codecs and facts.codec not in limits.video_codecs and not (facts.unknown and not facts.codec):
        yield "codec", f"its codec is {facts.codec or 'unknown'}, allowed: {', '.join(limits.video_codecs)}"
    yield from _rate(facts, limits)
    yield from _sides(facts, limits)
    yield from duration(facts, limits.max_video_duration)


def warnings(facts: MediaFacts, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for what was accepted although the vendor may refuse it."""
    if facts.unknown:
        yield "unknown", f"it {facts.unknown}; the vendor decides"
    if not facts.trouble and facts.nominal_rates and not _is_within(facts.frame_rate, limits):
        nominal = ", ".join(f"{rate:g}" for rate in facts.nominal_rates if _is_within(rate, limits))
        if nominal:
            yield "frameRate", f"it varies: {facts.frame_rate:g} frames a second on average, {nominal} nominally"


def duration(facts: MediaFacts, longest: timedelta | None, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (rule, message) if a video is longer than allowed by more than a frame; one of unknown duration is left to
    the vendor.
    """
    frame = timedelta(seconds=1 / max(facts.frame_rate or _SLOWEST, _SLOWEST))
    if facts.duration_ms is not None and longest and timedelta(milliseconds=facts.duration_ms) > longest + frame:
        actual, allowed = _seconds(facts.duration_ms / 1000), _seconds(longest.total_seconds())
        yield "duration", f"it lasts {actual} s, {allowed} s are allowed{suffix}"


def photo(file: UploadRow, facts: MediaFacts | None, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for whatever keeps a file from being posted as a photo; without facts, what is declared."""
    yield from _size(file, limits.max_photo_bytes)
    yield from _type(file, facts, Kind.PICTURE, limits.photo_mime_types)
    if facts is None or facts.trouble or _is_no(Kind.PICTURE, facts):
        return
    if facts.animated:
        yield "animated", "it moves; photos stand still"
    short = min(facts.width, facts.height)
    if limits.max_photo_short_side and short > limits.max_photo_short_side:
        sides = f"{facts.width}×{facts.height}"
        yield "shortSide", f"it has {sides} pixels, its shorter side may have {limits.max_photo_short_side}"


def _size(file: UploadRow, max_bytes: int) -> Iterator[tuple[str, str]]:
    if max_bytes and file.size_bytes > max_bytes:
        yield "sizeBytes", f"{file.size_bytes} bytes are more than {max_bytes}"
    if file.state == UploadState.COMPLETE and file.size_bytes == 0:
        yield "sizeBytes", "it is empty"


def _type(
    file: UploadRow, facts: MediaFacts | None, wanted: Kind, allowed: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Compare what a file is announced as, what it is, and what is allowed.

    Its bytes decide: a label must only be of the same kind, since what it says exactly is often wrong.
    """
    label = types.canonical(file.mime_type) or file.mime_type
    kind, actual = types.kind_of(label), types.of_container(facts.container) if facts else ""
    other, trouble = kind not in (wanted, Kind.UNKNOWN), facts.trouble if facts else ""
    if not actual and not trouble and kind is not Kind.UNKNOWN:
        other = not types.is_accepted(label, allowed)
    if allowed and other:
        yield "mimeType", f"{label} is not one of {', '.join(allowed)}"
    if trouble and file.size_bytes:
        yield "readable", f"it {trouble}"
    if facts is not None and actual and not trouble:
        yield from _bytes(label, types.name_of(facts.container), actual, wanted, allowed)


def _bytes(label: str, name: str, actual: str, wanted: Kind, allowed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for a file that is, by its bytes, something else than announced, wanted or allowed."""
    kind, found = types.kind_of(label), types.kind_of(actual)
    if kind not in (found, Kind.UNKNOWN):
        yield "container", f"it is announced as {label}, but is {name}"
    if found is not wanted and (wanted is Kind.VIDEO or kind is Kind.UNKNOWN):
        yield "container", f"is {found} ({name}), not {wanted}"
    if found is wanted and allowed and not types.is_accepted(actual, allowed):
        yield "container", f"it is {name}, allowed: {', '.join(allowed)}"


def _is_no(wanted: Kind, facts: MediaFacts) -> bool:
    actual = types.of_container(facts.container)
    return bool(actual) and types.kind_of(actual) is not wanted


def _rate(facts: MediaFacts, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for a rate that is not allowed.

    Vendors do not say what they look at in a video whose rate varies: one of its nominal rates is enough.
    """
    low, high, rate = limits.min_frame_rate, limits.max_frame_rate, facts.frame_rate
    if rate is None or any(_is_within(each, limits) for each in (rate, *facts.nominal_rates)):
        return
    yield "frameRate", f"it has {rate:g} frames a second, {low:g} to {high:g} are allowed"


def _is_within(rate: float | None, limits: Limits) -> bool:
    low, high = limits.min_frame_rate - FRAME_RATE_SLACK, limits.max_frame_rate + FRAME_RATE_SLACK
    return rate is None or not limits.max_frame_rate or low <= rate <= high


def _sides(facts: MediaFacts, limits: Limits) -> Iterator[tuple[str, str]]:
    low, high = limits.min_video_side, limits.max_video_side
    has_sides = facts.width and facts.height
    # FFmpeg does not always report the sides of a codec that it may not decode here; then the codec is reported.
    if not (low or high) or (not has_sides and (facts.unknown or facts.codec not in limits.video_codecs)):
        return
    if min(facts.width, facts.height) < low or (high and max(facts.width, facts.height) > high):
        allowed = f"{low} to {high}" if high else f"at least {low}"
        yield "sides", f"it has {facts.width}×{facts.height} pixels, each side must have {allowed}"


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
