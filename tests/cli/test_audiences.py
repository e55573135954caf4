"""`audiences hash`, as the owner of a file uses it: what comes out, what is refused, and what is never printed."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from io import BufferedReader, BytesIO, RawIOBase, StringIO
from pathlib import Path

import pytest

from gateway.audiences import hash_csv, output_file
from gateway.audiences.identifiers import Rules
from tests.cli.command import Ran, bare, execute

JANE = hashlib.sha256(b"jane@example.com").hexdigest()
BERN = hashlib.sha256(b"+41446681800").hexdigest()
HEADER = "Name,Email,Phone\n"


def run(*arguments: str | Path) -> Ran:
    """Run it without any setting: it needs none."""
    return execute(("audiences", "hash", *map(str, arguments)), bare())


def written(folder: Path, text: str | bytes) -> Path:
    """Write a file of customers."""
    path = folder / "customers.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path) -> list[list[str]]:
    """Read a CSV file."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "Jane, Jane@Example.com ,+41 44 668 18 00\n",
        "\ufeff" + HEADER + "Jane,jane@example.com,+41446681800\r\n\r\n",
        "Name;E-Mail;Phone Number\nJane;jane@example.com;+41446681800\n",
        f"phone_sha256\temail_sha256\n{BERN.upper()}\t{JANE}\n",
        f'Name,Email,Phone\n"Jane ""J"",\nof Bern",jane@example.com,{BERN}\n',
    ],
)
def test_columns_are_found_whatever_the_file_looks_like(tmp_path: Path, text: str) -> None:
    """Delimiters, byte order marks, quotes, line ends and digests are understood; other columns are left out."""
    ran = run(written(tmp_path, text))
    [header, row] = read(tmp_path / "customers.sha256.csv")
    assert (0, "") == (ran.code, ran.out)
    assert {"Email_SHA256": JANE, "Phone_SHA256": BERN} == dict(zip(header, row, strict=True))
    assert "1 of 1 rows" in ran.err
    assert "1000 rows or more" in ran.err


def test_what_cannot_be_used_is_told_by_line_and_reason_alone(tmp_path: Path) -> None:
    """A bad cell leaves its cell empty, a row without any other is left out; no value is printed."""
    rows = "A,canary-one,+41446681800\nB,,044 668 18 77\nC,canary@two@x.com,\nD,,\nE,jane@example.com,\n"
    ran = run(written(tmp_path, HEADER + rows))
    assert 0 == ran.code
    assert [["Email_SHA256", "Phone_SHA256"], ["", BERN], [JANE, ""]] == read(tmp_path / "customers.sha256.csv")
    lines = ran.err.splitlines()
    assert ["line 2: email is not an e-mail address", "line 4: email is not an e-mail address"] == lines[0:3:2]
    assert lines[1].startswith("line 3: phone has no country code")
    assert "2 of 5 rows" in ran.err
    assert "3 rows have no identifier" in ran.err
    assert "2 cells were left out: email is not an e-mail address." in lines
    assert [] == [word for word in ("canary", "668", JANE) if word in ran.err]


