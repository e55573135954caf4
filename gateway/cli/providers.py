"""The tables of docs/providers.md, generated from the code: `python -m gateway.cli.providers docs/providers.md`.

Owns the tables' layout, between two markers; the text around them is kept. Support, notes, limits and quotas come from
each provider's `capabilities.py`; a test compares the page with them.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from providers import registry
from providers.capabilities import Capability, CapabilityTable, Limits, QuotaRule, Support

BEGIN = "<!-- printed: make docs -->\n"
END = "<!-- end of what is printed -->\n"

WORDS = {
    Support.FULL: "yes",
    Support.PARTIAL: "in part",
    Support.NOT_YET: "not yet",
    Support.IMPOSSIBLE: "impossible",
}
COUNTED = {"connection": "grant", "subject": "whom the grant is for", "account": "account", "provider": "application"}


def refreshed(page: str) -> str:
    """Return the page with up-to-date tables; raises ValueError if it has no markers."""
    return between_markers(page, _tables())


def between_markers(page: str, printed: Iterable[str]) -> str:
    """Return the page with what is printed now between its markers; raises ValueError if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no markers for the tables")
    return before + BEGIN + "".join(printed) + END + after


def tables() -> Iterator[CapabilityTable]:
    """Yield every registered provider's table, by name."""
    for name in sorted(registry.PROVIDERS):
        yield import_module(f"{registry.PROVIDERS[name]}.capabilities").TABLE


def _tables() -> Iterator[str]:
    for table in tables():
        yield f"\n## {table.display_name}\n\n| capability | offered | note |\n|---|---|---|\n"
        for capability in Capability:
            cell = table.cell(capability)
            yield f"| `{capability.name}` | {WORDS[cell.support]} | {cell.note} |\n"
        yield "\n| a connection | needs the scopes |\n|---|---|\n"
        for name, scopes in table.grants.items():
            yield f"| `{name}` | {', '.join(f'`{scope}`' for scope in sorted(scopes))} |\n"
        yield from _limits(table)
        yield "\n| quota | allowed | in | counted per |\n|---|---|---|---|\n"
        yield from (_quota(rule) for rule in table.quotas)
        yield "\n"


def _limits(table: CapabilityTable) -> Iterator[str]:
    """Yield the table of the provider's limits, and one with what differs for each network inside a planner."""
    general = _named(table.limits)
    yield "\n| limit | value |\n|---|---|\n"
    yield from (f"| {name} | {text} |\n" for name, text in general.items())
    if table.platform_limits:
        yield "\n| network | limits of its own | source |\n|---|---|---|\n"
    for platform, limits in table.platform_limits.items():
        own = _named(limits)
        texts = (
            f"{name}: {own.get(name, 'none')}" for name in {**own, **general} if own.get(name) != general.get(name)
        )
        yield f"| `{platform}` | {'; '.join(texts)} | {limits.source} |\n"


def _named(limits: Limits) -> dict[str, str]:
    """Return the limits that there are, by name."""
    values = {each.name: getattr(limits, each.name) for each in fields(limits) if each.name != "source"}
    return {name.replace("_", " "): _value(value) for name, value in values.items() if value}


def _quota(rule: QuotaRule) -> str:
    allowed = str(rule.limit) if rule.limit else "known by a refusal only"
    of = f" of `{rule.platform}`" if rule.platform else ""
    return f"| `{rule.metric}`{of} | {allowed} | {_value(rule.window)} | {COUNTED[rule.per]} |\n"


def _value(value: Any) -> str:
    if isinstance(value, timedelta):
        return _span(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str) else f"{value:,}"


def _span(span: timedelta) -> str:
    """Format a duration in the largest unit that divides it."""
    seconds = int(span.total_seconds())
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(refreshed(path.read_text()))
