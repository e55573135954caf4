"""The alert rules and the dashboard under `deploy/`: their unit tests, and that they name what the gateway measures."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.telemetry.metrics import METRICS, Kind

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yml"
RULES_TEST = ROOT / "deploy/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "deploy/grafana/social-gateway.json"
UNPACKED = ROOT / ".venv/prometheus/usr/bin"


def promtool() -> str:
    """Return the program, of the machine or of `.ci/promtool`; skips without it."""
    found = shutil.which("promtool", path=f"{os.environ.get('PATH', '')}:{UNPACKED}")
    if found is None:
        pytest.skip("there is no promtool: .ci/promtool unpacks Debian's")
    return found


def named(text: str) -> set[str]:
    """Return the names of metrics in a text."""
    return set(re.findall(r"socialgateway_\w+", text))


def known() -> set[str]:
    """Return every name that Prometheus can have of us."""
    histograms = [metric.full_name for metric in METRICS if metric.kind is Kind.HISTOGRAM]
    derived = {f"{name}_{end}" for name in histograms for end in ("bucket", "count")}
    return {metric.full_name for metric in METRICS} | derived


def test_the_rules_pass_their_own_tests() -> None:
    """Each alert fires when it must and not before, by `promtool test rules`."""
    done = subprocess.run([promtool(), "test", "rules", str(RULES_TEST)], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_rule_is_tested() -> None:
    """No alert is without a case in which it fires."""
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", RULES_TEST.read_text())
    assert alerts == set(fired)


@pytest.mark.parametrize("path", [RULES, DASHBOARD])
def test_what_is_asked_for_is_measured(path: Path) -> None:
    """Rules and dashboard name only metrics of the table: a renamed one would silence them."""
    assert set() == named(path.read_text()) - known()


def test_the_dashboard_shows_every_metric() -> None:
    """It is what Grafana imports, and no metric is left out."""
    text = DASHBOARD.read_text()
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    shown = named(text)
    assert [] == [metric.name for metric in METRICS if not any(name.startswith(metric.full_name) for name in shown)]
