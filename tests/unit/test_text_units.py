"""How long a text is in each unit that vendors count in.

Owns the proofs of `providers/text_units.py`.
"""

import pytest

from providers.text_units import TextUnit, length


@pytest.mark.parametrize(
    ("text", "units", "points", "graphemes", "octets"),
    [
        ("", 0, 0, 0, 0),
        ("abc", 3, 3, 3, 3),
        ("\r\n", 2, 2, 1, 2),
        ("\u00e9", 1, 1, 1, 2),
        ("e\u0301", 2, 2, 1, 3),
        ("🥐", 2, 1, 1, 4),
        ("👨‍👩‍👧‍👦", 11, 7, 1, 25),
        ("🇩🇪🇫🇷", 8, 4, 2, 16),
        ("நி", 2, 2, 1, 6),
        ("\ud800", 1, 1, 1, 3),
    ],
)
def test_each_unit_has_its_own_length(text: str, units: int, points: int, graphemes: int, octets: int) -> None:
    """Characters outside ASCII count differently in each unit, and a lone surrogate is counted too."""
    assert (units, points, graphemes, octets) == tuple(
        length(text, unit) for unit in (TextUnit.UTF16_UNIT, TextUnit.CODE_POINT, TextUnit.GRAPHEME, TextUnit.UTF8_BYTE)
    )
