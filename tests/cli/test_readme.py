"""What the README and the pages beside it say can be done, can be done."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import app
from gateway.status import REASONS
from tests.cli.test_serve import line, process
from tests.fixtures.settings import KEY

ROOT = Path(__file__).parents[2]
DOCS = ("audiences", "operations", "settings", "errors", "providers", "architecture")
TOP = ("README", "CONTRIBUTING", "CHANGELOG")
PAGES = [*(ROOT / f"{name}.md" for name in TOP), *(ROOT / "docs" / f"{name}.md" for name in DOCS)]


def test_the_python_example_runs(database_url: str, tmp_path: Path) -> None:
    """Copied with its address and key filled in, it prints what is promised."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    with process("serve --no-jobs", database_url, tmp_path) as running:
        code = found[1].replace("127.0.0.1:50051", line(running, "serving")["grpc"]).replace("YOUR_KEY", KEY)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ("['HighLevel', 'TikTok']", "") == (done.stdout.strip(), done.stderr)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names something that is there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    """Every command that is named is one."""
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"social-gateway ([a-z-]+)", page.read_text()))
    assert set() == named - known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_exist(page: Path) -> None:
    """Every setting that is named is one."""
    from gateway.cli.reference import describe

    # A reason is spelled like a setting.
    known = {name for name, _, _ in describe()} | set(REASONS)
    assert set() == set(re.findall(r"GATEWAY_[A-Z_]+[A-Z]", page.read_text())) - known
