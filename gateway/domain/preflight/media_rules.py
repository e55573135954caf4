"""Which media a provider accepts, by its limits and the facts that were probed.

Owns the check of one file and its messages, by the rules in "Media Transfer Guide" and "Content Posting API"
(developers.tiktok.com, 2026-11-20) as the provider's limits state them. Probes nothing, and knows no post.
"""

from collections.abc import Iterator
from datetime import timedelta

from gateway.media.facts import MediaFacts
from providers.capabilities import Limits
from storage.states import UploadState
from storage.uploads import UploadRow

# Files store rates as fractions, while limits are round numbers: 23.976 is 24000/1001, and 59.94 a camera's "60".
FRAME_RATE_SLACK = 0.1
_FAMILIES = {
    "video/mp4": ("mp4", "quicktime"),
    "video/quicktime": ("mp4", "quicktime"),
    "video/webm": ("webm",),
    "image/jpeg": ("jpeg",),
    "image/webp": ("webp",),
}


def video(file: UploadRow, facts: MediaFacts | None, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for whatever keeps a file from being posted as a video; without facts, what is declared."""
    yield from _declared(file, limits.video_mime_types, limits.max_video_bytes)
    if facts is None:
        return
    yield from _container(file, facts)
    if facts.trouble:
        return
    if facts.container in ("jpeg", "webp"):
        yield "container", f"is a picture ({facts.container}), not a video"
        return
    if limits.video_codecs and facts.codec not in limits.video_codecs:
        yield "codec", f"its codec is {facts.codec or 'unknown'}, allowed: {', '.join(limits.video_codecs)}"
    yield from _rate(facts, limits)
    yield from _sides(facts, limits)
    yield from duration(facts, limits.max_video_duration)


def duration(facts: MediaFacts, longest: timedelta | None, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (rule, message) if a video is too long; one of unknown duration is left to the vendor."""
    if facts.duration_ms is not None and longest and facts.duration_ms > longest / timedelta(milliseconds=1):
        actual, allowed = _seconds(facts.duration_ms / 1000), _seconds(longest.total_seconds())
        yield "duration", f"it lasts {actual} s, {allowed} s are allowed{suffix}"


def photo(file: UploadRow, facts: MediaFacts | None, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for whatever keeps a file from being posted as a photo; without facts, what is declared."""
    yield from _declared(file, limits.photo_mime_types, limits.max_photo_bytes)
    if facts is None:
        return
    yield from _container(file, facts)
    if facts.trouble:
        return
    if facts.animated:
        yield "animated", "it moves; photos stand still"
    short = min(facts.width, facts.height)
    if limits.max_photo_short_side and short > limits.max_photo_short_side:
        sides = f"{facts.width}×{facts.height}"
        yield "shortSide", f"it has {sides} pixels, its shorter side may have {limits.max_photo_short_side}"


def _declared(file: UploadRow, mime_types: tuple[str, ...], max_bytes: int) -> Iterator[tuple[str, str]]:
    if mime_types and file.mime_type not in mime_types:
        yield "mimeType", f"{file.mime_type} is not one of {', '.join(mime_types)}"
    if max_bytes and file.size_bytes > max_bytes:
        yield "sizeBytes", f"{file.size_bytes} bytes are more than {max_bytes}"
    if file.state == UploadState.COMPLETE and file.size_bytes == 0:
        yield "sizeBytes", "it is empty"


def _container(file: UploadRow, facts: MediaFacts) -> Iterator[tuple[str, str]]:
    """Compare a file's container with the declared media type; MP4 and QuickTime count as the same."""
    if facts.trouble and file.size_bytes:
        yield "readable", f"it {facts.trouble}"
    elif not facts.trouble and facts.container not in _FAMILIES.get(file.mime_type, ()):
        yield "container", f"it is announced as {file.mime_type}, but is {facts.container}"


def _rate(facts: MediaFacts, limits: Limits) -> Iterator[tuple[str, str]]:
    low, high, rate = limits.min_frame_rate, limits.max_frame_rate, facts.frame_rate
    if rate is None or not high:
        return
    if not low - FRAME_RATE_SLACK <= rate <= high + FRAME_RATE_SLACK:
        yield "frameRate", f"it has {rate:g} frames a second, {low:g} to {high:g} are allowed"


def _sides(facts: MediaFacts, limits: Limits) -> Iterator[tuple[str, str]]:
    low, high = limits.min_video_side, limits.max_video_side
    has_sides = facts.width and facts.height
    # FFmpeg does not always report the sides of a codec that it may not decode here; then the codec is reported.
    if not high or (not has_sides and facts.codec not in limits.video_codecs):
        return
    if not low <= min(facts.width, facts.height) <= max(facts.width, facts.height) <= high:
        yield "sides", f"it has {facts.width}×{facts.height} pixels, each side must have {low} to {high}"


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
