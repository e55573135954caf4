"""`uploads sweep`, as an operator uses it: what would go, and what went."""

import os
from pathlib import Path

from tests.cli.command import run


def test_a_sweep_says_what_it_frees(database_url: str, tmp_path: Path) -> None:
    """A dry run counts what belongs to no upload and removes nothing; the sweep counts the same and removes it."""
    stray = tmp_path / "blobs" / "uploads" / "l1" / "u1" / "0-lost"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"lost")
    os.utime(stray, (0, 0))
    settings = {"database_url": database_url, "blob_url": (tmp_path / "blobs").as_uri()}

    dry = run("uploads", "sweep", "--dry-run", **settings)
    there = stray.exists()
    swept = run("uploads", "sweep", **settings)

    assert (0, 0, True, False) == (dry.code, swept.code, there, stray.exists())
    assert [True, True] == [
        "1 files that belong to no upload 4 bytes" in " ".join(ran.out.split()) for ran in (dry, swept)
    ]
    assert ("Nothing was removed." in dry.out, "Nothing was removed." in swept.out) == (True, False)
