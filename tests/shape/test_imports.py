"""Who may import whom: the contracts in pyproject.toml, checked the way a developer checks them."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

from tests.shape.source import ROOT

LINT = Path(sysconfig.get_path("scripts")) / "lint-imports"


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a folder, without its cache: it would be written into the checkout."""
    return subprocess.run([LINT, "--no-cache", *arguments], cwd=folder, capture_output=True, text=True)


def test_imports_point_downwards() -> None:
    """Entrances know rules, rules know providers and storage, and nobody looks up or sideways."""
    done = lint(ROOT)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_imports_that_the_layout_allows_are_allowed(tmp_path: Path) -> None:
    """Each library may be imported in the rooms that are made for it."""
    layout(tmp_path)
    for name, lines in {
        "gateway/rpc/posts.py": ("import grpc", "import socialgateway.v1.post_pb2", "import gateway.domain"),
        "gateway/status.py": ("import grpc_status", "import providers", "import storage"),
        "gateway/interceptors/auth.py": ("import grpc",),
        "gateway/server.py": ("import grpc_health.v1.health", "import grpc_reflection"),
        "gateway/http/oauth.py": ("import starlette.requests",),
        "gateway/telemetry/otel.py": ("import opentelemetry.trace",),
        "gateway/telemetry/prometheus.py": ("import prometheus_client",),
        "gateway/jobs/publish.py": ("import procrastinate", "import gateway.domain"),
        "providers/tiktok/client.py": ("import httpx",),
        "providers/simulators/app.py": ("import starlette.applications", "import httpx"),
        "storage/posts.py": ("import sqlmodel", "import sqlalchemy.orm", "import procrastinate"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    for room in ("interceptors", "telemetry"):
        (tmp_path / f"gateway/{room}/__init__.py").touch()
    done = lint(tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr


FORBIDDEN = {
    "storage.posts": "gateway.domain",
    "providers.tiktok.client": "storage",
    "gateway.domain.posts.create": "gateway.rpc",
    "gateway.domain.posts.names": "grpc",
    "gateway.domain.posts.replies": "socialgateway",
    "gateway.app": "sqlmodel",
    "gateway.jobs.poll": "httpx",
    "gateway.domain.posts.pages": "starlette",
    "gateway.domain.publishing.queue": "procrastinate",
    "gateway.domain.publishing.step": "gateway.domain.posts",
    "gateway.domain.publishing.moves": "opentelemetry",
    "gateway.domain.quotas.limiter": "gateway.domain.webhooks",
    "gateway.domain.credentials.tokens": "gateway.domain.context",
    "providers.simulators.app": "providers.tiktok",
    "providers.highlevel.client": "providers.tiktok",
    "providers.tiktok_common.values": "providers.tiktok_business",
    "providers.highlevel.wire": "providers.tiktok_common",
}


CIRCLE = {"storage.first": "storage.second", "storage.second": "storage.first"}
"""Two files of one package that need each other."""


def test_imports_that_the_layout_forbids_are_noticed(tmp_path: Path) -> None:
    """No contract is vacuous: in an empty copy of the layout each of these is named, and each contract breaks."""
    layout(tmp_path)
    for module, imported in FORBIDDEN.items():
        (tmp_path / f"{module.replace('.', '/')}.py").write_text(f"import {imported}\n")
    for module, imported in CIRCLE.items():
        (tmp_path / f"{module.replace('.', '/')}.py").write_text(f"import {imported}\n")
    done = lint(tmp_path)
    said = " ".join(done.stdout.split())
    assert (1, " 0 kept") == (done.returncode, re.findall(r"Contracts:( \d+ kept)", said)[0]), done.stdout
    assert [] == [f"{module} -> {name}" for module, name in FORBIDDEN.items() if f"{module} -> {name}" not in said]
    assert "No cycles are allowed in storage" in said


def domain_packages() -> list[str]:
    """Return every name in the layers of `gateway.domain`, as pyproject.toml lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each.get("containers") == ["gateway.domain"]]
    return [name.strip() for layer in layers for name in layer.split("|")]


def layout(folder: Path) -> None:
    """An empty copy of the layout with the real contracts."""
    packages = ("gateway/domain", "gateway/rpc", "gateway/http", "gateway/jobs", "gateway/aip", "storage")
    rooms = [f"gateway/domain/{name}" for name in domain_packages()]
    for package in (
        *packages,
        *rooms,
        "gateway",
        "providers",
        "providers/tiktok",
        "providers/tiktok_business",
        "providers/tiktok_common",
        "providers/highlevel",
        "providers/simulators",
    ):
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
