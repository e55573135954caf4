"""The result of probing a file.

Owns the value and its stored form. Judges nothing: what a provider accepts is decided in
`gateway/domain/preflight/media_rules.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`container` is `mp4`, `quicktime`, `webm`, `matroska`, `jpeg`, `webp` or `unknown`; `codec` is FFmpeg's name.

    `width` and `height` are in pixels, 0 if unknown; `duration_ms` and `frame_rate` (the average) are None if unknown.
    `trouble` says, as the end of a sentence, why the file could not be read; it is empty if it could.
    """

    container: str = "unknown"
    codec: str = ""
    duration_ms: int | None = None
    frame_rate: float | None = None
    width: int = 0
    height: int = 0
    animated: bool = False
    trouble: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read the stored form, ignoring the fields of newer versions."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})
