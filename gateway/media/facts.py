"""What a look into a file found.

Owns the value and how it is kept. Judges nothing: which facts a provider takes is
`gateway/domain/preflight/media_rules.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`container` is `mp4`, `quicktime`, `webm`, `matroska`, `jpeg`, `webp` or `unknown`; `codec` as FFmpeg names it.

    Sides are pixels and 0 when they are not known, as `duration_ms` and `frame_rate` (the average) are None.
    `trouble` says, as the end of a sentence, why the file could not be read; it is empty when it could.
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
        """Return what is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what was kept, also by a version that knew more."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})
