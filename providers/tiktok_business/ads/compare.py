"""What TikTok dropped or changed of a node: the wanted spec beside the one that was read back.

Owns the comparison. Makes no call.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from providers.models.ads import AdGroupSpec, AdNode, Difference, Spec, Switch

_UNORDERED = (tuple, list)


def differences(spec: Spec, node: AdNode) -> tuple[Difference, ...]:
    """Return what differs, by our field names; an unset start is whatever TikTok made of it."""
    found = [] if node.switch is Switch.PAUSED else [Difference("switch", Switch.PAUSED, node.switch)]
    if node.spec is None or type(node.spec) is not type(spec):
        return (*found, Difference("spec", type(spec).__name__, ""))
    ignored = {"start"} if isinstance(spec, AdGroupSpec) and spec.start is None else set()
    return (*found, *(each for each in _compare("", spec, node.spec) if each.field not in ignored))


def _compare(prefix: str, wanted: Any, actual: Any) -> Iterator[Difference]:
    for field in fields(wanted):
        ours, theirs = getattr(wanted, field.name), getattr(actual, field.name)
        name = f"{prefix}{field.name}"
        if is_dataclass(ours) and type(ours) is type(theirs):
            yield from _compare(f"{name}.", ours, theirs)
        elif _plain(ours) != _plain(theirs):
            yield Difference(name, _text(ours), _text(theirs))


def _plain(value: Any) -> Any:
    """Return a value that can be compared: the order of a list has no meaning, and times have whole seconds."""
    if isinstance(value, _UNORDERED):
        return sorted(value)
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, _UNORDERED):
        return ", ".join(sorted(value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)
