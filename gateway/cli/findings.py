"""One line of `doctor`: what was looked at, how it ended, what to do about it.

Owns the form. Looks at nothing.
"""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it."""

    verdict: Verdict
    subject: str
    text: str
    fix: str = ""


def ok(subject: str, text: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Verdict.OK, subject, text)


def note(subject: str, text: str, fix: str = "") -> Finding:
    """Say what may surprise, and is not wrong."""
    return Finding(Verdict.NOTE, subject, text, fix)


def wrong(subject: str, text: str, fix: str = "") -> Finding:
    """Say what keeps the gateway from working."""
    return Finding(Verdict.WRONG, subject, text, fix)
