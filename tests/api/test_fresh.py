"""The generated code in the repository is what the compilers make of the contract now."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.api.contract import GENERATOR, ROOT


def check(*arguments: str, generator: Path = GENERATOR) -> subprocess.CompletedProcess[str]:
    """Run the generator's comparison of the contract beside it."""
    return subprocess.run([sys.executable, str(generator), "--check", *arguments], capture_output=True, text=True)


def test_generated_code_is_fresh() -> None:
    """Making it again changes nothing."""
    done = check()
    assert (0, "") == (done.returncode, done.stderr)


def test_a_change_of_the_contract_is_noticed(tmp_path: Path) -> None:
    """One renamed field makes the comparison fail and name the files that it touches."""
    root = tmp_path / "protos"
    shutil.copytree(ROOT / "protos", root)
    upload = root / "socialgateway" / "v1" / "upload.proto"
    upload.write_text(upload.read_text().replace("string mime_type", "string media_type"))
    done = check(generator=root / "generate.py")
    assert 1 == done.returncode
    assert "socialgateway/v1/upload_pb2.py" in done.stderr
    assert "socialgateway/v1/post_pb2.py" not in done.stderr


def test_a_leftover_of_a_removed_file_is_noticed(tmp_path: Path) -> None:
    """A generated file whose source is gone is not fresh either."""
    shutil.copytree(ROOT / "protos" / "gen", tmp_path / "gen")
    (tmp_path / "gen" / "socialgateway" / "v1" / "gone_pb2.py").write_text("")
    done = check("--out", str(tmp_path / "gen"))
    assert (1, "socialgateway/v1/gone_pb2.py") == (done.returncode, done.stderr.split()[-1])
