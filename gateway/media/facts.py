"""The result of probing a file.

Owns the value and its stored form. Judges nothing: what a provider accepts is decided in
`gateway/domain/preflight/media_rules.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

VERSION = 2
"""Of what is found: a file that was probed by another version is probed again."""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`container` is a key of `formats.NAMES` or `unknown`; `codec` is FFmpeg's name.

    `width` and `height` are in pixels, 0 if unknown; `duration_ms` and `frame_rate` (the average) are None if unknown.
    If the rate varies, `nominal_rates` are those at which many frames follow each other.
    `trouble` says, as the end of a sentence, what is wrong with the file; it is empty if nothing is. `unknown` says in
    the same way which bound of ours kept it from being understood: no fact about the file, and no fault.
    """

    container: str = "unknown"
    codec: str = ""
    duration_ms: int | None = None
    frame_rate: float | None = None
    width: int = 0
    height: int = 0
    animated: bool = False
    trouble: str = ""
    nominal_rates: tuple[float, ...] = ()
    unknown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"version": VERSION} | asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read the stored form, ignoring the fields of newer versions."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in kept.items() if name in known}
        return cls(**values | {"nominal_rates": tuple(values.get("nominal_rates", ()))})
