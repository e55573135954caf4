"""One finding of `doctor`: what was checked, the verdict, and what to do about it.

Owns the type. Checks nothing itself.
"""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of output: what was checked, what was found, and what to do about it."""

    verdict: Verdict
    subject: str
    text: str
    fix: str = ""


def ok(subject: str, text: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(Verdict.OK, subject, text)


def note(subject: str, text: str, fix: str = "") -> Finding:
    """Return a finding that may be a surprise, but is not an error."""
    return Finding(Verdict.NOTE, subject, text, fix)


def wrong(subject: str, text: str, fix: str = "") -> Finding:
    """Return a finding that prevents the gateway from working."""
    return Finding(Verdict.WRONG, subject, text, fix)
