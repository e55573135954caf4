"""docs/security.md: every threat names tests, and every test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/\S+\.py)::(\w+)`")


def rows() -> list[str]:
    """Return the lines of the table, without its head."""
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    return [line for line in lines if line.startswith("| ")][1:]


def test_every_threat_is_shown_by_tests_that_exist() -> None:
    """No line of the threat model is without a test, and no test of it was renamed or removed."""
    assert len(rows()) > 20
    for row in rows():
        named = NAMED.findall(row)
        assert named, row
        for path, name in named:
            assert re.search(rf"def {name}\(", (ROOT / path).read_text()), f"{path}::{name}"
