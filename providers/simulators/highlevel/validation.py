"""Validation of bodies by allow-list, with the messages of class-validator.

Owns: the checks of values and of shapes. Knows nothing of posts or accounts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# A check returns the messages about one value; an empty list means that it is valid.
Check = Callable[[str, Any], list[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """A property: its check, and whether it is required, hence not empty. None counts as absent."""

    check: Check
    required: bool = False


Shape = Mapping[str, Field]


def problems(shape: Shape, body: Mapping[str, Any]) -> list[str]:
    """Return every message about a body: unknown properties first, then the properties in the order of the shape."""
    found = [f"property {name} should not exist" for name in body if name not in shape]
    for name, field in shape.items():
        value = body.get(name)
        messages = field.check(name, value) if field.required or value is not None else []
        if field.required and (value is None or (value == "" and not messages)):
            found.append(f"{name} should not be empty")
        found += messages
    return found


def text(name: str, value: Any) -> list[str]:
    """Check for a string, which may be empty."""
    return [] if isinstance(value, str) else [f"{name} must be a string"]


def flag(name: str, value: Any) -> list[str]:
    """Check for a boolean; "true" is not one."""
    return [] if isinstance(value, bool) else [f"{name} must be a boolean value"]


def number(name: str, value: Any) -> list[str]:
    """Check for a number; a boolean is not one."""
    right = isinstance(value, int | float) and not isinstance(value, bool)
    return [] if right else [f"{name} must be a number conforming to the specified constraints"]


def digits(name: str, value: Any) -> list[str]:
    """Check for digits in a string: github.com/GoHighLevel/highlevel-api-docs/issues/178, read 2026-11-20."""
    return [] if isinstance(value, str) and value.isdecimal() else [f"{name} must be a number string"]


def boolean_text(name: str, value: Any) -> list[str]:
    """Check for "true" or "false", as strings."""
    return [] if value in ("true", "false") else [f"{name} must be a boolean string"]


def instant(name: str, value: Any) -> list[str]:
    """Check for an ISO 8601 date in a string."""
    return [] if parse_instant(value) is not None else [f"{name} must be a valid ISO 8601 date string"]


def anything(name: str, value: Any) -> list[str]:
    """Accept any value."""
    return []


def one_of(*values: str) -> Check:
    """Return a check for one of `values`."""

    def check(name: str, value: Any) -> list[str]:
        right = isinstance(value, str) and value in values
        return [] if right else [f"{name} must be one of the following values: {', '.join(values)}"]

    return check


def limited(most: int) -> Check:
    """Return a check for a string of up to `most` characters."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, str):
            return [f"{name} must be a string"]
        return [f"{name} must be shorter than or equal to {most} characters"] if len(value) > most else []

    return check


def between(least: int, most: int) -> Check:
    """Return a check for a number between `least` and `most`, inclusive."""

    def check(name: str, value: Any) -> list[str]:
        if found := number(name, value):
            return found
        if value < least:
            return [f"{name} must not be less than {least}"]
        return [f"{name} must not be greater than {most}"] if value > most else []

    return check


def texts(name: str, value: Any) -> list[str]:
    """Check for a list of strings."""
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    return [] if all(isinstance(each, str) for each in value) else [f"each value in {name} must be a string"]


def some(check: Check, *, most: int | None = None) -> Check:
    """Return a check for a list that passes `check` and has 1 to `most` elements."""

    def both(name: str, value: Any) -> list[str]:
        found = check(name, value)
        if isinstance(value, list) and not value:
            found.append(f"{name} should not be empty")
        if isinstance(value, list) and most is not None and len(value) > most:
            found.append(f"{name} must contain no more than {most} elements")
        return found

    return both


def nested(shape: Shape) -> Check:
    """Return a check for an object of a shape; its messages have the path as prefix."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"nested property {name} must be either object or array"]
        return [f"{name}.{message}" for message in problems(shape, value)]

    return check


def each(shape: Shape, *, complaint: str) -> Check:
    """Return a check for a list of objects of a shape; `complaint` is the message for any other value."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return [complaint]
        rows: Sequence[dict[str, Any]] = value
        return [f"{name}.{at}.{message}" for at, row in enumerate(rows) for message in problems(shape, row)]

    return check


def matching(pattern: str, complaint: str) -> Check:
    """Return a check for a string that matches; `complaint` is the whole message."""
    expression = re.compile(pattern)

    def check(name: str, value: Any) -> list[str]:
        return [] if isinstance(value, str) and expression.fullmatch(value) else [complaint]

    return check


def parse_instant(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 string, UTC without an offset; None for anything else."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
