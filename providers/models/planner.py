"""What a vendor's planner holds beside posts: categories, tags, and files of posts on their way in.

Owns the values. Names are the planner's own words; ids are opaque.
"""

from dataclasses import dataclass


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
