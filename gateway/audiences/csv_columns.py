"""Which columns of a CSV file hold identifiers.

Owns the names that are recognised in a header, and the delimiter. Never repeats a cell: a file without a header has a
person in its first line.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audiences.identifiers import IdentifierType

DELIMITERS = (",", ";", "\t", "|")
# As often as TikTok lets a column occur in one file (September 2025).
MOST_OF_A_TYPE = 3
NAMES = {
    "email": IdentifierType.EMAIL,
    "emailaddress": IdentifierType.EMAIL,
    "mail": IdentifierType.EMAIL,
    "phone": IdentifierType.PHONE,
    "phonenumber": IdentifierType.PHONE,
    "mobile": IdentifierType.PHONE,
    "maid": IdentifierType.MAID,
    "idfa": IdentifierType.MAID,
    "gaid": IdentifierType.MAID,
}


class ColumnsInvalid(Exception):
    """The columns of a file cannot be used; the text says why, without a cell of it."""


@dataclass(frozen=True, slots=True)
class Column:
    """The column with this index holds identifiers of this type."""

    index: int
    identifier_type: IdentifierType


def find(header: str, named: Sequence[tuple[str, IdentifierType]]) -> tuple[str, tuple[Column, ...]]:
    """Return the delimiter of a file and its columns of identifiers, by its first line.

    `named` are columns that the user chose by name; then no others are used. Raises ColumnsInvalid.
    """
    best: tuple[str, tuple[Column, ...]] = (",", ())
    for delimiter in DELIMITERS:
        columns = tuple(_columns(next(csv.reader([header], delimiter=delimiter), []), named))
        if len(columns) > len(best[1]):
            best = delimiter, columns
    _check(best[1], named)
    return best


def _columns(cells: Sequence[str], named: Sequence[tuple[str, IdentifierType]]) -> list[Column]:
    chosen = {_plain(name): identifier_type for name, identifier_type in named} or NAMES
    found = ((index, chosen.get(_plain(cell)) or chosen.get(_base(cell))) for index, cell in enumerate(cells))
    return [Column(index, identifier_type) for index, identifier_type in found if identifier_type]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _base(name: str) -> str:
    """Return a name without the suffix of columns that are hashed already."""
    return _plain(name).removesuffix("sha256")


def _check(columns: Sequence[Column], named: Sequence[tuple[str, IdentifierType]]) -> None:
    if not columns:
        wanted = ", ".join(repr(name) for name, _ in named) or "Email, Phone, MAID, IDFA or GAID"
        raise ColumnsInvalid(
            f"The first line must be a header with a column of identifiers: {wanted}. Name others with --email-column, "
            "--phone-column and --maid-column."
        )
    for each in IdentifierType:
        if sum(column.identifier_type == each for column in columns) > MOST_OF_A_TYPE:
            raise ColumnsInvalid(f"More than {MOST_OF_A_TYPE} columns are of the type {each.name.lower()}.")
    missing = len({_plain(name) for name, _ in named}) - len(columns)
    if named and missing > 0:
        raise ColumnsInvalid("A column that was named is not in the header, which is the first line of the file.")
