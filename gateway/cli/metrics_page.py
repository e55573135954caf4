"""The table of docs/metrics.md, generated from the code: `python -m gateway.cli.metrics_page docs/metrics.md`.

Owns the table's layout, between the markers of `gateway/cli/providers.py`; the text around it is kept. Names, labels
and meanings come from `gateway/telemetry/metrics.py`; a test compares the page with them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.providers import between_markers
from gateway.telemetry.metrics import METRICS, Metric


def refreshed(page: str) -> str:
    """Return the page with an up-to-date table; raises ValueError if it has no markers."""
    return between_markers(page, _table())


def _table() -> Iterator[str]:
    yield "\n| metric | kind | labels | meaning |\n|---|---|---|---|\n"
    yield from (_row(metric) for metric in METRICS)
    yield "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) + (" *" if metric.by_agency else "")
    return f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.meaning} |\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(refreshed(path.read_text()))