def test_a_region_and_columns_are_named_by_the_user(tmp_path: Path) -> None:
    """Numbers without a country code take the region that is named; named columns replace the recognised ones."""
    path = written(tmp_path, "Email,Zweite Mail,Mobil\nother@example.com,jane@example.com,044 668 18 00\n")
    options = ("--phone-region", "ch", "--phone-column", "Mobil", "--email-column", "zweite mail")
    assert 0 == run(path, *options).code
    assert [["Email_SHA256", "Phone_SHA256"], [JANE, BERN]] == read(tmp_path / "customers.sha256.csv")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", (), "must be a header"),
        ("canary@example.com\nother@example.com\n", (), "must be a header"),
        (HEADER + "A,canary,x\n", (), "None of 1 rows"),
        (HEADER + 'A,"canary@example.com\n', (), "is not CSV"),
        (HEADER.encode("utf-16"), (), "UTF-16"),
        ("Email,Email,Email,Email\n", (), "More than 3 columns"),
        (HEADER, ("--phone-region", "XX"), "XX is not a region"),
        (HEADER, ("--email-column", "Mail"), "'Mail'"),
        (HEADER, ("--email-column", "Email", "--phone-column", "Tel"), "not in the header"),
        ("Email\n" + "x" * (1 << 20) + "\n", (), "longer than"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing(
    tmp_path: Path, text: str | bytes, options: tuple[str, ...], words: str
) -> None:
    """The reason is a sentence without any cell, and no output exists, whole or in part."""
    ran = run(written(tmp_path, text), *options)
    assert (1, True) == (ran.code, words in ran.err), ran.err
    assert "canary" not in ran.err
    assert ["customers.csv"] == os.listdir(tmp_path)


def test_bytes_that_are_no_text_cost_their_cell_alone(tmp_path: Path) -> None:
    """A cell in another encoding is refused by its line; the other rows are there."""
    ran = run(written(tmp_path, HEADER.encode() + b"A,j\xe4ne@example.com,\nB,jane@example.com,\n"))
    assert "line 2: email is not UTF-8 text" in ran.err
    assert [[JANE, ""]] == read(tmp_path / "customers.sha256.csv")[1:]


def test_nothing_is_overwritten_without_being_told(tmp_path: Path) -> None:
    """An output that exists stays; with --force it is replaced; the input never is."""
    path = written(tmp_path, HEADER + "A,jane@example.com,\n")
    out = tmp_path / "out.csv"
    out.write_text("kept")
    refused = run(path, "--out", out)
    assert (1, "kept", True) == (refused.code, out.read_text(), "--force" in refused.err)
    assert 0 == run(path, "--out", out, "--force").code
    assert JANE in out.read_text()
    assert 0o600 == out.stat().st_mode & 0o777
    assert 1 == run(path, "--out", path, "--force").code
    assert path.read_text().startswith(HEADER)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Two commands with one output: the second leaves the first one's alone, and nothing of its own."""

    def write() -> None:
        with output_file.written(tmp_path / "out.csv", replace=False) as file:
            file.write("mine")
            (tmp_path / "out.csv").write_text("theirs")

    with pytest.raises(FileExistsError):
        write()
    assert ["out.csv"] == os.listdir(tmp_path)
    assert "theirs" == (tmp_path / "out.csv").read_text()


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted in the middle of a file, the command ends with 130 and neither output nor unfinished file."""
    pipe = tmp_path / "customers.csv"
    pipe.write_text(HEADER + "A,jane@example.com,\n" * 400_000)
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "gateway", "audiences", "hash", str(pipe), "--out", str(out / "digests.csv")]
    # A shell lets what it runs in the background ignore interrupts, and so its children, this one's included.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=bare()) as running:
        while not any(path.stat().st_size for path in out.iterdir()):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        assert b"Traceback" not in running.stderr.read()
    assert 130 == running.returncode
    assert [] == list(out.iterdir())


class Endless(RawIOBase):
    """A file of so many rows that it never is in memory as a whole."""

    def __init__(self, rows: int) -> None:
        self._left = rows
        self._rest = HEADER.encode()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def tell(self) -> int:
        """It has no place."""
        return 0

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Return the next bytes."""
        while self._left and len(self._rest) < len(buffer):
            self._left -= 1
            self._rest += b"A,canary%d@example.com,\n" % self._left
        given, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


class Sink(StringIO):
    """An output that keeps nothing."""

    def write(self, text: str) -> int:
        """Take a text."""
        return len(text)


def hashed(source: RawIOBase | BytesIO, on_progress: Callable[[int], None] = lambda done: None) -> hash_csv.Result:
    """Hash a file that is not on a disk."""
    return hash_csv.run(
        BufferedReader(source), Sink(), Rules(), on_refused=lambda refused: None, on_progress=on_progress
    )


def test_memory_does_not_grow_with_the_file() -> None:
    """Ten times the rows take no more memory at their peak."""
    peaks = []
    for rows in (2_000, 20_000):
        tracemalloc.start()
        assert rows == hashed(Endless(rows)).written
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_progress_grows_to_the_size_of_the_file() -> None:
    """What a progress bar gets is the bytes read so far."""
    told: list[int] = []
    text = (HEADER + "A,jane@example.com,\n" * 5_000).encode()
    hashed(BytesIO(text), told.append)
    assert told == sorted(told)
    assert 5 == len(told)
    assert len(text) == told[-1]
