"""The units in which vendors count the length of a text.

Owns the counts. Knows no limit and no vendor.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

import regex

_GRAPHEME = regex.compile(r"\X")


class TextUnit(StrEnum):
    """What counts as one; the names match the enum of the API without its prefix."""

    UTF16_UNIT = "UTF-16 units"
    CODE_POINT = "code points"
    GRAPHEME = "graphemes"
    UTF8_BYTE = "UTF-8 bytes"


def length(text: str, unit: TextUnit) -> int:
    """Return the length of a text in a unit."""
    return _COUNTS[unit](text)


def utf16_units(text: str) -> int:
    """Return the length of a text in UTF-16 code units: a character outside the basic plane counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """Return the length of a text in bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def graphemes(text: str) -> int:
    """Return the number of extended grapheme clusters of Unicode (UAX 29): what a person sees as one character."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


_COUNTS: Mapping[TextUnit, Callable[[str], int]] = {
    TextUnit.UTF16_UNIT: utf16_units,
    TextUnit.CODE_POINT: len,
    TextUnit.GRAPHEME: graphemes,
    TextUnit.UTF8_BYTE: utf8_bytes,
}
