"""What a vendor's planner has besides posts: categories, tags, and imports of posts from a file.

Owns the dataclasses. Names are the planner's own; ids are opaque.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Label:
    """A category or a tag of a planner; `color` is a category's, as `#RRGGBB`, empty if there is none."""

    id: str
    name: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class LabelPage:
    """One page of labels; `next_cursor` is empty on the last, `total` is None if the planner does not count."""

    labels: tuple[Label, ...]
    next_cursor: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of posts that the planner has accepted: its path and name there, and the number of rows found.

    `kind` is the planner's own name of the file's format, to be sent back to it; empty if it has none.
    """

    path: str
    name: str
    rows: int
    kind: str = ""


class ImportPhase(StrEnum):
    """How far an import is at the vendor."""

    CHECKING = "checking"
    READY = "ready"
    FINALIZED = "finalized"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class RowError:
    """A problem with one row: `code` is the planner's own, `place` is `media[0]`, `link`, or empty for the whole row.

    `network` is the one whose rule is broken, empty for any.
    """

    code: str
    place: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row as the planner parsed it."""

    text: str = ""
    schedule_time: datetime | None = None
    media_uris: tuple[str, ...] = ()
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """The state of an import; `vendor_phase` is the planner's own name of the phase, `rows` one page of its rows."""

    id: str
    phase: ImportPhase
    vendor_phase: str = ""
    row_count: int = 0
    rows: tuple[ImportRow, ...] = ()
    next_cursor: str = ""
