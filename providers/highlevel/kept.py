"""What HighLevel kept of a post that it was sent: it changes values silently (its specification, read 2026-11-30).

Owns the comparisons. Makes no calls.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused
from providers.highlevel import wire
from providers.highlevel.config import PROVIDER
from providers.highlevel.states import publish_time


def is_cut(sent: Mapping[str, Any], post: Mapping[str, Any]) -> bool:
    """Return whether a new post has only the beginning of its text, or less media; what is not shown is not judged."""
    text, whole = wire.text(post, "summary").strip(), sent["summary"].strip()
    media = post.get("media")
    less = isinstance(media, list) and len(wire.rows(post, "media")) < len(sent["media"])
    return less or (0 < len(text) < len(whole) and whole.startswith(text))


def kept_otherwise() -> ContentRefused:
    """Return the error for a post that HighLevel would publish otherwise than it was sent."""
    text = "HighLevel stored something else than it was sent."
    return ContentRefused(text, provider=PROVIDER, code="kept_otherwise")


def check_update(sent: Mapping[str, Any], post: Mapping[str, Any]) -> None:
    """Compare an updated post with what was sent. Raises ContentRefused."""
    stored = [len(wire.rows(post, "media")), wire.text(post, "summary").strip(), _minute(publish_time(post))]
    expected = [len(sent["media"]), sent["summary"].strip(), _minute(wire.instant(sent, "scheduleDate"))]
    scheduled = sent["status"] == wire.text(post, "status") == "scheduled"
    if (stored if scheduled else stored[:2]) != (expected if scheduled else expected[:2]):
        raise kept_otherwise()


def _minute(time: datetime | None) -> datetime | None:
    """Return a time truncated to the minute, the precision the planner may store."""
    return None if time is None else time.replace(second=0, microsecond=0)
