"""`doctor` and the start about the store of uploads: both try it, and say the same of what cannot work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import Ran, run
from tests.cli.test_doctor import GOOD, wrong
from tests.fixtures.s3 import S3

REFUSED: dict[str, tuple[Callable[[S3], dict[str, str]], str]] = {
    "bucket missing": (lambda s3: {**s3.environment(), "blob": "s3://canary-no-such-bucket"}, "create it"),
    "wrong key": (
        lambda s3: {**s3.environment(), "AWS_SECRET_ACCESS_KEY": "canary-wrong-secret"},
        "correct AWS_SECRET_ACCESS_KEY",
    ),
    "no permission": (lambda s3: s3.environment("s3:GetObject"), "s3:PutObject"),
    "http": (lambda s3: {**s3.environment(), "AWS_ALLOW_HTTP": "false"}, "set AWS_ALLOW_HTTP=true"),
    "no store": (lambda s3: {"blob": "ftp://x/y"}, "a blob URL begins with"),
    "no endpoint": (lambda s3: {**s3.environment(), "AWS_ENDPOINT_URL": "127.0.0.1:9"}, "AWS_ENDPOINT_URL"),
}


def command(
    name: str, s3: S3, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, database_url: str, folder: Path
) -> Ran:
    """Run a command over a good configuration with this store."""
    blob = variables.pop("blob", s3.url)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return run(name, database_url=database_url, data_dir=str(folder / "data"), **GOOD, blob_url=blob)


@pytest.mark.parametrize("what", REFUSED)
def test_a_store_that_says_no_is_wrong_and_does_not_start(
    what: str, s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """What only an operator can change is wrong for `doctor` and refused by `serve`, in the same words."""
    make, says = REFUSED[what]
    variables = make(s3)
    looked, served = (
        command(name, s3, dict(variables), monkeypatch, database_url, tmp_path) for name in ("doctor", "serve")
    )
    [line] = wrong(looked)
    assert (1, True, True) == (looked.code, "uploads" in line, says in line), looked.out
    assert (1, True) == (served.code, says in served.err), served.err
    for ran in (looked, served):
        assert "Traceback" not in ran.out + ran.err
        assert "canary-wrong" not in ran.out + ran.err


def test_a_store_that_works_is_tried_and_left_as_it_was(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """`doctor` writes, reads and deletes a blob in the bucket."""
    ran = command("doctor", s3, s3.environment(), monkeypatch, database_url, tmp_path)
    assert (0, []) == (ran.code, wrong(ran)), ran.out
    assert f"uploads: {s3.url}: written, read whole and in part, and deleted" in ran.out
    assert [] == s3.names()


def test_a_store_that_is_away_is_wrong(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """`doctor` says that the server does not answer."""
    environment = s3.environment()
    s3.leave()
    ran = command("doctor", s3, environment, monkeypatch, database_url, tmp_path)
    s3.come_back()
    [line] = wrong(ran)
    assert (1, True) == (ran.code, "the store does not answer" in line), ran.out
