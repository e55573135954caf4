"""What is under deploy/, and the image: every setting in it exists, and the tools of each format find no fault.

Owns the proofs of `Dockerfile` and of `deploy/compose` and `deploy/systemd`. Nothing is built: that needs an engine.
"""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.contract import ROOT
from tests.cli.command import run

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
EXAMPLE = (ROOT / "deploy" / "compose" / "example.env").read_text()
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
IMAGE = (ROOT / "Dockerfile").read_text()
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
DOCUMENTED = set(re.findall(r"`((?:GATEWAY|AWS)_[A-Z_0-9]+)`", (ROOT / "docs" / "settings.md").read_text()))


def named(text: str) -> set[str]:
    """Return the settings that a file names."""
    return set(re.findall(r"\b((?:GATEWAY|AWS)_[A-Z_0-9]+)\b", text))


@pytest.mark.parametrize(
    "path", [ROOT / "Dockerfile", *sorted((ROOT / "deploy").rglob("*.*"))], ids=lambda path: path.name
)
def test_every_setting_exists(path: Path) -> None:
    """No file names a setting that the gateway does not have."""
    assert set() == named(path.read_text()) - DOCUMENTED


def test_the_image_has_no_fault() -> None:
    """hadolint is content with the Dockerfile."""
    linted = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert (0, "") == (linted.returncode, linted.stdout)


def test_the_image_runs_as_nobody_in_particular() -> None:
    """Not as root, with its data in a volume, and with a health check at a path that needs no key."""
    final = IMAGE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d+$", final, re.MULTILINE)
    assert "VOLUME /data" in final
    assert "/healthz" in final
    assert 0 == run(*re.findall(r'^CMD \["(\w+)"\]$', final, re.MULTILINE), "--help").code


def test_the_image_has_what_the_build_needs() -> None:
    """What the Dockerfile copies is not ignored, and nothing else is sent to the builder."""
    copied = {name for line in re.findall(r"^COPY (?!--)(.+)$", IMAGE, re.MULTILINE) for name in line.split()[:-1]}
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_compose_runs_two_of_each_without_rights() -> None:
    """Two gateways without jobs and two workers: nothing writable but their data and /tmp, no capability."""
    commands = sorted(" ".join(service["command"]) for service in OURS.values())
    assert ["serve --no-jobs", "serve --no-jobs", "worker", "worker"] == commands
    for service in OURS.values():
        assert (True, ["/tmp"], ["ALL"]) == (service["read_only"], service["tmpfs"], service["cap_drop"])
        [volume] = service["volumes"]
        assert volume.endswith(":/data")
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_asks_for_every_secret() -> None:
    """No password is written down: each is asked for, and the example names it, empty."""
    text = (ROOT / "deploy" / "compose" / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    assert asked
    assert asked | {"GATEWAY_ENCRYPTION_KEYS", "GATEWAY_BOOTSTRAP_API_KEY"} == set(
        re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_units_have_no_fault(unit: Path, tmp_path: Path) -> None:
    """systemd understands each unit, and the command in it is one of ours."""
    text = unit.read_text()
    [command] = re.findall(r"^ExecStart=/opt/social-gateway/bin/social-gateway (.+)$", text, re.MULTILINE)
    assert 0 == run(*command.split(), "--help").code
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    copy = tmp_path / unit.name
    # Where it is installed to does not exist here.
    copy.write_text(text.replace("/opt/social-gateway/bin/social-gateway", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert (0, "") == (verified.returncode, verified.stderr)
