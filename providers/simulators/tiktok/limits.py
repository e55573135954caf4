"""The rate limits of a user's calls, per minute.

Owns: the sliding windows and their limits. Knows nothing of the daily caps, which depend on what was posted.
"""

from collections import deque
from datetime import datetime, timedelta

from providers.simulators.tiktok.errors import VendorError

WINDOW = timedelta(minutes=1)

# Pages "Content Posting API" and "Rate limits" of developers.tiktok.com, read 2026-11-20. Cancel has no stated limit.
PER_MINUTE = {
    "creator_info": 20,
    "video.init": 6,
    "inbox.init": 6,
    "content.init": 6,
    "status": 30,
    "user.info": 600,
    "video.list": 600,
    "video.query": 600,
}


class Windows:
    """The calls of the last minute by (user, operation); `window` is another span.

    TikTok counts per access token; this simulator counts per user, so that a refresh does not start a new window.
    """

    def __init__(self, window: timedelta = WINDOW) -> None:
        self._window = window
        self._calls: dict[tuple[str, str], deque[datetime]] = {}

    def admit(self, open_id: str, operation: str, now: datetime) -> None:
        """Count one call. Raise VendorError rate_limit_exceeded, without counting, when the window is full."""
        limit = PER_MINUTE.get(operation)
        if limit is None:
            return
        calls = self._calls.setdefault((open_id, operation), deque())
        while calls and calls[0] <= now - self._window:
            calls.popleft()
        if len(calls) >= limit:
            raise VendorError("rate_limit_exceeded")
        calls.append(now)
