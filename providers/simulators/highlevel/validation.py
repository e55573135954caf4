"""Validation of bodies by allow-list, with the messages that class-validator gives.

Owns: the checks of single values and of shapes. Knows nothing of posts or accounts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# A check gives the messages about one value; an empty list means that it is taken.
Check = Callable[[str, Any], list[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """One property: its check, and whether it must be there. None is as good as absent."""

    check: Check
    required: bool = False


Shape = Mapping[str, Field]


def problems(shape: Shape, body: Mapping[str, Any]) -> list[str]:
    """Every message about a body: unknown properties first, then each property in the shape's order."""
    found = [f"property {name} should not exist" for name in body if name not in shape]
    for name, field in shape.items():
        value = body.get(name)
        if value is not None:
            found += field.check(name, value)
        elif field.required:
            found.append(f"{name} should not be empty")
            found += field.check(name, value)
    return found


def text(name: str, value: Any) -> list[str]:
    """A string that is not empty."""
    return [] if isinstance(value, str) and value else [f"{name} must be a string"]


def caption(name: str, value: Any) -> list[str]:
    """A string, which may be empty."""
    return [] if isinstance(value, str) else [f"{name} must be a string"]


def flag(name: str, value: Any) -> list[str]:
    """A boolean; "true" is none."""
    return [] if isinstance(value, bool) else [f"{name} must be a boolean value"]


def number(name: str, value: Any) -> list[str]:
    """A number; a boolean is none."""
    right = isinstance(value, int | float) and not isinstance(value, bool)
    return [] if right else [f"{name} must be a number conforming to the specified constraints"]


def digits(name: str, value: Any) -> list[str]:
    """A number in a string: github.com/GoHighLevel/highlevel-api-docs/issues/178, read 2026-11-20."""
    return [] if isinstance(value, str) and value.isdecimal() else [f"{name} must be a number string"]


def boolean_text(name: str, value: Any) -> list[str]:
    """ "true" or "false", as strings."""
    return [] if value in ("true", "false") else [f"{name} must be a boolean string"]


def instant(name: str, value: Any) -> list[str]:
    """A date of ISO 8601 in a string."""
    return [] if parse_instant(value) is not None else [f"{name} must be a valid ISO 8601 date string"]


def anything(name: str, value: Any) -> list[str]:
    """Any value."""
    return []


def one_of(*values: str) -> Check:
    """A string among `values`."""

    def check(name: str, value: Any) -> list[str]:
        right = isinstance(value, str) and value in values
        return [] if right else [f"{name} must be one of the following values: {', '.join(values)}"]

    return check


def limited(most: int, *, least: int = 0) -> Check:
    """A string of `least` to `most` characters."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} must be a string"]
        if len(value) > most:
            return [f"{name} must be shorter than or equal to {most} characters"]
        return [] if len(value) >= least else [f"{name} should not be empty"]

    return check


def between(least: int, most: int) -> Check:
    """A number within bounds."""

    def check(name: str, value: Any) -> list[str]:
        if found := number(name, value):
            return found
        if value < least:
            return [f"{name} must not be less than {least}"]
        return [f"{name} must not be greater than {most}"] if value > most else []

    return check


def texts(name: str, value: Any) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    return [] if all(isinstance(each, str) for each in value) else [f"each value in {name} must be a string"]


def some(check: Check, *, most: int | None = None) -> Check:
    """A list that passes `check` and has one element at least, `most` at most."""

    def both(name: str, value: Any) -> list[str]:
        found = check(name, value)
        if isinstance(value, list) and not value:
            found.append(f"{name} should not be empty")
        if isinstance(value, list) and most is not None and len(value) > most:
            found.append(f"{name} must contain no more than {most} elements")
        return found

    return both


def nested(shape: Shape) -> Check:
    """An object of a shape; its messages carry the path."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"nested property {name} must be either object or array"]
        return [f"{name}.{message}" for message in problems(shape, value)]

    return check


def each(shape: Shape, *, complaint: str) -> Check:
    """A list of objects of a shape; `complaint` is what another value gets."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return [complaint]
        rows: Sequence[dict[str, Any]] = value
        return [f"{name}.{at}.{message}" for at, row in enumerate(rows) for message in problems(shape, row)]

    return check


def matching(pattern: str, complaint: str) -> Check:
    """A string that matches; `complaint` is the whole message, as custom messages are."""
    expression = re.compile(pattern)

    def check(name: str, value: Any) -> list[str]:
        return [] if isinstance(value, str) and expression.fullmatch(value) else [complaint]

    return check


def parse_instant(value: Any) -> datetime | None:
    """The time that a string of ISO 8601 names; without an offset it is UTC. None for anything else."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
