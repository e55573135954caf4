"""What a vendor's planner holds beside posts: categories, tags, and files of posts on their way in.

Owns the values. Names are the planner's own words; ids are opaque.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Label:
    """A category or a tag of a planner; `color` is a category's, as `#RRGGBB`, empty where there is none."""

    id: str
    name: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class LabelPage:
    """One page of labels; `next_cursor` is empty on the last, `total` is None where the planner does not count."""

    labels: tuple[Label, ...]
    next_cursor: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of posts that the planner has taken: where it keeps it, what it calls it, how many rows it found.

    `kind` is the planner's own word for the file's form, to be given back; empty where it has none.
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
    """What the planner says against one row: `place` is `media[0]`, `link` or empty for the row, `network` whose rule
    it is (empty: any), `code` the planner's own word.
    """

    code: str
    place: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row as the planner read it."""

    text: str = ""
    schedule_time: datetime | None = None
    media_uris: tuple[str, ...] = ()
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """The state of an import; `vendor_phase` is the planner's own word for its phase, `rows` is one page of its rows."""

    id: str
    phase: ImportPhase
    vendor_phase: str = ""
    row_count: int = 0
    rows: tuple[ImportRow, ...] = ()
    next_cursor: str = ""
