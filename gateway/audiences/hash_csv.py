"""A CSV file of plain identifiers becomes one of digests, row by row, in constant memory.

Owns reading, counting and what is said of rows that cannot be used. A message names a line and a reason, never a value.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from typing import TextIO

from gateway.audiences import csv_columns
from gateway.audiences.csv_columns import Column, ColumnsInvalid
from gateway.audiences.identifiers import IdentifierInvalid, IdentifierType, Problem, Rules, digest

LONGEST_LINE = 1 << 20
ROWS_BETWEEN_REPORTS = 1_000
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Refused:
    """A cell that is not in the output: its line in the file (the first is 1), its type, and the problem."""

    line: int
    identifier_type: IdentifierType
    problem: Problem


@dataclass(slots=True)
class Result:
    """What became of a file: rows read, rows written, rows left out because nothing in them can be used."""

    rows: int = 0
    written: int = 0
    left_out: int = 0
    problems: Counter[tuple[IdentifierType, Problem]] = field(default_factory=Counter)


def run(
    source: BufferedReader,
    output: TextIO,
    rules: Rules,
    *,
    named: Sequence[tuple[str, IdentifierType]] = (),
    on_refused: Callable[[Refused], None],
    on_progress: Callable[[int], None],
) -> Result:
    """Write the digests of every row that has any; `on_progress` gets the bytes read so far.

    A value that cannot be used leaves its cell empty, and the row out if no other cell is left. Raises ColumnsInvalid
    for a file that is no CSV with a header.
    """
    if source.peek(2)[:2] in UTF16:
        raise ColumnsInvalid("The file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8).")
    lines = _lines(source)
    delimiter, columns = csv_columns.find(next(lines, "").removeprefix("\ufeff"), named)
    writer, result = csv.writer(output, lineterminator="\n"), Result()
    writer.writerow([column.identifier_type.value for column in columns])
    for line, cells in _rows(lines, delimiter):
        _row(cells, line, columns, rules, writer.writerow, on_refused, result)
        if not result.rows % ROWS_BETWEEN_REPORTS:
            on_progress(source.tell())
    return result


def _row(
    cells: Sequence[str],
    line: int,
    columns: Sequence[Column],
    rules: Rules,
    write: Callable[[list[str]], object],
    on_refused: Callable[[Refused], None],
    result: Result,
) -> None:
    digests = []
    for column in columns:
        cell = cells[column.index] if column.index < len(cells) else ""
        try:
            digests.append(digest(column.identifier_type, cell, rules) if cell.strip() else "")
        except IdentifierInvalid as error:
            digests.append("")
            result.problems[error.identifier_type, error.problem] += 1
            on_refused(Refused(line, error.identifier_type, error.problem))
    result.rows += 1
    if any(digests):
        result.written += 1
        write(digests)
    else:
        result.left_out += 1


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows after the header with the line on which each ends; empty lines are none."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num + 1, cells
    except csv.Error as error:
        # Its text says what is wrong, and repeats no cell.
        raise ColumnsInvalid(f"Line {reader.line_num + 1} is not CSV: {error}.") from None


def _lines(source: BufferedReader) -> Iterator[str]:
    """Yield the lines of a file; one without an end would fill the memory."""
    number = 0
    while line := source.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ColumnsInvalid(f"Line {number} is longer than {LONGEST_LINE} bytes.")
        # Bytes that are no UTF-8 stay recognisable, and make one cell unusable rather than the file.
        yield line.decode("utf-8", "surrogateescape")
