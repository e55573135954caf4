"""Stubs of every language, made by the commands of docs/clients.md."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.languages import LANGUAGES, PATH, ROOT, Language, commands, need

pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_the_command_of_the_page_makes_the_stubs(language: Language, tmp_path: Path) -> None:
    """The command of the page succeeds in a folder that has nothing but protos/, and makes stubs of every service."""
    need(language.makes)
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    done = make_stubs(language, tmp_path)
    assert 0 == done.returncode, done.stderr
    made = "".join(path.name.lower().replace("_", "") for path in (tmp_path / "gen").rglob("*") if path.is_file())
    for service in sorted((ROOT / "protos" / "socialgateway").rglob("*_service.proto")):
        assert service.stem.replace("_", "") in made


def make_stubs(language: Language, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's command for a language in a folder."""
    script = commands()[language.title].replace("python3 -m", f"{ROOT / '.venv' / 'bin' / 'python'} -m")
    environment = os.environ | {"PATH": PATH}
    return subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
